"""Looking at the world while the stages work: Kafka's clients wait for a broker that is away without ever saying so,
and nobody tells a worker that its topics were deleted or grew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

import structlog
from redis.exceptions import RedisError

from knownas.adapters.kafka_ends import KafkaEnds
from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.redis import Link
from knownas.errors import CannotStart, WorldFault
from knownas.operate.layout import check_topics
from knownas.stages.ports import Partition
from knownas.topics import Layout

LOOK_SECONDS: Final = 2.0
TOPICS_SECONDS: Final = 30.0
STORE_SECONDS: Final = 15.0

log = structlog.get_logger()


class KafkaWatch:
    """Sees whether Kafka answers, how long the logs are that this worker reads, and how far it has read them:
    `ends` and `reached`, by short topic name. Behind the last record may stand marks of transactions, which are read
    and never done."""

    def __init__(
        self,
        kafka: KafkaLog,
        ends: KafkaEnds,
        layout: Layout,
        held: Callable[[], Sequence[Partition]],
        reached: Callable[[], Awaitable[Mapping[Partition, int]]],
    ) -> None:
        self._kafka, self._ends, self._layout, self._held, self._reached = kafka, ends, layout, held, reached
        self.trouble: str | None = None
        self.ends: Mapping[Partition, int] = {}
        self.reached: Mapping[Partition, int] = {}

    async def look(self) -> None:
        """Look every few seconds."""
        while True:
            await self.look_once()
            await asyncio.sleep(LOOK_SECONDS)

    async def look_once(self) -> None:
        """One look."""
        held = self._held()
        try:
            if held or await self._kafka.answers():
                ends = await self._ends.ends([(self._layout.name(topic), number) for topic, number in held])
                self.ends, self.reached = self._short(ends), self._short(await self._reached())
                self.trouble = None
                return
        except WorldFault as away:
            log.debug("kafka_not_seen", reason=str(away))
        self.trouble = "Kafka does not answer"

    def _short(self, by_partition: Mapping[Partition, int]) -> dict[Partition, int]:
        return {(self._layout.short(topic), number): at for (topic, number), at in by_partition.items()}

    async def close(self) -> None:
        """Let go of the connection."""
        await self._ends.close()


class TopicsWatch:
    """Sees topics vanish or grow: what was decided for the partitions there were holds for no others, so the worker
    ends with one line, as it would have refused to start."""

    def __init__(self, kafka: KafkaLog, layout: Layout) -> None:
        self._kafka, self._layout = kafka, layout
        self.every_seconds = TOPICS_SECONDS

    async def look(self) -> None:
        """Look now and then; ends by `CannotStart` alone."""
        while True:
            await asyncio.sleep(self.every_seconds)
            await self.look_once()

    async def look_once(self) -> None:
        """One look, and where something is wrong a second: a broker that has just started may not know all topics."""
        try:
            if await self._problem() is not None:
                await asyncio.sleep(LOOK_SECONDS)
                if (problem := await self._problem()) is not None:
                    raise CannotStart(problem)
        except WorldFault as away:
            log.debug("topics_not_seen", reason=str(away))

    async def _problem(self) -> str | None:
        try:
            found = await check_topics(self._kafka, self._layout.prefix)
        except CannotStart as wrong:
            return f"{wrong}. Nothing is lost by stopping; `knownas doctor` says what is wrong with the set-up"
        if found == self._layout:
            return None
        return (
            f"the number of partitions has changed while workers ran: sources {self._layout.partitions} to "
            f"{found.partitions}, shards {self._layout.shards} to {found.shards}. It is fixed when topics are made: "
            "records would be looked for where they are not. RUNBOOK.md says how to move to more partitions"
        )


class StoreMemory(NamedTuple):
    """What the store takes, and may take (0: as much as there is), in bytes."""

    used: int
    limit: int

    def share(self) -> float:
        """How full it is; without a limit, how large."""
        return self.used / (self.limit or 1 << 60)


class StoreWatch:
    """Sees how full the store is. A store that does not let us ask is not asked again."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.memory: StoreMemory | None = None

    async def look(self) -> None:
        """Look every few seconds."""
        try:
            while True:
                await self.look_once()
                await asyncio.sleep(STORE_SECONDS)
        except (RedisError, CannotStart) as refused:
            log.info("store_memory_unknown", reason=str(refused))
            await asyncio.Event().wait()

    async def look_once(self) -> None:
        """One look; nothing is known while the store is away. Of a cluster the fullest node counts."""
        try:
            told = [await node.run([("INFO", "memory")]) for node in await self._link.nodes()]
        except WorldFault:
            self.memory = None
            return
        self.memory = max((_memory(info_of(info)) for (info,) in told), key=StoreMemory.share, default=None)


def _memory(info: Mapping[str, str]) -> StoreMemory:
    return StoreMemory(int(info.get("used_memory", 0)), int(info.get("maxmemory", 0)))


def info_of(told: bytes) -> dict[str, str]:
    """What `INFO` says, by name."""
    lines = told.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
