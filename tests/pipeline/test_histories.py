"""Random histories of tests/laws through a real Kafka, a real Valkey and two worker processes.

KNOWNAS_SEED chooses others; it is printed, and a failing one is found again by it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import hypothesis
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given

from knownas.nouns import EVENTS
from tests.engines import Sent, place_of, time_of
from tests.laws.histories import PARTITIONS, SETTING, SHARDS, Act, Send, histories
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.stored import comparable, contents

SEED = int(os.environ.get("KNOWNAS_SEED", "20"))
HISTORIES = 6
JOINED = 40
"""So many drawn histories, most of them short, make one for the real services."""

DECLARED = {
    "identity_kinds": SETTING.kinds,
    "phone_region": SETTING.region,
    "day_timezone": SETTING.day_timezone,
    "poll_max_records": 25,
}


def drawn(count: int, seed: int) -> list[list[Act]]:
    """So many histories, the same for the same seed."""
    found: list[list[Act]] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(history=histories())
    def draw(history: list[Act]) -> None:
        found.append(history)

    draw()
    return found


@pytest.fixture(scope="module")
def played() -> list[list[Send]]:
    """What is sent in each history."""
    print(f"\nKNOWNAS_SEED={SEED}")  # noqa: T201
    acts = drawn(HISTORIES * JOINED, SEED)
    return [
        [act for history in acts[first::HISTORIES] for act in history if isinstance(act, Send)]
        for first in range(HISTORIES)
    ]


async def send(deployment: Deployment, sends: Sequence[Send]) -> None:
    """Put records where the history says, as fast as it goes."""
    producer = await deployment.producer()
    for number, (value, (topic, partition)) in enumerate(sends, 1):
        name = deployment.layout.name(topic)
        await producer.send(name, value, key=b"k", partition=partition, timestamp_ms=time_of(number))
    await producer.flush()


@pytest.mark.parametrize("number", range(HISTORIES))
async def test_a_random_history_leaves_no_difference(
    number: int, played: list[list[Send]], kafka: str, redis_url: str, namespace: str
) -> None:
    async with deployed(kafka, redis_url, namespace, PARTITIONS, SHARDS, **DECLARED) as deployment:
        half = len(played[number]) // 2
        await send(deployment, played[number][:half])
        await asyncio.gather(deployment.start_worker(), deployment.start_worker())
        await send(deployment, played[number][half:])
        await deployment.settled()
        report = await deployment.verify()
        assert report.records >= len(played[number]) > 50
        assert report.differences == []


def record_of(value: bytes | None) -> dict[str, Any] | None:
    """The JSON object that a value is, if it is one."""
    try:
        record = orjson.loads(value or b"")
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def without_races(sends: Sequence[Send]) -> list[Send]:
    """What belongs into one partition and was put there: nothing else can come before or after it by chance. What a
    demerge, deletion or release undoes comes back from stage 2, in time for one record or for another."""
    one = (EVENTS, 0)

    def has_its_place(record: dict[str, Any]) -> bool:
        return place_of(Sent(record), SETTING) == one and record.get("type") not in ("demerge", "delete", "release")

    return [
        sent
        for sent in sends
        if sent.where == one and ((record := record_of(sent.value)) is None or has_its_place(record))
    ]


async def test_histories_without_races_end_in_the_bytes_of_a_quiet_run(
    played: list[list[Send]], kafka: str, redis_url: str, namespace: str
) -> None:
    sends = [sent for history in played for sent in without_races(history)]
    results = []
    for name in ("quiet", "busy"):
        async with deployed(kafka, redis_url, f"{namespace}{name}", PARTITIONS, SHARDS, **DECLARED) as deployment:
            if name == "quiet":
                await send(deployment, sends)
                async with deployment.worker():
                    await deployment.settled()
            else:
                await asyncio.gather(deployment.start_worker(), deployment.start_worker())
                await send(deployment, sends)
                await deployment.settled()
            results.append(comparable(await contents(deployment)))
    quiet, busy = results
    assert quiet == busy
    assert len(quiet) > 20
