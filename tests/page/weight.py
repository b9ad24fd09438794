"""What a first look at a page weighs: the page and everything that it is made of, as it is sent."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

Sent = Callable[[str], Awaitable[tuple[str, int]]]
"""Fetches a path, packed: its text and how many bytes were sent."""


async def weight(path: str, sent: Sent) -> dict[str, int]:
    """Bytes by path."""
    html, size = await sent(path)
    found = {path: size}
    for part in sorted(set(re.findall(r'"(/static/[^"#]+)', html))):
        _, found[part] = await sent(part)
    return found
