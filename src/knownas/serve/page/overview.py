"""The overview: that it is healthy, and what happens now."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from knownas.doors import Answer
from knownas.nouns import EVENTS, RESOLVED, UPDATES
from knownas.operate.glance import Lag, Overview, Worker
from knownas.operate.overview import Overviews
from knownas.profile.time import DAY_SECONDS, EPOCH
from knownas.serve.page.desk import Desk, Look
from knownas.serve.page.person import name_of
from knownas.serve.page.rooms import Rooms
from knownas.serve.page.watching import Heard
from knownas.serve.routes import Route, Stream

PARTS: Final = ("_figures.html", "_rate.html", "_changes.html", "_links.html", "_rejected.html", "_work.html")
"""What a page that is open hears of, each when it has changed."""
LINKS: Final = 8

_STAGES: Final = ((EVENTS, "Events, to be resolved"), (UPDATES, "Updates, to be resolved"), (RESOLVED, "To be folded"))


class Stage(NamedTuple):
    """The partitions of one topic: what is done with them, and how far behind they are together."""

    topic: str
    words: str
    partitions: list[Lag]

    @property
    def behind(self) -> int:
        """Records of all partitions that are not done yet."""
        return sum(lag.behind for lag in self.partitions)


class Hand(NamedTuple):
    """A worker: what it is called, where it connects from, how many partitions of each topic it holds."""

    name: str
    host: str
    holds: list[tuple[str, list[int]]]


def said(seen: Overview, names: Mapping[str, str]) -> dict[str, Any]:
    """What the templates are told."""
    return {
        "seen": seen,
        "names": names,
        "most_links": LINKS,
        "stages": [Stage(topic, words, [one for one in seen.lag if one.topic == topic]) for topic, words in _STAGES],
        "hands": [_hand(worker) for worker in seen.workers],
        "rate": _chart([point.at for point in seen.traffic.per_minute], "minute",
                       "records", [point.records for point in seen.traffic.per_minute]),
        "linked": _chart([_seconds(day.day) for day in seen.links.per_day], "day",
                         "links", [day.count for day in seen.links.per_day]),
    }  # fmt: skip


def _chart(at: Sequence[int], every: str, label: str, values: Sequence[int]) -> dict[str, Any]:
    return {"at": at, "every": every, "parts": [{"label": label, "colour": "--accent", "values": values}]}


def _seconds(day: str) -> int:
    return (date.fromisoformat(day).toordinal() - EPOCH) * DAY_SECONDS


def _hand(worker: Worker) -> Hand:
    return Hand(worker.client, worker.host, sorted((topic, sorted(some)) for topic, some in worker.holds.items()))


class Overviewing:
    """The handlers."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._overviews: Overviews = rooms.overviews

    async def all(self, look: Look) -> Answer:
        """`GET /`"""
        return look.show("overview.html", **await self._said(look.asked.now_ms))

    async def _said(self, now_ms: int) -> dict[str, Any]:
        seen = await self._overviews.look(now_ms)
        linked = [link.profile for link in seen.links.newest[:LINKS]]
        people = await self._rooms.people.reader.profiles(linked) if linked else []
        return said(seen, {one.id: name_of(one) for one in people})

    async def live(self, look: Look) -> Stream:
        """`GET /live`"""
        return self._rooms.watching.stream(self._looks(look))

    async def _looks(self, look: Look) -> AsyncGenerator[str | None, None]:
        heard = Heard()
        while look.is_signed_in():
            told = await self._said(time.time_ns() // 1_000_000)
            yield heard.fresh({part: look.text(part, **told) for part in PARTS})


def routes(desk: Desk, rooms: Rooms) -> list[Route]:
    """`/`"""
    handlers = Overviewing(rooms)
    return [desk.get("/", handlers.all, "The overview"), desk.get("/live", handlers.live, "What is new of all")]
