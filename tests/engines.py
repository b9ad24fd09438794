"""Stories run on an engine: the plain model, the real core in memory, or the whole system.

An engine takes the records of a story in order and answers with a `World`. A record stands where its key says it
belongs, or where the story puts it; records of one partition arrive in order, and each is decided before the next
record that stands in another partition.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec

from knownas.nouns import (
    EVENTS,
    RESOLVED,
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
from knownas.plain import LogRecord, Setting, Told
from knownas.plain.leaving import Control, controls_wanted
from knownas.plain.model import Answer, Delivery
from knownas.plain.resolving import Resolver
from knownas.records.origin import HEADER, Origin, seal
from tests.builders import NOON
from tests.harness import Bench, Partition, in_place, run_through


class Sent(NamedTuple):
    """A record of a story: a JSON object or bytes as they are, where it is put if not where it belongs, and whether
    everything before it is done when it is sent."""

    record: dict[str, Any] | bytes | None
    hint: Partition | None = None
    after_a_pause: bool = False


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
        floor = Floor(setting)
        for _, group in in_turn(records, setting):
            for number, sent in group:
                floor.put(place_of(sent, setting), number, value_of(sent), time_of(number))
            floor.settle()
        answer = Answer(floor.resolver.decisions, floor.delivery.shards, [], [], [], [])
        return world_of_answer(answer, setting, floor.numbers)


class Floor:
    """The model with its own copies and control records put back into its logs."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.resolver, self.delivery = setting, Resolver(setting), Delivery(setting)
        self.numbers: dict[Position, int] = {}
        self._lengths: dict[Partition, int] = {}
        self._delivered = 0
        self._asked: set[Position] = set()

    def put(self, partition: Partition, number: int, value: bytes | None, at: int, headers: Any = ()) -> None:
        """One record at the end of a partition; a copy follows at once."""
        offset = self._lengths.get(partition, 0)
        self._lengths[partition] = offset + 1
        self.numbers[Position(*partition, offset)] = number
        copies = len(self.resolver.decisions.copies)
        self.resolver.take(*partition, LogRecord(offset, at, None, value, headers))
        for copy in self.resolver.decisions.copies[copies:]:
            header = seal(self.setting.names, Origin(copy.origin, copy.at), copy.partition, copy.value)
            self.put((EVENTS, copy.partition), number, copy.value, copy.at, ((HEADER, header),))

    def settle(self) -> None:
        """Deliver what was decided, and let stage 1 act on what that asks for, until nothing is left."""
        messages = self.resolver.decisions.messages
        while self._delivered < len(messages):
            new = list(messages.values())[self._delivered :]
            self._delivered = len(messages)
            self.delivery.deliver(new)
            number_what_follows(self.numbers, messages_follow(self.delivery.told))
            wanted = controls_wanted(self.delivery.shards, self.setting)
            for position, control in wanted.items():
                if position not in self._asked:
                    self._asked.add(position)
                    self._ask(position, control)

    def _ask(self, position: Position, control: Control) -> None:
        value, origin = msgspec.json.encode(control.said), Origin(position, control.at)
        header = seal(self.setting.names, origin, control.partition, value, control.topic)
        number = self.numbers[caused_by(position)]
        self.put((control.topic, control.partition), number, value, control.at, ((HEADER, header),))


def in_turn(records: list[Sent], setting: Setting) -> Iterator[tuple[tuple[int, Partition], list[tuple[int, Sent]]]]:
    """The records of a story with their numbers, in groups: those of a partition that follow each other without a
    pause. Everything is done with a group before the next is sent."""
    pauses = itertools.accumulate(sent.after_a_pause for sent in records)
    numbered = zip(pauses, records, itertools.count(1))
    for turn, group in itertools.groupby(numbered, key=lambda one: (one[0], place_of(one[1], setting))):
        yield turn, [(number, sent) for _, sent, number in group]


def caused_by(origin: Position) -> Position:
    """The message of a shard that a control record with this origin follows from."""
    return Position(origin.topic, origin.partition, origin.offset >> 20)


Follows = tuple[Position, Position]
"""A record or message, and what it follows from."""


