"""A worker's pages: `/health` says live and ready with reasons, `/metrics` what was counted.

`/health/live` fails only by not answering: a worker that waits for Kafka or the store is well, and killing it would
help nobody. `/health/ready` is 503 while it waits, and while it leaves.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from knownas.errors import CannotStart


class Patient(Protocol):
    """Something that may be waiting for the world."""

    @property
    def trouble(self) -> str | None:
        """What is waited for, None when all is well."""


class Health:
    """What a worker says of itself."""

    def __init__(self, page: Callable[[], bytes], patients: Sequence[Patient]) -> None:
        self._page, self._patients = page, patients
        self.partitions: list[str] | None = None
        self.leaving = False

    def status(self) -> dict[str, Any]:
        """Live, ready, and what is being waited for."""
        waiting = sorted({patient.trouble for patient in self._patients if patient.trouble})
        if self.leaving:
            waiting.append("told to stop: finishes what it holds")
        elif self.partitions is None:
            waiting.append("no partitions assigned yet")
        return {"live": True, "ready": not waiting, "reasons": waiting, "partitions": self.partitions or []}

    @asynccontextmanager
    async def served(self, host: str, port: int) -> AsyncIterator[int]:
        """Serve the pages; gives the port."""
        app = web.Application()
        app.router.add_get("/health", self._ready)
        app.router.add_get("/health/ready", self._ready)
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            try:
                await site.start()
            except OSError as error:
                raise CannotStart(
                    f"cannot listen on {host}:{port}: {_why(error)}. Choose another with "
                    "KNOWNAS_HEALTH_PORT or KNOWNAS_HEALTH_HOST"
                ) from error
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _ready(self, _: web.Request) -> web.Response:
        status = self.status()
        return web.json_response(status, status=200 if status["ready"] else 503)

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._page(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def _why(error: OSError) -> str:
    """What the system says, without where, which is said already; that a name is not known has no number of its own."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
