"""Streams of open pages: what is new is said once, in events that hold any text, and all end when the gateway stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from knownas.errors import WorldFault
from knownas.serve.faults import Fault
from knownas.serve.page.watching import Heard, Watching, event


async def looks(*found: str | None) -> AsyncGenerator[str | None, None]:
    """What some looks find."""
    for one in found:
        yield one


async def for_ever() -> AsyncGenerator[str | None, None]:
    """Looks that find nothing."""
    while True:
        yield None


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("<p>a</p>", b"event: changed\ndata: <p>a</p>\n\n"),
        ("a\nb\r\nc\rd", b"event: changed\ndata: a\ndata: b\ndata: c\ndata: d\n\n"),
        ("a\n\nevent: x", b"event: changed\ndata: a\ndata: \ndata: event: x\n\n"),
        ("a\u2028b", "event: changed\ndata: a\u2028b\n\n".encode()),
    ],
)
def test_an_event_holds_any_text(text: str, sent: bytes) -> None:
    assert event("changed", text) == sent


def test_only_parts_that_are_different_are_said_again() -> None:
    heard = Heard()
    assert heard.fresh({"a": "1", "b": "2"}) == "12"
    assert heard.fresh({"a": "1", "b": "3"}) == "3"
    assert heard.fresh({"a": "1", "b": "3"}) is None


async def test_a_stream_says_what_is_found_and_ends_with_the_looks() -> None:
    parts = [part async for part in Watching(1).stream(looks("a", None, "b")).parts]
    assert parts[1:] == [event("changed", "a"), event("changed", "b")]
    assert parts[0].startswith(b"retry: ")


async def test_streams_end_when_the_gateway_stops() -> None:
    watching = Watching(1)
    parts = watching.stream(for_ever()).parts
    await anext(parts)
    waiting = asyncio.ensure_future(anext(parts, None))
    watching.stop()
    async with asyncio.timeout(20):
        assert await waiting is None


async def test_there_are_not_more_than_may_be_and_one_that_ends_makes_room() -> None:
    watching = Watching(1)
    first = watching.stream(for_ever()).parts
    await anext(first)
    with pytest.raises(Fault) as refused:
        watching.stream(for_ever())
    assert refused.value.status == 429
    await first.aclose()
    assert await anext(watching.stream(looks()).parts)


async def test_a_stream_ends_quietly_while_the_store_is_away() -> None:
    async def away() -> AsyncGenerator[str | None, None]:
        yield None
        raise WorldFault("the store is away")

    assert len([part async for part in Watching(1).stream(away()).parts]) == 1
