"""Reading topics back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from knownas.adapters.kafka_log import KafkaLog

TIMES = {0: [100, 300, 200, 400], 1: [350, 150], 2: []}
"""The Kafka times of what is in each partition: clocks are not in order."""


@pytest.fixture
async def topic(kafka: str, namespace: str) -> str:
    """A topic with a few records, each its own place as its value."""
    config = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    await KafkaLog(kafka).create([NewTopic(namespace, len(TIMES), 1, topic_configs=config)])
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for partition, times in TIMES.items():
            for offset, at in enumerate(times):
                value = b"%d/%d" % (partition, offset)
                await producer.send_and_wait(namespace, value, partition=partition, timestamp_ms=at)
    return namespace


async def read(kafka: str, topic: str, **how: Any) -> list[str]:
    """The places of what is read."""
    return [record.value.decode() async for record in KafkaLog(kafka).read(topic, **how)]


async def test_a_topic_is_read_in_part_from_a_time_on_with_progress(kafka: str, topic: str) -> None:
    assert await read(kafka, topic) == ["0/0", "0/1", "0/2", "0/3", "1/0", "1/1"]
    assert await read(kafka, topic, partitions=[1, 2]) == ["1/0", "1/1"]
    assert await read(kafka, topic, since_ms=101) == ["0/1", "0/2", "0/3", "1/0", "1/1"]
    assert await read(kafka, topic, since_ms=350) == ["0/3", "1/0", "1/1"]
    assert await read(kafka, topic, since_ms=401) == []
    told: list[tuple[int, int]] = []
    await read(kafka, topic, partitions=[0], since_ms=150, progress=lambda done, total: told.append((done, total)))
    assert (told[0], told[-1]) == ((0, 3), (3, 3))


async def test_one_record_is_read_by_its_offset(kafka: str, topic: str) -> None:
    log = KafkaLog(kafka)
    found = await log.record(topic, 0, 2)
    assert (found.value, found.timestamp) == (b"0/2", 200)
    assert await log.record(topic, 0, 4) is None
    assert await log.record(topic, 2, 0) is None


async def test_a_mark_of_a_transaction_is_no_record(kafka: str, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=topic) as producer, producer.transaction():
        await producer.send_and_wait(topic, b"2/0", partition=2)
    log = KafkaLog(kafka)
    async with asyncio.timeout(20):
        while (await log.bounds([(topic, 2)]))[topic, 2] != (0, 2):
            await asyncio.sleep(0.05)
        assert (await log.record(topic, 2, 0)).value == b"2/0"
        assert await log.record(topic, 2, 1) is None
        assert await read(kafka, topic, partitions=[2], committed_only=True) == ["2/0"]


async def test_a_tail_gives_what_arrives_from_now_on(kafka: str, topic: str) -> None:
    async with KafkaLog(kafka).tail([topic]) as arrived:
        assert await arrived() == []
        async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
            for partition in TIMES:
                await producer.send_and_wait(topic, b"new", partition=partition)
        found: list[Any] = []
        async with asyncio.timeout(20):
            while len(found) < len(TIMES):
                found += await arrived()
    assert sorted((record.partition, record.value) for record in found) == [(n, b"new") for n in TIMES]
