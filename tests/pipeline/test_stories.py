"""Every story of tests/plain/stories, told by real workers on a real Kafka and a real Valkey.

Each story has a deployment of its own. Several play at once in one event loop, because most of a story is waiting.
"""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any, cast

import pytest

from knownas.nouns import Position
from tests.engines import Sent, World, in_turn, time_of, value_of
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.stored import world_of
from tests.plain.story import Story, stories, tell

STORIES = stories(Path(__file__).parents[1] / "plain" / "stories")
AT_ONCE = 6
STORY_SECONDS = 60


class RealEngine:
    """The whole system: a worker in this process, on the services that the tests share."""

    def __init__(self, kafka: str, redis_url: str) -> None:
        self._kafka, self._redis_url = kafka, redis_url
        self._seats = asyncio.Semaphore(AT_ONCE)

    async def run(self, story: Story, namespace: str) -> World:
        """Send a story's records; where it goes on in another partition, wait until all before is done."""
        setting = story.setting
        more: dict[str, Any] = {"identity_kinds": setting.kinds, "phone_region": setting.region}
        more |= {"day_timezone": setting.day_timezone, "publish_linger_ms": 0, "idle_check_ms": 50}
        async with (
            self._seats,
            deployed(self._kafka, self._redis_url, namespace, setting.partitions, setting.shards, **more) as deployment,
            deployment.worker(),
            asyncio.timeout(STORY_SECONDS),
        ):
            return await world_of(deployment, setting, await _play(deployment, story))


async def _play(deployment: Deployment, story: Story) -> dict[Position, int]:
    numbers: dict[Position, int] = {}
    for (_, (topic, partition)), group in in_turn(story.records, story.setting):
        for number, sent in group:
            offset = await deployment.produce(topic, partition, _key(sent), value_of(sent), time_of(number))
            numbers[Position(topic, partition, offset)] = number
        await deployment.settled()
    return numbers


def _key(sent: Sent) -> bytes | None:
    device = sent.record.get("device") if isinstance(sent.record, dict) else None
    return device.encode() if isinstance(device, str) else None


@pytest.fixture(scope="module")
def worlds(kafka: str, redis_url: str, request: pytest.FixtureRequest) -> dict[str, World | BaseException]:
    """What came of each story that was asked for."""
    asked: dict[str, Story] = {}
    for item in request.session.items:
        if item.path == request.path and isinstance(item, pytest.Function):
            story = cast("Story", item.callspec.params["story"])
            asked[story.title] = story

    async def play_all() -> list[World | BaseException]:
        engine = RealEngine(kafka, redis_url)
        run = f"story{uuid.uuid4().hex[:8]}"
        played = (engine.run(story, f"{run}-{number}") for number, story in enumerate(asked.values()))
        return await asyncio.gather(*played, return_exceptions=True)

    return dict(zip(asked, asyncio.run(play_all()), strict=True))


@pytest.mark.parametrize("story", [pytest.param(story, id=name) for name, story in STORIES])
def test_a_story_ends_as_it_is_told_on_real_services(story: Story, worlds: dict[str, World | BaseException]) -> None:
    world = worlds[story.title]
    if isinstance(world, BaseException):
        raise world
    assert tell(world, story.records) == story.expected
