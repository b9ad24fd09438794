"""A network between workers and the store that now and then loses an answer and with it the connection."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CHUNK_BYTES = 1 << 16


class ForgetfulProxy:
    """Forwards everything; what it loses was done by the store, and nobody was told."""

    def __init__(self, url: str, rng: random.Random) -> None:
        self._parts, self._rng = urlsplit(url), rng
        self._chance = 0.0
        self._left = 0
        self._done = asyncio.Event()
        self._server: asyncio.Server
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        login, at, _ = self._parts.netloc.rpartition("@")
        port = self._server.sockets[0].getsockname()[1]
        self.url = urlunsplit(self._parts._replace(netloc=f"{login}{at}127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def forget(self, count: int, chance: float) -> None:
        """Lose so many answers, each with this chance; returns when they are lost."""
        self._left, self._chance = count, chance
        self._done.clear()
        await self._done.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_store, to_store = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        ways = [
            asyncio.create_task(self._forward(reader, to_store, answers=False)),
            asyncio.create_task(self._forward(from_store, writer, answers=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, to_store):
                end.close()

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool) -> None:
        with suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                if answers and self._forgets():
                    return
                sink.write(data)
                await sink.drain()

    def _forgets(self) -> bool:
        if self._rng.random() >= self._chance:
            return False
        self._left -= 1
        if self._left == 0:
            self._chance = 0.0
            self._done.set()
        return True
