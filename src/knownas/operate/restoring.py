"""Stage 1's part of the store from Kafka: bindings and owners from the ledger, how far partitions are from records.

All of it may be done again, and over a store that has some of it: what is there already is found and stays.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from knownas.adapters import keys as k
from knownas.adapters.intents import Intents
from knownas.adapters.reader import owner_bytes, read_facts, read_owner
from knownas.adapters.redis import Command
from knownas.adapters.store import encode
from knownas.identity.looking import NEVER_CLAIMED
from knownas.identity.plan import Arrival
from knownas.identity.repeats import Counted
from knownas.identity.restoring import (
    OWNING,
    facts_after,
    outcome_of_record,
    outcome_of_release,
    owner_after,
)
from knownas.nouns import EVENTS, LEDGER, REJECTED, Identity, LedgerRow, Outcome, Owner, Position
from knownas.operate.evidence import Evidence
from knownas.operate.ledger import read_row
from knownas.operate.reached import FIELDS, Reached, read_reached
from knownas.operate.world import World
from knownas.records.control import Release
from knownas.records.intake import Intake
from knownas.stages.arrivals import Arrivals
from knownas.stages.ports import Partition
from knownas.topics import Layout

ROWS_AT_ONCE: Final = 5_000
MARKS_AT_ONCE: Final = 2_000

Told = Callable[[str, int, int], None]
"""Is told what is being done, how far, of how much."""


@dataclass
class Restored:
    """What was restored of stage 1, in numbers."""

    rows: int = 0
    bindings: int = 0
    owners: int = 0
    claims: int = 0
    ids: int = 0
    outcomes: int = 0


class Sources:
    """Restores stage 1. `evidence.positions` say where each partition will go on."""

    def __init__(self, world: World, layout: Layout, evidence: Evidence, told: Told) -> None:
        self._world, self._layout, self._evidence, self._told = world, layout, evidence, told
        self._link = world.link()
        self._intents = Intents(self._link)
        self._arrivals = Arrivals(world.names, world.settings.identity_rules(), layout)
        self.restored = Restored()

    # -- the ledger

    async def take_ledger(self) -> None:
        """Bindings and owners; and what the ledger says of records that may come again."""
        progress = self._of("ledger")
        rows: list[LedgerRow] = []
        async for record in self._world.log.read(self._layout.name(LEDGER), committed_only=True, progress=progress):
            row = read_row(record.value)
            self._evidence.row(row)
            rows.append(row)
            if len(rows) == ROWS_AT_ONCE:
                await self._take_rows(rows)
                rows = []
        await self._take_rows(rows)

    async def _take_rows(self, rows: Sequence[LedgerRow]) -> None:
        self.restored.rows += len(rows)
        await self._bind([row for row in rows if row.kind == "bound"])
        await self._own([row for row in rows if row.kind in OWNING])

    async def _bind(self, rows: Sequence[LedgerRow]) -> None:
        of: dict[tuple[int, str], list[LedgerRow]] = defaultdict(list)
        for row in rows:
            assert row.device is not None
            of[row.position.partition, row.device].append(row)
        keys = [self._world.keys.source(EVENTS, partition) + k.facts(device) for partition, device in of]
        writes: list[Command] = []
        stored = await self._link.run([("GET", key) for key in keys]) if keys else []
        for key, raw, ((partition, _), its_rows) in zip(keys, stored, of.items(), strict=True):
            before = read_facts(raw) if raw is not None else ()
            after = facts_after(before, its_rows, self._evidence.positions[EVENTS, partition])
            if after != before:
                self.restored.bindings += len({fact.offset for fact in after} - {fact.offset for fact in before})
                writes.append(("SET", key, encode(after)))
        await self._write(writes)

    async def _own(self, rows: Sequence[LedgerRow]) -> None:
        of: dict[str, list[LedgerRow]] = defaultdict(list)
        for row in rows:
            assert row.identity is not None
            of[row.identity[1]].append(row)
        keys = [self._world.keys.owner(digest) for digest in of]
        writes: list[Command] = []
        for key, before, its_rows in zip(keys, await self._owners_at(keys), of.values(), strict=True):
            after = before
            for row in its_rows:
                after = owner_after(after, row)
            if after is not None and after != before:
                self.restored.owners += before is None
                self.restored.claims += bool(after.profile) and (before is None or before.profile != after.profile)
                writes.append(("SET", key, owner_bytes(after)))
        await self._write(writes)

    async def _owners_at(self, keys: Sequence[str]) -> list[Owner | None]:
        if not keys:
            return []
        raws = await self._intents.settled(keys, await self._link.run([("GET", key) for key in keys]))
        return [read_owner(raw) if raw is not None else None for raw in raws]

    async def take_rejected(self) -> None:
        """What the rejected records say."""
        log, topic = self._world.log, self._layout.name(REJECTED)
        async for record in log.read(topic, committed_only=True, progress=self._of("rejected")):
            self._evidence.rejection(record, self._layout)

    # -- the partitions

    async def take_partition(self, partition: Partition) -> None:
        """How far a partition is, with what its records up to there leave behind and what comes again after it."""
        at = self._world.keys.source(*partition) + k.AT
        (stored,) = await self._link.run([("HMGET", at, *FIELDS)])
        reached, begin = read_reached(stored, self._evidence.positions[partition])
        marks: dict[bytes, Counted] = {}
        comes_again: list[Any] = []
        async for record in self._records(partition, begin):
            position = Position(*partition, record.offset)
            if record.offset < reached.position:
                self._pass(partition, record, reached, marks)
                if len(marks) >= MARKS_AT_ONCE:
                    await self._mark(partition, reached, marks)
            elif position in self._evidence.sent or position in self._evidence.rows:
                comes_again.append(record)
        await self._mark(partition, reached, marks)
        reached.outcomes = await self._outcomes(partition, comes_again) | reached.outcomes
        self.restored.outcomes += len(reached.outcomes)
        prefix = self._world.keys.source(*partition)
        late: list[Command] = [("UNLINK", prefix + k.marks(day)) for day in reached.late()]
        if begin < reached.position:  # nobody counts what is passed over: figures begin anew
            late.append(("UNLINK", prefix + k.FIGURES))
        await self._write([*late, ("HSET", at, "token", secrets.token_hex(8), *reached.said())])

    def _records(self, partition: Partition, begin: int) -> AsyncIterator[Any]:
        topic, number = partition
        progress = self._of(f"{topic}/{number}")
        name = self._layout.name(topic)
        return self._world.log.read(name, True, [number], progress=progress, begin={number: begin})

    def _pass(self, partition: Partition, record: Any, reached: Reached, marks: dict[bytes, Counted]) -> None:
        """A record that is done: what it moved of the partition's time and watermarks, and its mark."""
        if not record.headers and (record.value is None or b'"id"' not in record.value):
            reached.time = max(reached.time, record.timestamp)
            return
        arrival = self._arrivals.read(*partition, record)
        reached.time = max(reached.time, arrival.at)
        if arrival.origin is not None:
            topic, number, offset = arrival.origin.position
            if offset <= reached.origins.get(f"{topic}/{number}", -1):
                return
            reached.origins[f"{topic}/{number}"] = offset
        counted = Position(*partition, record.offset) not in self._evidence.uncounted
        if arrival.mark is not None and counted and _is_home(partition, arrival):
            marks[arrival.mark] = Counted(record.offset, reached.time // 1000)

    async def _mark(self, partition: Partition, reached: Reached, marks: dict[bytes, Counted]) -> None:
        prefix = self._world.keys.source(*partition)
        of: dict[int, list[bytes]] = defaultdict(list)
        for mark, counted in marks.items():
            of[counted.day] += (mark, encode(counted))
        self.restored.ids += len(marks)
        reached.days |= of.keys()
        await self._write([("HSET", prefix + k.marks(day), *fields) for day, fields in of.items()])
        marks.clear()

    async def _outcomes(self, partition: Partition, records: Iterable[Any]) -> dict[int, Outcome]:
        found = {}
        for record in records:
            arrival, position = self._arrivals.read(*partition, record), Position(*partition, record.offset)
            rows = sorted(self._evidence.rows.get(position, ()), key=lambda row: row.index)
            outcome: Outcome | None = None
            if isinstance(arrival.intake, Release):
                outcome = outcome_of_release(rows)
            elif isinstance(arrival.intake, Intake) and arrival.intake.named.usable and _is_home(partition, arrival):
                usable = arrival.intake.named.usable
                sent, owners = self._evidence.sent.get(position), await self._owners_of(usable)
                outcome, left = outcome_of_record(usable, sent, rows, owners, self._world.names)
                await self._claim({usable[place]: owners[usable[place]] for place in left}, rows, position)
            if outcome is not None:
                found[record.offset] = outcome
        return found

    async def _claim(
        self, free: Mapping[Identity, Owner | None], rows: Sequence[LedgerRow], position: Position
    ) -> None:
        """Make a record's profile the owner of what it gained, and no row says so."""
        writes: list[Command] = []
        for identity, before in free.items():
            key = self._world.keys.owner(self._world.names.identity(identity))
            known = before or NEVER_CLAIMED
            owner = Owner(rows[0].profile, known.generation, *position, known.suppressed)
            writes.append(("SET", key, owner_bytes(owner)))
        self.restored.claims += len(writes)
        await self._write(writes)

    async def _owners_of(self, identities: Collection[Identity]) -> Mapping[Identity, Owner | None]:
        keys = [self._world.keys.owner(self._world.names.identity(identity)) for identity in identities]
        return dict(zip(identities, await self._owners_at(keys), strict=True))

    async def _write(self, commands: Sequence[Command]) -> None:
        if commands:
            await self._link.run(commands)

    def _of(self, what: str) -> Callable[[int, int], None]:
        return lambda done, total: self._told(what, done, total)


def _is_home(partition: Partition, arrival: Arrival) -> bool:
    """Whether a record is decided where it stands, and not sent to where its device belongs."""
    return arrival.home is None or partition == (EVENTS, arrival.home)
