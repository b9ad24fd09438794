"""What a worker says of itself."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any


async def health_of(worker_port: int, page: str = "/health") -> dict[str, Any]:
    """What a worker's health page says."""

    def ask() -> Any:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{worker_port}{page}", timeout=5) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    found: dict[str, Any] = await asyncio.to_thread(ask)
    return found


async def until_health(port: int, ready: bool) -> dict[str, Any]:
    """Wait until the page says so."""
    while (said := await health_of(port))["ready"] is not ready:
        await asyncio.sleep(0.05)
    return said
