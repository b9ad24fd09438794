"""A store with a replica: nothing is sent before both have it on disk, so either of them may be lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.adapters.redis_address import Replicas, address
from knownas.adapters.store import RedisSourceStore
from knownas.errors import WorldFault
from knownas.nouns import EVENTS
from tests.builders import NAMES
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.test_outages import play, until_positions_reach
from tests.valkeys import ConfiguredValkey, primary_and_replica

Pair = tuple[ConfiguredValkey, ConfiguredValkey]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A primary and its replica."""
    with primary_and_replica(tmp_path) as made:
        yield made


async def test_a_commit_is_acknowledged_only_when_the_replica_has_it_on_disk(pair: Pair) -> None:
    primary, replica = pair
    async with Link(address(primary.url, replicas=Replicas(1, 300))) as link:
        store = RedisSourceStore(link, Keys(), NAMES)
        hold = (await store.take({(EVENTS, 0): 0}))[EVENTS, 0]
        os.kill(replica.pid, signal.SIGSTOP)
        hold.done = 5
        with pytest.raises(WorldFault, match=r"0 of 1 replicas \(KNOWNAS_REDIS_WAIT_REPLICAS\)"):
            await store.advance([hold])
        os.kill(replica.pid, signal.SIGCONT)
        taken = (await store.take({(EVENTS, 0): 0}))[EVENTS, 0]
        assert taken.position == 5
        taken.done = 7
        assert await store.advance([taken]) == [True]


async def test_after_a_failover_nothing_that_was_sent_rests_on_what_is_gone(
    kafka: str, pair: Pair, namespace: str
) -> None:
    primary, replica = pair
    wait = {"redis_wait_replicas": 1, "poll_max_records": 200}
    async with deployed(kafka, primary.url, namespace, partitions=8, shards=8, **wait) as before:
        worker = await before.start_worker()
        playing = asyncio.create_task(play(before, 6_000, seed=11))
        await until_positions_reach(before, 1_500)
        primary.kill()
        replica.say("REPLICAOF", "NO", "ONE")
        worker.kill()
        await playing
        moved = {"redis": replica.url, "redis_wait_replicas": 0}
        after = Deployment(before.settings.model_copy(update=_secret(moved)), before.layout)
        try:
            await after.start_worker()
            await after.settled()
            report = await after.verify()
        finally:
            await after.close()
        assert not report.differences
        assert report.equal_profiles == report.profiles > 400


def _secret(given: dict[str, object]) -> dict[str, object]:
    return given | {"redis": SecretStr(str(given["redis"]))}
