"""What is between a browser and the gateway: the shop whose pages hold the SDKs, and a line that may lose answers."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, web

Match = Callable[[web.Request], bool]

_OF_THIS_HOP: Final = frozenset({"connection", "transfer-encoding", "content-length", "date", "server"})


def nothing(_: web.Request) -> bool:
    """Loses no answer."""
    return False


class Line:
    """Hands requests to the gateway and its answers back, but for those that are to be lost: stored, not answered.

    Bodies go through as they are, packed or not. `carried` is what was asked and answered, without browsers' own
    questions whether they may ask.
    """

    def __init__(self, gateway: str, tls: ssl.SSLContext | None) -> None:
        self._gateway, self._tls = gateway, tls
        self.loses: Match = nothing
        self.lost: list[str] = []
        self.carried: list[tuple[str, int]] = []
        self.port = 0

    async def carry(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        body = await request.read()
        headers = {name: text for name, text in request.headers.items() if name.lower() != "connection"}
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, self._gateway + request.raw_path, headers=headers, data=body, allow_redirects=False
            ) as answer,
        ):
            said = await answer.read()
        if self.loses(request):
            self.lost.append(request.path_qs)
            assert request.transport is not None
            request.transport.abort()
            raise web.HTTPServiceUnavailable
        if request.method != "OPTIONS":
            self.carried.append((request.path_qs, answer.status))
        kept = {name: text for name, text in answer.headers.items() if name.lower() not in _OF_THIS_HOP}
        return web.Response(status=answer.status, headers=kept, body=said)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        """Listen on a free port."""
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self.carry)
        async with served(app, self._tls) as self.port:
            yield self


@asynccontextmanager
async def shop(pages: dict[str, str], folders: dict[str, Path]) -> AsyncIterator[str]:
    """A site on a port of its own; its address. `folders` are served as they are."""
    app = web.Application()

    async def page(request: web.Request) -> web.Response:
        html = pages.get(request.match_info["name"])
        return web.Response(text=html or "", content_type="text/html", status=200 if html else 404)

    for name, folder in folders.items():
        app.router.add_static(f"/sdk/{name}", folder)
    app.router.add_get("/{name}", page)
    async with served(app, None) as port:
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def served(app: web.Application, tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    """Serve on a free port of 127.0.0.1; the port."""
    runner = web.AppRunner(app, access_log=None, max_line_size=1 << 17, shutdown_timeout=1, auto_decompress=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def certificate(openssl: str, folder: Path) -> ssl.SSLContext:
    """A key and a certificate of one's own for 127.0.0.1, made now."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    await asyncio.to_thread(
        subprocess.run,
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    return tls
