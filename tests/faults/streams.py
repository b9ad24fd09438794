"""Records that stream into Kafka while faults happen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaProducer

from knownas.errors import WorldFault
from knownas.nouns import EVENTS, UPDATES
from knownas.operate.settle import backlog
from tests.faults.records import Pause, Placed
from tests.pipeline.deployment import Deployment

PORTION = 60
MOST_IN_FLIGHT = 500
"""The stream waits while more than this is not resolved: it should last as long as the faults do."""
LOOK_SECONDS = 0.05


class Stream:
    """Sends records as fast as they are worked off, and remembers what it sent, in parts between its pauses."""

    def __init__(self, deployment: Deployment, records: Iterator[Placed | Pause]) -> None:
        self._deployment, self._records = deployment, records
        self._sources = [
            (deployment.layout.name(topic), number)
            for topic in (EVENTS, UPDATES)
            for number in range(deployment.layout.partitions)
        ]
        self._enough = asyncio.Event()
        self.parts: list[list[Placed]] = [[]]

    @property
    def sent(self) -> list[Placed]:
        """Everything that was sent."""
        return [placed for part in self.parts for placed in part]

    async def flow(self) -> None:
        """Send until told that it is enough."""
        producer = await self._deployment.producer()
        while not self._enough.is_set():
            some, is_pause = self._portion()
            await send_all(self._deployment, producer, some)
            self.parts[-1] += some
            if is_pause:
                await self._wait_while_more(than=0)
                self.parts.append([])
            else:
                await self._wait_while_more(than=MOST_IN_FLIGHT)

    def _portion(self) -> tuple[list[Placed], bool]:
        some: list[Placed] = []
        for one in self._records:
            if isinstance(one, Pause):
                return some, True
            some.append(one)
            if len(some) == PORTION:
                break
        return some, False

    async def more(self, count: int) -> None:
        """Wait until so many records more are sent; as many, all but those in flight, are worked off."""
        wanted = len(self.sent) + count
        while len(self.sent) < wanted:
            await asyncio.sleep(LOOK_SECONDS)

    def enough(self) -> None:
        """End the flow."""
        self._enough.set()

    async def _wait_while_more(self, than: int) -> None:
        while not self._enough.is_set() and await (self._in_flight() if than else self._left()) > than:
            await asyncio.sleep(LOOK_SECONDS)

    async def _in_flight(self) -> int:
        """How much is not resolved; the marks of transactions count too."""
        with suppress(WorldFault):
            positions = await self._deployment.reader.positions()
            ends = await self._deployment.world.log.bounds(self._sources)
            short = self._deployment.layout.short
            return sum(end - positions[short(tp[0]), tp[1]] for tp, (_, end) in ends.items())
        return MOST_IN_FLIGHT + 1

    async def _left(self) -> int:
        """How much is not done."""
        with suppress(WorldFault):
            return await backlog(self._deployment.world.log, self._deployment.reader, self._deployment.layout)
        return 1


async def send_all(deployment: Deployment, producer: AIOKafkaProducer, records: Iterable[Placed]) -> None:
    """Put records where they belong and wait until Kafka has them."""
    for topic, partition, key, value, at in records:
        name = deployment.layout.name(topic)
        await producer.send(name, value, key=key, partition=partition, timestamp_ms=at)
    await producer.flush()


@asynccontextmanager
async def streaming(deployment: Deployment, records: Iterator[Placed | Pause]) -> AsyncIterator[Stream]:
    """A stream that flows while the block runs; afterwards everything it sent is in Kafka."""
    stream = Stream(deployment, records)
    flowing = asyncio.create_task(stream.flow())
    try:
        yield stream
    finally:
        stream.enough()
        await flowing
