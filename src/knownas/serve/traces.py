"""Traces of what is uploaded: a call that puts records is a span, and its records carry its trace to the stages.

The trace is the one that the request's `traceparent` names, or a new one, which is then sampled or not as
OTEL_TRACES_SAMPLER says. Calls that put nothing have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

import msgspec

from knownas.doors import Answer, Put
from knownas.operate.traces import CARRIED, Spans, is_sampled, provider_of
from knownas.serve.gateway import Gateway, carried
from knownas.serve.http import Call, Respond
from knownas.serve.routes import Stream
from knownas.settings import Settings

GATEWAY: Final = "knownas-gateway"
LONGEST: Final = 512
"""Of a header; what W3C asks of everybody to pass on. It is repeated with each record of a call."""

_asked: Final = ContextVar[Mapping[str, str] | None]("asked", default=None)
"""What the request said of a trace."""


def spans_of(settings: Settings) -> Spans | None:
    """What makes a gateway's spans; None where none are asked for."""
    provider = provider_of(settings, GATEWAY)
    return Spans(provider) if provider is not None else None


def heard(respond: Respond) -> Respond:
    """Answers as before, and remembers meanwhile what a request says of a trace."""

    async def listening(call: Call) -> Answer | Stream:
        said = {name: call.headers[name] for name in CARRIED if name in call.headers}
        token = _asked.set({name: value for name, value in said.items() if len(value) <= LONGEST})
        try:
            return await respond(call)
        finally:
            _asked.reset(token)

    return listening


class TracedGateway(Gateway):
    """A gateway whose calls are spans."""

    def __init__(self, gateway: Gateway, spans: Spans) -> None:
        self._gateway, self._spans = gateway, spans

    async def put(self, records: Sequence[Mapping[str, Any] | msgspec.Raw], now_ms: int) -> list[Put]:
        """What came of each record, in order; they carry the trace, unless it is one of our own that nobody samples."""
        asked = _asked.get() or {}
        span = self._spans.start("knownas gateway", asked, {"messaging.batch.message_count": len(records)})
        goes_on = is_sampled(asked) is not None or span.is_recording()
        token = carried.set(self._spans.beyond(span) if goes_on else ())
        try:
            return await self._gateway.put(records, now_ms)
        finally:
            carried.reset(token)
            span.end()
