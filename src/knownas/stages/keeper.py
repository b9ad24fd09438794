"""Taking partitions, giving them up, and looking after them while nothing comes.

Taking a shard, in this order: a publisher's outlet that fences all before it, the fresh token, the outbox. Taking any
partition: the fresh token, then its position, which must fit what Kafka holds, what the group has committed and what
this worker has seen. What does not fit is never repaired by going on: the worker ends with a line that says why.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final, TypeVar

import structlog

from knownas.errors import CannotStart, KnownasError, StoreLostWrites, WorldFault
from knownas.nouns import RESOLVED
from knownas.stages.hold import Hold, ShardHold, SourceHold
from knownas.stages.patience import Patience
from knownas.stages.ports import (
    Definitions,
    Gap,
    Log,
    Meter,
    NoMeter,
    Outlet,
    Partition,
    ShardStore,
    SourceStore,
    no_gap,
)
from knownas.stages.publish import Publishers
from knownas.stages.ticks import due_tick
from knownas.topics import Layout

FINISH_SECONDS: Final = 3.0
"""How long a partition that is being given up may finish its poll."""

log = structlog.get_logger()

H = TypeVar("H", bound=Hold)


class Keeper:
    """The holds of a worker. `retake` is told of partitions that must be taken and sought anew."""

    def __init__(
        self,
        sources: SourceStore,
        shards: ShardStore,
        publishers: Publishers,
        log: Log,
        layout: Layout,
        group: str,
        idle_check_seconds: float,
        gap: Gap = no_gap,
        tick_seconds: float = 60.0,
        idle_guest_days: int = 0,
        definitions: Definitions | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._sources, self._shards, self._publishers = sources, shards, publishers
        self._tick_seconds, self._idle_guest_days = tick_seconds, idle_guest_days
        self._definitions, self._meter = definitions, meter or NoMeter()
        self._log, self._layout, self._group, self._interval = log, layout, group, idle_check_seconds
        self._gap = gap
        self._holds: dict[Partition, Hold] = {}
        self._seen: dict[Partition, int] = {}
        self.retake: Callable[[Iterable[Partition]], Awaitable[None]] | None = None
        self.patience = Patience("keeper")
        self.has_taken = False
        """Whether Kafka has dealt this worker its partitions, be they none."""

    @property
    def holds(self) -> list[Hold]:
        """What this worker holds now."""
        return [hold for hold in self._holds.values() if hold.alive]

    async def take(self, tps: Iterable[Partition]) -> Mapping[Partition, Hold]:
        """Take these partitions anew. Waits while the world is away; `CannotStart` where going on is not safe."""
        taken: dict[Partition, Hold] = {}

        async def attempt() -> None:
            taken.clear()
            taken.update(await self._take(list(tps)))

        await self.patience.until_done(attempt, lambda: True)
        self.has_taken = True
        return taken

    async def _take(self, tps: Sequence[Partition]) -> dict[Partition, Hold]:
        for tp in tps:
            before = self._holds.pop(tp, None)
            if before is not None:
                before.drop()
                self._note(tp, before)
        if not tps:
            return {}
        bounds = await self._log.bounds(tps)
        committed = await self._log.committed(self._group, tps)
        first = await self._first_positions(tps, bounds, committed)
        taken: dict[Partition, Hold] = {}
        shards = {short: at for short, at in first.items() if short[0] == RESOLVED}
        outlets = await self._prepare([shard for _, shard in shards])
        sources = {short: at for short, at in first.items() if short[0] != RESOLVED}
        try:
            await self._gap("keeper.fenced")
            if sources:
                taken.update(await self._sources.take(sources))
            outboxes = await self._shards.take(shards) if shards else {}
            taken.update({short: hold for short, (hold, _) in outboxes.items()})
            await self._gap("keeper.taken")
            holds = {tp: taken[self._short(tp)] for tp in tps}
            if any(hold.position > bounds[tp][1] for tp, hold in holds.items()):
                # Asked before the take, so another worker may have gone on meanwhile: ask again before refusing.
                bounds = await self._log.bounds(tps)
            for tp, hold in holds.items():
                self._check(tp, hold.position, bounds[tp], committed.get(tp, 0))
        except BaseException:
            await asyncio.gather(*(outlet.close() for outlet in outlets))
            raise
        for (hold, elements), outlet in zip(outboxes.values(), outlets, strict=True):
            self._publishers.begin(hold, outlet, elements)
        self._holds.update(holds)
        for hold in holds.values():
            self._meter.count("partitions_taken", 1, hold.topic)
        return holds

    async def _prepare(self, shards: Sequence[int]) -> list[Outlet]:
        """Open an outlet for each shard; if any cannot be opened none stays open, or it would fence a later one."""
        opening = [asyncio.create_task(self._publishers.prepare(shard)) for shard in shards]
        try:
            return list(await asyncio.gather(*opening))
        except BaseException:
            for task in opening:
                task.cancel()
            for opened in await asyncio.gather(*opening, return_exceptions=True):
                if not isinstance(opened, BaseException):
                    await opened.close()
            raise

    async def _first_positions(
        self, tps: Sequence[Partition], bounds: Mapping[Partition, tuple[int, int]], committed: Mapping[Partition, int]
    ) -> dict[Partition, int]:
        """Where partitions without a position start: at Kafka's first record, and only if nobody ever read it."""
        short = [self._short(tp) for tp in tps]
        sources = [tp for tp in short if tp[0] != RESOLVED]
        shards = [tp for tp in short if tp[0] == RESOLVED]
        stored = dict(zip(sources, await self._sources.positions(sources), strict=True))
        stored |= dict(zip(shards, await self._shards.positions(shards), strict=True))
        gone = [tp for tp in tps if stored[self._short(tp)] is None and committed.get(tp, 0) > 0]
        if gone:
            raise CannotStart(
                f"the store is gone: group {self._group} has read {_name(gone[0])} up to {committed[gone[0]]}, and the "
                f"store knows nothing of it ({len(gone)} of {len(tps)} partitions). Bring the store's data back (its "
                "append-only file or a backup), point KNOWNAS_REDIS to the store that has it, or make it anew from "
                "Kafka with `knownas rebuild`"
            )
        return {self._short(tp): bounds[tp][0] for tp in tps}

    def _check(self, tp: Partition, position: int, bounds: tuple[int, int], committed: int) -> None:
        first, end = bounds
        known = max(committed, self._seen.get(tp, 0))
        if position < known:
            raise StoreLostWrites(
                f"the store lost acknowledged writes: {_name(tp)} stands at {position} there and was at {known} "
                "before. Stop all workers, bring back the store that has everything (its append-only file) or run "
                "`knownas repair`, start them"
            )
        if not first <= position <= end:
            raise CannotStart(
                f"records are gone: {_name(tp)} goes on at {position}, and Kafka holds {first} to {end}. Point "
                "KNOWNAS_KAFKA and KNOWNAS_REDIS to a pair that belongs together, or empty both and start anew"
            )
        self._seen[tp] = position

    async def drop(self, tps: Iterable[Partition]) -> None:
        """Give partitions up: let polls finish for a moment, store how far they came, end their publishers."""
        dropped = {tp: hold for tp in tps if (hold := self._holds.pop(tp, None)) is not None}
        await asyncio.gather(*(self._finish(hold) for hold in dropped.values() if hold.alive))
        for tp, hold in dropped.items():
            self._note(tp, hold)
        shards = [hold.partition for hold in dropped.values() if isinstance(hold, ShardHold)]
        await asyncio.gather(*(self._publishers.end(shard) for shard in shards))

    async def _finish(self, hold: Hold) -> None:
        try:
            async with asyncio.timeout(FINISH_SECONDS), hold.busy:
                if isinstance(hold, SourceHold) and hold.alive and hold.done != hold.position:
                    await self._gap("keeper.finishing")
                    await self._sources.advance([hold])
                    await self._gap("keeper.finished")
        # What no leaving worker can mend must not keep it from leaving: whoever takes over repeats it.
        except TimeoutError:
            log.info("gave_up_unfinished", topic=hold.topic, partition=hold.partition, reason="time was up")
        except KnownasError as error:
            log.warning("gave_up_unfinished", topic=hold.topic, partition=hold.partition, reason=str(error))
        finally:
            hold.drop()

    def _note(self, tp: Partition, hold: Hold) -> None:
        """Remember how far the store was: a later take that finds less has found a store that lost writes."""
        self._seen[tp] = max(hold.position, self._seen.get(tp, 0))

    async def refused(self, holds: Sequence[Hold]) -> None:
        """The store refused these holds: take the partitions again if they are still ours."""
        lost = [tp for hold in holds if self._holds.get(tp := self._full(hold)) is hold]
        if lost and self.retake is not None:
            log.info("retaking", partitions=[_name(tp) for tp in lost])
            await self.retake(lost)

    async def look_after(self) -> None:
        """Every few seconds: store what is done, trim what is published, see whether idle holds still hold. Now and
        then every shard is due a tick: its next commit carries it, or the next look if it is idle."""
        clock = asyncio.get_running_loop().time
        next_tick = clock() + self._tick_seconds
        while True:
            await asyncio.sleep(self._interval)
            if clock() >= next_tick:
                self.tick()
                next_tick = clock() + self._tick_seconds
            await self.look_once()

    def tick(self) -> None:
        """Every shard held is due a look at the clock."""
        for hold in self.holds:
            if isinstance(hold, ShardHold):
                hold.tick = self._idle_guest_days

    async def look_once(self) -> None:
        """One look at every hold that is not busy."""
        idle = [hold for hold in self.holds if not hold.busy.locked()]
        try:
            async with AsyncExitStack() as stack:
                for hold in idle:
                    await stack.enter_async_context(hold.busy)
                await self._look_for_segments([hold for hold in idle if hold.alive and isinstance(hold, ShardHold)])
                await self._ask_about([hold for hold in idle if hold.alive])
        except WorldFault as fault:
            log.debug("idle_check_failed", reason=str(fault))
        # Whatever else failed: those that were refused before it would wait for ever.
        await self.refused([hold for hold in idle if not hold.alive])

    async def _look_for_segments(self, idle: Sequence[ShardHold]) -> None:
        """Definitions that a shard has not seen come with a tick, which is due at once."""
        if self._definitions is None or not idle:
            return
        unread = [hold for hold in idle if hold.segments is None]
        found = await self._shards.registries(unread) if unread else []
        for hold, registry in zip(unread, found, strict=True):
            hold.segments = registry
        seen = {hold: max(hold.offered, hold.segments.latest) for hold in idle if hold.segments is not None}
        for than in set(seen.values()):
            newer = await self._definitions.newer(than)
            for hold in [hold for hold, version in seen.items() if newer and version == than and not hold.news]:
                hold.news, hold.offered = newer, newer[-1].version
                hold.tick = self._idle_guest_days

    async def _ask_about(self, idle: Sequence[Hold]) -> None:
        sources = [hold for hold in idle if isinstance(hold, SourceHold)]
        shards = [hold for hold in idle if isinstance(hold, ShardHold)]
        if behind := [hold for hold in sources if hold.done != hold.position]:
            await self._gap("keeper.advancing")
            await _ask(behind, self._sources.advance)
            await self._gap("keeper.advanced")
        await _ask([hold for hold in sources if hold not in behind], self._sources.held)
        if untrimmed := [hold for hold in shards if hold.published or hold.tick is not None]:
            await self._gap("keeper.trimming")
            await _ask(untrimmed, self._trim)
            await self._gap("keeper.trimmed")
        await _ask([hold for hold in shards if hold not in untrimmed], self._shards.held)

    async def _trim(self, holds: Sequence[ShardHold]) -> list[bool]:
        """Trim what is published, send the ticks that are due. This moves no position, so where its answer is lost
        nothing tells whether it was carried out; a second time it could trim what is not published yet. Such shards are
        taken anew."""
        ticks = [due_tick(hold, hold.position) for hold in holds]
        try:
            accepted = await self._shards.trim(list(zip(holds, ticks, strict=True)))
        except WorldFault:
            for hold in holds:
                hold.drop()
            raise
        for hold, tick, ok in zip(holds, ticks, accepted, strict=True):
            if ok and tick:
                hold.ticked()
                self._publishers.offer(hold, tick)
        return accepted

    def _short(self, tp: Partition) -> Partition:
        return self._layout.short(tp[0]), tp[1]

    def _full(self, hold: Hold) -> Partition:
        return self._layout.name(hold.topic), hold.partition


async def _ask(holds: list[H], ask: Callable[[Sequence[H]], Awaitable[list[bool]]]) -> None:
    """Ask about holds, if any; those that are refused are dropped."""
    answers = await ask(holds) if holds else []
    for hold, ok in zip(holds, answers, strict=True):
        if not ok:
            hold.drop()


def _name(tp: Partition) -> str:
    return f"{tp[0]}[{tp[1]}]"
