"""A shop that was open for a while, and what befalls its store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from knownas.adapters.segments import SegmentStore
from knownas.find.line import from_line
from knownas.find.writing import to_object
from knownas.nouns import EVENTS, RESOLVED, SNAPSHOTS, UPDATES
from knownas.operate.settle import FEW
from tests.faults.records import Placed, shop
from tests.faults.streams import send_all
from tests.pipeline.deployment import Deployment, deployed

SEGMENTS = {"golden": "Plan = Gold", "buyers": "did Charged >= 1"}
TICKING: Final[dict[str, Any]] = {"tick_seconds": 1.0, "snapshot_days": 5e-6, "idle_guest_days": 200}
"""Ticks every second, and each of them puts everybody into the snapshots."""

NO_OTHERS: Final[Mapping[str, Any]] = {}
"""Nobody has settings of their own."""

TICKED = 1_500
PLAYED = 1_700
"""So many records come while time passes, and so many in all before the store is lost."""


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


@asynccontextmanager
async def with_others(deployment: Deployment, **settings: Any) -> AsyncIterator[Deployment]:
    """The same deployment with other settings."""
    other = Deployment(deployment.settings.model_copy(update=settings), deployment.layout)
    try:
        yield other
    finally:
        await other.close()


@asynccontextmanager
async def shop_of(
    kafka: str, redis_url: str, namespace: str, of_workers: Mapping[str, Any] = NO_OTHERS, **settings: Any
) -> AsyncIterator[Deployment]:
    """A shop with live segments; its workers, who may have settings of their own, have left, and those that come let no
    time pass."""
    async with deployed(kafka, redis_url, namespace, **(TICKING | settings)) as deployment:
        definitions = SegmentStore(deployment.world.link(), deployment.world.keys)
        for name, query in SEGMENTS.items():
            await definitions.put(name, to_object(from_line(query)), replace=False)
        async with with_others(deployment, **of_workers) as ticking, ticking.worker():
            await play(deployment, 0, TICKED)
            await until_nearly_resolved(deployment)
            await until_everybody_is_in_snapshots(deployment)
        async with with_others(deployment, tick_seconds=86_400.0) as still:
            async with deployed_worker(still, of_workers):
                await play(still, TICKED, PLAYED)
            yield still


@asynccontextmanager
async def deployed_worker(deployment: Deployment, its_own: Mapping[str, Any] = NO_OTHERS) -> AsyncIterator[None]:
    """A worker that leaves when everything is done."""
    async with with_others(deployment, **its_own) as working, working.worker():
        yield
        await deployment.settled()


async def play(deployment: Deployment, first: int, last: int) -> None:
    """Send a part of the shop's records."""
    await send_all(deployment, await deployment.producer(), history(first, last))


def history(first: int, last: int) -> list[Placed]:
    """A part of the shop's records."""
    return list(islice(shop(7, 4), first, last))


async def until_nearly_resolved(deployment: Deployment) -> None:
    """Wait until stage 1 has done what was sent, but for a few: while time passes there is always something under
    way."""
    log, layout = deployment.world.log, deployment.layout
    sources = [(topic, number) for topic in (EVENTS, UPDATES) for number in range(layout.partitions)]
    bounds = await log.bounds([(layout.name(topic), number) for topic, number in sources])
    end = sum(end for _, end in bounds.values())
    positions: dict[tuple[str, int], int] = {}
    while sum(positions.get(source, 0) for source in sources) < end - FEW:
        await asyncio.sleep(0.1)
        positions = await deployment.reader.positions()


async def until_everybody_is_in_snapshots(deployment: Deployment) -> None:
    """Wait for as many ticks as it takes."""
    topic = deployment.layout.name(SNAPSHOTS)
    keys = await deployment.reader.keys_like(deployment.settings.redis_prefix + "*:p:*")
    profiles = {key.rpartition(b":p:")[2] for key in keys}
    found: set[bytes] = set()
    while not profiles <= found:
        found = {record.key async for record in deployment.world.log.read(topic, committed_only=True)}


async def lose_the_store(deployment: Deployment) -> None:
    """All keys go."""
    keys = await deployment.reader.keys_like(deployment.settings.redis_prefix + "*")
    await deployment.world.link().run([("UNLINK", key) for key in keys])


async def cut(deployment: Deployment, share: float) -> None:
    """Let Kafka lose so much of the beginning of every shard's messages, as retention does."""
    log, layout = deployment.world.log, deployment.layout
    bounds = await log.bounds([(layout.name(RESOLVED), shard) for shard in range(layout.shards)])
    async with log.admin() as admin:
        await admin.delete_records(
            {TopicPartition(*tp): RecordsToDelete(before_offset=int(end * share)) for tp, (_, end) in bounds.items()}
        )
