"""Stage 1: whose is each record? The order of effects of one poll, straight down the page.

Load facts, owners, positions and tokens; decide; commit claims, facts, outcomes and the position the chunk starts at;
send the ledger rows and wait; send everything else and wait. The position moves past a chunk with the next chunk's
commit, or when idle. A crash anywhere repeats the chunk, and the same decisions are made.

Claims and releases are seen by other partitions, so they are committed in one piece with what was decided beside them,
and only if all of it still holds: nobody ever acts on a claim whose record may yet be decided otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from knownas.errors import WorldFault
from knownas.identity.decide import decide
from knownas.identity.plan import Arrival, Known, Plan
from knownas.identity.repeats import mark
from knownas.identity.rules import Owners
from knownas.nouns import EVENTS, LEDGER, REJECTED, RESOLVED, Identity, LedgerRow, Names, Rejection, murmur2, shard_of
from knownas.records import control
from knownas.records.identities import IdentityRules
from knownas.records.intake import Intake, take_in
from knownas.records.origin import HEADER, Origin, unseal
from knownas.stages.hold import SourceHold
from knownas.stages.patience import Patience
from knownas.stages.poll import carry
from knownas.stages.ports import (
    Chunk,
    Committed,
    Gap,
    Message,
    Meter,
    Outlet,
    Partition,
    Refusal,
    SourceStore,
    Wanted,
    no_gap,
)
from knownas.topics import Layout

REMEMBERED: Final = 200_000
"""How many devices' and profiles' hashes a worker remembers."""

LONGEST_VALUE: Final = 900_000
LONGEST_KEY: Final = 1_000
"""Of a rejected record, in bytes: a broker takes messages of 1 MiB by default."""

encode: Final = msgspec.json.Encoder().encode

Outbound = dict[Partition, list[Message]]


class Places:
    """Where devices and profiles belong, remembered: hashing a key costs more than all else about a known device."""

    def __init__(self, names: Names, layout: Layout) -> None:
        self._names, self._layout = names, layout
        self._devices: dict[str, tuple[str, int]] = {}
        self._shards: dict[str, int] = {}

    def device(self, device: str) -> tuple[str, int]:
        """A device's hashed name and its partition of `events`."""
        found = self._devices.get(device)
        if found is None:
            if len(self._devices) >= REMEMBERED:
                self._devices.clear()
            found = self._names.device(device), murmur2(device.encode()) % self._layout.partitions
            self._devices[device] = found
        return found

    def shard(self, profile: str) -> int:
        """The shard a profile lives in."""
        found = self._shards.get(profile)
        if found is None:
            if len(self._shards) >= REMEMBERED:
                self._shards.clear()
            found = self._shards[profile] = shard_of(profile, self._layout.shards)
        return found


class Work:
    """One chunk on its way through the stage."""

    def __init__(self, chunk: Chunk, arrivals: list[Arrival], wanted: Wanted) -> None:
        self.hold: SourceHold = chunk.hold
        self.next_offset = chunk.next_offset
        self.arrivals = arrivals
        self.wanted = wanted
        self.known: Known
        self.plan: Plan

    def decide(self, owners: Owners, names: Names) -> None:
        """Decide the chunk with the owners known now."""
        known = self.known._replace(owners=owners)
        self.plan = decide(self.hold.topic, self.hold.partition, self.arrivals, known, names)