def number_what_follows(numbers: dict[Position, int], follows: Iterable[Follows]) -> None:
    """Say of everything which record of the story it follows from, be it by way of something else."""
    left = [(here, origin) for here, origin in follows if here not in numbers]
    while left:
        known = {here: numbers[origin] for here, origin in left if origin in numbers}
        assert known, f"nobody knows where {left[0]} comes from"
        numbers |= known
        left = [(here, origin) for here, origin in left if here not in known]


def messages_follow(messages: Mapping[int, Iterable[Told]]) -> Iterator[Follows]:
    """Messages of shards, but ticks, follow from their sources."""
    for shard, some in messages.items():
        for told in some:
            if told.tick_days is None:
                yield Position(RESOLVED, shard, told.offset), Position(*told.source[:3])


class CoreEngine:
    """The real core on a bench, in chunks of at most so many records."""

    def __init__(self, chunk: int) -> None:
        self.chunk = chunk

    def run(self, records: list[Sent], setting: Setting) -> World:
        """Drain the bench whenever the story goes on in another partition."""
        bench = Bench(setting)
        numbers: dict[Position, int] = {}
        for (_, partition), group in in_turn(records, setting):
            for number, sent in group:
                offset = bench.produce(partition, value_of(sent), time_of(number))
                numbers[Position(partition[0], partition[1], offset)] = number
            while bench.behind(partition):
                run_through(bench.resolve(partition, self.chunk))
            bench.drain(self.chunk)
            number_all(numbers, bench)
        return world_of_bench(bench, numbers)


def number_all(numbers: dict[Position, int], bench: Bench) -> None:
    """Say of all that a bench has made of the records of a story which of them it follows from."""
    number_what_follows(numbers, [*_copies_follow(bench), *messages_follow(bench.messages())])


def _copies_follow(bench: Bench) -> Iterator[Follows]:
    for (topic, partition), log in bench.logs.items():
        for record in log:
            for name, header in record.headers:
                if name == HEADER and header is not None:
                    yield Position(topic, partition, record.offset), origin_in(header)


def origin_in(header: bytes) -> Position:
    """What a record with this seal follows from: where it was first found, or the message that caused it."""
    topic, partition, offset, *_ = header.decode().split(":")
    origin = Position(topic, int(partition), int(offset))
    return caused_by(origin) if topic == RESOLVED else origin


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


def world_of_answer(answer: Answer, setting: Setting, numbers: dict[Position, int]) -> World:
    """What the model says."""
    decisions = answer.decisions
    world = World(setting, numbers, decisions.facts, decisions.owners, [*decisions.rows], [*decisions.rejections])
    for shard in answer.shards:
        world.ledger += shard.rows
        world.rejections += shard.rejections
        world.profiles |= shard.profiles
        world.timelines |= shard.timelines
        world.overflow |= {name: in_place(texts) for name, texts in shard.overflow.items()}
        world.published |= shard.published
        _add(world.counters, shard.counters())
    return world


def world_of_bench(bench: Bench, numbers: dict[Position, int]) -> World:
    """What the real core made on the bench."""
    names = bench.setting.names
    world = World(bench.setting, numbers, ledger=bench.ledger, rejections=bench.rejected)
    world.profiles = unnumbered(bench.profiles())
    world.owners = {names.identity(identity): owner for identity, owner in bench.owners.items()}
    for shelf in bench.shelves.values():
        world.facts |= {device: list(facts) for device, facts in shelf.facts.items()}
    for shard in bench.shards:
        world.timelines |= shard.timelines
        world.overflow |= {name: in_place(texts) for name, texts in shard.overflow.items()}
        _add(world.counters, shard.counters)
    for profile, changes in bench.published.items():
        world.published[profile] = {name: changes[-1][name] for name in ("profile", "version", "type") if changes[-1]}
    return world


def _add(counters: dict[str, int], more: dict[str, int]) -> None:
    for counter, amount in more.items():
        counters[counter] = counters.get(counter, 0) + amount


def unnumbered(profiles: Mapping[str, Profile]) -> dict[str, Profile]:
    """Profiles without their numbers in an index, which follow from whoever came before."""
    return {name: msgspec.structs.replace(profile, number=-1) for name, profile in profiles.items()}
