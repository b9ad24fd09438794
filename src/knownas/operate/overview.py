"""What an operator sees at a glance: who is there, what comes in, what changed, what was rejected, who works on it.

Everything is read from what is kept anyway: counters and figures in the store, positions, Kafka's group and the end of
`profile-changed`. A look costs a few round trips and is as good for a second, for however many look. Where Kafka is
away, what the store has is still shown, and `trouble` says what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeVar

import orjson

from knownas.adapters.figures import FigureReader, Sums
from knownas.adapters.kafka_members import Member, members_of
from knownas.adapters.reader import Reader
from knownas.adapters.segments import SegmentReader, SegmentStore, Size
from knownas.errors import WorldFault
from knownas.find.reading import from_object
from knownas.find.writing import to_line
from knownas.nouns import CHANGED, COUNTED, Definition, Linked
from knownas.operate.glance import (
    ChangeSeen,
    Day,
    Lag,
    Links,
    LinkSeen,
    Overview,
    People,
    Point,
    RejectedExample,
    RejectedReason,
    SegmentDay,
    SegmentSeen,
    Traffic,
    Worker,
)
from knownas.operate.settle import Lag as Behind
from knownas.operate.settle import lags
from knownas.operate.world import World
from knownas.profile.time import EPOCH, Calendar
from knownas.records.reasons import REJECTIONS
from knownas.stages.figures import Turnover
from knownas.stages.ports import Partition
from knownas.topics import Layout

GOOD_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0
MINUTES: Final = 60
HOURS: Final = 48
DAYS: Final = 90
NEWEST_CHANGES: Final = 20
MINUTE_SECONDS: Final = 60
HOUR_SECONDS: Final = 3_600
T = TypeVar("T")
_TYPES: Final = (*COUNTED, "gray")


class Overviews:
    """Makes overviews; one is as good for a second, whoever asks."""

    def __init__(self, world: World, layout: Layout) -> None:
        self._world, self._layout = world, layout
        link = world.link()
        self._reader = Reader(link, world.keys, world.names, layout)
        self._figures = FigureReader(link, world.keys, layout)
        self._definitions, self._segments = SegmentStore(link, world.keys), SegmentReader(link, world.keys, layout)
        self._calendar = Calendar(world.settings.day_timezone)
        self._lock = asyncio.Lock()
        self._last: Overview | None = None

    async def look(self, now_ms: int) -> Overview:
        """How things are. `WorldFault`: the store is away."""
        async with self._lock:
            if self._last is None or not 0 <= now_ms / 1000 - self._last.at < GOOD_SECONDS:
                self._last = await self._look(now_ms)
            return self._last

    async def _look(self, now_ms: int) -> Overview:
        counters, sums = await self._reader.counters(), await self._figures.sums()
        asked = await asyncio.gather(
            _in_time(self._changes()), _in_time(self._lags()), _in_time(self._members()), return_exceptions=True
        )
        changes, behind, members = asked
        trouble = [str(one) for one in asked if isinstance(one, WorldFault)]
        for one in asked:
            if isinstance(one, BaseException) and not isinstance(one, WorldFault):
                raise one
        workers = [] if isinstance(members, BaseException) else [self._worker(member) for member in members]
        today = self._calendar.day(now_ms / 1000)
        return Overview(
            at=now_ms / 1000,
            zone=self._world.settings.day_timezone,
            people=People(**{name: counters[name] for name in _TYPES}),
            traffic=traffic(sums, now_ms),
            changes=[] if isinstance(changes, BaseException) else changes,
            links=links(await self._there(sums), counters["links"], today),
            rejected=rejected(sums),
            lag=[] if isinstance(behind, BaseException) else lag(behind, workers),
            workers=workers,
            segments=await self._segments_of(sums, today),
            trouble=list(dict.fromkeys(trouble)),
        )

    async def segments(self, now_ms: int) -> list[SegmentSeen]:
        """All live segments with their trends, as they are at this moment."""
        return await self._segments_of(await self._figures.sums(), self._calendar.day(now_ms / 1000))

    async def _segments_of(self, sums: Sums, today: int) -> list[SegmentSeen]:
        definitions = await self._definitions.all()
        sizes = await self._segments.sizes(definitions)
        return [
            segment(definition, size, sums.segments.get(definition.name, {}), today)
            for definition, size in zip(definitions, sizes, strict=True)
        ]

    async def _there(self, sums: Sums) -> Sums:
        """Without links of those who are deleted since."""
        ids = dict.fromkeys(profile for link in sums.links for profile in (link.profile, link.guest))
        there = {profile.id for profile in await self._reader.profiles(list(ids))} if ids else set()
        return sums._replace(links=[link for link in sums.links if {link.profile, link.guest} <= there])

    async def _changes(self) -> list[ChangeSeen]:
        records = await self._world.log.newest(self._layout.name(CHANGED), NEWEST_CHANGES)
        return [change(record) for record in records]

    async def _lags(self) -> Mapping[Partition, Behind]:
        return await lags(self._world.log, self._reader, self._layout)

    async def _members(self) -> list[Member]:
        return await members_of(self._world.log, self._world.settings.group)

    def _worker(self, member: Member) -> Worker:
        holds: dict[str, list[int]] = {}
        for topic, partition in member.holds:
            holds.setdefault(self._layout.short(topic), []).append(partition)
        return Worker(member.member, member.client, member.host, holds)


async def _in_time(question: Coroutine[Any, Any, T]) -> T:
    """What Kafka says; it is away if it says nothing for long."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await question
    except TimeoutError:
        raise WorldFault(f"Kafka does not answer within {ANSWER_SECONDS:g} seconds") from None


