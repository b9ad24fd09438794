"""OpenTelemetry traces across both stages: a record that carries a trace (`traceparent`, as W3C has it) gets a span for
each stage, and its message in `resolved` carries the first on to the second. Records without one, and those whose trace
is not sampled, cost a look at their headers. Spans hold positions and nothing of the record.

Where they go is set by OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME and the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from knownas.errors import CannotStart
from knownas.settings import Settings
from knownas.stages.ports import Headers, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

PARENT: Final = "traceparent"
CARRIED: Final = (PARENT, "tracestate")
SERVICE: Final = "knownas-worker"


def tracer_of(settings: Settings) -> OtelTracer | None:
    """The tracer that is asked for; None where none is, and then nothing of OpenTelemetry is even loaded."""
    if not settings.traces:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        raise CannotStart("KNOWNAS_TRACES needs OpenTelemetry: pip install 'knownas[otel]'") from missing
    provider = TracerProvider(resource=Resource.create().merge(Resource({"service.name": SERVICE})))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OtelTracer(provider)


class OtelTracer(Tracer):
    """Makes spans with OpenTelemetry."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace import set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider, self._tracer = provider, provider.get_tracer("knownas")
        self._propagator, self._with_span = TraceContextTextMapPropagator(), set_span_in_context
        self._under_way: list[Span] = []

    def begin(self) -> None:
        """A poll begins, or begins anew: what was under way of the one before is forgotten."""
        self._under_way.clear()

    def forward(self, headers: Headers) -> Headers:
        """The headers with which a record goes on: those it came with, its trace moved on by a span."""
        carried = _carried(headers)
        if PARENT not in carried:
            return headers
        span = self._tracer.start_span("knownas resolve", self._propagator.extract(carried))
        self._under_way.append(span)
        onwards: dict[str, str] = {}
        self._propagator.inject(onwards, self._with_span(span))
        return [
            *((name, value) for name, value in headers if name not in CARRIED),
            *((name, value.encode()) for name, value in onwards.items()),
        ]

    def sent(self) -> None:
        """What was begun is done."""
        for span in self._under_way:
            span.end()
        self._under_way.clear()

    def folded(self, records: Iterable[Any], started_ns: int) -> None:
        """Records of `resolved` are in their profiles; the poll began then."""
        for record in records:
            carried = _carried(record.headers)
            if PARENT in carried:
                context = self._propagator.extract(carried)
                place = {
                    "messaging.system": "kafka", "messaging.destination.partition.id": str(record.partition),
                    "messaging.kafka.offset": record.offset,
                }  # fmt: skip
                self._tracer.start_span("knownas materialize", context, start_time=started_ns, attributes=place).end()

    def now(self) -> int:
        """The time, as `folded` takes it."""
        return time_ns()

    def close(self) -> None:
        """Hand over what is not handed over yet."""
        self._provider.shutdown()


def _carried(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, str]:
    return {name: value.decode("latin-1") for name, value in headers if name in CARRIED and value is not None}
