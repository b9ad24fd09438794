"""How things are, and what is not counted: `GET /v1/overview`, `GET /v1/rejected/...`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, NotRequired, TypedDict

from msgspec import Meta

from knownas.doors import Answer, Asked, answer_json
from knownas.nouns import EVENTS, UPDATES, Position
from knownas.operate.glance import Overview
from knownas.operate.overview import Overviews
from knownas.operate.rejects import Rejected, as_data, rejected_at, rejected_of
from knownas.operate.world import World
from knownas.serve.faults import bad_request, not_found
from knownas.serve.routes import About, Route
from knownas.serve.shapes import Time
from knownas.topics import Layout

GROUP: Final = "Operating"
AT_ONCE: Final = 2
"""Kafka is read for each question: few at a time, the others wait."""


class PlaceShown(TypedDict):
    """A place in `knownas.rejected`."""

    partition: int
    offset: int


class RejectedShown(TypedDict):
    """A rejected record: why, where it stood and where it stands now, and its bytes, as `text` or in `base64`; null
    where none are kept. `at` is when it was rejected; `truncated` says how many bytes it had, where not all are."""

    reason: str
    sentence: str
    detail: str
    topic: str
    partition: int
    offset: int
    at: Time
    rejected: PlaceShown
    source: Annotated[str, Meta(description="its key as text")]
    truncated: NotRequired[int]
    text: NotRequired[str | None]
    base64: NotRequired[str]


class Operating:
    """The handlers."""

    def __init__(self, world: World, layout: Layout, overviews: Overviews) -> None:
        self._world, self._layout, self._overviews = world, layout, overviews
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def overview(self, asked: Asked) -> Answer:
        """`GET /v1/overview`"""
        return answer_json(await self._overviews.look(asked.now_ms))

    async def rejected(self, asked: Asked) -> Answer:
        """`GET /v1/rejected/{partition}/{offset}`"""
        partition, offset = _number(asked, "partition"), _number(asked, "offset")
        async with self._turn:
            return _shown(await rejected_at(self._world.log, self._layout, partition, offset))

    async def rejected_of(self, asked: Asked) -> Answer:
        """`GET /v1/rejected/{topic}/{partition}/{offset}`"""
        topic = asked.inside["topic"]
        if topic not in (EVENTS, UPDATES):
            raise bad_request("bad_position", f"records come in {EVENTS} and {UPDATES}")
        position = Position(topic, _number(asked, "partition"), _number(asked, "offset"))
        if position.partition >= self._layout.partitions:
            return _shown(None)
        at = _time(asked.said("at"))
        async with self._turn:
            return _shown(await rejected_of(self._world.log, self._layout, position, at))


def _shown(found: Rejected | None) -> Answer:
    if found is None:
        raise not_found("not_rejected", "no rejected record is kept here; they are kept for 14 days")
    return answer_json(as_data(found))


def _number(asked: Asked, name: str) -> int:
    text = asked.inside[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise bad_request("bad_position", f"a {name} is a whole number")
    return int(text)


def _time(text: str) -> int:
    """Seconds since 1970 as milliseconds; at the beginning where nobody says."""
    if not text:
        return 0
    try:
        return max(0, int(float(text) * 1000))
    except (ValueError, OverflowError):
        raise bad_request("bad_time", "`at` is seconds since 1970") from None


def routes(world: World, layout: Layout, overviews: Overviews) -> list[Route]:
    """The routes for operators."""
    handlers = Operating(world, layout, overviews)
    hint = {"at": "when it came to Kafka, seconds since 1970: it is looked for from there on"}
    return [
        Route(
            "GET", "/v1/overview", handlers.overview, "read",
            About("Profiles, traffic, changes, links, rejections, lag, workers and segments", GROUP, gives=Overview),
        ),
        Route(
            "GET", "/v1/rejected/{partition}/{offset}", handlers.rejected, "admin",
            About("A rejected record by its place in knownas.rejected", GROUP, gives=RejectedShown),
        ),
        Route(
            "GET", "/v1/rejected/{topic}/{partition}/{offset}", handlers.rejected_of, "admin",
            About("A rejected record by where it stood itself, as the overview's examples do", GROUP,
                  gives=RejectedShown, query=hint),
        ),
    ]  # fmt: skip
