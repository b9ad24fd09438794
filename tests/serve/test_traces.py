"""What a call that uploads has to do with traces: it is a span, and its records carry its trace."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler

from knownas.doors import Answer
from knownas.operate.traces import Spans
from knownas.records.identities import IdentityRules
from knownas.serve.gateway import Gateway, KafkaGateway
from knownas.serve.metrics import GatewayMetrics
from knownas.serve.traces import TracedGateway, heard, spans_of
from knownas.settings import load
from knownas.topics import Layout
from tests.builders import NOON, event

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ASKED = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "shop=1"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}


class Lanes:
    """Takes everything, keeps it."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    async def send(self, batches: dict[Any, list[Any]]) -> dict[Any, tuple[list[int], None]]:
        """All acknowledged."""
        self.taken += [message for messages in batches.values() for message in messages]
        return {target: (list(range(len(messages))), None) for target, messages in batches.items()}


class Call:
    """A request, as far as a trace is in it."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers


class Served:
    """A gateway whose spans stay here."""

    def __init__(self, sampler: Sampler = ALWAYS_ON, traced: bool = True) -> None:
        self.exporter, provider = InMemorySpanExporter(), TracerProvider(sampler=ParentBased(sampler))
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.lanes = Lanes()
        lanes: Any = self.lanes
        plain = KafkaGateway(lanes, Layout("k.", 1, 1), IdentityRules(), GatewayMetrics())
        self.gateway: Gateway = TracedGateway(plain, Spans(provider)) if traced else plain

    async def upload(self, headers: dict[str, str]) -> list[dict[str, bytes | None]]:
        """Upload two records by a call with these headers; the headers with which they went out."""

        async def respond(_: Any) -> Answer:
            await self.gateway.put([event("d-1"), event("d-2")], NOON * 1000)
            return Answer(200, {}, b"")

        asked: Any = Call(headers)
        await heard(respond)(asked)
        return [dict(message.headers) for message in self.lanes.taken]


async def test_a_calls_trace_goes_out_with_each_of_its_records() -> None:
    served = Served()
    first, second = await served.upload(ASKED)
    (span,) = served.exporter.get_finished_spans()
    assert (f"{span.context.trace_id:032x}", span.parent and f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    assert first == second == {
        "traceparent": f"00-{TRACE}-{span.context.span_id:016x}-01".encode(), "tracestate": b"shop=1",
    }  # fmt: skip
    assert span.attributes == {"messaging.batch.message_count": 2}


@pytest.mark.parametrize("headers", [{}, {"traceparent": "garbage"}], ids=["none", "garbage"])
async def test_a_call_without_a_trace_begins_one(headers: dict[str, str]) -> None:
    served = Served()
    first, _ = await served.upload(headers)
    (span,) = served.exporter.get_finished_spans()
    assert span.parent is None
    begun = f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-{span.context.trace_flags:02x}"
    assert first == {"traceparent": begun.encode()}
    assert span.context.trace_flags.sampled


STATES = {
    "as long as may be": ("shop=" + "x" * 251 + ",till=" + "y" * 250, True),
    "longer": ("shop=" + "x" * 251 + ",till=" + "y" * 251, False),
    "far longer": (",".join(f"shop{number}={'x' * 256}" for number in range(40)), False),
    "more members than may be": (",".join(f"s{number}=1" for number in range(33)), False),
    "no members": ("what a stranger sends", False),
    "one member that is none": ("shop=1,\u00fcber=2", False),
    "one member twice": ("shop=1,shop=2", False),
}


@pytest.mark.parametrize("state", STATES)
async def test_only_a_well_formed_tracestate_goes_out_with_records_and_no_more_than_512_characters(state: str) -> None:
    said, goes_on = STATES[state]
    served = Served()
    for headers in await served.upload({**ASKED, "tracestate": said}):
        assert (headers["traceparent"] or b"").startswith(f"00-{TRACE}-".encode())
        assert headers.get("tracestate") == (said.encode() if goes_on else None)


@pytest.mark.parametrize("headers", [{}, {"traceparent": "garbage"}], ids=["none", "garbage"])
async def test_a_trace_that_begins_here_and_is_not_sampled_costs_its_records_nothing(headers: dict[str, str]) -> None:
    served = Served(ALWAYS_OFF)
    assert await served.upload(headers) == [{}, {}]
    assert served.exporter.get_finished_spans() == ()


async def test_a_callers_choice_not_to_sample_goes_on_with_the_records() -> None:
    served = Served()
    first, _ = await served.upload(UNSAMPLED)
    assert (first["traceparent"] or b"").startswith(f"00-{TRACE}-".encode())
    assert (first["traceparent"] or b"").endswith(b"-00")
    assert served.exporter.get_finished_spans() == ()


async def test_the_next_call_knows_nothing_of_the_trace_of_the_one_before() -> None:
    served = Served(ALWAYS_OFF)
    *_, third, fourth = [await served.upload(ASKED), await served.upload({})][-1]
    assert third == fourth == {}


async def test_off_records_go_out_without_headers_and_nothing_is_made() -> None:
    assert spans_of(load()) is None
    assert await Served(traced=False).upload(ASKED) == [{}, {}]
