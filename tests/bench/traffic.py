"""The same bytes for everybody: the demo shop's records, made once, then put into each system's own topics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from knownas.adapters.kafka import KafkaOutlet
from knownas.demo.shop import Sending, traffic
from knownas.nouns import murmur2
from knownas.stages.ports import Message

PARTITIONS: Final = 8
NOW: Final = 1_763_800_000
"""The shop's present. Fixed, so that every run of the bench sends the same bytes."""

Batches = dict[tuple[str, int], list[Message]]


class Traffic(NamedTuple):
    """What warms a system up, and what is measured after it: one stream, cut in two."""

    warm_up: list[Sending]
    measured: list[Sending]


def shop(seed: int, warm_up: int, measured: int) -> Traffic:
    """The shop's traffic, as far as the peers have rules for it."""
    records = list(traffic(seed, warm_up + measured, NOW, requests=False))
    return Traffic(records[:warm_up], records[warm_up:])


def batches(records: Iterable[Sending], prefix: str) -> Batches:
    """Records by topic and partition, each where a Kafka client with the murmur2 partitioner puts it."""
    found: Batches = {}
    for topic, key, value, _ in records:
        found.setdefault((prefix + topic, murmur2(key) % PARTITIONS), []).append(Message(key, value))
    return found


async def put(kafka: str, made: Batches) -> None:
    """Put records into Kafka; returns when all are acknowledged."""
    outlet = KafkaOutlet(kafka)
    try:
        await outlet.send(made)
    finally:
        await outlet.close()
