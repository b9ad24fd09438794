"""Stage 1: whose is each record? The order of effects of one poll, straight down the page.

Load facts, owners, positions and tokens; decide; commit claims, facts, outcomes and the position the chunk starts at;
send the ledger rows and wait; send everything else and wait. The position moves past a chunk with the next chunk's
commit, or when idle. A crash anywhere repeats the chunk, and the same decisions are made.

Claims and releases are seen by other partitions, so they are committed in one piece with what was decided beside them,
and only if all of it still holds: nobody ever acts on a claim whose record may yet be decided otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from knownas.errors import WorldFault
from knownas.identity.decide import decide
from knownas.identity.plan import Arrival, Known, Plan
from knownas.identity.rules import Owners
from knownas.nouns import EVENTS, LEDGER, REJECTED, RESOLVED, Identity, LedgerRow, Names, Rejection
from knownas.records import control
from knownas.records.identities import IdentityRules
from knownas.records.intake import Intake
from knownas.stages.arrivals import Arrivals
from knownas.stages.counting import count_resolved
from knownas.stages.hold import SourceHold
from knownas.stages.patience import Patience
from knownas.stages.poll import carry, count_each
from knownas.stages.ports import (
    Chunk,
    Committed,
    Gap,
    Laps,
    Message,
    Meter,
    Outlet,
    Partition,
    Refusal,
    SourceStore,
    Tracer,
    Wanted,
    no_gap,
)
from knownas.topics import Layout

LONGEST_VALUE: Final = 900_000
LONGEST_KEY: Final = 1_000
"""Of a rejected record, in bytes: a broker takes messages of 1 MiB by default."""

encode: Final = msgspec.json.Encoder().encode

Outbound = dict[Partition, list[Message]]


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
        known = self.known._replace(owners=owners, outcomes=self.hold.outcomes)
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
        tracer: Tracer | None = None,
    ) -> None:
        self._store, self._outlet, self._names, self._layout = store, outlet, names, layout
        self._tracer = tracer
        self._meter, self._refused, self._gap = meter, refused, gap
        self._arrivals = Arrivals(names, rules, layout)
        self._places = self._arrivals.places
        self.patience = Patience("resolve")

    async def poll(self, chunks: Sequence[Chunk]) -> None:
        """Take all chunks of one poll through the stage; returns when everything is sent or nothing is ours."""
        lap = self._meter.laps("resolve")
        works = [work for chunk in chunks if (work := self._read(chunk)) is not None]
        lap("read")
        await carry(works, self._attempt, self.patience, self._refused)
        lap("poll")

    async def _attempt(self, works: list[Work]) -> None:
        lap = self._meter.laps("resolve")
        works = await self._load(works, lap)
        await self._gap("resolve.loaded")
        works = await self._commit(works)
        lap("commit")
        await self._gap("resolve.committed")
        ledger: Outbound = {}
        for work in works:
            self._add_rows(ledger, work.plan.rows, work.hold.partition)
        await self._send(ledger)
        lap("send_ledger")
        await self._gap("resolve.ledger_sent")
        await self._send(self._outgoing(works))
        lap("send")
        if self._tracer is not None:
            self._tracer.sent()
        await self._gap("resolve.sent")
        for work in works:
            self._finish(work)

    async def _send(self, batches: Outbound) -> None:
        await self._outlet.send(batches)
        for (topic, _), messages in batches.items():
            self._meter.count("messages", len(messages), self._layout.short(topic))

    async def _load(self, works: list[Work], lap: Laps) -> list[Work]:
        loaded = await self._store.load([work.wanted for work in works])
        for work, known in zip(works, loaded, strict=True):
            if known is None:
                work.hold.drop()
            else:
                work.known = known
        lap("load")
        alive = [work for work in works if work.hold.alive]
        if alive:
            self._decide(alive, alive[0].known.owners)
            lap("decide")
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
                    self._meter.count("fenced_commits", 1, "resolve")
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
        count_resolved(hold, work.arrivals, plan)
        self._measure(work)

    def _measure(self, work: Work) -> None:
        meter, plan, records = self._meter, work.plan, len(work.arrivals)
        meter.observe("chunk_records", records, "resolve")
        meter.count("records", records - len(plan.moved) - plan.repeats - len(plan.rejections), "resolve", "done")
        meter.count("records", len(plan.moved), "resolve", "rehomed")
        meter.count("records", plan.repeats, "resolve", "repeated")
        meter.count("records", len(plan.rejections), "resolve", "rejected")
        count_each(meter, "rejected", (rejection.reason for rejection in plan.rejections), "resolve")
        count_each(meter, "decisions", (row.kind for row in plan.rows))
        meter.age("event_to_decision_seconds", work.arrivals[0].at)

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
            arrival = self._arrivals.read(hold.topic, hold.partition, record)
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

    def _outgoing(self, works: Sequence[Work]) -> Outbound:
        batches: Outbound = {}
        resolved, shard_of_profile = self._layout.name(RESOLVED), self._places.shard
        tracer = self._tracer
        if tracer is not None:
            tracer.begin()
        for work in works:
            for sent in work.plan.resolved:
                message = sent.message
                target = (resolved, shard_of_profile(message.profile))
                batch = batches.get(target)
                if batch is None:
                    batch = batches[target] = []
                onwards = sent.headers if tracer is None else tracer.forward(sent.headers)
                batch.append(Message(message.profile.encode(), encode(message), onwards, message.at))
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
