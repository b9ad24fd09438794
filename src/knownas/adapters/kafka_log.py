"""What Kafka knows of topics, offsets and groups, asked by whoever starts or checks something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from knownas.errors import WorldFault
from knownas.stages.ports import Partition

ANSWER_SECONDS: Final = 3
KNOWN_SECONDS: Final = 30
"""A broker learns of a topic a moment after it was made."""


class KafkaLog:
    """Questions to Kafka about its logs; opened where they are asked and closed again, nothing is kept."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    @asynccontextmanager
    async def _world(self) -> AsyncIterator[None]:
        try:
            yield
        except KafkaConnectionError as error:
            raise WorldFault(f"Kafka does not answer at {self._bootstrap}") from error
        except (KafkaError, OSError, TimeoutError) as error:
            raise WorldFault(f"Kafka at {self._bootstrap}: {str(error) or type(error).__name__}") from error

    async def answers(self) -> bool:
        """Whether a broker answers now."""
        client = AIOKafkaClient(bootstrap_servers=self._bootstrap)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await client.bootstrap()
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await client.close()
        return True

    async def committed(self, group: str, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The group's committed offsets; partitions without one are left out."""
        wanted = [TopicPartition(*partition) for partition in partitions]
        async with self._world(), self._admin() as admin:
            found = await admin.list_consumer_group_offsets(group, partitions=wanted)
        return {(tp.topic, tp.partition): at.offset for tp, at in found.items() if at.offset >= 0}

    async def bounds(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, int]]:
        """The first offset still held and the one after the last, of each partition."""
        wanted = [TopicPartition(*partition) for partition in partitions]
        async with self._world(), self._consumer() as consumer:
            first: Mapping[TopicPartition, int] = await consumer.beginning_offsets(wanted)
            end: Mapping[TopicPartition, int] = await consumer.end_offsets(wanted)
        return {(tp.topic, tp.partition): (first[tp], end[tp]) for tp in wanted}

    async def partition_counts(self, topics: Collection[str]) -> dict[str, int]:
        """How many partitions each topic has; topics that do not exist are left out."""
        async with self._world(), self._admin() as admin:
            described = await admin.describe_topics(list(topics))
        return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}

    async def create(self, topics: Sequence[NewTopic]) -> list[str]:
        """Make the topics that are missing; the names of those that were made. Returns when Kafka knows them all."""
        made = []
        async with self._world(), self._admin() as admin:
            answer = await admin.create_topics(list(topics))
            for name, code, *message in answer.topic_errors:
                if for_code(code) is TopicAlreadyExistsError:
                    continue
                if code:
                    raise for_code(code)(f"topic {name}: {message[0] if message else ''}")
                made.append(name)
        async with asyncio.timeout(KNOWN_SECONDS):
            while len(await self.partition_counts([topic.name for topic in topics])) < len(topics):
                await asyncio.sleep(0.05)
        return made

    async def read(self, topic: str, committed_only: bool = False) -> AsyncIterator[Any]:
        """Every record a topic holds now, partition by partition in order."""
        async with self._world(), self._consumer(committed_only) as consumer:
            partitions = consumer.partitions_for_topic(topic) or await self._partitions(consumer, topic)
            tps = [TopicPartition(topic, partition) for partition in sorted(partitions)]
            end = await consumer.end_offsets(tps)
            for tp in tps:
                consumer.assign([tp])
                await consumer.seek_to_beginning(tp)
                while await consumer.position(tp) < end[tp]:
                    found = await consumer.getmany(tp, timeout_ms=1_000)
                    for record in found.get(tp, ()):
                        if record.offset < end[tp]:
                            yield record

    async def _partitions(self, consumer: AIOKafkaConsumer, topic: str) -> set[int]:
        await consumer._client.force_metadata_update()
        partitions: set[int] | None = consumer.partitions_for_topic(topic)
        if not partitions:
            raise UnknownTopicOrPartitionError(f"there is no topic {topic}")
        return partitions

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    @asynccontextmanager
    async def _consumer(self, committed_only: bool = False) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            isolation_level="read_committed" if committed_only else "read_uncommitted",
            max_partition_fetch_bytes=4_000_000,
            fetch_max_wait_ms=10,  # what is read is there already; at the end of a partition nothing is worth a wait
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()
