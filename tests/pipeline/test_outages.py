"""Kafka or the store away: workers wait, say so, go on by themselves, lose nothing. Killed ones repeat nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from knownas.demo.shop import traffic
from knownas.embedded import Kafka, Valkey, start_kafka, start_valkey
from knownas.nouns import murmur2
from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.health import until_health

NOW = 1_763_700_000


async def play(deployment: Deployment, records: int, seed: int) -> None:
    """Send the shop's traffic as fast as it goes."""
    producer = await deployment.producer()
    for topic, key, value, _ in traffic(seed, records, NOW):
        partition = murmur2(key) % deployment.layout.partitions
        await producer.send(deployment.layout.name(topic), value, key=key, partition=partition, timestamp_ms=NOW * 1000)
    await producer.flush()


async def test_workers_killed_and_joining_in_mid_stream_leave_no_difference(
    kafka: str, redis_url: str, namespace: str
) -> None:
    async with deployed(kafka, redis_url, namespace, partitions=8, shards=8, poll_max_records=300) as deployment:
        first = await deployment.start_worker()
        playing = asyncio.create_task(play(deployment, 12_000, seed=3))
        await until_positions_reach(deployment, 1_500)
        second = await deployment.start_worker()
        await until_positions_reach(deployment, 3_000)
        first.kill()
        await until_positions_reach(deployment, 6_000)
        third = await deployment.start_worker()
        second.kill()
        await playing
        await deployment.settled()
        report = await deployment.verify()
        assert not report.differences
        assert report.equal_profiles == report.profiles > 900
        third.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(third.wait, 30) == 0


async def until_positions_reach(deployment: Deployment, records: int) -> None:
    """Wait until so many records of `events` are stored as done."""
    while True:
        positions = await deployment.reader.positions()
        if sum(at for (topic, _), at in positions.items() if topic == "events") >= records:
            return
        await asyncio.sleep(0.05)


@pytest.fixture
def own_kafka(tmp_path: Path) -> Any:
    """A Kafka that a test may stop."""
    with start_kafka(tmp_path / "kafka") as started:
        yield started


@pytest.fixture
def own_valkey(tmp_path: Path) -> Any:
    """A Valkey that a test may stop."""
    with start_valkey(tmp_path / "valkey") as started:
        yield started


@pytest.fixture
async def deployment_of_own(own_kafka: Kafka, own_valkey: Valkey, namespace: str) -> AsyncIterator[Deployment]:
    """A deployment on services of its own."""
    async with deployed(own_kafka.bootstrap, own_valkey.url, namespace) as made:
        yield made


async def test_a_store_that_is_killed_and_comes_back_loses_nothing(
    deployment_of_own: Deployment, own_valkey: Valkey
) -> None:
    deployment = deployment_of_own
    async with deployment.worker() as worker:
        await deployment.send(event("d-1", "A"), login("d-1", email="x@example.com"))
        await deployment.settled()
        await asyncio.to_thread(own_valkey.kill)
        await deployment.send(event("d-1", "B"))
        said = await until_health(worker.health_port, ready=False)
        assert "the store" in " ".join(said["reasons"])
        await asyncio.to_thread(own_valkey.restart)
        await until_health(worker.health_port, ready=True)
        await deployment.settled()
    person = await deployment.of_identity("email", "x@example.com")
    assert sorted(person.events) == ["A", "B"]
    assert not (await deployment.verify()).differences


async def test_a_kafka_that_stops_and_comes_back_loses_nothing(deployment_of_own: Deployment, own_kafka: Kafka) -> None:
    deployment = deployment_of_own
    async with deployment.worker() as worker:
        await deployment.send(event("d-1", "A"), login("d-1", email="x@example.com"))
        await deployment.settled()
        await asyncio.to_thread(own_kafka.kill)
        said = await until_health(worker.health_port, ready=False)
        assert "Kafka does not answer" in said["reasons"]
        await asyncio.to_thread(own_kafka.restart)
        await until_health(worker.health_port, ready=True)
        await deployment.send(event("d-1", "B"))
        await deployment.settled()
    person = await deployment.of_identity("email", "x@example.com")
    assert sorted(person.events) == ["A", "B"]
    assert not (await deployment.verify()).differences
