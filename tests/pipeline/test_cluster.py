"""The whole system on a store that is a cluster of three: the same promises."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from knownas.adapters.redis_cluster import slot_of
from knownas.nouns import EVENTS, UPDATES
from knownas.operate.verify import Report
from knownas.stages.patience import Patience
from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.test_outages import play, until_positions_reach
from tests.valkeys import ConfiguredValkey, cluster, url_of


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[list[ConfiguredValkey]]:
    """A cluster that a test may break."""
    with cluster(tmp_path) as made:
        yield made


def nothing_differs(report: Report) -> bool:
    """Whether everything is as the plain model has it."""
    assert not report.differences
    return report.equal_profiles == report.profiles


async def test_workers_killed_in_mid_stream_leave_no_difference_on_a_cluster(
    kafka: str, cluster_url: str, namespace: str
) -> None:
    async with deployed(kafka, cluster_url, namespace, partitions=8, shards=8, poll_max_records=300) as deployment:
        first = await deployment.start_worker()
        playing = asyncio.create_task(play(deployment, 8_000, seed=5))
        await until_positions_reach(deployment, 1_000)
        second = await deployment.start_worker()
        await until_positions_reach(deployment, 2_500)
        first.kill()
        await playing
        await deployment.settled()
        report = await deployment.verify()
        assert nothing_differs(report)
        assert report.profiles > 600
        second.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(second.wait, 30) == 0


async def test_a_node_that_is_away_and_slots_that_move_only_take_time(
    kafka: str, nodes: list[ConfiguredValkey], namespace: str
) -> None:
    async with deployed(kafka, url_of(nodes), namespace, partitions=8, shards=8) as deployment:
        await deployment.start_worker()
        await play(deployment, 1_000, seed=6)
        await deployment.settled()
        nodes[1].kill()
        await deployment.send(*[event(f"away-{n}") for n in range(20)], login("away-0", identity="cust-away"))
        nodes[1].restart()
        await move_slots(deployment, nodes[0], nodes[2])
        await play(deployment, 1_000, seed=7)
        await Patience("the test").until_done(deployment.settled, lambda: True)
        assert nothing_differs(await deployment.verify())


async def move_slots(deployment: Deployment, giver: ConfiguredValkey, taker: ConfiguredValkey) -> None:
    """Move the slots that this deployment has on one node to another, as an operator would: key after key."""
    giver_id, taker_id = giver.say("CLUSTER", "MYID"), taker.say("CLUSTER", "MYID")
    keys, layout = deployment.world.keys, deployment.layout
    parts = [keys.source(topic, number) for topic in (EVENTS, UPDATES) for number in range(layout.partitions)]
    slots = set(map(slot_of, [*parts, *map(keys.shard, range(layout.shards))]))
    here = {slot for slot in slots if giver.say("CLUSTER", "COUNTKEYSINSLOT", slot)}
    assert here
    for slot in here:
        await asyncio.to_thread(_move, slot, (giver, giver_id), (taker, taker_id))


def _move(slot: int, giver: tuple[ConfiguredValkey, str], taker: tuple[ConfiguredValkey, str]) -> None:
    taker[0].say("CLUSTER", "SETSLOT", slot, "IMPORTING", giver[1])
    giver[0].say("CLUSTER", "SETSLOT", slot, "MIGRATING", taker[1])
    while keys := giver[0].say("CLUSTER", "GETKEYSINSLOT", slot, 100):
        giver[0].say("MIGRATE", "127.0.0.1", taker[0].port, "", 0, 5_000, "KEYS", *keys)
    for server, _ in (taker, giver):
        server.say("CLUSTER", "SETSLOT", slot, "NODE", taker[1])
