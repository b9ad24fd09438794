"""A store that was put back to an older state loses nothing that Kafka has: `knownas repair`, then workers go on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import orjson
import pytest

from knownas.adapters.store import RedisShardStore, RedisSourceStore
from knownas.embedded import start_valkey
from knownas.errors import CannotStart
from knownas.nouns import EVENTS, RESOLVED, UPDATES, murmur2
from knownas.operate.repair import Repaired, repair
from tests.builders import NOON, event, login, profile
from tests.faults.records import Placed
from tests.faults.streams import Stream, streaming
from tests.faults.test_older_stores import copy_of, put_back
from tests.pipeline.deployment import Deployment, deployed
from tests.rebuild.playing import cut, deployed_worker, quiet

PARTITIONS = 4
CLAIMS = 100


async def test_a_store_put_back_by_seconds_under_load_is_repaired_and_nothing_differs(
    kafka: str, tmp_path: Path, namespace: str
) -> None:
    with start_valkey(tmp_path / "valkey") as valkey:
        async with deployed(kafka, valkey.url, namespace) as deployment:
            async with deployment.worker(), streaming(deployment, signing_up()) as stream:
                await stream.more(200)
                older = await copy_of(valkey, tmp_path)
                await lose_claims(deployment, stream)
            await put_back(valkey, older)
            done = await after_a_failure(deployment)
            assert done.stage_1.claims >= CLAIMS
            assert done.back > 0
            async with deployed_worker(deployment):
                await deployment.settled()
            report = await deployment.verify()
            assert report.equal, report.differences[:5]
            again = await repair(deployment.world, quiet)
            assert (again.stage_1.bindings, again.stage_1.claims, again.back) == (0, 0, 0)


def signing_up() -> Iterator[Placed]:
    """One person after the other comes, and signs up; every fifth has a second device, known by the same e-mail in the
    same partition. So nothing hinges on a race."""
    first_of: dict[int, str] = {}
    for number in count():
        device = f"device-{number}"
        home = murmur2(device.encode()) % PARTITIONS
        email = f"person-{number}@example.com"
        if number % 5 == 4 and home in first_of:
            email = first_of[home]
        elif home not in first_of or number % 25 == 0:
            first_of[home] = email
        records = (
            event(device, "Viewed", {"sku": f"A{number % 9}"}) | {"id": f"v-{number}"},
            login(device, {"Plan": "Gold"}, email=email),
            event(device, "Charged"),
            profile(device, {"visits": {"$incr": 1}}),
        )
        for record in records:
            yield Placed(EVENTS, home, device.encode(), orjson.dumps(record), (NOON + number) * 1000)


async def lose_claims(deployment: Deployment, stream: Stream) -> None:
    """Let the workers go on until so many more claims are in the ledger than the copy can have."""
    before = await claims(deployment)
    while await claims(deployment) < before + CLAIMS + 20:
        await stream.more(100)


async def claims(deployment: Deployment) -> int:
    """How many identities were claimed so far."""
    return sum(row.kind == "claimed" for row in await deployment.ledger())


async def after_a_failure(deployment: Deployment) -> Repaired:
    """A connection learns by its first failure that the store was started again."""
    for link in deployment.world._links:
        await link.close()
    return await repair(deployment.world, quiet)


async def test_an_empty_store_is_not_repaired_but_rebuilt(kafka: str, redis_url: str, namespace: str) -> None:
    async with deployed(kafka, redis_url, namespace) as deployment:
        with pytest.raises(CannotStart, match="the store is empty: `knownas rebuild`"):
            await repair(deployment.world, quiet)


async def test_a_store_that_is_older_than_what_kafka_has_is_not_repaired(shopping: Deployment) -> None:
    at = shopping.world.keys.shard(0) + "at"
    await shopping.world.link().run([("HSET", at, "pos", 3)])
    await cut(shopping, 0.5)
    with pytest.raises(CannotStart, match=rf"the store is too old: .*{RESOLVED}\[0\] stands at 3 there"):
        await repair(shopping.world, quiet)


async def test_who_held_a_partition_before_a_repair_writes_it_no_more(shopping: Deployment) -> None:
    world, layout = shopping.world, shopping.layout
    shards = RedisShardStore(world.link(), world.keys, 500)
    sources = RedisSourceStore(world.link(), world.keys, world.names)
    of_shards = await shards.take({(RESOLVED, shard): 0 for shard in range(layout.shards)})
    partitions = [(topic, number) for topic in (EVENTS, UPDATES) for number in range(layout.partitions)]
    of_sources = await sources.take(dict.fromkeys(partitions, 0))
    assert all(await sources.held(list(of_sources.values())))
    await repair(world, quiet)
    assert not any(await shards.held([hold for hold, _ in of_shards.values()]))
    assert not any(await sources.held(list(of_sources.values())))
