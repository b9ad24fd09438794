"""Kafka or the store away: callers are told, nothing is half taken without saying which, and it goes on by itself."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from knownas.embedded import Kafka, Valkey, start_kafka, start_valkey
from tests.builders import event
from tests.pipeline.deployment import deployed
from tests.serve.running import Gateway, gateway

RECORDS = [event(f"d-{n}", "A") for n in range(20)]


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A Kafka that a test may stop."""
    with start_kafka(tmp_path / "kafka") as started:
        yield started


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that a test may stop."""
    with start_valkey(tmp_path / "valkey") as started:
        yield started


async def until_ready(running: Gateway) -> None:
    """Wait until the gateway says that it is."""
    while (await running.call("GET", "/health")).status != 200:
        await asyncio.sleep(0.1)


async def test_while_kafka_is_away_an_upload_says_which_records_were_not_taken(
    own_kafka: Kafka, redis_url: str, namespace: str
) -> None:
    async with (
        deployed(own_kafka.bootstrap, redis_url, namespace, http_ack_seconds=2.0) as made,
        gateway(made) as running,
    ):
        assert (await running.put(*RECORDS)).json["processed"] == 20
        os.kill(own_kafka.pid, signal.SIGSTOP)
        try:
            refused = await asyncio.gather(*(running.put(*RECORDS) for _ in range(3)))
        finally:
            os.kill(own_kafka.pid, signal.SIGCONT)
        for each in refused:
            assert (each.status, each.headers["Retry-After"], each.json["processed"]) == (503, "2", 0)
            assert {one["reason"] for one in each.json["unprocessed"]} == {"unavailable"}
        async with asyncio.timeout(60):
            await until_ready(running)
        assert (await running.put(*RECORDS)).json["status"] == "success"


async def test_while_the_store_is_away_uploads_go_on_and_reads_are_told_to_come_back(
    kafka: str, own_valkey: Valkey, namespace: str
) -> None:
    async with deployed(kafka, own_valkey.url, namespace) as made, gateway(made) as running:
        await asyncio.to_thread(own_valkey.kill)
        assert (await running.put(*RECORDS)).json["status"] == "success"
        read = await running.get("/v1/profiles/by/device/d-1")
        assert (read.status, read.json["reason"], read.headers["Retry-After"]) == (503, "unavailable", "2")
        await asyncio.to_thread(own_valkey.restart)
        async with asyncio.timeout(60):
            await until_ready(running)
        assert (await running.get("/v1/profiles/by/device/d-1")).status == 404
