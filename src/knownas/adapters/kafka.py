"""What the stages send: whole batches to named partitions, acknowledged before anything follows them.

`KafkaOutlet.send` sends everything it is given, one unacknowledged batch per target partition, and returns when all of
it is acknowledged. After an error nothing more is sent to that partition, so no message ever overtakes a lost one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IllegalOperation,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
)

from knownas.adapters.kafka_access import Kafka, client_options
from knownas.errors import Refused, WorldFault
from knownas.stages.ports import Batches, Gap, Message, no_gap

BATCH_BYTES: Final = 900_000


class KafkaOutlet:
    """A producer. With a `transactional_id` every `send` is one transaction, and the newest outlet of that id fences
    all earlier ones (`Refused`)."""

    def __init__(self, bootstrap: Kafka, transactional_id: str | None = None, gap: Gap = no_gap) -> None:
        self._options: dict[str, Any] = {
            **client_options(bootstrap),
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": 0,
            "max_batch_size": BATCH_BYTES,
            "max_request_size": 2 * BATCH_BYTES,
            "request_timeout_ms": 15_000,
        }
        if transactional_id is not None:
            self._options |= {"transactional_id": transactional_id, "transaction_timeout_ms": 60_000}
        self._transactional = transactional_id is not None
        self._producer: AIOKafkaProducer | None = None
        self._gap = gap

    @property
    def is_open(self) -> bool:
        """Whether there is a producer; after a failure there is none until the next `open` or `send`."""
        return self._producer is not None

    async def open(self) -> None:
        """Connect; a transactional outlet fences its predecessors here."""
        if self._producer is not None:
            return
        producer = AIOKafkaProducer(**self._options)
        try:
            await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await stop_producer(producer)
            raise _fault(error) from error
        except BaseException:
            await stop_producer(producer)
            raise
        self._producer = producer

    async def close(self) -> None:
        """Close the connection; a later `send` opens a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)

    async def send(self, batches: Batches) -> None:
        """Send everything, wait for every acknowledgement. After a failure the outlet starts from a new producer."""
        if not batches:
            return
        await self.open()
        producer = self._producer
        assert producer is not None
        try:
            if self._transactional:
                await producer.begin_transaction()
            await _send_all(producer, batches)
            if self._transactional:
                await self._gap("publish.uncommitted")
                await producer.commit_transaction()
        except (KafkaError, IllegalOperation, OSError, TimeoutError) as error:
            await self.close()
            raise _fault(error) from error
        except BaseException:
            await self.close()
            raise


async def _send_all(producer: AIOKafkaProducer, batches: Batches) -> None:
    """Round by round: each partition's next batch is sent when all batches of the round before are acknowledged."""
    waiting = {target: deque(messages) for target, messages in batches.items()}
    while waiting:
        sent: list[asyncio.Future[Any]] = []
        over: IllegalOperation | None = None
        for (topic, partition), messages in list(waiting.items()):
            batch = next_batch(producer, messages)
            try:
                sent.append(await producer.send_batch(batch, topic, partition=partition))
            except IllegalOperation as error:
                # The transaction ended under our hands: what was sent of it says why.
                over = error
                break
            if not messages:
                del waiting[topic, partition]
        if sent:
            await asyncio.wait(sent)
        for failure in [*(future.exception() for future in sent), over]:
            if failure is not None:
                raise failure


def next_batch(producer: AIOKafkaProducer, messages: deque[Message]) -> Any:
    """A batch of as many messages as fit; they leave the queue."""
    batch = producer.create_batch()
    while messages:
        message = messages[0]
        headers = list(message.headers)  # as aiokafka wants them
        if batch.append(key=message.key, value=message.value, timestamp=message.at, headers=headers) is None:
            break
        messages.popleft()
    return batch


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """A producer that cannot reach its broker would wait for what it still holds, and send it late: let go of that."""
    try:
        async with asyncio.timeout(2):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError):
        if producer._sender is not None:
            await producer._sender.close()
        await producer.client.close()


def _fault(error: Exception) -> Exception:
    if isinstance(error, ProducerFenced):
        return Refused("a newer producer of this shard is at work")
    if isinstance(error, (MessageSizeTooLargeError, InvalidTimestampError)):
        return RuntimeError(
            f"Kafka will never take this: {error!r}"
        )  # nothing that may pass: ours, a size that should have been kept
    return WorldFault(f"Kafka: {str(error) or type(error).__name__}")
