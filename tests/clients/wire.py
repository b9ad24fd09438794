"""The wire between a client and the gateway: it changes no byte, but it may lose answers to what was stored."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final, Self

CHUNK_BYTES: Final = 1 << 16
AWAY: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Wire:
    """Listens, and hands everything on to the gateway's port."""

    def __init__(self, gateway: int) -> None:
        self._gateway = gateway
        self._losing: list[bytes] = []
        self.statuses: list[int] = []
        self.port = 0

    def lose(self, *instead: bytes) -> None:
        """Lose the next answers and cut their connections; what the client gets instead of each, `b""` for nothing."""
        self._losing += instead

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection("127.0.0.1", self._gateway)
        asking = asyncio.create_task(self._hand_on(reader, questions))
        with contextlib.suppress(ConnectionError):
            while data := await answers.read(CHUNK_BYTES):
                if data.startswith(b"HTTP/1.1 "):
                    self.statuses.append(int(data[9:12]))
                if self._losing:
                    writer.write(self._losing.pop(0))
                    break
                writer.write(data)
                await writer.drain()
        asking.cancel()
        writer.close()
        questions.close()

    @staticmethod
    async def _hand_on(reader: asyncio.StreamReader, questions: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                questions.write(data)
                await questions.drain()
            questions.write_eof()
