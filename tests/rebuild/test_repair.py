"""A store that was put back to an older state loses nothing that Kafka has: `knownas repair`, then workers go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from knownas.adapters.store import RedisShardStore, RedisSourceStore
from knownas.embedded import start_valkey
from knownas.errors import CannotStart
from knownas.nouns import EVENTS, RESOLVED, UPDATES
from knownas.operate.repair import repair
from tests.faults.streams import streaming
from tests.pipeline.deployment import Deployment, deployed
from tests.rebuild.claims import CLAIMS, after_a_failure, lose_claims, signing_up
from tests.rebuild.playing import cut, deployed_worker, quiet
from tests.valkeys import copy_of, put_back


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