def traffic(sums: Sums, now_ms: int) -> Traffic:
    """What comes in, up to now."""
    minute, into = divmod(now_ms / 1000, MINUTE_SECONDS)
    minute, hour = int(minute), int(minute) // 60
    # The running minute, and so much of the one before that together they are sixty seconds.
    running, before = sums.minutes.get(minute, 0), sums.minutes.get(minute - 1, 0)
    weighed = running + before * (1 - into / MINUTE_SECONDS)
    return Traffic(
        per_second=round(weighed / MINUTE_SECONDS, 3),
        per_minute=_points(sums.minutes, minute, MINUTES, MINUTE_SECONDS),
        per_hour=_points(sums.hours, hour, HOURS, HOUR_SECONDS),
        last_at=max(sums.minutes) * MINUTE_SECONDS if sums.minutes else None,
    )


def _points(counted: Mapping[int, int], last: int, most: int, seconds: int) -> list[Point]:
    return [Point(n * seconds, counted.get(n, 0)) for n in range(last - most + 1, last + 1)]


def change(record: Any) -> ChangeSeen:
    """A message of `profile-changed` at a glance."""
    at, profile = record.timestamp / 1000, (record.key or b"").decode()
    if record.value is None:
        return ChangeSeen(at, profile, deleted=True)
    said = orjson.loads(record.value)
    name = said.get("profile", {}).get("properties", {}).get("Name")
    return ChangeSeen(
        at,
        profile,
        deleted=False,
        version=said["version"],
        type=said["type"],
        previous_type=said.get("previousType"),
        name=name if isinstance(name, str) else None,
        changed=list(said.get("changed", {})),
    )


def links(sums: Sums, total: int, today: int) -> Links:
    """Links: all, by day, the newest first."""
    days = range(today - DAYS + 1, today + 1)
    newest = [_link(link) for link in reversed(sums.links)]
    return Links(total, [Day(day_text(day), sums.link_days.get(day, 0)) for day in days], newest)


def _link(link: Linked) -> LinkSeen:
    return LinkSeen(link.at / 1000, link.ts, link.profile, link.guest, link.topic, link.partition, link.offset)


def rejected(sums: Sums) -> list[RejectedReason]:
    """Rejections by reason, the most frequent first."""
    return [
        RejectedReason(
            reason, REJECTIONS.get(reason, ""), some.times, some.first / 1000, some.last / 1000,
            [RejectedExample(one.at / 1000, one.topic, one.partition, one.offset) for one in some.examples[::-1]],
        )
        for reason, some in sorted(sums.rejections.items(), key=lambda one: (-one[1].times, one[0]))
    ]  # fmt: skip


def lag(behind: Mapping[Partition, Behind], workers: Sequence[Worker]) -> list[Lag]:
    """How far each partition is done, and who holds it."""
    holders = {(topic, n): one.member for one in workers for topic, numbers in one.holds.items() for n in numbers}
    return [Lag(*tp, *seen, holders.get(tp)) for tp, seen in behind.items()]


def segment(definition: Definition, size: Size, turnover: Mapping[int, Turnover], today: int) -> SegmentSeen:
    """A segment with its trend: from what it has now back over who came and went, a day after the other."""
    today = max([today, *turnover])  # the shard's clock may be ahead
    people, days = size.people, []
    for day in range(today, max(min(turnover, default=today), today - DAYS + 1) - 1, -1):
        entered, left = turnover.get(day, Turnover())
        days.append(SegmentDay(day_text(day), entered, left, people))
        people -= entered - left
    query = to_line(from_object(definition.query)) if definition.query is not None else ""
    return SegmentSeen(definition.name, definition.version, query, size.people, size.filling, days[::-1])


def day_text(day: int) -> str:
    """A day, counted since 1970-01-01, as people write it."""
    return date.fromordinal(EPOCH + day).isoformat()
