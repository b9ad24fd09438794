from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from tests.embedded.records import consume, create_topic, produce

from knownas.embedded import EmbeddedError, start_kafka

pytestmark = pytest.mark.services


async def test_a_record_goes_in_and_comes_out(kafka: str, namespace: str) -> None:
    await create_topic(kafka, namespace)
    await produce(kafka, namespace, b"hello")
    assert await consume(kafka, namespace, group=namespace) == b"hello"


async def test_transactions_work_at_once(tmp_path: Path) -> None:
    with start_kafka(tmp_path) as broker:
        await create_topic(broker.bootstrap, "t")
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id="t")
        async with producer, producer.transaction():
            await producer.send_and_wait("t", b"committed")
        assert await consume(broker.bootstrap, "t", group="g") == b"committed"


async def test_a_mistyped_topic_is_not_created(kafka: str, namespace: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, request_timeout_ms=2_000) as producer:
        with pytest.raises((KafkaError, asyncio.TimeoutError)):
            await asyncio.wait_for(producer.send_and_wait(namespace, b"lost"), 3)


async def test_data_and_port_outlive_a_stop_and_a_kill(tmp_path: Path) -> None:
    with start_kafka(tmp_path) as broker:
        bootstrap = broker.bootstrap
        await create_topic(bootstrap, "t")
        await produce(bootstrap, "t", b"kept")
    with start_kafka(tmp_path) as broker:
        assert broker.bootstrap == bootstrap
        assert await consume(bootstrap, "t", group="before") == b"kept"
        first = broker.pid
        broker.kill()
        broker.restart()
        assert (broker.bootstrap, broker.pid != first) == (bootstrap, True)
        assert await consume(bootstrap, "t", group="after") == b"kept"


def test_a_stop_is_a_clean_one(tmp_path: Path) -> None:
    with start_kafka(tmp_path):
        pass
    assert (tmp_path / "data" / ".kafka_cleanshutdown").exists()


def test_two_brokers_are_two_clusters(tmp_path: Path) -> None:
    ids = set()
    for name in ("one", "two"):
        with start_kafka(tmp_path / name):
            ids.add((tmp_path / name / "data" / "meta.properties").read_text())
    assert len(ids) == 2


def test_a_broker_that_cannot_start_says_why_and_leaves_its_directory_free(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")
    with pytest.raises(EmbeddedError, match=r"Kafka ended while it started: .*node id 7.*server\.log") as raised:
        start_kafka(tmp_path)
    assert "\n" not in str(raised.value)
    (data / "meta.properties").unlink()
    with start_kafka(tmp_path) as broker:
        assert broker.pid
