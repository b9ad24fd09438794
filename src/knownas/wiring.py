"""The composition root: everything else receives what it uses, here it is put together."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any, Final

from knownas.adapters.faust_app import crash_of, make_app
from knownas.adapters.kafka import KafkaOutlet
from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.segments import SegmentStore
from knownas.adapters.store import RedisShardStore, RedisSourceStore
from knownas.operate.health import Health
from knownas.operate.metrics import Metrics
from knownas.operate.world import World
from knownas.profile.fold import FoldRules
from knownas.profile.time import Calendar
from knownas.stages.keeper import Keeper
from knownas.stages.materialize import Materialize
from knownas.stages.ports import Gap, Outlet, no_gap
from knownas.stages.publish import Publishers
from knownas.stages.resolve import Resolve
from knownas.topics import Layout

WATCH_SECONDS: Final = 2.0


def calm_collector() -> None:
    """What is loaded stays; and a poll makes thousands of values that reference counting takes care of by itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


class KafkaWatch:
    """Sees whether Kafka answers: its clients wait for a broker that is away without ever saying so."""

    def __init__(self, log: KafkaLog) -> None:
        self._log = log
        self.trouble: str | None = None

    async def look(self) -> None:
        """Look every few seconds."""
        while True:
            self.trouble = None if await self._log.answers() else "Kafka does not answer"
            await asyncio.sleep(WATCH_SECONDS)


class Worker:
    """One worker: both stages, their keeper and the health page."""

    def __init__(
        self,
        world: World,
        layout: Layout,
        gap: Gap = no_gap,
        outlet: Callable[[str, str | None, Gap], Outlet] = KafkaOutlet,
    ) -> None:
        settings = world.settings
        self.metrics = metrics = Metrics()
        sources = RedisSourceStore(world.link(), world.keys, world.names)
        shards = RedisShardStore(world.link(), world.keys, settings.timeline_entries)
        publishing = RedisShardStore(world.link(), world.keys, settings.timeline_entries)
        self._outlet = outlet(settings.kafka, None, gap)

        def outlet_for(shard: int) -> Outlet:
            return outlet(settings.kafka, f"{settings.group}-{layout.prefix}{shard}", gap)

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
        )
        self._kafka_watch = KafkaWatch(world.log)
        rules = settings.identity_rules()
        resolve = Resolve(sources, self._outlet, world.names, rules, layout, metrics, refused, gap)
        fold_rules = FoldRules(Calendar(settings.day_timezone), settings.phone_region, settings.publish_counts)
        fold_rules = fold_rules._replace(timeline_entries=settings.timeline_entries)
        materialize = Materialize(
            shards, publishers, layout, world.names, metrics, refused, settings.cached_profiles, fold_rules, gap
        )
        self.health = Health(
            metrics, [resolve.patience, materialize.patience, publishers, self.keeper.patience, self._kafka_watch]
        )
        self._publishers = publishers
        self._app = make_app(settings, layout, self.keeper, resolve, materialize)
        self.health_port = settings.health_port

    async def run(self, stop: asyncio.Event, started: Callable[[int], None]) -> None:
        """Work until told to stop; raises what ended the worker if that was not being told. `started` gets the port."""
        async with self.health.served(self.health_port) as port:
            self.health_port = port
            calm_collector()
            looking = asyncio.create_task(self._look_after())
            try:
                await self._app.start()
                started(port)
                await self._until(stop, looking)
            finally:
                looking.cancel()
                await self._app.stop()
                await self._outlet.close()

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
            raise crashed.result()
        crashed.cancel()
        if looking.done():
            looking.result()

    async def _look_after(self) -> None:
        tick = asyncio.create_task(self.keeper.look_after())
        watch = asyncio.create_task(self._kafka_watch.look())
        try:
            while not tick.done():
                if self.keeper.has_taken:
                    self.health.partitions = sorted(f"{hold.topic}/{hold.partition}" for hold in self.keeper.holds)
                await asyncio.wait({tick}, timeout=0.2)
            tick.result()
        finally:
            tick.cancel()
            watch.cancel()
