"""Streams of pages that are open: how many there may be, and how they end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Final

from knownas.errors import WorldFault
from knownas.serve.limits import too_many
from knownas.serve.routes import Stream, event_stream

_ENDS: Final = re.compile(r"\r\n|\r|\n")
"""What ends a line of a stream; other line ends of a text stay what they are."""

LOOK_SECONDS: Final = 0.5
"""How often a stream looks for what is new."""
HEARTBEAT_LOOKS: Final = 30
RETRY_MS: Final = 3_000


class Watching:
    """The open streams of a gateway's pages; they end when it stops."""

    def __init__(self, most: int) -> None:
        self._most, self._open = most, 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End every stream."""
        self._stopping.set()

    def stream(self, looks: AsyncGenerator[str | None, None]) -> Stream:
        """A stream of what each look finds: parts of a page, or nothing; it ends when the looks do."""
        if self._open >= self._most:
            raise too_many(f"{self._most} pages are open that hear what is new", 5)
        return event_stream(self._parts(looks))

    async def _parts(self, looks: AsyncGenerator[str | None, None]) -> AsyncGenerator[bytes, None]:
        self._open += 1
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            async for part in self._paced(looks):
                yield part
        except WorldFault:
            return  # the page comes back
        finally:
            self._open -= 1
            await looks.aclose()

    async def _paced(self, looks: AsyncIterator[str | None]) -> AsyncIterator[bytes]:
        quiet = 0
        async for html in looks:
            quiet = 0 if html is not None else quiet + 1
            if html is not None:
                yield event("changed", html)
            elif quiet % HEARTBEAT_LOOKS == 0:
                yield b": still here\n\n"
            if await self._stopped():
                return

    async def _stopped(self) -> bool:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True


class Heard:
    """What one who listens has heard of each part of a page: only what is different is said again."""

    def __init__(self) -> None:
        self._last: Mapping[str, str] = {}

    def fresh(self, parts: Mapping[str, str]) -> str | None:
        """The parts that are new or different, one after the other; None where none is."""
        found = [text for name, text in parts.items() if self._last.get(name) != text]
        self._last = parts
        return "".join(found) or None


def event(name: str, text: str) -> bytes:
    """A server-sent event: whatever ends a line in the text, it stays inside the event."""
    data = "".join(f"data: {line}\n" for line in _ENDS.split(text))
    return f"event: {name}\n{data}\n".encode()
