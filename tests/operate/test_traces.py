"""A trace that a producer began goes on through both stages, by the headers of Kafka's records."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)  # fmt: skip
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from knownas.nouns import CHANGED, EVENTS, RESOLVED, murmur2
from knownas.operate.traces import WORKER, OtelTracer, Spans, provider_of, tracer_of
from knownas.settings import load
from tests.builders import event
from tests.pipeline.deployment import Deployment, deployed
from tests.serve.running import gateway

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{PARENT}-01".encode()
UNSAMPLED = f"00-{TRACE}-{PARENT}-00".encode()


class Seen:
    """A tracer whose spans stay here."""

    def __init__(self) -> None:
        self.exporter, provider = InMemorySpanExporter(), TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = OtelTracer(provider)

    def spans(self) -> list[Any]:
        """Those that have ended."""
        return list(self.exporter.get_finished_spans())


def record(*headers: tuple[str, bytes | None]) -> ConsumerRecord[bytes, bytes]:
    """A record with headers."""
    return ConsumerRecord("resolved", 3, 7, 0, 0, None, None, None, 0, 0, headers)


def test_a_records_trace_goes_on_by_a_span_of_stage_1_which_ends_when_it_is_sent() -> None:
    seen = Seen()
    seen.tracer.begin()
    onwards = dict(seen.tracer.forward([("mine", b"1"), ("traceparent", SAMPLED)]))
    assert seen.spans() == []
    seen.tracer.sent()
    (span,) = seen.spans()
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    assert onwards == {"mine": b"1", "traceparent": f"00-{TRACE}-{span.context.span_id:016x}-01".encode()}


def test_a_poll_that_is_sent_again_is_told_of_once() -> None:
    seen = Seen()
    for _ in range(2):
        seen.tracer.begin()
        seen.tracer.forward([("traceparent", SAMPLED)])
    seen.tracer.sent()
    assert len(seen.spans()) == 1


def test_stage_2_goes_on_with_it_and_says_where_the_record_stands_and_no_more() -> None:
    seen = Seen()
    folding = seen.tracer.folding(3, [record(("traceparent", SAMPLED)), record()])
    assert seen.spans() == []
    folding.done()
    (span,) = seen.spans()
    assert f"{span.context.trace_id:032x}" == TRACE
    assert folding.onwards == {7: [("traceparent", f"00-{TRACE}-{span.context.span_id:016x}-01".encode())]}
    assert span.attributes == {
        "messaging.system": "kafka", "messaging.destination.partition.id": "3", "messaging.kafka.offset": 7,
    }  # fmt: skip


@pytest.mark.parametrize("headers", [(), (("mine", b"1"),), (("traceparent", None),)], ids=["none", "others", "empty"])
def test_without_a_trace_a_record_goes_on_as_it_came(headers: tuple[tuple[str, bytes | None], ...]) -> None:
    seen = Seen()
    assert seen.tracer.forward(headers) is headers
    seen.tracer.sent()
    assert seen.spans() == []


NOT_KEPT = {
    "not sampled": (UNSAMPLED, True),
    "not sampled, of a version to come": (UNSAMPLED.replace(b"00-", b"01-", 1) + b"-more", True),
    "garbage": (b"\xff\xfe not a trace", False),
    "no such version": (SAMPLED.replace(b"00-", b"ff-", 1), False),
    "more than its version has": (SAMPLED + b"-more", False),
    "nobody's": (SAMPLED.replace(TRACE.encode(), b"0" * 32), False),
    "without a beginning": (SAMPLED.replace(PARENT.encode(), b"0" * 16), False),
    "in capitals": (SAMPLED.upper(), False),
}


@pytest.mark.parametrize("said", NOT_KEPT)
def test_a_trace_that_nobody_keeps_costs_no_span_and_goes_on_as_it_came(said: str) -> None:
    parent, is_trace = NOT_KEPT[said]
    seen = Seen()
    headers = [("mine", b"1"), ("traceparent", parent), ("tracestate", b"shop=1")]
    assert seen.tracer.forward(headers) is headers
    folding = seen.tracer.folding(3, [record(*headers)])
    folding.done()
    seen.tracer.sent()
    assert seen.spans() == []
    assert seen.tracer._under_way == folding._under_way == []
    assert folding.onwards == ({7: headers[1:]} if is_trace else {})


@pytest.mark.parametrize("said", NOT_KEPT)
def test_what_is_a_trace_is_so_for_opentelemetry_too(said: str) -> None:
    parent, is_trace = NOT_KEPT[said]
    context = TraceContextTextMapPropagator().extract({"traceparent": parent.decode("latin-1")})
    assert get_current_span(context).get_span_context().is_valid == is_trace


@pytest.mark.parametrize(("said", "service"), [(None, "knownas-worker"), ("shop-worker", "shop-worker")])
def test_the_service_has_the_name_that_opentelemetrys_variable_says(
    monkeypatch: pytest.MonkeyPatch, said: str | None, service: str
) -> None:
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    if said is not None:
        monkeypatch.setenv("OTEL_SERVICE_NAME", said)
    provider = provider_of(load(traces=True), WORKER)
    assert provider is not None
    provider.shutdown()
    assert provider.resource.attributes["service.name"] == service


def test_off_nothing_is_traced_and_nothing_that_traces_is_loaded() -> None:
    assert tracer_of(load()) is None
    # The store's client loads what measures, where it is installed; what traces and what sends is ours alone.
    tracing = ("opentelemetry.sdk.trace", "opentelemetry.exporter")
    program = f"import sys, knownas.wiring; sys.exit(any(name.startswith({tracing}) for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.fixture
def collector() -> Iterator[tuple[str, list[Any]]]:
    """Takes spans as an OpenTelemetry collector does: its address, and what came."""
    spans: list[Any] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            spans.extend(span for of in asked.resource_spans for scope in of.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class names it)
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", spans
    server.shutdown()
    server.server_close()


class Stuck(SpanExporter):
    """A collector that takes what it is sent and never answers, until it is let go."""

    def __init__(self) -> None:
        self.asked, self.go_on, self.ended = Event(), Event(), Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002
        """Say nothing."""
        self.asked.set()
        self.go_on.wait()
        self.ended.set()
        return SpanExportResult.FAILURE


async def test_who_leaves_does_not_wait_for_a_collector_that_does_not_answer() -> None:
    stuck, provider = Stuck(), TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(stuck))
    spans = Spans(provider)
    spans.start("left", {}).end()
    await spans.close(seconds=0.01)
    await asyncio.to_thread(stuck.asked.wait)
    assert not stuck.ended.is_set()
    assert [thread.daemon for thread in threading.enumerate() if thread.name == "spans"] == [True]
    stuck.go_on.set()


async def test_who_leaves_hands_over_what_was_not_handed_over_yet() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    spans = Spans(provider)
    spans.start("left", {}).end()
    await spans.close()
    assert [span.name for span in exporter.get_finished_spans()] == ["left"]


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a collector that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


async def test_a_worker_that_is_told_to_stop_ends_well_though_its_collector_does_not_answer(
    kafka: str, redis_url: str, namespace: str, silent: str
) -> None:
    more = {"KNOWNAS_TRACES": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": silent, "KNOWNAS_DRAIN_SECONDS": "5"}
    async with deployed(kafka, redis_url, namespace) as deployment:
        worker = await deployment.start_worker(**more)
        await (await deployment.producer()).send_and_wait(
            deployment.layout.name(EVENTS), orjson.dumps(event("d-1")), key=b"d-1", partition=murmur2(b"d-1") % 4,
            headers=[("traceparent", SAMPLED)],
        )  # fmt: skip
        await deployment.settled()
        worker.terminate()
        assert await asyncio.to_thread(worker.wait, 60) == 0


async def read(deployment: Deployment, topic: str) -> list[bytes | None]:
    """What the messages of a topic say of a trace."""
    messages = deployment.world.log.read(deployment.layout.name(topic), committed_only=True)
    return [dict(message.headers).get("traceparent") async for message in messages]


async def test_a_collector_gets_one_trace_of_producer_resolve_and_materialize_which_the_change_carries_on(
    kafka: str, redis_url: str, namespace: str, collector: tuple[str, list[Any]]
) -> None:
    address, spans = collector
    async with deployed(kafka, redis_url, namespace) as deployment:
        worker = await deployment.start_worker(KNOWNAS_TRACES="true", OTEL_EXPORTER_OTLP_ENDPOINT=address)
        await (await deployment.producer()).send_and_wait(
            deployment.layout.name(EVENTS), orjson.dumps(event("d-1")), key=b"d-1", partition=murmur2(b"d-1") % 4,
            headers=[("traceparent", SAMPLED)],
        )  # fmt: skip
        await deployment.send(event("d-2"))
        await deployment.settled()
        worker.terminate()
        assert worker.wait(60) == 0
        resolved, changed = await read(deployment, RESOLVED), await read(deployment, CHANGED)
    resolve, materialize = sorted(spans, key=lambda span: span.name, reverse=True)
    assert [resolve.name, materialize.name] == ["knownas resolve", "knownas materialize"]
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert (resolve.parent_span_id.hex(), materialize.parent_span_id) == (PARENT, resolve.span_id)
    assert f"00-{TRACE}-{resolve.span_id.hex()}-01".encode() in resolved
    carried = f"00-{TRACE}-{materialize.span_id.hex()}-01".encode()
    assert sorted(changed, key=str) == [None, carried]


async def test_a_trace_begins_with_the_call_that_uploads_and_ends_with_the_change(
    kafka: str, redis_url: str, namespace: str, collector: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, spans = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    async with deployed(kafka, redis_url, namespace, traces=True) as deployment:
        async with deployment.worker(), gateway(deployment) as served:
            body = {"records": [event("d-1")]}
            headers = {"traceparent": SAMPLED.decode()}
            assert (await served.call("POST", "/v1/records", "write", headers, json=body)).status == 200
            await deployment.settled()
            assert (await served.get("/v1/profiles/by/device/d-1")).status == 200
        (carried,) = await read(deployment, CHANGED)
    by_name = {span.name: span for span in spans}
    assert len(spans) == len(by_name) == 3
    parents = {name.removeprefix("knownas "): span.parent_span_id for name, span in by_name.items()}
    assert parents == {
        "gateway": bytes.fromhex(PARENT),
        "resolve": by_name["knownas gateway"].span_id,
        "materialize": by_name["knownas resolve"].span_id,
    }
    assert carried == f"00-{TRACE}-{by_name['knownas materialize'].span_id.hex()}-01".encode()
