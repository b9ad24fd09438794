"""Who tells the stories of segments: the plain model, and the real stages on the twins of Kafka and the store."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Protocol

import orjson

from knownas.adapters.reader import read_profile
from knownas.nouns import RESOLVED, SEGMENTS
from knownas.plain.segmenting import learn, segments_of
from tests.builders import tick
from tests.engines import Floor, place_of, value_of
from tests.segments.story import Members, Moved, Outcome, Step, Story
from tests.simulation.loop import JumpingLoop
from tests.simulation.world import QUIET, TIMELINE_ENTRIES, World


class Engine(Protocol):
    """Anything that can play a story."""

    def play(self, story: Story) -> Outcome:
        """Play a story from nothing to its end."""
        ...


class PlainSegments:
    """The plain model asks of everybody after each step."""

    def play(self, story: Story) -> Outcome:
        """Ask, and see what is else than before."""
        floor, moved = Floor(story.setting), list[Moved]()
        before: Members = {}
        for number, step in enumerate(story.steps, 1):
            if step.sent is not None:
                floor.put(place_of(step.sent, story.setting), number, value_of(step.sent), step.at_ms)
                floor.settle()
            else:
                for shard in floor.delivery.shards:
                    learn(shard, step.definitions, step.at_ms)
            after = self._members(floor)
            for name in before.keys() | after.keys():
                was, now = before.get(name, set()), after.get(name, set())
                moved += [Moved(number, name, profile, profile in now) for profile in was ^ now]
            before = after
        return Outcome(moved, before)

    def _members(self, floor: Floor) -> Members:
        shards = floor.delivery.shards
        found: dict[str, set[str]] = {name: set() for shard in shards for name in shard.segments}
        for shard in shards:
            for profile in shard.profiles.values():
                for name in segments_of(profile, shard, TIMELINE_ENTRIES):
                    found[name].add(profile.id)
        return found


class TwinSegments:
    """The real stages, a step after the other."""

    def play(self, story: Story) -> Outcome:
        """Play it in a loop of its own."""
        loop = JumpingLoop()
        world = World(story.setting, Random(0), QUIET)
        try:
            return loop.run_until_complete(self._play(story, world))
        finally:
            for worker in world.workers:
                worker.crash()
            loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True))
            loop.close()

    async def _play(self, story: Story, world: World) -> Outcome:
        await world.begin(workers=1)
        for step in story.steps:
            self._send(world, story, step)
            await world.run(steps=0)
        logs = [world.kafka.logs[world.layout.name(SEGMENTS), shard] for shard in range(story.setting.shards)]
        told = story.moved(orjson.loads(entry.value or b"") for log in logs for entry in log)
        return Outcome(told, self._members(world))

    def _send(self, world: World, story: Story, step: Step) -> None:
        if step.sent is not None:
            world.produce(*place_of(step.sent, story.setting), value_of(step.sent), step.at_ms)
            return
        for shard in range(story.setting.shards):
            offset = len(world.kafka.logs[world.layout.name(RESOLVED), shard])
            world.produce(RESOLVED, shard, tick(shard, offset, step.definitions), step.at_ms)

    def _members(self, world: World) -> Members:
        profiles = {key: read_profile(raw) for key, raw in world.store.profiles.items()}
        found: dict[str, set[str]] = {}
        for number, stored in world.store.segments.items():
            for name, segment in stored.registry().by_name.items():
                there = {
                    key
                    for key, profile in profiles.items()
                    if world.store.shards[key] == number and segment.number in profile.segments
                }
                found.setdefault(name, set()).update(there)
        return found
