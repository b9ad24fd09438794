"""Live segments of a deployment, and the people of these tests: each has an e-mail and a device."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from knownas.adapters.segments import SegmentReader, SegmentStore
from knownas.find.line import from_line
from knownas.find.writing import to_object
from knownas.nouns import EVENTS, RESOLVED, SEGMENTS, UPDATES, Definition
from tests.builders import tick
from tests.pipeline.deployment import Deployment, deployed

DAY = 86_400


class Live:
    """The segments of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        world = deployment.world
        self.store = SegmentStore(world.link(), world.keys)
        self.reader = SegmentReader(world.link(), world.keys, deployment.layout)
        self.put_now: dict[str, Definition] = {}

    async def put(self, name: str, line: str, *, replace: bool = False) -> Definition:
        """Put a segment and wait until everybody is judged by it."""
        query = to_object(from_line(line))
        version = await self.store.put(name, query, replace=replace)
        assert version is not None
        definition = self.put_now[name] = Definition(name=name, version=version, query=query)
        await self.until_filled(name)
        return definition

    async def until_filled(self, name: str) -> None:
        async with asyncio.timeout(30):
            while (await self.reader.size(self.put_now[name])).filling:
                await asyncio.sleep(0.05)

    async def members(self, name: str) -> set[str]:
        """Who is in a segment; the size says the same."""
        found = {profile async for profile in self.reader.members(self.put_now[name])}
        assert (await self.reader.size(self.put_now[name])).people == len(found)
        return found

    async def people(self, *emails: str) -> set[str]:
        """The profiles that own these."""
        return {(await self.deployment.of_identity("email", email)).id for email in emails}

    async def told(self) -> list[dict[str, Any]]:
        """Everything published of segments."""
        topic = self.deployment.layout.name(SEGMENTS)
        return [
            orjson.loads(record.value) | {"key": record.key.decode()}
            async for record in self.deployment.world.log.read(topic, committed_only=True)
        ]

    async def heard(self, name: str) -> set[str]:
        """Who is in a segment for somebody who only listens; nobody enters or leaves twice."""
        there: set[str] = set()
        for one in await self.told():
            assert one["key"] == one["profile"]
            if one["segment"] == name:
                assert (one["profile"] not in there) == one["entered"], one
                (there.add if one["entered"] else there.discard)(one["profile"])
        return there

    async def pass_days(self, days: int) -> None:
        """Ticks that came so many days later."""
        await pass_time(self.deployment, int((time.time() + days * DAY) * 1_000))
        await self.deployment.settled()


def login(email: str, **more: Any) -> dict[str, Any]:
    return {"type": "login", "device": f"d-{email}", "identities": {"email": email}, **more}


def event(email: str, name: str, **data: Any) -> dict[str, Any]:
    return {"type": "event", "device": f"d-{email}", "evtName": name, "evtData": data}


async def pass_time(deployment: Deployment, at_ms: int, definitions: Sequence[Definition] = ()) -> None:
    """A tick for each shard that comes at a time of Kafka's, with definitions of segments. All must be settled: what a
    shard tells itself is numbered by what it follows from, and these follow from the newest message."""
    layout = deployment.layout
    for shard in range(layout.shards):
        bounds = await deployment.world.log.bounds([(layout.name(RESOLVED), shard)])
        offset = bounds[layout.name(RESOLVED), shard][1]
        await deployment.produce(RESOLVED, shard, b"", tick(shard, offset, definitions), at_ms)


async def let_time_be_told(deployment: Deployment) -> None:
    """Let records come at any time, past and to come: ticks as well as what producers send."""
    config = {
        "message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str(1 << 62), "retention.ms": "-1",
    }  # fmt: skip
    topics = [deployment.layout.name(short) for short in (EVENTS, UPDATES, RESOLVED)]
    admin = AIOKafkaAdminClient(bootstrap_servers=deployment.settings.kafka)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config) for topic in topics])
    finally:
        await admin.close()


@asynccontextmanager
async def segments_of(kafka: str, redis_url: str, namespace: str, shards: int = 2) -> AsyncIterator[Live]:
    """A deployment whose ticks may come at any time."""
    async with deployed(kafka, redis_url, namespace, partitions=2, shards=shards) as deployment:
        await let_time_be_told(deployment)
        yield Live(deployment)
