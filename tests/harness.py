"""The real pure core with everything around it in dicts: logs, store and topics.

One `Bench` is Kafka, the store and the workers at once. A poll is a generator that stops at every gap between two
effects: dropping it there is a crash, and the next poll of the partition starts from what was stored. Effects and
their order are those of the real stages; fences are not modelled, one poll of a partition runs at a time.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from knownas.adapters.memory import MemoryIndex
from knownas.identity.decide import decide
from knownas.identity.facts import Facts, trimmed
from knownas.identity.plan import Arrival, Known, Plan
from knownas.identity.repeats import Counted, mark
from knownas.nouns import (
    EVENTS,
    Entry,
    Identity,
    LedgerRow,
    Outcome,
    Owner,
    Profile,
    Rejection,
    Resolved,
    murmur2,
    shard_of,
)
from knownas.plain import LogRecord, Setting, Told
from knownas.plain.indexing import Book, Index
from knownas.plain.leaving import told_of
from knownas.profile.fold import Arrived, Fold, Folded, FoldRules
from knownas.profile.fold import read as read_resolved
from knownas.profile.leaving import IDLE_STEP, LEAVING, STEP, Found, Place, is_alone, is_idle_guest, part, wanted
from knownas.profile.parting import Parting
from knownas.profile.time import Calendar
from knownas.records import control
from knownas.records.identities import IdentityRules
from knownas.records.intake import Intake, take_in
from knownas.records.origin import HEADER, unseal

Partition = tuple[str, int]
Poll = Iterator[str]
"""A poll under way; each value names the gap it stands in."""

_profile_of_bytes = msgspec.msgpack.Decoder(Profile).decode
_row_of_bytes = msgspec.json.Decoder(LedgerRow).decode


class Shelf:
    """What the store holds for one partition of stage 1."""

    def __init__(self) -> None:
        self.position = 0
        self.facts: dict[str, Facts] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.origins: dict[str, int] = {}
        self.marks: dict[bytes, list[Counted]] = {}
        self.time = 0


class Message(NamedTuple):
    """A message of a shard as its topic has it."""

    at: int
    value: bytes


class ShardShelf:
    """What the store holds for one shard."""

    def __init__(self) -> None:
        self.position = 0
        self.profiles: dict[str, bytes] = {}
        self.timelines: dict[str, list[Entry]] = {}
        self.overflow: dict[tuple[str, str], dict[str, int]] = {}
        self.leaving: dict[tuple[str, str], dict[str, int]] = {}
        self.watermarks: dict[str, tuple[int, int]] = {}
        self.counters: dict[str, int] = {}
        self.index = MemoryIndex()
        self.outbox: list[Folded] = []


class Bench:
    """Logs, store, topics, and the polls that move records through them."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.rules = IdentityRules(setting.kinds, setting.region)
        self.fold_rules = FoldRules(Calendar(setting.day_timezone), setting.region)
        self.logs: dict[Partition, list[LogRecord]] = {}
        self.shelves: dict[Partition, Shelf] = defaultdict(Shelf)
        self.owners: dict[Identity, Owner] = {}
        self.told: list[Resolved] = []
        self.resolved: list[list[Message]] = [[] for _ in range(setting.shards)]
        self.shards = [ShardShelf() for _ in range(setting.shards)]
        self.ledger: list[LedgerRow] = []
        self.rejected: list[Rejection] = []
        self.published: dict[str, list[dict[str, Any]]] = {}

    def produce(
        self, partition: Partition, value: bytes | None, at: int, key: bytes | None = None, headers: Any = ()
    ) -> int:
        """Append a record to a log; returns its offset."""
        log = self.logs.setdefault(partition, [])
        log.append(LogRecord(len(log), at, key, value, tuple(headers)))
        return len(log) - 1

    def behind(self, partition: Partition) -> int:
        """How many records of a partition of stage 1 are still to be resolved."""
        return len(self.logs.get(partition, ())) - self.shelves[partition].position

    def shard_behind(self, shard: int) -> int:
        """How many messages of a shard are still to be folded, or whether something is still to be published."""
        shelf = self.shards[shard]
        return len(self.resolved[shard]) - shelf.position + len(shelf.outbox)

    def drain(self, size: int = 1000) -> None:
        """Poll without crashes until nothing is left to do."""
        while True:
            partitions = [partition for partition in sorted(self.logs) if self.behind(partition)]
            shards = [shard for shard in range(self.setting.shards) if self.shard_behind(shard)]
            if not partitions and not shards:
                return
            for poll in itertools.chain(
                (self.resolve(partition, size) for partition in partitions),
                (self.materialize(shard, size) for shard in shards),
            ):
                run_through(poll)

    # ------------------------------------------------------------------------------------------------------- stage 1

    def resolve(self, partition: Partition, size: int) -> Poll:
        """One poll of a partition of `events` or `updates`, up to `size` records."""
        shelf = self.shelves[partition]
        first = shelf.position
        chunk = [self._arrival(partition, record) for record in self.logs.get(partition, [])[first : first + size]]
        if not chunk:
            return
        plan = self._decide(partition, chunk)
        yield "loaded"
        while not self._take(plan):
            plan = self._decide(partition, chunk)
            yield "decided again"
        shelf.facts |= {device: trimmed(facts, first) for device, facts in plan.facts.items()}
        shelf.outcomes |= plan.outcomes
        for seen, counted in plan.marks.items():
            earlier = [other for other in shelf.marks.get(seen, []) if other.day != counted.day]
            shelf.marks[seen] = [*earlier, counted]
        yield "committed"
        self.ledger.extend(_row_of_bytes(msgspec.json.encode(row)) for row in plan.rows)
        yield "sent ledger rows"
        yield from self._send(plan)
        shelf.position = first + len(chunk)
        shelf.origins, shelf.time = plan.origins, plan.time
        shelf.outcomes = {offset: outcome for offset, outcome in shelf.outcomes.items() if offset >= shelf.position}

    def _arrival(self, partition: Partition, record: LogRecord) -> Arrival:
        topic, number = partition
        names, value = self.setting.names, record.value or b""
        seals = [header for name, header in record.headers if name == HEADER and header is not None]
        origins = (unseal(names, seal, number, value, topic) for seal in seals)
        origin = next((found for found in origins if found is not None), None)
        at = record.at if origin is None else origin.at
        intake = control.read(value, origin) or take_in(record.value, at, self.rules)
        key = record.key or b""
        home = device = seen = None
        said = intake.record if isinstance(intake, Intake) else None
        speaks = intake.device if isinstance(intake, control.Detach) else said.device if said is not None else None
        if speaks is not None:
            device, key = names.device(speaks), speaks.encode()
            home = murmur2(key) % self.setting.partitions
        if said is not None and said.id is not None:
            seen = mark(names, key, said.id)
        return Arrival(record.offset, at, record.key, record.value, record.headers, intake, device, home, origin, seen)

    def _decide(self, partition: Partition, chunk: list[Arrival]) -> Plan:
        shelf = self.shelves[partition]
        devices = [arrival.device for arrival in chunk if arrival.device is not None]
        identities = [identity for arrival in chunk for identity in _identities(arrival)]
        known = Known(
            {device: shelf.facts.get(device, ()) for device in devices},
            {identity: self.owners.get(identity) for identity in identities},
            {arrival.offset: shelf.outcomes[arrival.offset] for arrival in chunk if arrival.offset in shelf.outcomes},
            dict(shelf.origins),
            {seen: list(counted) for seen, counted in shelf.marks.items()},
            shelf.time,
        )
        return decide(*partition, chunk, known, self.setting.names)

    def _take(self, plan: Plan) -> bool:
        """Write what owners change, in one piece; False if an owner is not what the decisions assumed."""
        if not plan.takes:
            return True
        owners = dict(self.owners)
        for identity, assumed, new in plan.looks:
            if owners.get(identity) != assumed:
                return False
            if new is not None:
                owners[identity] = new
        self.owners = owners
        return True

    def _send(self, plan: Plan) -> Poll:
        for place, sent in enumerate(plan.resolved):
            if place == len(plan.resolved) // 2:
                yield "sent half"
            self._tell(sent.message)
        for moved in plan.moved:
            self.produce((EVENTS, moved.partition), moved.value, moved.at, moved.key, moved.headers)
        self.rejected.extend(plan.rejections)
        yield "sent"

    # ------------------------------------------------------------------------------------------------------- stage 2

    def materialize(self, shard: int, size: int) -> Poll:
        """One poll of a shard, up to `size` messages, or up to the next that is folded alone."""
        shelf = self.shards[shard]
        self._publish(shelf)
        chunk = [
            (_arrived(message), message.value, offset)
            for offset, message in enumerate(
                self.resolved[shard][shelf.position : shelf.position + size], shelf.position
            )
        ]
        if not chunk:
            return
        if is_alone(chunk[0][0]):
            del chunk[1:]
            folded = self._part(shelf, shard, *chunk[0])
        else:
            chunk = list(itertools.takewhile(lambda told: not is_alone(told[0]), chunk))
            loaded = self._load(shelf, [arrived for arrived, _, _ in chunk])
            fold = Fold(*loaded, self.fold_rules, shard, shelf.index.directory())
            for arrived, raw, offset in chunk:
                fold.add(arrived, raw, offset)
            folded = fold.result()
        yield "folded"
        self._commit(shelf, folded, len(chunk))
        yield "committed"
        self._publish(shelf)

    def _part(self, shelf: ShardShelf, shard: int, arrived: Arrived, raw: bytes, offset: int) -> Folded:
        stored = shelf.profiles.get(arrived.profile)
        profile = _profile_of_bytes(stored) if stored is not None else None
        asked = wanted(arrived, profile)
        listed = frozenset(one for one in asked.listed if one.text in shelf.overflow.get((one.profile, one.what), {}))
        leaving = {what: in_place(shelf.leaving.get((arrived.profile, what), {}))[:STEP] for what in LEAVING}
        idle: list[Profile] = []
        if asked.idle_before is not None:
            everybody = map(_profile_of_bytes, shelf.profiles.values())
            guests = [one for one in everybody if is_idle_guest(one) and one.last_seen < asked.idle_before]
            idle = sorted(guests, key=lambda one: (one.last_seen, one.id))[:IDLE_STEP]
        found = Found(listed, leaving, idle)
        place = Place(shard, offset, shelf.watermarks)
        return part(arrived, raw, place, profile, found, self.fold_rules, shelf.index.directory())

    def _load(
        self, shelf: ShardShelf, arrivals: list[Arrived]
    ) -> tuple[dict[str, Profile], dict[str, tuple[int, int]], list[tuple[str, str]]]:
        wanted = {arrived.profile for arrived in arrivals} & shelf.profiles.keys()
        profiles = {profile: _profile_of_bytes(shelf.profiles[profile]) for profile in sorted(wanted)}
        beyond = [
            (arrived.profile, arrived.binds)
            for arrived in arrivals
            if arrived.binds and arrived.binds in shelf.overflow.get((arrived.profile, "devices"), {})
        ]
        return profiles, shelf.watermarks, beyond

    def _commit(self, shelf: ShardShelf, folded: Folded, count: int) -> None:
        shelf.profiles |= {name: msgspec.msgpack.encode(profile) for name, profile in folded.profiles.items()}
        for profile, entries in folded.timelines.items():
            shelf.timelines[profile] = [*shelf.timelines.get(profile, []), *entries][-500:]
        for one in folded.overflow:
            shelf.overflow.setdefault((one.profile, one.what), {})[one.text] = one.place
        self._let_go(shelf, folded.parting)
        shelf.index.write(folded.planes)
        for counter, amount in folded.counters.items():
            shelf.counters[counter] = shelf.counters.get(counter, 0) + amount
        shelf.watermarks = folded.watermarks
        shelf.outbox.append(folded)
        shelf.position += count

    def _let_go(self, shelf: ShardShelf, parting: Parting) -> None:
        for profile in parting.erased:
            shelf.timelines.pop(profile, None)
        for key in parting.departing:
            leaving = shelf.leaving.setdefault(key, {})
            leaving |= {text: max(place, leaving.get(text, 0)) for text, place in shelf.overflow.pop(key, {}).items()}
        for lists, gone in ((shelf.overflow, parting.dropped), (shelf.leaving, parting.swept)):
            for profile, what, text in gone:
                del lists[profile, what][text]
                if not lists[profile, what]:
                    del lists[profile, what]

    def _publish(self, shelf: ShardShelf) -> None:
        for folded in shelf.outbox:
            for profile, change in folded.changes:
                told = {} if change is None else msgspec.json.decode(change)
                self.published.setdefault(profile, []).append(told)
            self.ledger.extend(_row_of_bytes(msgspec.json.encode(row)) for row in folded.rows)
            self.rejected.extend(folded.rejections)
            for asked, origin in folded.controls:
                said = control.write(asked, origin, self.setting.partitions, self.setting.names)
                self.produce((said.topic, said.partition), said.value, said.at, said.key, said.headers)
            for message in folded.told:
                self._tell(message)
        shelf.outbox = []

    def _tell(self, message: Resolved) -> None:
        self.told.append(message)
        shard = shard_of(message.profile, self.setting.shards)
        self.resolved[shard].append(Message(message.at, msgspec.json.encode(message)))

    # -------------------------------------------------------------------------------------------------- what came out

    def messages(self) -> dict[int, list[Told]]:
        """The messages of each shard as the topic has them."""
        return {
            shard: [told_of(offset, message.at, message.value) for offset, message in enumerate(messages)]
            for shard, messages in enumerate(self.resolved)
        }

    def indexes(self) -> list[Index]:
        """The index of each shard."""
        return [
            index_of(shelf.index, {name: _profile_of_bytes(raw) for name, raw in shelf.profiles.items()}, self.setting)
            for shelf in self.shards
        ]

    def profiles(self) -> dict[str, Profile]:
        """All stored profiles."""
        return {name: _profile_of_bytes(raw) for shelf in self.shards for name, raw in shelf.profiles.items()}


def index_of(index: MemoryIndex, profiles: dict[str, Profile], setting: Setting) -> Index:
    """An index as the plain model reads it."""
    directory = index.directory()
    zone = setting.day_timezone
    book = Book(directory.events, directory.properties, directory.codes, directory.oldest, zone, directory.latest)
    numbers = {name: profile.number for name, profile in profiles.items() if not profile.gone}
    return Index(book, index.ids, index.free, directory.next, numbers, index.planes)


def run_through(poll: Poll) -> None:
    """Let a poll go on to its end."""
    for _ in poll:
        pass


def in_place(texts: dict[str, int]) -> list[str]:
    """The texts of a list beyond what a profile shows, in order."""
    return sorted(texts, key=lambda text: (texts[text], text))


def _arrived(message: Message) -> Arrived:
    arrived = read_resolved(message.value)
    if arrived.task != "tick":
        return arrived
    return msgspec.structs.replace(arrived, at=message.at, ts=message.at / 1000)


def _identities(arrival: Arrival) -> Iterable[Identity]:
    if isinstance(arrival.intake, Intake):
        return arrival.intake.named.usable
    return [arrival.intake.identity] if isinstance(arrival.intake, control.Release) else []
