"""What must be so before somebody lays hands on the store: nobody works, and one knows how far everybody was."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

from knownas.adapters import keys as k
from knownas.adapters.kafka_members import members_of
from knownas.errors import CannotStart
from knownas.nouns import EVENTS, RESOLVED, UPDATES
from knownas.operate.world import World
from knownas.stages.ports import Partition
from knownas.topics import Layout

LOOK_SECONDS: Final = 0.5
LONGER_SECONDS: Final = 5.0
"""So much longer than a session takes to time out one waits for a worker that died."""


class Standing(NamedTuple):
    """How far everything is, by short topic name and partition: what Kafka holds (first offset, and the one after the
    last), what the group has committed, what the store has."""

    bounds: Mapping[Partition, tuple[int, int]]
    committed: Mapping[Partition, int]
    stored: Mapping[Partition, int | None]

    def shards(self) -> list[Partition]:
        """The partitions of stage 2."""
        return [partition for partition in self.bounds if partition[0] == RESOLVED]

    def sources(self) -> list[Partition]:
        """The partitions of stage 1."""
        return [partition for partition in self.bounds if partition[0] != RESOLVED]


async def until_nobody_works(world: World) -> None:
    """Return once nobody is in the workers' group. One that died is waited for; `CannotStart` where somebody stays."""
    settings = world.settings
    clock = asyncio.get_running_loop().time
    until = clock() + settings.session_timeout_ms / 1000 + LONGER_SECONDS
    while members := len(await members_of(world.log, settings.group)):
        if clock() >= until:
            raise CannotStart(
                f"{members} worker{'s' if members > 1 else ''} of group {settings.group} still at work: stop all "
                "workers first, and start them when this is done"
            )
        await asyncio.sleep(LOOK_SECONDS)


async def standing(world: World, layout: Layout) -> Standing:
    """How far everything is."""
    counts = {EVENTS: layout.partitions, UPDATES: layout.partitions, RESOLVED: layout.shards}
    short = [(topic, number) for topic, count in counts.items() for number in range(count)]
    full = [(layout.name(topic), number) for topic, number in short]
    bounds = await world.log.bounds(full)
    committed = await world.log.committed(world.settings.group, full)
    ats = [(world.keys.shard(n) if topic == RESOLVED else world.keys.source(topic, n)) + k.AT for topic, n in short]
    positions = await world.link().run([("HGET", at, "pos") for at in ats])
    pairs = list(zip(short, full, strict=True))
    return Standing(
        {tp: bounds[name] for tp, name in pairs},
        {tp: committed[name] for tp, name in pairs if name in committed},
        {tp: None if raw is None else int(raw) for tp, raw in zip(short, positions, strict=True)},
    )


def goes_on_at(standing: Standing, partition: Partition) -> int:
    """Where stage 1 goes on in a partition: everything before was sent, as the group's committed offset and the store's
    position say, whichever is further; from the first record on that Kafka holds where neither says anything."""
    first, end = standing.bounds[partition]
    known = max(first, standing.committed.get(partition, 0), standing.stored[partition] or 0)
    if known > end:
        raise CannotStart(
            f"{partition[0]}/{partition[1]} was read up to {known}, and Kafka holds {first} to {end}: this is another "
            "Kafka, or its topics were made anew"
        )
    return known


async def set_group(world: World, layout: Layout, positions: Mapping[Partition, int]) -> None:
    """Let the group's committed offsets say what the store says, or workers would take it for a store that lost
    writes."""
    full = {(layout.name(topic), number): at for (topic, number), at in positions.items()}
    await world.go_on_at(full)
