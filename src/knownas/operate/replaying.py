"""Stage 2's part of the store from Kafka: a shard's messages folded once more, up to where all was published.

Where `resolved` still begins at its first message, the shard is folded from nothing, and ends in the same bytes. Where
retention has cut it, the newest snapshot of every profile is put into the store first (`cut`); a message that a
snapshot reflects adds its line to the timeline and nothing else, every other one is folded. What hinges on the whole
shard comes from its mark: counters, figures, live segments, watermarks. Numbers in the index are given out anew; live
segments judge everybody again.

The position ends where the newest mark stands: all that follows from messages before it was published, so nothing is
published here, and the workers go on from there by themselves.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from knownas.adapters import keys as k
from knownas.adapters.kafka_log import Progress
from knownas.adapters.redis import Command
from knownas.adapters.store import RedisShardStore
from knownas.errors import CannotStart
from knownas.nouns import COUNTED, RESOLVED, SNAPSHOTS
from knownas.operate.cut import Cut, Newest
from knownas.operate.evidence import Evidence
from knownas.operate.remains import Remains
from knownas.operate.restoring import Told
from knownas.operate.world import World
from knownas.profile.fold import Folded
from knownas.stages.hold import Hold, ShardHold
from knownas.stages.materialize import Materialize
from knownas.stages.ports import Element, NoMeter, Outlet
from knownas.stages.publish import Publishers
from knownas.stages.snapshots import Mark
from knownas.topics import Layout

MESSAGES_AT_ONCE: Final = 4_000
MADE_BITS: Final = 48
"""So many bits at random name what this rebuild makes, and no other does."""


@dataclass
class Replayed:
    """What was restored of stage 2, in numbers. `uncovered` are profiles whose snapshot is older than the first message
    that Kafka still has: what came to them in between is lost. `missing` are profiles that were counted and are in no
    whole snapshot and no message, `torn` snapshots of which a message lacks. `cut` are shards of which Kafka lacks the
    beginning, `lost` the offsets between the newest mark of such a one and its first message, where there are any."""

    messages: int = 0
    snapshots: int = 0
    uncovered: int = 0
    missing: int = 0
    torn: int = 0
    cut: int = 0
    lost: int = 0
    left: int = 0


class Chunk(NamedTuple):
    """Consecutive messages of a shard."""

    hold: Any
    records: Sequence[Any]
    next_offset: int


class SilentStore(RedisShardStore):
    """A shard's store into whose outbox nothing is put."""

    async def commit(self, chunks: Sequence[tuple[ShardHold, Folded, int, Element]]) -> list[bool]:
        """Everything of each chunk but what it has to say."""
        return await super().commit([(hold, folded, after, []) for hold, folded, after, _ in chunks])


