"""Reading `profile-changed` live, from where a reader left off: a connection of its own for each reader."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from knownas.adapters.kafka_access import Kafka, client_options
from knownas.errors import WorldFault

POLL_MS = 1_000
OPEN_SECONDS = 20
AT_ONCE = 500


class Change(NamedTuple):
    """One message: the profile's id, the change as JSON, or None where the profile was deleted."""

    partition: int
    offset: int
    profile: str
    value: bytes | None


class ChangeReader:
    """Reads committed changes. What was compacted away is skipped: a newer message of that profile follows."""

    def __init__(self, bootstrap: Kafka, topic: str, partitions: Sequence[int]) -> None:
        self._bootstrap = bootstrap
        self._partitions = [TopicPartition(topic, partition) for partition in partitions]
        self._consumer = AIOKafkaConsumer(
            **client_options(bootstrap), enable_auto_commit=False, isolation_level="read_committed",
            auto_offset_reset="earliest", fetch_max_wait_ms=250,
        )  # fmt: skip

    async def open(self, after: Mapping[int, int]) -> dict[int, int]:
        """Go to the offsets in `after`, elsewhere to the end; where that is, by partition."""
        with self._world():
            async with asyncio.timeout(OPEN_SECONDS):
                return await self._placed(after)

    async def _placed(self, after: Mapping[int, int]) -> dict[int, int]:
        consumer = self._consumer
        await consumer.start()
        consumer.assign(self._partitions)
        for tp in self._partitions:
            if tp.partition in after:
                consumer.seek(tp, after[tp.partition])
            else:
                await consumer.seek_to_end(tp)
        return {tp.partition: await consumer.position(tp) for tp in self._partitions}

    async def some(self) -> list[Change]:
        """What has come; nothing after a while in which nothing came."""
        with self._world():
            found = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=AT_ONCE)
        return [
            Change(tp.partition, record.offset, (record.key or b"").decode(), record.value)
            for tp, records in found.items()
            for record in records
        ]

    async def close(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    @contextmanager
    def _world(self) -> Iterator[None]:
        try:
            yield
        except (KafkaError, OSError, TimeoutError) as error:
            raise WorldFault(f"Kafka does not answer at {self._bootstrap}") from error
