"""What streams into Kafka while faults happen: the shop's traffic, and records that hinge on no race."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaProducer

from knownas.demo.shop import traffic
from knownas.errors import WorldFault
from knownas.nouns import EVENTS, UPDATES, murmur2
from tests.builders import NOON, event, login, logout, profile
from tests.pipeline.deployment import Deployment

PORTION = 60
MOST_IN_FLIGHT = 500
"""The stream waits while more than this is not resolved: it should last as long as the faults do."""
SHOP_RECORDS = 100_000


class Placed(NamedTuple):
    """A record and where it is put."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    at: int


def shop(seed: int, partitions: int) -> Iterator[Placed]:
    """The shop's traffic."""
    for number, (topic, key, value, _) in enumerate(traffic(seed, SHOP_RECORDS, NOON)):
        yield Placed(topic, murmur2(key) % partitions, key, value, NOON * 1000 + number)


def without_races(seed: int, partitions: int) -> Iterator[Placed]:
    """Guests, logins, switches, links and logouts of people whose devices all lie in one partition, each with an
    identity of that partition alone: whatever comes first between two partitions, the outcome is the same."""
    rng = random.Random(seed)
    devices: list[list[str]] = [[] for _ in range(partitions)]
    for number in range(partitions * 40):
        devices[murmur2(b"device-%d" % number) % partitions].append(f"device-{number}")
    number = 0
    while True:
        number += 1
        home = rng.randrange(partitions)
        device = rng.choice(devices[home])
        record = _any_record(rng, device, home)
        yield Placed(EVENTS, home, device.encode(), orjson.dumps(record), NOON * 1000 + number)


def _any_record(rng: random.Random, device: str, home: int) -> dict[str, Any]:
    email = f"person-{rng.randrange(25)}@{home}.example.com"
    dice = rng.random()
    if dice < 0.6:
        return event(device, rng.choice(["Viewed", "Search", "Charged"]), {"sku": f"A{rng.randrange(9)}"})
    if dice < 0.8:
        return login(device, {"Plan": rng.choice(["Gold", "Silver"])}, email=email)
    if dice < 0.9:
        return profile(device, {"visits": {"$incr": 1}}, email=email)
    return logout(device)


class Stream:
    """Sends records as fast as they are worked off, and remembers what it sent."""

    def __init__(self, deployment: Deployment, records: Iterator[Placed]) -> None:
        self._deployment, self._records = deployment, records
        self._enough = asyncio.Event()
        self.sent: list[Placed] = []

    async def flow(self) -> None:
        """Send until told that it is enough."""
        while not self._enough.is_set():
            await self.send(PORTION)
            while not self._enough.is_set() and await self._in_flight() > MOST_IN_FLIGHT:
                await asyncio.sleep(0.02)

    async def send(self, count: int) -> None:
        """Send so many records more."""
        some = list(islice(self._records, count))
        await send_all(self._deployment, await self._deployment.producer(), some)
        self.sent += some

    async def more(self, count: int) -> None:
        """Wait until so many records more are sent; as many, all but those in flight, are worked off."""
        wanted = len(self.sent) + count
        while len(self.sent) < wanted:
            await asyncio.sleep(0.02)

    def enough(self) -> None:
        """End the flow."""
        self._enough.set()

    async def _in_flight(self) -> int:
        with suppress(WorldFault):
            positions = await self._deployment.reader.positions()
            return len(self.sent) - sum(at for (topic, _), at in positions.items() if topic in (EVENTS, UPDATES))
        return MOST_IN_FLIGHT + 1


async def send_all(deployment: Deployment, producer: AIOKafkaProducer, records: list[Placed]) -> None:
    """Put records where they belong and wait until Kafka has them."""
    for topic, partition, key, value, at in records:
        name = deployment.layout.name(topic)
        await producer.send(name, value, key=key, partition=partition, timestamp_ms=at)
    await producer.flush()


@asynccontextmanager
async def streaming(deployment: Deployment, records: Iterator[Placed]) -> AsyncIterator[Stream]:
    """A stream that flows while the block runs; afterwards everything it sent is in Kafka."""
    stream = Stream(deployment, records)
    flowing = asyncio.create_task(stream.flow())
    try:
        yield stream
    finally:
        stream.enough()
        await flowing
