"""Where the ends of topics are, asked again and again over one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from knownas.adapters.kafka_access import Kafka, client_options
from knownas.errors import WorldFault
from knownas.stages.ports import Partition


class KafkaEnds:
    """Asks Kafka how long its logs are."""

    def __init__(self, bootstrap: Kafka, answer_seconds: float = 5.0) -> None:
        self._bootstrap, self._answer_seconds = bootstrap, answer_seconds
        self._consumer: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The offset after the last record of each partition."""
        wanted = [TopicPartition(*partition) for partition in partitions]
        async with self._lock:
            try:
                async with asyncio.timeout(self._answer_seconds):
                    consumer = await self._opened()
                    ends = await consumer.end_offsets(wanted)
            except (KafkaError, OSError, TimeoutError) as error:
                await self._let_go()
                raise WorldFault(f"Kafka does not answer at {self._bootstrap}") from error
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    async def close(self) -> None:
        """Close the connection; a later question opens a new one."""
        async with self._lock:
            await self._let_go()

    async def _opened(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(**client_options(self._bootstrap), enable_auto_commit=False)
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer

    async def _let_go(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()
