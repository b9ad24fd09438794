"""Every story of tests/segments/stories, told by a real worker on a real Kafka and a real Valkey."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.engines import place_of, value_of
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.live import Live, let_time_be_told, pass_time
from tests.segments.story import Outcome, Step, Story, stories, tell

STORIES = stories(Path(__file__).parents[1] / "segments" / "stories")
AT_ONCE = 4
STORY_SECONDS = 180


async def play(story: Story, kafka: str, redis_url: str, namespace: str) -> str:
    """Play a story step by step."""
    setting = story.setting
    more = {"day_timezone": setting.day_timezone, "publish_linger_ms": 0, "idle_check_ms": 50, "tick_seconds": 3_600}
    async with (
        deployed(kafka, redis_url, namespace, setting.partitions, setting.shards, **more) as deployment,
        asyncio.timeout(STORY_SECONDS),
    ):
        await let_time_be_told(deployment)
        live = Live(deployment)
        async with deployment.worker():
            for step in story.steps:
                live.put_now |= {one.name: one for one in step.definitions}
                await _send(deployment, story, step)
                await deployment.settled()
        assert (await deployment.verify()).differences == []
        there = [name for name, definition in live.put_now.items() if definition.query is not None]
        members = {name: await live.members(name) for name in there}
        return tell(story, Outcome(story.moved(await live.told()), members))


async def _send(deployment: Deployment, story: Story, step: Step) -> None:
    if step.sent is None:
        await pass_time(deployment, step.at_ms, step.definitions)
        return
    device = step.sent.record.get("device") if isinstance(step.sent.record, dict) else None
    key = device.encode() if isinstance(device, str) else None
    await deployment.produce(*place_of(step.sent, story.setting), key, value_of(step.sent), step.at_ms)


async def test_every_story_ends_as_it_is_told_on_real_services(kafka: str, redis_url: str, namespace: str) -> None:
    seats = asyncio.Semaphore(AT_ONCE)

    async def seated(number: int, story: Story) -> str:
        async with seats:
            return await play(story, kafka, redis_url, f"{namespace}{number}")

    played = await asyncio.gather(*(seated(number, story) for number, (_, story) in enumerate(STORIES)))
    assert {name: told for (name, _), told in zip(STORIES, played, strict=True)} == {
        name: story.expected for name, story in STORIES
    }
