"""What is streamed goes out as it is made; what breaks off does not look whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from knownas.errors import WorldFault
from knownas.serve.http import HttpServer
from knownas.serve.routes import Stream

PART = b"x" * 100_000


@asynccontextmanager
async def streaming(parts: AsyncGenerator[bytes, None]) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer to somebody who asks for these."""

    async def respond(_: object) -> Stream:
        return Stream({"Content-Type": "text/csv"}, parts)

    server = HttpServer(respond)
    port = await server.start("127.0.0.1", 0)
    try:
        async with (
            aiohttp.ClientSession(read_bufsize=10_000) as session,
            session.get(f"http://127.0.0.1:{port}") as got,
        ):
            yield got
    finally:
        await server.stop(1)


async def test_an_export_that_breaks_off_does_not_look_whole() -> None:
    async def parts() -> AsyncGenerator[bytes, None]:
        yield b"id\r\n"
        raise WorldFault("the store does not answer")

    async with streaming(parts()) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_whoever_reads_slowly_holds_the_export_up_and_whoever_goes_ends_it() -> None:
    made, is_over = 0, asyncio.Event()

    async def parts() -> AsyncGenerator[bytes, None]:
        nonlocal made
        try:
            for _ in range(1_000):
                made += 1
                yield PART
        finally:
            is_over.set()

    async with streaming(parts()) as answer:
        for _ in range(20):
            await answer.content.readexactly(len(PART))
        assert 20 <= made < 500
        answer.close()
        async with asyncio.timeout(30):
            await is_over.wait()
    assert made < 500
