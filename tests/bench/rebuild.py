"""What it takes to make the store anew from Kafka: so many people, each with a few events and half of them known by
e-mail; the store is emptied, rebuilt, and compared byte for byte with what it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import orjson

from knownas.nouns import EVENTS, RESOLVED, SNAPSHOTS, murmur2
from knownas.operate.cut import read_mark
from knownas.operate.rebuild import rebuild
from knownas.stages.snapshots import MARK
from tests.bench.systems import Services
from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed
from tests.rebuild.playing import deployed_worker, lose_the_store, quiet, with_others
from tests.rebuild.whole import differences, everything

PARTITIONS: Final = 8
SENT_AT_ONCE: Final = 20_000


class Rebuilding(NamedTuple):
    """A rebuild: how many people, ledger rows and resolved records, how long it took, how much of it a processor worked
    for us, how many keys of the store differ afterwards."""

    profiles: int
    rows: int
    messages: int
    seconds: float
    cpu_seconds: float
    records_per_second: int
    differing_keys: int


async def measure(namespace: str, services: Services, profiles: int, say: Callable[[str], None]) -> Rebuilding:
    """Fill a store, lose it, make it anew."""
    async with deployed(services.kafka, services.redis_url, namespace, PARTITIONS, PARTITIONS, tick_seconds=3) as made:
        async with made.worker():
            await _send(made, profiles)
            await made.settled()
            say(f"{profiles:,} people are there")
            await _until_marked(made)
        async with with_others(made, tick_seconds=86_400.0) as still:
            async with deployed_worker(still):
                await still.settled()
            before = await everything(still)
            await lose_the_store(still)
            began = time.process_time()
            done = await rebuild(still.world, quiet)
            cpu = time.process_time() - began
            say(f"rebuilt in {done.seconds:.1f} s")
            async with deployed_worker(still):
                await still.settled()
            found = differences(before, await everything(still))
        for line in found[:10]:
            say(f"differs: {line[:200]}")
    there = sum(done.profiles.get(kind, 0) for kind in ("anonymous", "addressable", "customer", "orphans"))
    return Rebuilding(there, done.stage_1.rows, done.stage_2.messages, done.seconds, cpu, done.rate, len(found))


async def _send(deployment: Deployment, profiles: int) -> None:
    producer = await deployment.producer()
    for number, (device, record) in enumerate(_records(profiles)):
        partition = murmur2(device.encode()) % PARTITIONS
        await producer.send(
            deployment.layout.name(EVENTS), orjson.dumps(record), key=device.encode(), partition=partition
        )
        if number % SENT_AT_ONCE == 0:
            await producer.flush()
    await producer.flush()


def _records(profiles: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for number in range(profiles):
        device = f"d-{number}"
        yield device, event(device, "App Launched")
        if number % 2:
            yield device, login(device, {"Name": f"Ann {number}", "Plan": "Gold"}, email=f"ann-{number}@example.com")
        yield device, event(device, "Product Viewed", {"sku": f"A{number % 100}", "price": 9.5})


async def _until_marked(deployment: Deployment) -> None:
    """Wait until every shard has a mark that reflects all there is now."""
    log, layout = deployment.world.log, deployment.layout
    bounds = await log.bounds([(layout.name(RESOLVED), shard) for shard in range(layout.shards)])
    marked: dict[int, int] = {}
    while any(marked.get(shard, 0) < end for (_, shard), (_, end) in bounds.items()):
        async for record in log.read(layout.name(SNAPSHOTS), committed_only=True):
            if record.key == MARK.encode():
                marked[record.partition] = read_mark(record.value).position


def lines(done: Rebuilding) -> list[str]:
    """A rebuild, for people."""
    return [
        f"{done.profiles:,} profiles from {done.rows:,} ledger rows and {done.messages:,} resolved records in "
        f"{done.seconds:.1f} s ({done.cpu_seconds:.1f} s of CPU): {done.records_per_second:,} a second; "
        f"{done.differing_keys} keys differ"
    ]
