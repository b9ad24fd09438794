"""The real pure core with everything around it in dicts: logs, store and topics.

One `Bench` is Kafka, the store and the workers at once. A poll is a generator that stops at every gap between two
effects: dropping it there is a crash, and the next poll of the partition starts from what was stored. Effects and
their order are those of the real stages; fences are not modelled, one poll of a partition runs at a time.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import msgspec

from knownas.identity.decide import Arrival, Claim, Known, Plan, decide
from knownas.identity.facts import Facts, trimmed
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
    Source,
    murmur2,
    shard_of,
)
from knownas.plain import LogRecord, Setting
from knownas.profile.fold import Arrived, Fold, Folded
from knownas.profile.fold import read as read_resolved
from knownas.records.identities import IdentityRules
from knownas.records.intake import Flaw, take_in
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


class Outgoing(NamedTuple):
    """What one commit of stage 2 has to send."""

    changes: list[tuple[str, bytes]]
    rows: list[LedgerRow]
    rejections: list[Rejection]


class ShardShelf:
    """What the store holds for one shard."""

    def __init__(self) -> None:
        self.position = 0
        self.profiles: dict[str, bytes] = {}
        self.timelines: dict[str, list[Entry]] = {}
        self.overflow: dict[tuple[str, str], dict[int, str]] = {}
        self.watermarks: dict[str, tuple[int, int]] = {}
        self.counters: dict[str, int] = {}
        self.outbox: list[Outgoing] = []


class Bench:
    """Logs, store, topics, and the polls that move records through them."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.rules = IdentityRules(setting.kinds, setting.region)
        self.logs: dict[Partition, list[LogRecord]] = {}
        self.shelves: dict[Partition, Shelf] = defaultdict(Shelf)
        self.owners: dict[Identity, Owner] = {}
        self.told: list[Resolved] = []
        self.resolved: list[list[bytes]] = [[] for _ in range(setting.shards)]
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
        while (yield from self._claim(plan.claims)):
            plan = self._decide(partition, chunk)
            yield "decided again"
        shelf.facts |= {device: trimmed(facts, first) for device, facts in plan.facts.items()}
        shelf.outcomes |= plan.outcomes
        yield "committed"
        self.ledger.extend(_row_of_bytes(msgspec.json.encode(row)) for row in plan.rows)
        yield "sent ledger rows"
        yield from self._send(plan)
        shelf.position = first + len(chunk)
        shelf.origins = plan.origins
        shelf.outcomes = {offset: outcome for offset, outcome in shelf.outcomes.items() if offset >= shelf.position}

    def _arrival(self, partition: Partition, record: LogRecord) -> Arrival:
        topic, number = partition
        value, origin = record.value or b"", None
        if topic == EVENTS:
            seals = [header for name, header in record.headers if name == HEADER and header is not None]
            origins = (unseal(self.setting.names, seal, number, value) for seal in seals)
            origin = next((found for found in origins if found is not None), None)
        at = record.at if origin is None else origin.at
        intake = take_in(record.value, at, self.rules)
        home = device = None
        if not isinstance(intake, Flaw) and intake.record.device is not None:
            device = self.setting.names.device(intake.record.device)
            home = murmur2(intake.record.device.encode()) % self.setting.partitions
        return Arrival(record.offset, at, record.key, record.value, record.headers, intake, device, home, origin)

    def _decide(self, partition: Partition, chunk: list[Arrival]) -> Plan:
        shelf = self.shelves[partition]
        intakes = [arrival.intake for arrival in chunk if not isinstance(arrival.intake, Flaw)]
        devices = [self.setting.names.device(intake.record.device) for intake in intakes if intake.record.device]
        identities = [identity for intake in intakes for identity in intake.named.usable]
        known = Known(
            {device: shelf.facts.get(device, ()) for device in devices},
            {identity: self.owners.get(identity) for identity in identities},
            {arrival.offset: shelf.outcomes[arrival.offset] for arrival in chunk if arrival.offset in shelf.outcomes},
            dict(shelf.origins),
        )
        return decide(*partition, chunk, known, self.setting.names)

    def _claim(self, claims: list[Claim]) -> Generator[str, None, bool]:
        """Claim record by record; returns whether one did not find what its decision assumed."""
        for claim in claims:
            if any(self.owners.get(identity) != assumed for identity, assumed, _ in claim.identities):
                return True
            self.owners |= {identity: new for identity, _, new in claim.identities if new is not None}
            yield "claimed"
        return False

    def _send(self, plan: Plan) -> Poll:
        for place, sent in enumerate(plan.resolved):
            if place == len(plan.resolved) // 2:
                yield "sent half"
            shard = shard_of(sent.message.profile, self.setting.shards)
            self.told.append(sent.message)
            self.resolved[shard].append(msgspec.json.encode(sent.message))
        for moved in plan.moved:
            self.produce((EVENTS, moved.partition), moved.value, moved.at, moved.key, moved.headers)
        self.rejected.extend(plan.rejections)
        yield "sent"

    # ------------------------------------------------------------------------------------------------------- stage 2

    def materialize(self, shard: int, size: int) -> Poll:
        """One poll of a shard, up to `size` messages."""
        shelf = self.shards[shard]
        self._publish(shelf)
        chunk = self.resolved[shard][shelf.position : shelf.position + size]
        if not chunk:
            return
        arrivals = [(read_resolved(raw), raw) for raw in chunk]
        fold = Fold(*self._load(shelf, [arrived for arrived, _ in arrivals]))
        for arrived, raw in arrivals:
            fold.add(arrived, raw)
        yield "folded"
        self._commit(shelf, fold.result(), len(chunk))
        yield "committed"
        self._publish(shelf)

    def _load(
        self, shelf: ShardShelf, arrivals: list[Arrived]
    ) -> tuple[dict[str, Profile], dict[str, tuple[int, int]], list[tuple[str, str]]]:
        wanted = {arrived.profile for arrived in arrivals} & shelf.profiles.keys()
        profiles = {profile: _profile_of_bytes(shelf.profiles[profile]) for profile in sorted(wanted)}
        beyond = [
            (arrived.profile, arrived.binds)
            for arrived in arrivals
            if arrived.binds and arrived.binds in shelf.overflow.get((arrived.profile, "devices"), {}).values()
        ]
        return profiles, shelf.watermarks, beyond

    def _commit(self, shelf: ShardShelf, folded: Folded, count: int) -> None:
        shelf.profiles |= {name: msgspec.msgpack.encode(profile) for name, profile in folded.profiles.items()}
        for profile, entries in folded.timelines.items():
            shelf.timelines[profile] = [*shelf.timelines.get(profile, []), *entries][-500:]
        for one in folded.overflow:
            shelf.overflow.setdefault((one.profile, one.what), {})[one.place] = one.text
        for counter, amount in folded.counters.items():
            shelf.counters[counter] = shelf.counters.get(counter, 0) + amount
        shelf.watermarks = folded.watermarks
        shelf.outbox.append(Outgoing(folded.changes, folded.rows, folded.rejections))
        shelf.position += count

    def _publish(self, shelf: ShardShelf) -> None:
        for outgoing in shelf.outbox:
            for profile, change in outgoing.changes:
                self.published.setdefault(profile, []).append(msgspec.json.decode(change))
            self.ledger.extend(_row_of_bytes(msgspec.json.encode(row)) for row in outgoing.rows)
            self.rejected.extend(outgoing.rejections)
        shelf.outbox = []

    # -------------------------------------------------------------------------------------------------- what came out

    def messages(self) -> dict[int, list[Source]]:
        """The sources of the messages of each shard, in the order of the topic."""
        return {shard: [read_resolved(raw).source for raw in raws] for shard, raws in enumerate(self.resolved)}

    def profiles(self) -> dict[str, Profile]:
        """All stored profiles."""
        return {name: _profile_of_bytes(raw) for shelf in self.shards for name, raw in shelf.profiles.items()}


def run_through(poll: Poll) -> None:
    """Let a poll go on to its end."""
    for _ in poll:
        pass
