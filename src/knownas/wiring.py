"""The composition root: everything else receives what it uses, here it is put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from knownas.adapters.faust_app import FENCED, crash_of, make_app
from knownas.adapters.kafka import KafkaOutlet
from knownas.adapters.kafka_access import Kafka
from knownas.adapters.kafka_ends import KafkaEnds
from knownas.adapters.segments import SegmentStore
from knownas.adapters.snapshots import RedisSnapshotStore
from knownas.adapters.store import RedisShardStore, RedisSourceStore
from knownas.errors import NotDrained
from knownas.operate.collector import calm_collector
from knownas.operate.gauges import Gauges
from knownas.operate.health import Health
from knownas.operate.metrics import Metrics
from knownas.operate.named import Named, replaced
from knownas.operate.traces import tracer_of
from knownas.operate.watch import KafkaWatch, StoreWatch, TopicsWatch
from knownas.operate.world import World
from knownas.stages.keeper import Keeper
from knownas.stages.materialize import Materialize
from knownas.stages.ports import Gap, Outlet, Partition, no_gap
from knownas.stages.publish import Publishers
from knownas.stages.resolve import Resolve
from knownas.stages.snapshots import Snapshots
from knownas.topics import Layout, Only


class Worker:
    """One worker: both stages or one, their keeper and the health page."""

    def __init__(
        self,
        world: World,
        layout: Layout,
        gap: Gap = no_gap,
        outlet: Callable[[Kafka, str | None, Gap], Outlet] = KafkaOutlet,
        only: Only | None = None,
    ) -> None:
        settings = world.settings
        self._world, self._settings = world, settings
        self.metrics = metrics = Metrics()
        sources = RedisSourceStore(world.link(), world.keys, world.names)
        shards = RedisShardStore(world.link(), world.keys, settings.timeline_entries)
        publishing = RedisShardStore(world.link(), world.keys, settings.timeline_entries)
        self._outlet = outlet(world.kafka, None, gap)

        def outlet_for(shard: int) -> Outlet:
            return outlet(world.kafka, f"{settings.group}-{layout.prefix}{shard}", gap)

        async def refused(holds: Any) -> None:
            await self.keeper.refused(holds)

        linger = settings.publish_linger_ms / 1000
        publishers = Publishers(publishing, outlet_for, layout, metrics, refused, linger, gap)
        self.keeper = Keeper(
            RedisSourceStore(world.link(), world.keys, world.names),
            RedisShardStore(world.link(), world.keys, settings.timeline_entries),
            publishers,
            world.log,
            layout,
            settings.group,
            settings.idle_check_ms / 1000,
            gap,
            settings.tick_seconds,
            settings.idle_guest_days,
            SegmentStore(world.link(), world.keys),
            metrics,
        )
        rules = settings.identity_rules()
        self._tracer = tracer = tracer_of(settings)
        resolve = Resolve(sources, self._outlet, world.names, rules, layout, metrics, refused, gap, tracer)
        fold_rules = settings.fold_rules()
        snapshots = Snapshots(RedisSnapshotStore(world.link(), world.keys), shards, settings.snapshot_days)
        materialize = Materialize(
            shards,
            publishers,
            layout,
            world.names,
            metrics,
            refused,
            settings.cached_profiles,
            fold_rules,
            gap,
            snapshots,
            tracer,
        )
        self._publishers = publishers
        self._app = make_app(settings, layout, self.keeper, resolve, materialize, only)
        self._kafka_watch = KafkaWatch(world.log, KafkaEnds(world.kafka), layout, self._held, self._app.reached)
        self._named = Named(world.link(), world.keys, settings.stable_name())
        store = StoreWatch(world.link())
        self.topics_watch = TopicsWatch(world.log, layout)
        self._watches = (self._kafka_watch, self.topics_watch, store, self._named)
        self.health = Health(
            metrics.page, [resolve.patience, materialize.patience, publishers, self.keeper.patience, self._kafka_watch]
        )
        metrics.registry.register(Gauges(self.health, self.keeper, self._kafka_watch, publishers, store))
        self.health_port = settings.health_port

    def _held(self) -> list[Partition]:
        return [(hold.topic, hold.partition) for hold in self.keeper.holds]

    async def run(self, stop: asyncio.Event, started: Callable[[int], None]) -> None:
        """Work until told to stop; raises what ended the worker if that was not being told. `started` gets the port."""
        async with self.health.served(self._settings.health_host, self.health_port) as port:
            self.health_port = port
            calm_collector()
            looking = asyncio.create_task(self._look_after())
            try:
                await self._named.take()
                await self._app.start()
                started(port)
                await self._until(stop, looking)
            finally:
                looking.cancel()
                try:
                    await self._leave(for_good=stop.is_set() and not self._settings.keep_place)
                finally:
                    if self._tracer is not None:
                        await self._tracer.close()

    async def _leave(self, *, for_good: bool) -> None:
        """Stop taking, finish what is held, commit, leave: in this order, and within the time there is."""
        self.health.leaving = True
        leaving = asyncio.create_task(self._stop(for_good))
        await asyncio.wait({leaving}, timeout=self._settings.drain_seconds)
        if not leaving.done():
            raise NotDrained(
                f"did not finish within {self._settings.drain_seconds:g} s of being told to stop "
                "(KNOWNAS_DRAIN_SECONDS). Nothing is lost: whoever takes over repeats what was under way"
            )
        leaving.result()

    async def _stop(self, for_good: bool) -> None:
        member = self._app.member
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._kafka_watch.close)
            stack.push_async_callback(self._outlet.close)
            await self._app.stop()
            if for_good and member:
                await self._named.leave(self._world.log, self._settings.group, member)

    async def _until(self, stop: asyncio.Event, looking: asyncio.Task[None]) -> None:
        told = asyncio.ensure_future(stop.wait())
        crashed = asyncio.ensure_future(crash_of(self._app))
        broken = asyncio.ensure_future(self._publishers.broken.wait())
        await asyncio.wait({told, crashed, broken, looking}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        broken.cancel()
        if self._publishers.reason is not None:
            raise self._publishers.reason
        if crashed.done():
            raise _said(crashed.result())
        crashed.cancel()
        if looking.done():
            looking.result()

    async def _look_after(self) -> None:
        tasks = {asyncio.create_task(self.keeper.look_after())}
        tasks |= {asyncio.create_task(watch.look()) for watch in self._watches}
        try:
            ended: set[asyncio.Task[None]] = set()
            while not ended:
                if self.keeper.has_taken:
                    self.health.partitions = sorted(f"{topic}/{number}" for topic, number in self._held())
                ended, _ = await asyncio.wait(tasks, timeout=0.2, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in tasks:
                task.cancel()


def _said(crash: BaseException) -> BaseException:
    """A crash in words for an operator, where it is one that an operator can end."""
    if FENCED in str(crash):
        return replaced()
    return crash