class Shards:
    """Restores stage 2, shard by shard."""

    def __init__(self, world: World, layout: Layout, evidence: Evidence, told: Told) -> None:
        self._world, self._layout, self._evidence, self._told = world, layout, evidence, told
        self._link = world.link()
        self._store = SilentStore(world.link(), world.keys, world.settings.timeline_entries)
        self._rules = world.settings.fold_rules()
        self._remains = Remains(self._link, world.keys, self._store, self._rules.calendar)
        self._first: Newest | None = None
        self.meta: dict[str, dict[str, bytes]] = {}
        """What the newest mark of shard 0 says of the deployment."""
        self.replayed = Replayed()

    async def made_for(self) -> Mapping[str, bytes]:
        """The layout that the newest mark remembers; nothing where there is none."""
        self._first = await self._newest(0)
        return self._first.mark.meta.get("layout", {}) if self._first.mark is not None else {}

    async def replay(self, shard: int, first: int) -> int:
        """Restore a shard of which Kafka has the messages from `first` on; its position."""
        newest = await self._newest(shard)
        mark, cut = newest.mark, None
        if mark is not None:
            self._learn(mark)
        elif first:
            raise CannotStart(
                f"{self._layout.name(RESOLVED)}[{shard}] begins at {first}, and {self._layout.name(SNAPSHOTS)} holds "
                "nothing of this shard: its profiles are gone. What is left is an older copy of the store, and "
                "`knownas repair`"
            )
        end = max(first, mark.position) if mark is not None else first
        if first:
            cut = await self._put(shard, newest, first)
        ((hold, _),) = (await self._store.take({(RESOLVED, shard): first})).values()
        ahead = await self._fold(hold, end, cut)
        if first and mark is not None:
            await self._put_mark(hold, mark, first)
        await self._end(shard, newest, end, ahead)
        return end

    async def _newest(self, shard: int) -> Newest:
        """The newest snapshots of a shard, and its newest mark. Those of shard 0 are wanted twice."""
        found, self._first = self._first, None
        if found is not None and shard == 0:
            return found
        found = Newest()
        name, told = self._layout.name(SNAPSHOTS), self._of(f"{SNAPSHOTS}/{shard}")
        async for record in self._world.log.read(name, True, [shard], progress=told):
            found.take(record.key.decode(), record.value)
        return found

    def _learn(self, mark: Mark) -> None:
        self.meta |= mark.meta
        self._evidence.define([held.definition for held in mark.held])
        self._evidence.latest = max(self._evidence.latest, mark.state.latest)

    async def _end(self, shard: int, newest: Newest, end: int, ahead: int) -> None:
        """What only a rebuild writes: which one it was, how large snapshots are, where the shard goes on."""
        prefix, sizes = self._world.keys.shard(shard), newest.numbers()
        commands: list[Command] = [
            ("HSET", prefix + k.INDEX, k.INDEX_MADE, secrets.randbits(MADE_BITS)),
            ("HSET", prefix + k.AT, "pos", end, k.AHEAD, ahead),
        ]
        if sizes:
            commands.append(("HSET", prefix + k.SNAPPED, *[part for pair in sizes.items() for part in pair]))
        await self._link.run(commands)

    # -- where the beginning is gone

    async def _put(self, shard: int, newest: Newest, first: int) -> Cut:
        """Put profiles as they were into the store."""
        snapshots, done = newest.snapshots(), self.replayed
        await self._remains.put(shard, snapshots)
        cut = Cut(snapshots)
        done.cut += 1
        done.snapshots += len(snapshots)
        done.torn += len(newest.torn())
        done.uncovered += sum(at < first and profile not in cut.gone for profile, at in cut.reflected.items())
        return cut

    async def _put_mark(self, hold: ShardHold, mark: Mark, first: int) -> None:
        """Give everybody a number, then let what hinges on the whole shard be as the mark has it."""
        people = await self._remains.number(hold, mark)
        self.replayed.missing += max(0, sum(mark.counters.get(kind, 0) for kind in COUNTED) - people)
        self.replayed.lost += max(0, first - mark.position)
        await self._remains.put_mark(hold, mark)
        if mark.position < first:  # what came in between is counted nowhere: figures begin anew
            await self._link.run([("UNLINK", self._world.keys.shard(hold.partition) + k.FIGURES)])

    # -- folding

    async def _fold(self, hold: ShardHold, end: int, cut: Cut | None) -> int:
        """Fold what stands before `end`; gather what is said of records that come again, there and after it. Where the
        last message ends."""
        stage, name = self._stage(), self._layout.name(RESOLVED)
        some: list[Any] = []
        last = end
        told = self._of(f"{RESOLVED}/{hold.partition}")
        async for record in self._world.log.read(name, True, [hold.partition], progress=told):
            self._evidence.message(record.value)
            if record.offset >= end:
                self.replayed.left += 1
                last = record.offset + 1
                continue
            self.replayed.messages += 1
            some.append(record)
            if len(some) == MESSAGES_AT_ONCE:
                await self._take(stage, hold, some, some[-1].offset + 1, cut)
                some = []
        if some:
            await self._take(stage, hold, some, end, cut)
        return last

    async def _take(self, stage: Materialize, hold: ShardHold, some: list[Any], after: int, cut: Cut | None) -> None:
        if cut is not None:
            some, lines = cut.split(some)
            await self._write_lines(hold, lines)
        if some:
            await stage.poll([Chunk(hold, some, after)])
        if not hold.alive:
            raise CannotStart("somebody else writes to the store: stop all workers, then begin again with --replace")

    async def _write_lines(self, hold: ShardHold, lines: Mapping[str, list[bytes]]) -> None:
        prefix, cap = self._world.keys.shard(hold.partition), self._world.settings.timeline_entries
        commands: list[Command] = []
        for profile, entries in lines.items():
            key = prefix + k.timeline(profile)
            commands += [("RPUSH", key, *entries), ("LTRIM", key, -cap, -1)]
        if commands:
            await self._link.run(commands)

    def _stage(self) -> Materialize:
        meter = NoMeter()
        publishers = Publishers(self._store, _no_outlet, self._layout, meter, _refused, 0)
        cached = self._world.settings.cached_profiles
        return Materialize(
            self._store, publishers, self._layout, self._world.names, meter, _refused, cached, self._rules
        )

    def _of(self, what: str) -> Progress:
        return lambda done, total: self._told(what, done, total)


def _no_outlet(shard: int) -> Outlet:
    raise AssertionError(f"something of shard {shard} was to be sent")


async def _refused(_: Sequence[Hold]) -> None:
    """Whoever folds looks at the hold."""
