"""What is sent late, or fails, never overtakes and is never overtaken."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from knownas.adapters.kafka import KafkaOutlet
from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.store import RedisShardStore, RedisSourceStore
from knownas.errors import Refused, WorldFault
from knownas.nouns import RESOLVED
from knownas.operate.metrics import Metrics
from knownas.stages.keeper import Keeper
from knownas.stages.materialize import Materialize
from knownas.stages.ports import Message
from knownas.stages.publish import Publishers
from tests.builders import profile
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.stored import newest_changes


class Gate:
    """A gap function that stops whoever comes by where it is closed; the first sending can be made to fail."""

    def __init__(self) -> None:
        self.closed: dict[str, asyncio.Event] = {}
        self.reached: Counter[str] = Counter()
        self.fails = False
        self._news = asyncio.Condition()

    async def __call__(self, gap: str) -> None:
        """Note the passage; wait while the gate is closed here."""
        async with self._news:
            self.reached[gap] += 1
            self._news.notify_all()
        if gap == "publish.uncommitted" and self.fails:
            self.fails = False
            raise WorldFault("this sending fails")
        if gap in self.closed:
            await self.closed[gap].wait()

    def close(self, *gaps: str) -> None:
        """Let nobody pass."""
        self.reached.clear()
        self.closed = {gap: asyncio.Event() for gap in gaps}

    def open(self) -> None:
        """Let everybody pass."""
        for gap in self.closed.values():
            gap.set()
        self.closed = {}

    async def until(self, gap: str, times: int = 1) -> None:
        """Wait for passages, those that are stopped included."""
        async with self._news:
            await self._news.wait_for(lambda: self.reached[gap] >= times)


class Chunk(NamedTuple):
    """What the transport would hand to the stage."""

    hold: Any
    records: Sequence[Any]

    @property
    def next_offset(self) -> int:
        """After the last record."""
        return int(self.records[-1].offset) + 1


class Successor:
    """Stage 2 of another worker, by hand: it takes the shard although Kafka has not dealt it to it."""

    def __init__(self, deployment: Deployment) -> None:
        world, self._layout, settings = deployment.world, deployment.layout, deployment.settings
        self._deployment = deployment
        self.gate = Gate()

        def store() -> RedisShardStore:
            return RedisShardStore(world.link(), world.keys, settings.timeline_entries)

        def outlet(shard: int) -> KafkaOutlet:
            return KafkaOutlet(settings.kafka, f"{settings.group}-{self._layout.prefix}{shard}", self.gate)

        async def refused(holds: Any) -> None:
            raise AssertionError(f"{holds} was refused")

        meter = Metrics()
        self._publishers = Publishers(store(), outlet, self._layout, meter, refused, 0, self.gate)
        sources = RedisSourceStore(world.link(), world.keys, world.names)
        self._keeper = Keeper(sources, store(), self._publishers, world.log, self._layout, settings.group, 60)
        self._stage = Materialize(store(), self._publishers, self._layout, world.names, meter, refused, 10)

    async def take_over(self) -> None:
        """Take the shard, publish what its last worker left, fold and publish what came since, trim."""
        tp = (self._layout.name(RESOLVED), 0)
        hold = (await self._keeper.take([tp]))[tp]
        records = [r async for r in self._deployment.world.log.read(tp[0]) if r.offset >= hold.position]
        await self._stage.poll([Chunk(hold, records)])
        while not self._publishers.is_idle(0):
            await asyncio.sleep(0)
        await self._keeper.look_once()

    async def leave(self) -> None:
        """Give the shard up."""
        await self._keeper.drop([(self._layout.name(RESOLVED), 0)])


@pytest.fixture
async def deployment(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """One partition, one shard, and nobody looks after idle ones: what happens is what the test lets happen."""
    async with deployed(kafka, redis_url, namespace, 1, 1, idle_check_ms=60_000) as made:
        yield made


@pytest.mark.parametrize("where", ["publish.before", "publish.checked", "publish.reopened"])
async def test_a_late_send_of_a_worker_that_lost_its_shard_does_not_become_a_profiles_newest_message(
    deployment: Deployment, where: str
) -> None:
    gate, successor = Gate(), Successor(deployment)
    async with deployment.worker(gate):
        await deployment.send(profile("d-1", {"Plan": "A"}))
        await gate.until("publish.sent")
        gate.close(where)
        gate.fails = where != "publish.before"
        await deployment.send(profile("d-1", {"Plan": "B"}))
        await gate.until(where)
        gate.closed["materialize.loaded"] = asyncio.Event()
        loaded = gate.reached["materialize.loaded"]
        await deployment.send(profile("d-1", {"Plan": "C"}))
        await gate.until("materialize.loaded", loaded + 1)
        await successor.take_over()
        (before,) = (await newest_changes(deployment)).values()
        taken = gate.reached["keeper.taken"]
        gate.open()
        await gate.until("keeper.taken", taken + 1)
        (after,) = (await newest_changes(deployment)).values()
    await successor.leave()
    assert before["version"] == 3
    assert after == before
    assert (await deployment.verify()).differences == []


async def test_nothing_follows_a_batch_that_fails_until_it_is_sent_again(kafka: str, namespace: str) -> None:
    """The broker refuses the first, large batch; the small one behind it would be accepted."""
    target, other = (namespace, 0), (namespace, 1)
    large, small = Message(None, b"l" * 700_000), Message(None, b"s" * 300_000)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    outlet = KafkaOutlet(kafka)
    try:
        await admin.create_topics([NewTopic(namespace, 2, 1, topic_configs={"max.message.bytes": "400000"})])
        with pytest.raises((WorldFault, RuntimeError)):
            await outlet.send({target: [large, small, small], other: [small, small]})
        assert await sizes(kafka, target) == []
        limit = {"max.message.bytes": "2000000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, namespace, limit)])
        await outlet.send({target: [large, small, small]})
        assert await sizes(kafka, target) == [700_000, 300_000, 300_000]
    finally:
        await outlet.close()
        await admin.close()


async def test_a_fenced_outlet_is_refused_also_where_it_learns_so_between_two_topics(
    kafka: str, namespace: str
) -> None:
    """It has to look for the leaders of topics that it never sent to; meanwhile the first batch's answer comes."""
    topics = [f"{namespace}.{number}" for number in range(20)]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    late, newer = KafkaOutlet(kafka, namespace), KafkaOutlet(kafka, namespace)
    try:
        await admin.create_topics([NewTopic(topic, 1, 1) for topic in topics])
        await late.send({(topics[0], 0): [Message(None, b"in time")]})
        await newer.open()
        with pytest.raises(Refused):
            await late.send({(topic, 0): [Message(None, b"late")] for topic in topics})
        assert [len(await sizes(kafka, (topic, 0))) for topic in topics] == [1, *[0] * 19]
    finally:
        await late.close()
        await newer.close()
        await admin.close()


async def sizes(kafka: str, target: tuple[str, int]) -> list[int]:
    """How large the messages of a partition are."""
    return [
        len(r.value) async for r in KafkaLog(kafka).read(target[0], committed_only=True) if r.partition == target[1]
    ]
