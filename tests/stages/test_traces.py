"""Which messages carry a trace out of stage 2: news of the profiles that a traced record changed, and nothing else."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from knownas.adapters.memory import LogEntry
from knownas.nouns import CHANGED
from knownas.operate.traces import OtelTracer
from tests.builders import NOON, event, login
from tests.simulation.world import Chunk
from tests.stages.line import SHARD, SOURCE, Line

TRACES = "0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319d"
FIRST, SECOND = (("traceparent", f"00-{trace}-b7ad6b7169203331-01".encode()) for trace in TRACES)


async def folded(line: Line, *records: tuple[dict[str, Any], list[tuple[str, bytes]]]) -> list[Any]:
    """Take records with their headers through both stages; what waits to be published."""
    holds = await line.take()
    entries = [
        LogEntry(n, NOON * 1000, b"k", orjson.dumps(record), headers) for n, (record, headers) in enumerate(records)
    ]
    await line.resolve.poll([Chunk(holds[SOURCE], entries)])
    await line.materialize.poll([Chunk(holds[SHARD], list(line.kafka.logs[SHARD]))])
    return [message for element in line.store.outboxes[0] for message in element if message.topic == CHANGED]


@pytest.fixture
def traced() -> tuple[Line, InMemorySpanExporter]:
    """Both stages with a tracer, and the spans that ended."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Line(OtelTracer(provider)), exporter


async def test_a_change_carries_the_trace_of_the_newest_record_that_has_one(
    traced: tuple[Line, InMemorySpanExporter],
) -> None:
    line, exporter = traced
    (change,) = await folded(
        line, (login("d-1", email="ann@x.ie"), [FIRST]), (event("d-1"), [("mine", b"1"), SECOND]), (event("d-1"), [])
    )
    names = [span.name for span in exporter.get_finished_spans()]
    assert names == ["knownas resolve", "knownas resolve", "knownas materialize", "knownas materialize"]
    newest = exporter.get_finished_spans()[-1].context
    assert f"{newest.trace_id:032x}" == TRACES[1]
    assert change.headers == [("traceparent", f"00-{TRACES[1]}-{newest.span_id:016x}-01".encode())]


async def test_a_change_of_somebody_else_carries_none(traced: tuple[Line, InMemorySpanExporter]) -> None:
    line, _ = traced
    changes = await folded(line, (login("d-1", email="ann@x.ie"), [FIRST]), (login("d-2", email="bob@x.ie"), []))
    assert [len(change.headers) for change in changes] == [1, 0]


async def test_news_that_a_shard_was_lost_before_it_was_written_is_no_span(
    traced: tuple[Line, InMemorySpanExporter],
) -> None:
    line, exporter = traced

    async def lose(name: str) -> None:
        if name == "shard.commit":
            line.store.take(("resolved", 0), 0)

    line.noted.before = lose
    assert await folded(line, (login("d-1", email="ann@x.ie"), [FIRST])) == []
    assert [span.name for span in exporter.get_finished_spans()] == ["knownas resolve"]


async def test_a_traced_record_makes_the_same_bytes_as_off_and_off_it_makes_no_headers(
    traced: tuple[Line, InMemorySpanExporter],
) -> None:
    off, on = Line(), traced[0]
    record = login("d-1", email="ann@x.ie")
    (without,), (with_trace,) = await folded(off, (record, [FIRST])), await folded(on, (record, [FIRST]))
    assert without.headers == []
    assert with_trace._replace(headers=[]) == without
