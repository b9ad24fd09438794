"""What Kafka knows of topics, offsets and groups, asked by whoever starts or checks something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from knownas.adapters.kafka_access import Kafka, client_options
from knownas.adapters.kafka_trouble import world
from knownas.stages.ports import Partition

ANSWER_SECONDS: Final = 3
KNOWN_SECONDS: Final = 30
"""A broker learns of a topic a moment after it was made."""

WAIT_MS: Final = 50
"""What is read is there already; where nothing but marks of transactions is left, nothing comes and time is up."""

NOWHERE: Final[Mapping[int, int]] = {}
"""No partition begins anywhere but at its first record."""

Progress = Callable[[int, int], None]
"""Is told how much of how much is done."""


def no_progress(done: int, total: int) -> None:
    """Nobody watches."""


class KafkaLog:
    """Questions to Kafka about its logs; opened where they are asked and closed again, nothing is kept."""

    def __init__(self, bootstrap: Kafka) -> None:
        self._bootstrap = bootstrap

    async def answers(self) -> bool:
        """Whether a broker answers now."""
        client = AIOKafkaClient(**client_options(self._bootstrap))
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
        async with world(self._bootstrap), self._admin() as admin:
            found = await admin.list_consumer_group_offsets(group, partitions=wanted)
        return {(tp.topic, tp.partition): at.offset for tp, at in found.items() if at.offset >= 0}

    async def bounds(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, int]]:
        """The first offset still held and the one after the last, of each partition."""
        wanted = [TopicPartition(*partition) for partition in partitions]
        async with world(self._bootstrap), self._consumer() as consumer:
            await consumer._client.set_topics({tp.topic for tp in wanted})  # or it finds one after the other, in 0.1 s
            first: Mapping[TopicPartition, int] = await consumer.beginning_offsets(wanted)
            end: Mapping[TopicPartition, int] = await consumer.end_offsets(wanted)
        return {(tp.topic, tp.partition): (first[tp], end[tp]) for tp in wanted}

    async def partition_counts(self, topics: Collection[str]) -> dict[str, int]:
        """How many partitions each topic has; topics that do not exist are left out."""
        async with world(self._bootstrap), self._admin() as admin:
            described = await admin.describe_topics(list(topics))
        return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}

    async def create(self, topics: Sequence[NewTopic]) -> list[str]:
        """Make the topics that are missing; the names of those that were made. Returns when Kafka knows them all."""
        made = []
        async with world(self._bootstrap), self._admin() as admin:
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

    async def read(
        self,
        topic: str,
        committed_only: bool = False,
        partitions: Collection[int] | None = None,
        since_ms: int = 0,
        progress: Progress = no_progress,
        begin: Mapping[int, int] = NOWHERE,
    ) -> AsyncGenerator[Any, None]:
        """Every record a topic holds now, partition by partition in order: of all partitions or of some.

        With `since_ms`, partitions are read from the first record on whose Kafka time is that or later: none that is
        left out is as young. With `begin`, those partitions are read from these offsets, or what is still held after
        them. `progress` is told how many offsets are done, of how many.
        """
        async with world(self._bootstrap), self._consumer(committed_only) as consumer:
            there = consumer.partitions_for_topic(topic) or await self._partitions(consumer, topic)
            wanted = there if partitions is None else there & set(partitions)
            tps = [TopicPartition(topic, partition) for partition in sorted(wanted)]
            end = await consumer.end_offsets(tps)
            first = await _first_offsets(consumer, tps, since_ms, end)
            first |= {tp: min(end[tp], max(first[tp], begin[tp.partition])) for tp in tps if tp.partition in begin}
            done, total = 0, sum(end[tp] - first[tp] for tp in tps)
            for tp in _one_by_one(consumer, {tp: first[tp] for tp in tps}):
                while (at := await consumer.position(tp)) < end[tp]:
                    progress(done + at - first[tp], total)
                    found = await consumer.getmany(tp, timeout_ms=WAIT_MS)
                    for record in found.get(tp, ()):
                        if record.offset < end[tp]:
                            yield record
                done += end[tp] - first[tp]
            progress(total, total)

    async def newest(self, topic: str, most: int) -> list[Any]:
        """The newest committed records of a topic, the newest first. Each partition's end is looked at, as far back as
        they can be there: offsets that are taken by marks or were compacted away count, so there may be fewer."""
        async with world(self._bootstrap), self._consumer(committed_only=True) as consumer:
            tps = [TopicPartition(topic, number) for number in await self._partitions(consumer, topic)]
            end = await consumer.end_offsets(tps)
            first = await consumer.beginning_offsets(tps)
            left = {tp for tp in tps if first[tp] < end[tp]}
            consumer.assign(list(left))
            for tp in left:
                consumer.seek(tp, max(first[tp], end[tp] - 2 * most))
            found: list[Any] = []
            while left:
                some = await consumer.getmany(*left, timeout_ms=WAIT_MS)
                found += [record for records in some.values() for record in records]
                left = {tp for tp in left if await consumer.position(tp) < end[tp]}
        return sorted(found, key=lambda record: (record.timestamp, record.offset), reverse=True)[:most]

    @asynccontextmanager
    async def tail(self, topics: Collection[str]) -> AsyncIterator[Callable[[], Awaitable[list[Any]]]]:
        """What arrives in topics, committed, from now on: each call gives what has come since the last, or waits a
        moment for it."""
        async with world(self._bootstrap), self._consumer(committed_only=True) as consumer:
            tps = [TopicPartition(t, number) for t in topics for number in await self._partitions(consumer, t)]
            consumer.assign(tps)
            for tp, end in (await consumer.end_offsets(tps)).items():
                consumer.seek(tp, end)

            async def arrived() -> list[Any]:
                found = await consumer.getmany(timeout_ms=200)
                return [record for some in found.values() for record in some]

            yield arrived

    async def record(self, topic: str, partition: int, offset: int) -> Any:
        """The record at an offset, or None where there is none: not yet, not any more, or a transaction's mark."""
        tp = TopicPartition(topic, partition)
        async with world(self._bootstrap), self._consumer() as consumer:
            first, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
            if not first <= offset < end:
                return None
            consumer.assign([tp])
            consumer.seek(tp, offset)
            while await consumer.position(tp) <= offset:
                for record in (await consumer.getmany(tp, timeout_ms=WAIT_MS)).get(tp, ()):
                    return record if record.offset == offset else None
        return None

    async def without_records(self, ranges: Mapping[Partition, tuple[int, int]]) -> set[Partition]:
        """Of these ranges of offsets those in which no committed record stands, but marks of transactions at most."""
        empty = set()
        async with world(self._bootstrap), self._consumer(committed_only=True) as consumer:
            for tp in _one_by_one(consumer, {TopicPartition(*tp): first for tp, (first, _) in ranges.items()}):
                end = ranges[tp][1]
                stable = min(end, (await consumer.end_offsets([tp]))[tp])
                found: list[Any] = []
                while not found and await consumer.position(tp) < stable:
                    found = (await consumer.getmany(tp, timeout_ms=WAIT_MS)).get(tp, [])
                if stable == end and (not found or found[0].offset >= end):
                    empty.add((tp.topic, tp.partition))
        return empty

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        """A client for what an administrator asks; what fails is the world's fault."""
        async with world(self._bootstrap), self._admin() as admin:
            yield admin

    async def _partitions(self, consumer: AIOKafkaConsumer, topic: str) -> set[int]:
        await consumer._client.force_metadata_update()
        partitions: set[int] | None = consumer.partitions_for_topic(topic)
        if not partitions:
            raise UnknownTopicOrPartitionError(f"there is no topic {topic}")
        return partitions

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**client_options(self._bootstrap))
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    @asynccontextmanager
    async def _consumer(self, committed_only: bool = False) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            **client_options(self._bootstrap),
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


def _one_by_one(consumer: AIOKafkaConsumer, first: Mapping[TopicPartition, int]) -> Iterator[TopicPartition]:
    """Each partition while it alone is read, from where to begin on.

    They are assigned once: a consumer that is stopped just after it was assigned anew never ends, for aiokafka's
    fetcher takes its own cancelling for that of a fetch.
    """
    consumer.assign(list(first))
    for tp, offset in first.items():
        consumer.seek(tp, offset)
        consumer.pause(tp)
    for tp in first:
        consumer.resume(tp)
        yield tp
        consumer.pause(tp)


async def _first_offsets(
    consumer: AIOKafkaConsumer, tps: Sequence[TopicPartition], since_ms: int, end: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Where to begin: at what is still held, or at the first record of that time or later; at the end if none is."""
    first: dict[TopicPartition, int] = dict(await consumer.beginning_offsets(tps))
    if since_ms <= 0:
        return first
    found = await consumer.offsets_for_times(dict.fromkeys(tps, since_ms))
    return {tp: end[tp] if found[tp] is None else min(end[tp], max(first[tp], found[tp].offset)) for tp in tps}
