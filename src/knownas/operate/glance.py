"""The shapes of an overview (`overview.py`): what an operator sees at a glance, as JSON with names in camel case."""

from __future__ import annotations

import msgspec


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """Part of an overview: JSON with names in camel case."""


class People(Shape, frozen=True):
    """Profiles by type, former guests of people apart; `gray`: events that count for nobody, being a former guest's."""

    anonymous: int
    addressable: int
    customer: int
    orphans: int
    gray: int


class Point(Shape, frozen=True):
    """Records that were folded in the minute or hour that begins `at` (seconds since 1970), by their Kafka time."""

    at: int
    records: int


class Traffic(Shape, frozen=True):
    """What comes in. `per_second` is that of the last minute, the running one weighed in; the lists are gapless, the
    oldest first, and end with the running minute or hour. `last_at` is the newest minute in which anything came."""

    per_second: float
    per_minute: list[Point]
    per_hour: list[Point]
    last_at: int | None


class ChangeSeen(Shape, frozen=True):
    """A message of `profile-changed`; `at` is when Kafka took it. `name` is the person's, where there is one; `changed`
    names what changed; a deletion has neither."""

    at: float
    profile: str
    deleted: bool
    version: int | None = None
    type: str | None = None
    previous_type: str | None = None
    name: str | None = None
    changed: list[str] = []


class LinkSeen(Shape, frozen=True):
    """A guest turned out to be a person: when its record came to Kafka, and which record said so."""

    at: float
    ts: float
    profile: str
    guest: str
    topic: str
    partition: int
    offset: int


class Day(Shape, frozen=True):
    """How often something happened on a day (YYYY-MM-DD) of the overview's `zone`."""

    day: str
    count: int


class Links(Shape, frozen=True):
    """Guests that turned out to be people: all of them, by day (gapless, the oldest first), the newest."""

    total: int
    per_day: list[Day]
    newest: list[LinkSeen]


class RejectedExample(Shape, frozen=True):
    """A record that was rejected: where it stands, when it came to Kafka. Its bytes are asked for by this position."""

    at: float
    topic: str
    partition: int
    offset: int


class RejectedReason(Shape, frozen=True):
    """What was rejected for one reason, since counting began; the newest examples first."""

    reason: str
    sentence: str
    count: int
    first: float
    last: float
    examples: list[RejectedExample]


class Lag(Shape, frozen=True):
    """How far a partition is done, how long it is, and who works on it; `topic` is the short name."""

    topic: str
    partition: int
    position: int
    end: int
    behind: int
    worker: str | None


class Worker(Shape, frozen=True):
    """A member of the group: its name in Kafka, the name it gives itself, where it connects from, the partitions it
    holds by short topic name."""

    member: str
    client: str
    host: str
    holds: dict[str, list[int]]


class SegmentDay(Shape, frozen=True):
    """Of a segment on a day: who came, who went, how many there were at its end (today: now)."""

    day: str
    entered: int
    left: int
    people: int


class SegmentSeen(Shape, frozen=True):
    """A live segment: its size now, and day by day since it is counted (gapless, the oldest first). `filling`: how many
    shards have not judged everybody by it yet."""

    name: str
    version: int
    query: str
    people: int
    filling: int
    days: list[SegmentDay]


class Overview(Shape, frozen=True):
    """All of it, as of `at` (seconds since 1970); days are those of `zone`. `trouble` says what could not be had."""

    at: float
    zone: str
    people: People
    traffic: Traffic
    changes: list[ChangeSeen]
    links: Links
    rejected: list[RejectedReason]
    lag: list[Lag]
    workers: list[Worker]
    segments: list[SegmentSeen]
    trouble: list[str]
