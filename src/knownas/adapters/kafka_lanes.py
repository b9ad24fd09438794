"""What a gateway sends: small lots from many callers, each answered when Kafka has acknowledged it.

Each target partition has a lane. A lane sends one batch at a time; what arrives meanwhile waits together and is the
next batch. So a single caller is answered after one round trip, a thousand callers share one, and the order in which
they came is the order on the partition. Callers are bounded by what may wait.

After a failure nothing of what was waiting is sent any more: a caller who was told "not acknowledged" may have come
back elsewhere. The producer is let go and a new one is opened behind the scenes; until it is there callers are told at
once, not after a time-out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from knownas.adapters.kafka import BATCH_BYTES, next_batch, stop_producer
from knownas.adapters.kafka_access import Kafka, client_options
from knownas.stages.ports import Message, Partition

REOPEN_SECONDS: Final = 0.5


class Sent(NamedTuple):
    """The offsets of the messages that are acknowledged, from the first on, and what kept the rest from it."""

    offsets: list[int]
    trouble: str | None


class Lot(NamedTuple):
    """What one caller gives to one partition, the offsets known so far, and where it is told that this is over."""

    messages: Sequence[Message]
    offsets: list[int]
    done: asyncio.Future[str | None]


class KafkaLanes:
    """A producer for many callers at once."""

    def __init__(self, bootstrap: Kafka, ack_seconds: float, most_waiting: int = 100_000) -> None:
        self._bootstrap, self._ack_seconds, self._most_waiting = bootstrap, ack_seconds, most_waiting
        self._producer: AIOKafkaProducer | None = None
        self._opening: asyncio.Task[None] | None = None
        self._lanes: dict[Partition, deque[Lot]] = {}
        self._at_work: dict[Partition, asyncio.Task[None]] = {}
        self._waiting = 0
        self._closed = False
        self.trouble: str | None = "Kafka has not been reached yet"

    async def open(self) -> None:
        """Connect, or go on trying behind the scenes."""
        self._closed = False
        await self._open()
        if self._producer is None:
            self._reopen()

    async def close(self) -> None:
        """Send what is waiting, then disconnect."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
        if self._at_work:
            await asyncio.wait(self._at_work.values())
        await self._let_go()

    async def send(self, messages: Mapping[Partition, Sequence[Message]]) -> dict[Partition, Sent]:
        """What came of each partition's messages. Never raises: what is not acknowledged says why."""
        amount = sum(map(len, messages.values()))
        if trouble := self._trouble_with(amount):
            return {target: Sent([], trouble) for target in messages}
        self._waiting += amount
        lots = {}
        try:
            for target, some in messages.items():
                lots[target] = lot = Lot(some, [], asyncio.get_running_loop().create_future())
                self._lanes.setdefault(target, deque()).append(lot)
                if target not in self._at_work:
                    self._at_work[target] = asyncio.create_task(self._work(target))
            for lot in lots.values():
                await lot.done
        finally:
            self._waiting -= amount
        return {target: Sent(lot.offsets, lot.done.result()) for target, lot in lots.items()}

    def _trouble_with(self, amount: int) -> str | None:
        if self._closed:
            return "the gateway is stopping"
        if self._producer is None:
            return self.trouble
        if self._waiting and self._waiting + amount > self._most_waiting:
            return f"{self._waiting:,} records are waiting for Kafka already"
        return None

    async def _work(self, target: Partition) -> None:
        lane = self._lanes[target]
        try:
            while lane and self._producer is not None:
                await self._send_some(self._producer, target, lane)
        except (KafkaError, OSError, TimeoutError) as error:
            self.trouble = f"Kafka does not acknowledge: {str(error) or type(error).__name__}"
            await self._let_go()
            self._reopen()
        finally:
            del self._at_work[target]
            if lane:
                _end(lane, self.trouble or "the gateway is stopping")
                lane.clear()

    async def _send_some(self, producer: AIOKafkaProducer, target: Partition, lane: deque[Lot]) -> None:
        """What fits into one batch, and at least one lot: a lot larger than a batch goes in several."""
        lots: list[Lot] = []
        size = 0
        while lane and (not lots or size + _bytes(lane[0]) < BATCH_BYTES // 2):
            lots.append(lane.popleft())
            size += _bytes(lots[-1])
        messages = deque(message for lot in lots for message in lot.messages)
        places = iter([lot.offsets for lot in lots for _ in lot.messages])
        trouble: str | None = "the gateway is stopping"
        try:
            while messages:
                before = len(messages)
                first = await self._acknowledged(producer, target, messages)
                for offset in range(first, first + before - len(messages)):
                    next(places).append(offset)
            trouble = None
        except (KafkaError, OSError, TimeoutError) as error:
            trouble = f"Kafka does not acknowledge: {str(error) or type(error).__name__}"
            raise
        finally:
            _end(lots, trouble)

    async def _acknowledged(self, producer: AIOKafkaProducer, target: Partition, messages: deque[Message]) -> int:
        """Send one batch; its first offset. A future that takes too long is not cancelled: the producer holds it."""
        sent = await producer.send_batch(next_batch(producer, messages), target[0], partition=target[1])
        done, _ = await asyncio.wait({sent}, timeout=self._ack_seconds)
        if not done:
            sent.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise TimeoutError(f"not within {self._ack_seconds:g} seconds")
        return int(sent.result().offset)

    async def _open(self) -> None:
        producer = AIOKafkaProducer(
            **client_options(self._bootstrap),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * BATCH_BYTES,
            request_timeout_ms=max(1_000, int(self._ack_seconds * 1_000)),
        )
        try:
            async with asyncio.timeout(self._ack_seconds):
                await producer.start()
        except (KafkaError, OSError, TimeoutError):
            self.trouble = f"Kafka does not answer at {self._bootstrap}"
            await stop_producer(producer)
        except BaseException:
            await stop_producer(producer)
            raise
        else:
            self._producer, self.trouble = producer, None

    async def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)

    def _reopen(self) -> None:
        if not self._closed and (self._opening is None or self._opening.done()):
            self._opening = asyncio.create_task(self._keep_opening())

    async def _keep_opening(self) -> None:
        while self._producer is None:
            await asyncio.sleep(REOPEN_SECONDS)
            await self._open()


def _bytes(lot: Lot) -> int:
    return sum(len(message.value or b"") + 64 for message in lot.messages)


def _end(lots: Sequence[Lot] | deque[Lot], trouble: str | None) -> None:
    for lot in lots:
        if not lot.done.done():
            lot.done.set_result(trouble)
