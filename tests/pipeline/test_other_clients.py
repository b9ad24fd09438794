"""Producers and consumers that are not ours: kcat and librdkafka."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from knownas.nouns import CHANGED, EVENTS, UPDATES
from tests.builders import event, login, profile
from tests.pipeline.deployment import Deployment, lines_of

RECORDS = [
    event("laptop", "Product Viewed", {"sku": "A1"}),
    login("laptop", {"Name": "Ann"}, email="ann@example.com"),
    event("laptop", "Charged", {"Amount": 30}),
    event("phone", "Product Viewed"),
    login("phone", email="ann@example.com"),
    event("phone", "Search"),
    event("tablet", "Search"),
]

needs_kcat = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed (apt-get install kcat)")


async def kcat(deployment: Deployment, topic: str, lines: str, partitioner: str, folder: Path) -> None:
    """Let kcat produce lines of key, tab, value."""
    file = folder / f"{topic}-{partitioner}"
    file.write_text(lines)
    command = ["kcat", "-P", "-b", deployment.settings.kafka, "-t", deployment.layout.name(topic), "-K", "\t", "-l"]
    command += ["-X", f"partitioner={partitioner}", "-X", "linger.ms=5", str(file)]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)


@needs_kcat
@pytest.mark.parametrize("partitioner", ["murmur2_random", "fnv1a"])
async def test_records_from_kcat_give_the_same_profiles_with_the_right_and_the_wrong_partitioner(
    deployment: Deployment, tmp_path: Path, partitioner: str
) -> None:
    """Device by device, because a wrong partitioner loses the order between devices, never the one of a device."""
    async with deployment.worker():
        for device in ("laptop", "phone", "tablet"):
            records = [record for record in RECORDS if record["device"] == device]
            await kcat(deployment, EVENTS, lines_of(records, lambda r: str(r["device"])), partitioner, tmp_path)
            await deployment.settled()
        update = profile(None, {"Plan": "Gold"}, email="Ann@example.com")
        await kcat(deployment, UPDATES, lines_of([update], lambda _: "email:ann@example.com"), partitioner, tmp_path)
        await deployment.settled()
    ann = await deployment.of_identity("email", "ann@example.com")
    assert {name: count.count for name, count in ann.events.items()} == {"Product Viewed": 1, "Charged": 1, "Search": 1}
    assert ann.type == "customer"
    assert ann.devices == ["laptop", "phone"]
    assert ann.properties["Plan"].value == "Gold"
    assert len(ann.guests) == 1
    report = await deployment.verify()
    assert not report.differences
    assert report.profiles == 3


@needs_kcat
async def test_a_record_with_a_device_in_updates_is_brought_home(deployment: Deployment, tmp_path: Path) -> None:
    async with deployment.worker():
        await kcat(deployment, UPDATES, lines_of(RECORDS[:3], lambda _: "wrong"), "murmur2_random", tmp_path)
        await deployment.settled()
    ann = await deployment.of_identity("email", "ann@example.com")
    assert (ann.version, ann.type) == (3, "customer")
    assert not (await deployment.verify()).differences


async def test_a_plain_librdkafka_consumer_reads_what_changed(deployment: Deployment) -> None:
    async with deployment.worker():
        for record in RECORDS:
            await deployment.send(record)
            await deployment.settled()
    ann = await deployment.of_identity("email", "ann@example.com")
    changes = await asyncio.to_thread(read_changes, deployment, ann.id)
    assert [change["version"] for change in changes] == [1, 2, 3, 4]
    assert [change["since"] for change in changes] == [0, 1, 2, 3]
    assert [change["type"] for change in changes] == ["anonymous", "addressable", "customer", "customer"]
    assert [change.get("previousType") for change in changes] == [None, "anonymous", "addressable", None]
    assert changes[1]["changed"]["identities"] == {"from": {}, "to": {"email": ["ann@example.com"]}}
    assert changes[3]["links"] == ann.guests
    assert changes[3]["profile"]["guests"] == ann.guests


def read_changes(deployment: Deployment, profile_id: str) -> list[dict[str, Any]]:
    """What a consumer in another language would do: assign, read committed, up to the end."""
    topic = deployment.layout.name(CHANGED)
    options = {"bootstrap.servers": deployment.settings.kafka, "group.id": "reader", "enable.auto.commit": False}
    consumer = Consumer(options | {"isolation.level": "read_committed", "enable.partition.eof": True})
    partitions = range(deployment.layout.shards)
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    found, ended = [], 0
    while ended < len(partitions):
        message = consumer.poll(10)
        assert message is not None, "the broker did not answer"
        if message.error():
            ended += 1
        elif message.key() == profile_id.encode():
            found.append(json.loads(message.value() or b""))
    consumer.close()
    return found
