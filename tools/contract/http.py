"""The OpenAPI document, as a gateway serves it."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from knownas.doors import Answer, Asked
from knownas.operate.world import World
from knownas.serve.house import House
from knownas.settings import load
from knownas.topics import Layout

PATH: Final = "/openapi.json"
UNUSED: Final = "nothing is hashed here"


def described() -> dict[str, Any]:
    """The document of all calls of the HTTP API."""
    document: dict[str, Any] = json.loads(asyncio.run(_asked()))
    return document


async def _asked() -> bytes:
    """What a gateway says that is put together and has nothing behind it."""
    world = World(load(secret=UNUSED))
    try:
        routes = House(world, Layout("knownas.", 1, 1)).routes
        route = next(route for route in routes if route.path == PATH)
        answer = await route.handle(Asked("GET", PATH, (), "", {}, b"", 0, "127.0.0.1"))
        assert isinstance(answer, Answer)
        return answer.body
    finally:
        await world.close()
