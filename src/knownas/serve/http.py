"""The HTTP server: the only file that knows the HTTP library.

The library is aiohttp's low-level server (its parser and connections, without its router and application), in one run
beside the others, 2 cores, load generator on the same machine, each parsing with orjson and answering; requests per CPU
second of the server process:

| server                                | one record | 1,000 records (213 kB) |
|---------------------------------------|------------|------------------------|
| uvicorn 0.54, httptools, uvloop, bare | 50-55,000  | 1,530-1,630            |
| blacksheep 2.6 on uvicorn             | 46,000     | 1,570                  |
| aiohttp 3.14 low-level server         | 31,000     | 1,440                  |
| the same on uvloop                    | 35,000     | 1,190-1,370            |
| starlette 1.10 on uvicorn             | 33,000     | 1,380                  |
| granian 2.8, RSGI                     | 33,000     | 1,520                  |
| aiohttp 3.14 application              | 23,500     | 1,430                  |
| granian 2.8, ASGI                     | 21,500     | 1,540                  |
| litestar 2.25 on uvicorn              | 17,500     | 1,420                  |

With large bodies they are all the same; with single records the fastest would save 12 of the about 100 microseconds
that checking, keying and sending cost. aiohttp is a dependency already, bounds lines, fields and the number of headers
in its parser and closes connections that send nothing (uvicorn with httptools does neither), so it is aiohttp; on
uvloop, as every command is.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from knownas.doors import Answer, Asked, answer_json
from knownas.serve.faults import Fault
from knownas.serve.limits import Weigh
from knownas.serve.routes import Stream

LINE_BYTES: Final = 96 * 1024
"""Vendors' browser SDKs send their data in the request line."""
FIELD_BYTES: Final = 16 * 1024
HEADERS: Final = 100
IDLE_SECONDS: Final = 75.0
"""Longer than proxies keep an idle connection; also the longest that a request's head may take."""
STREAM_WRITE_SECONDS: Final = 20.0
CONNECTIONS: Final = 5_000

_SERVER: Final = {"Server": "knownas"}
"""Which versions of what are at work is nobody's business."""

Respond = Callable[["Call"], Awaitable[Answer | Stream]]


class Call:
    """A request whose head has come: what it asks, and its body when somebody wants it."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.method = request.method
        self.raw_path = request.rel_url.raw_path
        self.headers: Mapping[str, str] = _Lower(request.headers)
        self.remote = request.remote or ""

    def head(self, inside: Mapping[str, str]) -> Asked:
        """What the request asks, without its body."""
        url = self._request.rel_url
        query = [(name, value) for name, value in url.query.items()]
        now_ms = time.time_ns() // 1_000_000
        return Asked(self.method, url.path, query, url.raw_query_string, self.headers, b"", now_ms, self.remote, inside)

    async def body(self, most: int, seconds: float, weigh: Weigh) -> bytes:
        """Its body unpacked: within `most` bytes, come within `seconds`, each part weighed."""
        if not self._request.can_read_body:
            return b""
        unpack = self._unpacking(most, weigh)
        if self._request.content.is_eof():
            return unpack(self._request.content.read_nowait(-1))
        return await self._awaited(unpack, seconds)

    def _unpacking(self, most: int, weigh: Weigh) -> Callable[[bytes], bytes]:
        """What counts the body's parts as they come, and unpacks them."""
        if (self._request.content_length or 0) > most:
            raise _too_large(most)
        unpack, size = _unpacking(self.headers.get("content-encoding", ""), most), 0

        def counted(part: bytes) -> bytes:
            nonlocal size
            some = unpack(part)
            size += len(some)
            if size > most:
                raise _too_large(most)
            weigh(len(some))
            return some

        return counted

    async def _awaited(self, unpack: Callable[[bytes], bytes], seconds: float) -> bytes:
        request = self._request
        try:
            async with asyncio.timeout(seconds):
                if self.headers.get("expect", "").lower() == "100-continue":
                    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    request.writer.output_size = 0
                return b"".join([unpack(part) async for part in request.content.iter_any()])
        except TimeoutError:
            raise Fault(408, "too_slow", f"the body did not come within {seconds:g} seconds") from None
        except (ConnectionError, web.RequestPayloadError, HttpProcessingError):
            raise Fault(400, "cut_off", "the body was cut off, or not sent as HTTP has it") from None


