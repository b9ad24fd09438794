"""Live segments on the real services: who enters, who leaves, what is published, what a crash leaves behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from knownas.adapters.segments import SegmentReader, SegmentStore
from knownas.find.line import from_line
from knownas.find.writing import to_object
from knownas.nouns import RESOLVED, SEGMENTS, Definition
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
        at = int((time.time() + days * DAY) * 1_000)
        layout = self.deployment.layout
        for shard in range(layout.shards):
            bounds = await self.deployment.world.log.bounds([(layout.name(RESOLVED), shard)])
            offset = bounds[layout.name(RESOLVED), shard][1]
            told = {"profile": "", "source": [RESOLVED, shard, offset, 0], "at": 0, "ts": 0, "task": "tick"}
            await self.deployment.produce(RESOLVED, shard, b"", orjson.dumps(told), at)
        await self.deployment.settled()


@pytest.fixture
async def live(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Live]:
    async with deployed(kafka, redis_url, namespace, partitions=2, shards=2) as deployment:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        config = {
            "message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": str(1 << 62),
            "retention.ms": "-1",
        }  # fmt: skip
        topic = deployment.layout.name(RESOLVED)
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
        await admin.close()
        yield Live(deployment)


def login(email: str, **more: Any) -> dict[str, Any]:
    return {"type": "login", "device": f"d-{email}", "identities": {"email": email}, **more}


def event(email: str, name: str, **data: Any) -> dict[str, Any]:
    return {"type": "event", "device": f"d-{email}", "evtName": name, "evtData": data}


async def test_people_enter_by_what_they_do_and_leave_by_what_they_do_and_by_the_clock(live: Live) -> None:
    deployment = live.deployment
    async with deployment.worker():
        await deployment.send(login("ann@x.ie"), login("ben@x.ie", profileData={"Plan": "Gold"}))
        await deployment.settled()
        await live.put("viewers", "did Viewed in 7d")
        await live.put("gold", "Plan = Gold and not did Viewed in 7d")
        assert await live.members("viewers") == set()
        assert await live.members("gold") == await live.people("ben@x.ie")

        await deployment.send(event("ann@x.ie", "Viewed"), event("ben@x.ie", "Viewed"))
        await deployment.settled()
        assert await live.members("viewers") == await live.people("ann@x.ie", "ben@x.ie")
        assert await live.members("gold") == set()

        await live.pass_days(8)
        assert await live.members("viewers") == set()
        assert await live.members("gold") == await live.people("ben@x.ie")
        for name in ("viewers", "gold"):
            assert await live.heard(name) == await live.members(name)
        assert (await deployment.verify()).differences == []


async def test_a_segment_put_while_events_flow_has_whom_its_query_finds(live: Live) -> None:
    deployment = live.deployment
    people = [f"p{number}@x.ie" for number in range(60)]
    async with deployment.worker():
        await deployment.send(*[login(email) for email in people])
        putting = asyncio.create_task(live.put("buyers", "did Charged >= 2 in 30d"))
        for _ in range(2):
            await deployment.send(*[event(email, "Charged", Amount=5) for email in people[::2]])
        await putting
        await deployment.settled()
        assert await live.members("buyers") == await live.people(*people[::2])
        assert await live.heard("buyers") == await live.members("buyers")
        assert (await deployment.verify()).differences == []


async def test_a_segment_is_replaced_only_where_that_is_asked_for_and_everybody_leaves_a_removed_one(
    live: Live,
) -> None:
    deployment = live.deployment
    async with deployment.worker():
        await deployment.send(
            login("ann@x.ie", profileData={"Plan": "Gold"}), login("ben@x.ie", profileData={"Plan": "Silver"})
        )
        await deployment.settled()
        first = await live.put("chosen", "Plan in (Gold, Silver)")
        assert await live.store.put("chosen", to_object(from_line("Plan = Gold")), replace=False) is None
        second = await live.put("chosen", "Plan = Gold", replace=True)
        assert second.version > first.version
        assert await live.members("chosen") == await live.people("ann@x.ie")
        await deployment.settled()
        left = [one for one in await live.told() if not one["entered"]]
        assert [(one["profile"], one["segmentVersion"]) for one in left] == [
            ((await live.people("ben@x.ie")).pop(), second.version)
        ]

        assert await live.store.remove("chosen") is not None
        async with asyncio.timeout(30):
            while await live.heard("chosen"):
                await asyncio.sleep(0.05)
        await deployment.settled()
        assert await live.store.remove("chosen") is None
        assert (await deployment.verify()).differences == []


async def test_guests_of_people_and_the_deleted_leave(live: Live) -> None:
    deployment = live.deployment
    async with deployment.worker():
        await live.put("viewers", "did Viewed")
        await deployment.send(
            login("ann@x.ie"), event("ann@x.ie", "Viewed"),
            {"type": "event", "device": "tv", "evtName": "Viewed"},
        )  # fmt: skip
        await deployment.settled()
        assert len(await live.members("viewers")) == 2
        await deployment.send({"type": "login", "device": "tv", "identities": {"email": "ann@x.ie"}})
        await deployment.settled()
        assert await live.members("viewers") == await live.people("ann@x.ie")
        await deployment.send({"type": "delete", "device": "tv"})
        await deployment.settled()
        assert await live.members("viewers") == set() == await live.heard("viewers")
        assert (await deployment.verify()).differences == []


async def test_after_a_kill_who_is_in_a_segment_and_what_was_published_are_as_if_nothing_had_happened(
    live: Live,
) -> None:
    deployment = live.deployment
    people = [f"p{number}@x.ie" for number in range(40)]
    worker = await deployment.start_worker()
    await deployment.send(*[login(email) for email in people])
    await live.put("viewers", "did Viewed where (n >= 3)")
    for number in range(4):
        await deployment.send(*[event(email, "Viewed", n=number) for email in people])
        worker.kill()
        worker.wait()
        worker = await deployment.start_worker()
    await deployment.settled()
    assert await live.members("viewers") == await live.people(*people)
    assert {one["profile"] for one in await live.told()} == await live.members("viewers")
    assert (await deployment.verify()).differences == []