class Resolve:
    """Stage 1 of a worker."""

    def __init__(
        self,
        store: SourceStore,
        outlet: Outlet,
        names: Names,
        rules: IdentityRules,
        layout: Layout,
        meter: Meter,
        refused: Refusal,
        gap: Gap = no_gap,
    ) -> None:
        self._store, self._outlet, self._names, self._rules, self._layout = store, outlet, names, rules, layout
        self._meter, self._refused, self._gap = meter, refused, gap
        self._places = Places(names, layout)
        self.patience = Patience("resolve")

    async def poll(self, chunks: Sequence[Chunk]) -> None:
        """Take all chunks of one poll through the stage; returns when everything is sent or nothing is ours."""
        works = [work for chunk in chunks if (work := self._read(chunk)) is not None]
        await carry(works, self._attempt, self.patience, self._refused)

    async def _attempt(self, works: list[Work]) -> None:
        works = await self._load(works)
        await self._gap("resolve.loaded")
        works = await self._commit(works)
        await self._gap("resolve.committed")
        ledger: Outbound = {}
        for work in works:
            self._add_rows(ledger, work.plan.rows, work.hold.partition)
        await self._outlet.send(ledger)
        await self._gap("resolve.ledger_sent")
        await self._outlet.send(self._outgoing(works))
        await self._gap("resolve.sent")
        for work in works:
            self._finish(work)

    async def _load(self, works: list[Work]) -> list[Work]:
        loaded = await self._store.load([work.wanted for work in works])
        for work, known in zip(works, loaded, strict=True):
            if known is None:
                work.hold.drop()
            else:
                work.known = known
        alive = [work for work in works if work.hold.alive]
        if alive:
            self._decide(alive, alive[0].known.owners)
        return alive

    def _decide(self, works: Sequence[Work], owners: Owners) -> None:
        """Decide chunk after chunk, each knowing what those before it are about to claim."""
        for work in works:
            work.decide(owners, self._names)
            owners = work.plan.owners

    async def _commit(self, works: list[Work]) -> list[Work]:
        """Commit what was decided. If another worker was faster with a claim, everything is decided again with the
        owners as they are now."""
        while works:
            held, written = await self._store_all(works)
            for work, ok in zip(works, held, strict=True):
                if not ok:
                    self._meter.count("refused_commits")
                    work.hold.drop()
            works = [work for work in works if work.hold.alive]
            if written:
                break
            if all(held):
                self._meter.count("claims_lost")
            await self._gap("resolve.claim_lost")
            identities = {identity for work in works for identity in work.wanted.identities}
            self._decide(works, await self._store.owners(identities) if identities else {})
        return works

    async def _store_all(self, works: Sequence[Work]) -> Committed:
        """Commit. Where no answer comes nobody knows whether outcomes were stored that a replay must take, so these
        partitions are taken anew."""
        try:
            return await self._store.commit([(work.hold, work.plan, work.next_offset) for work in works])
        except WorldFault:
            for work in works:
                work.hold.drop()
            raise

    def _finish(self, work: Work) -> None:
        hold, plan = work.hold, work.plan
        hold.done, hold.origins, hold.time = work.next_offset, plan.origins, plan.time
        hold.outcomes = {offset: o for offset, o in hold.outcomes.items() if offset >= work.next_offset}
        self._meter.count("resolved", len(plan.resolved))
        self._meter.count("moved", len(plan.moved))
        self._meter.count("repeats", plan.repeats)
        for rejection in plan.rejections:
            self._meter.count("rejected", 1, rejection.reason)

    # -- reading and writing Kafka records

    def _read(self, chunk: Chunk) -> Work | None:
        hold: SourceHold = chunk.hold
        if not hold.alive:
            return None
        arrivals: list[Arrival] = []
        devices: set[str] = set()
        identities: set[Identity] = set()
        marks: set[bytes] = set()
        for record in chunk.records:
            if record.offset < hold.done:
                continue
            arrival = self._arrival(hold, record)
            arrivals.append(arrival)
            if arrival.home == hold.partition and arrival.device is not None:
                devices.add(arrival.device)
            intake = arrival.intake
            if isinstance(intake, Intake):
                identities.update(intake.named.usable)
                if arrival.mark is not None:
                    marks.add(arrival.mark)
            elif isinstance(intake, control.Release):
                identities.add(intake.identity)
        return Work(chunk, arrivals, Wanted(hold, devices, identities, marks)) if arrivals else None

    def _arrival(self, hold: SourceHold, record: Any) -> Arrival:
        value, at, headers, key = record.value, max(record.timestamp, 0), record.headers, record.key
        origin: Origin | None = None
        if headers and value is not None:
            for name, sealed in headers:
                if name != HEADER or sealed is None:
                    continue
                if (origin := unseal(self._names, sealed, hold.partition, value, hold.topic)) is not None:
                    at, headers = origin.at, [header for header in headers if header[0] != HEADER]
                    break
        asked = control.read(value, origin) if origin is not None else None
        if asked is not None:
            device, home = self._places.device(asked.device) if isinstance(asked, control.Detach) else (None, None)
            return Arrival(record.offset, at, key, value, headers, asked, device, home, origin)
        intake = take_in(value, at, self._rules, _size(key, headers))
        device = home = seen = None
        if isinstance(intake, Intake):
            said = intake.record
            if said.device is not None:
                device, home = self._places.device(said.device)
            if said.id is not None:
                seen = mark(self._names, (key or b"") if said.device is None else said.device.encode(), said.id)
        return Arrival(record.offset, at, key, value, headers, intake, device, home, origin, seen)

    def _outgoing(self, works: Sequence[Work]) -> Outbound:
        batches: Outbound = {}
        resolved, shard_of_profile = self._layout.name(RESOLVED), self._places.shard
        for work in works:
            for message, headers in work.plan.resolved:
                target = (resolved, shard_of_profile(message.profile))
                batch = batches.get(target)
                if batch is None:
                    batch = batches[target] = []
                batch.append(Message(message.profile.encode(), encode(message), headers, message.at))
            for rejection in work.plan.rejections:
                target = (self._layout.name(REJECTED), work.hold.partition)
                batches.setdefault(target, []).append(rejected(rejection, self._layout))
            for moved in work.plan.moved:
                target = (self._layout.name(EVENTS), moved.partition)
                batches.setdefault(target, []).append(Message(moved.key, moved.value, moved.headers, moved.at))
        return batches

    def _add_rows(self, batches: Outbound, rows: Sequence[LedgerRow], partition: int) -> None:
        if rows:
            target = (self._layout.name(LEDGER), partition)
            batches.setdefault(target, []).extend(map(ledger_message, rows))


def _size(key: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> int:
    return len(key or b"") + sum(len(name) + len(value or b"") for name, value in headers)


def ledger_message(row: LedgerRow) -> Message:
    """A ledger row as it is sent: JSON, keyed by what it is about."""
    about = row.device or (row.identity and row.identity[1]) or row.profile
    return Message(about.encode(), encode(row), (), row.at)


def rejected(rejection: Rejection, layout: Layout) -> Message:
    """A rejected record as it is sent: the bytes as they came, the reason in the headers.

    What is larger than a message may be is cut, with its size in the header `truncated`; a key that long is left out.
    """
    position = rejection.position
    headers = [
        ("reason", rejection.reason.encode()),
        ("detail", rejection.detail.encode("utf-8", "backslashreplace")[:1000]),
        ("topic", layout.name(position.topic).encode()),
        ("partition", b"%d" % position.partition),
        ("offset", b"%d" % position.offset),
        ("source", (rejection.key or b"")[:LONGEST_KEY]),
    ]
    if rejection.generations:
        headers.append(("generations", ",".join(map(str, rejection.generations)).encode()))
    key, value = rejection.key, rejection.value
    if value is not None and len(value) > LONGEST_VALUE:
        headers.append(("truncated", b"%d" % len(value)))
        value = value[:LONGEST_VALUE]
    return Message(key if key is None or len(key) <= LONGEST_KEY else None, value, headers, None)
