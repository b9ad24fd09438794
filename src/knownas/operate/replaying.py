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

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.kafka_log import Progress
from knownas.adapters.reader import read_profile
from knownas.adapters.redis import Command
from knownas.adapters.store import RedisShardStore, encode
from knownas.errors import CannotStart
from knownas.find import planes
from knownas.find.segments import Held
from knownas.find.upkeep import IN, NO_CHANGE
from knownas.nouns import RESOLVED, SNAPSHOTS
from knownas.operate.cut import Cut, Newest, Snapshot
from knownas.operate.evidence import Evidence
from knownas.operate.restoring import Told
from knownas.operate.world import World
from knownas.profile.fold import Folded
from knownas.stages.enrol import NOTHING, enrol
from knownas.stages.hold import Hold, ShardHold
from knownas.stages.materialize import Materialize
from knownas.stages.ports import Element, NoMeter, Outlet
from knownas.stages.publish import Publishers
from knownas.stages.snapshots import PIECES, Mark
from knownas.topics import Layout

MESSAGES_AT_ONCE: Final = 4_000
PEOPLE: Final = ("anonymous", "addressable", "customer", "orphans")
"""The counters that together count every profile."""
MADE_BITS: Final = 48
"""So many bits at random name what this rebuild makes, and no other does."""


@dataclass
class Replayed:
    """What was restored of stage 2, in numbers. `uncovered` are profiles whose snapshot is older than the first message
    that Kafka still has: what came to them in between is lost. `missing` are profiles that were counted and are in no
    snapshot and no message. `cut` are shards of which Kafka lacks the beginning, `lost` the offsets between the newest
    mark of such a one and its first message, where there are any."""

    messages: int = 0
    snapshots: int = 0
    uncovered: int = 0
    missing: int = 0
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
        self.meta: dict[str, dict[str, bytes]] = {}
        """What the newest mark of shard 0 says of the deployment."""
        self.replayed = Replayed()

    async def made_for(self) -> Mapping[str, bytes]:
        """The layout that the newest mark remembers; nothing where there is none."""
        mark = (await self._newest(0)).mark
        return mark.meta.get("layout", {}) if mark is not None else {}

    async def replay(self, shard: int, first: int) -> int:
        """Restore a shard of which Kafka has the messages from `first` on; its position."""
        newest = await self._newest(shard)
        mark = newest.mark
        if first and mark is None:
            raise CannotStart(
                f"{self._layout.name(RESOLVED)}[{shard}] begins at {first}, and {self._layout.name(SNAPSHOTS)} holds "
                "nothing of this shard: its profiles are gone. What is left is an older copy of the store, and "
                "`knownas repair`"
            )
        if mark is not None:
            self.meta |= mark.meta
            self._evidence.define([held.definition for held in mark.held])
            self._evidence.latest = max(self._evidence.latest, mark.state.latest)
        end = max(first, mark.position) if mark is not None else first
        cut = None
        if first:
            snapshots = newest.snapshots()
            cut = Cut(snapshots)
            self.replayed.cut += 1
            await self._put(shard, snapshots, first)
        ((hold, _),) = (await self._store.take({(RESOLVED, shard): first})).values()
        ahead = await self._fold(hold, end, cut)
        if cut is not None and mark is not None:
            people = await self._number(hold, mark)
            self.replayed.missing += max(0, sum(mark.counters.get(kind, 0) for kind in PEOPLE) - people)
            self.replayed.lost += max(0, first - mark.position)
            await self._put_mark(hold, mark)
        if mark is not None and mark.position < first:  # what came in between is counted nowhere: figures begin anew
            await self._link.run([("UNLINK", self._world.keys.shard(shard) + k.FIGURES)])
        prefix = self._world.keys.shard(shard)
        of_snapshots = {PIECES + profile: number for profile, number in newest.numbers().items()}
        made: dict[str, int] = {k.INDEX_MADE: secrets.randbits(MADE_BITS), **of_snapshots}
        await self._link.run(
            [
                ("HSET", prefix + k.INDEX, *[part for pair in made.items() for part in pair]),
                ("HSET", prefix + k.AT, "pos", end, k.AHEAD, ahead),
            ]
        )
        return end

    async def _newest(self, shard: int) -> Newest:
        """The newest snapshots of a shard, and its newest mark."""
        found = Newest()
        name, told = self._layout.name(SNAPSHOTS), self._of(f"{SNAPSHOTS}/{shard}")
        async for record in self._world.log.read(name, True, [shard], progress=told):
            found.take(record.key.decode(), record.value)
        return found

    # -- where the beginning is gone

    async def _put(self, shard: int, snapshots: Mapping[str, Snapshot], first: int) -> None:
        """Put profiles as they were into the store."""
        prefix = self._world.keys.shard(shard)
        commands: list[Command] = []
        for profile, (position, kept) in snapshots.items():
            self.replayed.snapshots += 1
            stored = msgspec.structs.replace(read_profile(kept.profile), number=-1)
            self.replayed.uncovered += position < first and not stored.gone
            commands.append(("SET", prefix + k.profile(profile), encode(stored)))
            for what, items in kept.lists.items():
                flat = [part for item in items for part in item]
                commands.append(("ZADD", prefix + k.overflow(what, profile), *flat))
            if len(commands) >= MESSAGES_AT_ONCE:
                await self._link.run(commands)
                commands = []
        if commands:
            await self._link.run(commands)

    async def _number(self, hold: ShardHold, mark: Mark) -> int:
        """Enrol everybody in the index, and in the segments they are in; how many these are."""
        if hold.directory is None:
            (hold.directory,) = await self._store.directories([hold])
        assert hold.directory is not None
        hold.directory.complete = True
        await enrol(self._store, hold, self._rules.calendar, mark.state.clock_ms)
        seen: set[int] = set()
        cursor = 0
        while True:
            profiles, cursor = await self._store.some(hold, cursor)
            turned: dict[str, dict[int, int]] = {}
            for profile in [one for one in profiles if one.number >= 0 and one.number not in seen]:
                seen.add(profile.number)
                for number in profile.segments:
                    turned.setdefault(planes.segment(number), {})[profile.number] = IN
            folded = NOTHING._replace(watermarks=hold.watermarks, planes=NO_CHANGE._replace(planes=turned))
            await self._store.commit([(hold, folded, hold.position, [])])
            if not cursor:
                return len(seen)

    async def _put_mark(self, hold: ShardHold, mark: Mark) -> None:
        """What hinges on the whole shard, as the mark has it. Segments walk through everybody anew; whoever is in one
        already hears nothing."""
        prefix = self._world.keys.shard(hold.partition)
        segments: list[bytes | str] = [k.SEGMENTS_STATE, encode(mark.state._replace(walk=None, asked=None))]
        for held in mark.held:
            segments += (k.SEGMENT + held.definition.name, encode(Held(held.number, held.definition)))
        commands: list[Command] = [
            ("UNLINK", prefix + k.COUNTERS, prefix + k.FIGURES, prefix + k.SEGMENTS),
            ("HSET", prefix + k.SEGMENTS, *segments),
            ("HSET", prefix + k.AT, "watermarks", encode(mark.watermarks)),
        ]
        for name, values in ((k.COUNTERS, mark.counters), (k.FIGURES, mark.figures)):
            if values:
                commands.append(("HSET", prefix + name, *[part for pair in values.items() for part in pair]))
        await self._link.run(commands)

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
