"""Stories run on an engine: the plain model, the real core in memory, or the whole system.

An engine takes the records of a story in order and answers with a `World`. A record stands where its key says it
belongs, or where the story puts it; records of one partition arrive in order, and each is decided before the next
record that stands in another partition.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple, Protocol

import msgspec

from knownas.nouns import (
    EVENTS,
    UPDATES,
    Entry,
    Fact,
    Identity,
    LedgerRow,
    Owner,
    Position,
    Profile,
    Rejection,
    murmur2,
)
from knownas.plain import LogRecord, Setting, Shard
from knownas.plain.model import Answer, in_order_of_decision
from knownas.plain.resolving import Resolver
from knownas.records.origin import HEADER, Origin, seal
from tests.builders import NOON
from tests.harness import Bench, Partition, run_through


class Sent(NamedTuple):
    """A record of a story: a JSON object or bytes as they are, and where it is put if not where it belongs."""

    record: dict[str, Any] | bytes | None
    hint: Partition | None = None


@dataclass
class World:
    """What came of a story. `numbers` says which record of the story, counted from 1, stands at a position."""

    setting: Setting
    numbers: dict[Position, int]
    facts: dict[str, list[Fact]] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    ledger: list[LedgerRow] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    profiles: dict[str, Profile] = field(default_factory=dict)
    timelines: dict[str, list[Entry]] = field(default_factory=dict)
    overflow: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    published: dict[str, dict[str, Any]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)

    def of_device(self, device: str) -> Profile | None:
        """The profile that a device speaks for now."""
        facts = self.facts.get(self.setting.names.device(device))
        return self.profiles.get(facts[-1].profile) if facts else None

    def of_identity(self, kind: str, value: str) -> Profile | None:
        """The profile that owns an identity."""
        owner = self.owners.get(self.setting.names.identity(Identity(kind, value)))
        return self.profiles.get(owner.profile) if owner else None


class Engine(Protocol):
    """Anything that can run a story."""

    def run(self, records: list[Sent], setting: Setting) -> World:
        """Run a story from nothing to its end."""
        ...


class PlainEngine:
    """The plain model."""

    def run(self, records: list[Sent], setting: Setting) -> World:
        """Feed the model record by record."""
        resolver = Resolver(setting)
        lengths: dict[Partition, int] = {}
        numbers: dict[Position, int] = {}

        def put(partition: Partition, number: int, value: bytes | None, at: int, headers: Any = ()) -> None:
            offset = lengths.get(partition, 0)
            lengths[partition] = offset + 1
            numbers[Position(*partition, offset)] = number
            resolver.take(*partition, LogRecord(offset, at, None, value, headers))

        for number, sent in enumerate(records, 1):
            copies = len(resolver.decisions.copies)
            put(place_of(sent, setting), number, value_of(sent), time_of(number))
            for copy in resolver.decisions.copies[copies:]:
                header = seal(setting.names, Origin(copy.origin, copy.at), copy.partition, copy.value)
                put((EVENTS, copy.partition), number, copy.value, copy.at, ((HEADER, header),))
        return world_of_answer(_folded(resolver, setting), setting, numbers)


class CoreEngine:
    """The real core on a bench, in chunks of at most so many records."""

    def __init__(self, chunk: int) -> None:
        self.chunk = chunk

    def run(self, records: list[Sent], setting: Setting) -> World:
        """Drain the bench whenever the story goes on in another partition."""
        bench = Bench(setting)
        numbers: dict[Position, int] = {}
        numbered = [(place_of(sent, setting), number, sent) for number, sent in enumerate(records, 1)]
        for partition, group in groupby(numbered, key=lambda one: one[0]):
            for _, number, sent in group:
                offset = bench.produce(partition, value_of(sent), time_of(number))
                numbers[Position(partition[0], partition[1], offset)] = number
            while bench.behind(partition):
                run_through(bench.resolve(partition, self.chunk))
            self._number_copies(bench, numbers)
            bench.drain(self.chunk)
        return world_of_bench(bench, numbers)

    def _number_copies(self, bench: Bench, numbers: dict[Position, int]) -> None:
        for (topic, partition), log in bench.logs.items():
            for record in log:
                for name, header in record.headers:
                    if name == HEADER and header is not None:
                        origin_topic, origin_partition, origin_offset, *_ = header.decode().split(":")
                        origin = Position(origin_topic, int(origin_partition), int(origin_offset))
                        numbers.setdefault(Position(topic, partition, record.offset), numbers[origin])


def value_of(sent: Sent) -> bytes | None:
    """The bytes of a record."""
    return msgspec.json.encode(sent.record) if isinstance(sent.record, dict) else sent.record


def time_of(number: int) -> int:
    """The Kafka time of a story's record: one comes each second."""
    return (NOON + number) * 1000


def place_of(sent: Sent, setting: Setting) -> Partition:
    """Where a record is put: where the story says, else where it belongs."""
    if sent.hint is not None:
        return sent.hint
    record = sent.record if isinstance(sent.record, dict) else {}
    device, identities = record.get("device"), record.get("identities")
    if isinstance(device, str):
        return EVENTS, murmur2(device.encode()) % setting.partitions
    if isinstance(identities, dict) and identities:
        kind, value = next(iter(identities.items()))
        return UPDATES, murmur2(f"{kind}:{value}".encode()) % setting.partitions
    return UPDATES, 0


def _folded(resolver: Resolver, setting: Setting) -> Answer:
    shards = [Shard() for _ in range(setting.shards)]
    for number, sources in in_order_of_decision(resolver.decisions, setting.shards).items():
        for source in sources:
            shards[number].take(resolver.decisions.messages[source])
    return Answer(resolver.decisions, shards, [], [])


def world_of_answer(answer: Answer, setting: Setting, numbers: dict[Position, int]) -> World:
    """What the model says."""
    decisions = answer.decisions
    world = World(setting, numbers, decisions.facts, decisions.owners, [*decisions.rows], [*decisions.rejections])
    for shard in answer.shards:
        world.ledger += shard.rows
        world.rejections += shard.rejections
        world.profiles |= shard.profiles
        world.timelines |= shard.timelines
        world.overflow |= shard.overflow
        world.published |= shard.published
        _add(world.counters, shard.counters())
    return world


def world_of_bench(bench: Bench, numbers: dict[Position, int]) -> World:
    """What the real core made on the bench."""
    names = bench.setting.names
    world = World(bench.setting, numbers, ledger=bench.ledger, rejections=bench.rejected, profiles=bench.profiles())
    world.owners = {names.identity(identity): owner for identity, owner in bench.owners.items()}
    for shelf in bench.shelves.values():
        world.facts |= {device: list(facts) for device, facts in shelf.facts.items()}
    for shard in bench.shards:
        world.timelines |= shard.timelines
        world.overflow |= {name: _in_place(texts) for name, texts in shard.overflow.items()}
        _add(world.counters, shard.counters)
    for profile, changes in bench.published.items():
        world.published[profile] = {name: changes[-1][name] for name in ("profile", "version", "type")}
    return world


def _in_place(texts: dict[int, str]) -> list[str]:
    assert sorted(texts) == list(range(100, 100 + len(texts))), "places beyond the first hundred have no gap"
    return [texts[place] for place in sorted(texts)]


def _add(counters: dict[str, int], more: dict[str, int]) -> None:
    for counter, amount in more.items():
        counters[counter] = counters.get(counter, 0) + amount
