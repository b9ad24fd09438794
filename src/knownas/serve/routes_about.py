"""About the gateway itself: health, metrics, what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from knownas.doors import Answer, Asked, answer_json
from knownas.serve.openapi import document, page
from knownas.serve.routes import About, Route
from knownas.serve.shapes import HealthShown

GROUP: Final = "The gateway"
_KEPT: Final = {"Cache-Control": "max-age=300"}
_NOTHING_FROM_OUTSIDE: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def routes(health: Callable[[], dict[str, Any]], metrics: Callable[[], bytes], others: Sequence[Route]) -> list[Route]:
    """`/health`, `/metrics`, `/docs`, `/openapi.json`; the last two describe the `others` and these."""

    async def tell_health(_: Asked) -> Answer:
        status = health()
        return answer_json(status, 200 if status["ready"] else 503)

    async def tell_alive(_: Asked) -> Answer:
        return answer_json({"live": True})

    async def tell_metrics(_: Asked) -> Answer:
        return Answer(200, {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}, metrics())

    async def tell_people(_: Asked) -> Answer:
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _NOTHING_FROM_OUTSIDE}
        return Answer(200, {**headers, **_KEPT}, shown)

    async def tell_programs(_: Asked) -> Answer:
        return Answer(200, {"Content-Type": "application/json", **_KEPT}, described)

    plain, web = "text/plain", "text/html"
    mine = [
        Route("GET", "/health", tell_health, None, About("Alive and ready, with reasons", GROUP, gives=HealthShown)),
        Route("GET", "/health/live", tell_alive, None, About("Alive, whatever it waits for", GROUP)),
        Route("GET", "/health/ready", tell_health, None, About("Ready, with reasons", GROUP, gives=HealthShown)),
        Route("GET", "/metrics", tell_metrics, None, About("Counters for Prometheus", GROUP, media=plain)),
        Route("GET", "/docs", tell_people, None, About("What there is, for people", GROUP, media=web)),
        Route("GET", "/openapi.json", tell_programs, None, About("What there is, for programs", GROUP)),
    ]
    every = [*others, *mine]
    described, shown = msgspec.json.encode(document(every)), page(every)
    return mine
