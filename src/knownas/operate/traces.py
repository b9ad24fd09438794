"""OpenTelemetry traces from a request to a change: a record that carries a trace (`traceparent`, as W3C has it) gets a
span for each stage. Its message in `resolved` carries the first on to the second, what is published of its profile
carries the second on to whoever reads that. Records without one, and those whose trace is not sampled, cost a look at
their headers, which go on as they came. Spans hold positions and nothing of the record.

Where they go, and how many are sampled, is set by OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_TRACES_SAMPLER, OTEL_SERVICE_NAME and the others.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from knownas.errors import CannotStart
from knownas.settings import Settings
from knownas.stages.ports import Headers, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

_TRACE: Final = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_SAMPLED: Final = 1

PARENT: Final = "traceparent"
CARRIED: Final = (PARENT, "tracestate")
WORKER: Final = "knownas-worker"
HAND_OVER_SECONDS: Final = 2.0
"""How long a process that leaves waits for its collector."""


def provider_of(settings: Settings, service: str) -> TracerProvider | None:
    """What makes and sends spans, if that is asked for; if not, nothing of OpenTelemetry is even loaded."""
    if not settings.traces:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        raise CannotStart("KNOWNAS_TRACES needs OpenTelemetry: pip install 'knownas[otel]'") from missing
    # What its variables say of the service comes last, or it would be lost.
    resource = Resource.create({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def tracer_of(settings: Settings) -> OtelTracer | None:
    """A worker's tracer; None where none is asked for."""
    provider = provider_of(settings, WORKER)
    return OtelTracer(provider) if provider is not None else None


class Spans:
    """Makes spans of traces that came in headers, and headers in which a span's trace goes on."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace import set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider, self._tracer = provider, provider.get_tracer("knownas")
        self._propagator, self._with_span = TraceContextTextMapPropagator(), set_span_in_context

    def start(self, name: str, carried: Mapping[str, str], attributes: Mapping[str, str | int] | None = None) -> Span:
        """A span in the trace that is carried; the first of a new one, if there is none."""
        return self._tracer.start_span(name, self._propagator.extract(carried), attributes=attributes)

    def beyond(self, span: Span) -> list[tuple[str, bytes | None]]:
        """The headers that carry its trace on."""
        onwards: dict[str, str] = {}
        self._propagator.inject(onwards, self._with_span(span))
        return [(name, value.encode()) for name, value in onwards.items()]

    async def close(self, seconds: float = HAND_OVER_SECONDS) -> None:
        """Hand over what is not handed over yet, if that takes no longer than a moment. A collector that is away keeps
        nobody from leaving: its thread is one that the process ends with."""
        done, loop = asyncio.Event(), asyncio.get_running_loop()

        def hand_over() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # nobody waits any more, the loop has ended
                loop.call_soon_threadsafe(done.set)

        Thread(target=hand_over, name="spans", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await done.wait()


class OtelFolding:
    """The spans of a chunk that is being folded."""

    def __init__(self, spans: Spans, shard: int, records: Iterable[Any]) -> None:
        self.onwards: dict[int, Headers] = {}
        self._under_way: list[Span] = []
        for record in records:
            carried = carried_in(record.headers)
            if (sampled := is_sampled(carried)) is False:
                self.onwards[record.offset] = [(name, value.encode("latin-1")) for name, value in carried.items()]
            if sampled:
                place: dict[str, str | int] = {
                    "messaging.system": "kafka", "messaging.destination.partition.id": str(shard),
                    "messaging.kafka.offset": record.offset,
                }  # fmt: skip
                span = spans.start("knownas materialize", carried, place)
                self._under_way.append(span)
                self.onwards[record.offset] = spans.beyond(span)

    def done(self) -> None:
        """The chunk is committed."""
        for span in self._under_way:
            span.end()


class OtelTracer(Tracer):
    """Makes spans with OpenTelemetry."""

    def __init__(self, provider: TracerProvider) -> None:
        self._spans = Spans(provider)
        self._under_way: list[Span] = []

    def begin(self) -> None:
        """A poll begins, or begins anew: what was under way of the one before is forgotten."""
        self._under_way.clear()

    def forward(self, headers: Headers) -> Headers:
        """The headers with which a record goes on: those it came with, its trace moved on by a span."""
        carried = carried_in(headers)
        if not is_sampled(carried):
            return headers
        span = self._spans.start("knownas resolve", carried)
        self._under_way.append(span)
        return [*((name, value) for name, value in headers if name not in CARRIED), *self._spans.beyond(span)]

    def sent(self) -> None:
        """What was begun is done."""
        for span in self._under_way:
            span.end()
        self._under_way.clear()

    def folding(self, shard: int, records: Iterable[Any]) -> OtelFolding:
        """A chunk of `resolved` begins to be folded."""
        return OtelFolding(self._spans, shard, records)

    async def close(self) -> None:
        """Hand over what is not handed over yet."""
        await self._spans.close()


def carried_in(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, str]:
    """What a record's headers say of a trace."""
    return {name: value.decode("latin-1") for name, value in headers if name in CARRIED and value is not None}


def is_sampled(carried: Mapping[str, str]) -> bool | None:
    """Whether the trace that is carried is one that somebody keeps; None where none is, whatever is said."""
    if PARENT not in carried:
        return None
    found = _TRACE.fullmatch(carried[PARENT])
    if found is None or (found["version"] == "00" and found["more"]):
        return None
    return bool(int(found["flags"], 16) & _SAMPLED)
