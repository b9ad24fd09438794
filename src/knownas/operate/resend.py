"""Rejected records sent once more, after what was wrong with them was mended. Nothing is counted twice.

A record is sent with an `id`, so that a second time it is a duplicate: its own, or, where it has none or stage 1 has
counted that already, one made of its position. Where it says no `ts` it gets the time at which it first came to Kafka.
Headers are those it came with. What was sent again is noted in the store for as long as `rejected` keeps records, and
left out the next time. What was a `duplicate` counts already, and of a `suppressed` one nothing is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, NamedTuple

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.redis import Link
from knownas.nouns import Names, Position, murmur2
from knownas.operate.inquiry import origin_of
from knownas.operate.rejects import Rejected
from knownas.records.destination import destination
from knownas.records.identities import IdentityRules
from knownas.records.intake import Flaw, take_in
from knownas.records.origin import HEADER
from knownas.stages.ports import Message, Partition
from knownas.topics import Layout

KEPT_MS: Final = 15 * 86_400_000
"""A day longer than `rejected` keeps records."""
_SECOND_STAGE: Final = frozenset({"unknown_profile", "deleted", "not_identified", "not_held"})
"""Records that stage 1 had passed on, and their ids with them."""
_NEVER: Final = {
    "duplicate": "it was counted the first time it came",
    "suppressed": "nothing of it is kept",
}

_read_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NULL: Final = msgspec.Raw(b"null")
_encode: Final = msgspec.json.Encoder().encode


class Came(NamedTuple):
    """How a record first came to Kafka: when, in milliseconds, and its headers."""

    at: int
    headers: Sequence[tuple[str, bytes | None]]


class Again(NamedTuple):
    """A record that is to be sent again, and where to."""

    position: Position
    target: Partition
    message: Message


class Left(NamedTuple):
    """A record that is left out, and why."""

    position: Position
    why: str


async def how_it_came(log: KafkaLog, layout: Layout, names: Names, some: Iterable[Rejected]) -> dict[Position, Came]:
    """How records came, where Kafka still has them; of the others `rejected` says when at the latest."""
    found: dict[Position, Came] = {one.position: Came(one.at, ()) for one in some}
    wanted: dict[Partition, set[int]] = {}
    for topic, partition, offset in found:
        wanted.setdefault((topic, partition), set()).add(offset)
    for (topic, partition), offsets in wanted.items():
        reading = log.read(layout.name(topic), partitions=[partition], begin={partition: min(offsets)})
        async with aclosing(reading):
            async for record in reading:
                if record.offset in offsets:
                    found[Position(topic, partition, record.offset)] = _came(names, record, topic, partition)
                if record.offset >= max(offsets):
                    break
    return found


def _came(names: Names, record: Any, topic: str, partition: int) -> Came:
    origin = origin_of(names, record, topic, partition)
    at = origin.at if origin is not None else max(record.timestamp, 0)
    return Came(at, [header for header in record.headers if header[0] != HEADER])


class Mender(NamedTuple):
    """What a record is judged by before it is sent again."""

    rules: IdentityRules
    layout: Layout
    now_ms: int

    def again(self, one: Rejected, edited: bytes | None, came: Came) -> Again | Left:
        """The message that a rejected record, or what was put in its place, is sent as; or why it is left out."""
        if edited is None and one.reason in _NEVER:
            return Left(one.position, _NEVER[one.reason])
        if edited is None and one.truncated is not None:
            return Left(one.position, f"only the beginning of its {one.truncated:,} bytes is kept")
        value = one.value if edited is None else edited
        if value is None:
            return Left(one.position, "it has no value")
        intake = take_in(with_id(value, one, came.at), self.now_ms, self.rules)
        if isinstance(intake, Flaw):
            return _rejected_again(one, intake)
        where = destination(intake)
        if isinstance(where, Flaw):
            return _rejected_again(one, where)
        topic, key = where
        target = self.layout.name(topic), murmur2(key) % self.layout.partitions
        return Again(one.position, target, Message(key, intake.raw, came.headers))


def _rejected_again(one: Rejected, flaw: Flaw) -> Left:
    return Left(one.position, f"it would be rejected again: {flaw.reason}: {flaw.detail}")


def with_id(value: bytes, one: Rejected, at_ms: int) -> bytes:
    """A record with an id and a time of its own; what is no object stays as it is."""
    try:
        members = _read_members(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return value
    if members.get("id", _NULL) == _NULL or one.reason in _SECOND_STAGE:
        members["id"] = msgspec.Raw(_encode("again:{}/{}/{}".format(*one.position)))
    if members.get("ts", _NULL) == _NULL:
        members["ts"] = msgspec.Raw(_encode(at_ms / 1000))
    return _encode(members)


class Resent:
    """Which records were sent again."""

    def __init__(self, link: Link, keys: k.Keys) -> None:
        self._link, self._key = link, keys.resent

    async def of(self, positions: Sequence[Position]) -> set[Position]:
        """Those of these that were."""
        commands = [("ZSCORE", self._key, _member(position)) for position in positions]
        answers = await self._link.run(commands) if commands else []
        return {position for position, answer in zip(positions, answers, strict=True) if answer is not None}

    async def note(self, positions: Sequence[Position], now_ms: int) -> None:
        """These were."""
        scored = [item for position in positions for item in (now_ms, _member(position))]
        await self._link.run([
            ("ZADD", self._key, *scored), ("ZREMRANGEBYSCORE", self._key, "-inf", now_ms - KEPT_MS)
        ])  # fmt: skip


def _member(position: Position) -> str:
    return "{}/{}/{}".format(*position)


def batches(some: Sequence[Again]) -> Mapping[Partition, list[Message]]:
    """Messages by where they go."""
    found: dict[Partition, list[Message]] = {}
    for one in some:
        found.setdefault(one.target, []).append(one.message)
    return found
