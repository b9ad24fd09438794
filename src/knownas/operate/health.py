"""A worker's health page: `/health` says live and ready with reasons, `/metrics` what was counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiohttp import web

from knownas.operate.metrics import Metrics


class Patient(Protocol):
    """Something that may be waiting for the world."""

    @property
    def trouble(self) -> str | None:
        """What is waited for, None when all is well."""


class Health:
    """What a worker says of itself."""

    def __init__(self, metrics: Metrics, patients: Sequence[Patient]) -> None:
        self._metrics, self._patients = metrics, patients
        self.partitions: list[str] | None = None

    def status(self) -> dict[str, Any]:
        """Live, ready, and what is being waited for."""
        waiting = sorted({patient.trouble for patient in self._patients if patient.trouble})
        if self.partitions is None:
            waiting.append("no partitions assigned yet")
        return {"live": True, "ready": not waiting, "reasons": waiting, "partitions": self.partitions or []}

    @asynccontextmanager
    async def served(self, port: int) -> AsyncIterator[int]:
        """Serve the page on 127.0.0.1; gives the port."""
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._page)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        status = self.status()
        return web.json_response(status, status=200 if status["ready"] else 503)

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.page(), content_type="text/plain")