class _Lower(Mapping[str, str]):
    """Headers by their names in lower case."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __iter__(self) -> Any:
        return (name.lower() for name in self._headers)

    def __len__(self) -> int:
        return len(self._headers)


def _too_large(most: int) -> Fault:
    return Fault(413, "too_large", f"a body may have {most:,} bytes, unpacked")


def _unpacking(encoding: str, most: int) -> Callable[[bytes], bytes]:
    """How a body is unpacked: never more than one byte over what is allowed, whatever it would unpack to."""
    if encoding.strip().lower() in ("", "identity"):
        return lambda part: part
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise Fault(415, "unknown_encoding", "a body may be gzip, deflate or plain")
    unpacker, left = zlib.decompressobj(wbits=47), most + 1

    def unpack(part: bytes) -> bytes:
        nonlocal left
        try:
            some = unpacker.decompress(part, left) if left else b""
        except zlib.error as error:
            raise Fault(400, "bad_encoding", f"the body is not {encoding.strip()}: {error}") from None
        left -= len(some)
        if unpacker.unconsumed_tail and not left:
            raise _too_large(most)
        return some

    return unpack


class HttpServer:
    """Listens, and gives every request to `respond`."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._server: _Server | None = None
        self._listening: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port that was taken."""
        self._server = _Server(
            self._handle,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=IDLE_SECONDS,
            max_line_size=LINE_BYTES,
            max_field_size=FIELD_BYTES,
            max_headers=HEADERS,
            lingering_time=1.0,
        )
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(self._server.take, host, port, backlog=1_024)
        return int(self._listening.sockets[0].getsockname()[1])

    async def stop(self, seconds: float) -> None:
        """Take no more connections, answer what is in work, close."""
        if self._listening is not None:
            self._listening.close()
        if self._server is not None:
            self._server.pre_shutdown()
            await self._server.shutdown(seconds)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        answer = await self._respond(Call(request))
        if isinstance(answer, Stream) and request.method != "HEAD":
            return await _stream(request, answer)
        if isinstance(answer, Stream):
            await answer.parts.aclose()
            return web.Response(headers={**answer.headers, **_SERVER})
        response = web.Response(status=answer.status, headers={**answer.headers, **_SERVER}, body=answer.body)
        if answer.status in (408, 413):
            response.force_close()  # what is left of the body is not waited for
        return response


async def _stream(request: web.BaseRequest, stream: Stream) -> web.StreamResponse:
    response = web.StreamResponse(headers={**stream.headers, **_SERVER})
    await response.prepare(request)
    try:
        async for part in stream.parts:
            async with asyncio.timeout(STREAM_WRITE_SECONDS):
                await response.write(part)
        await response.write_eof()
    except (ConnectionError, TimeoutError):
        response.force_close()
    finally:
        await stream.parts.aclose()
    return response


class _Server(web.Server):
    """Makes connections that answer in JSON even where no request could be read; refuses those beyond the limit."""

    def take(self) -> asyncio.Protocol:
        if len(self.connections) >= CONNECTIONS:
            return _Closed()
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Closed(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002 (as the library calls it)
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """What could not be read as a request, in JSON; nothing of it is logged."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer is on its way already")
        code, text = ("bad_request", "this is no HTTP request") if status < 500 else ("failed", "something failed here")
        answer = answer_json({"status": "fail", "error": text, "reason": code, "code": status}, status)
        response = web.Response(status=status, headers={**answer.headers, **_SERVER}, body=answer.body)
        response.force_close()
        return response
