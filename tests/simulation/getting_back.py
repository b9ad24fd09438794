"""`rebuild` and `repair` as they are, on a real store, with the simulated Kafka."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

import orjson

from knownas.adapters import keys as k
from knownas.adapters.kafka_log import NOWHERE, Progress, no_progress
from knownas.adapters.memory import LogEntry, MemoryKafka, MemoryLog, MemoryStore
from knownas.adapters.reader import Reader
from knownas.nouns import RESOLVED, Position
from knownas.operate.layout import StoredLayout, layout_now, topics
from knownas.operate.rebuild import Rebuilt, rebuild
from knownas.operate.repair import Repaired, repair
from knownas.operate.world import World as Outside
from knownas.settings import load
from knownas.stages.ports import Partition
from tests.rebuild.playing import quiet
from tests.rebuild.whole import held_at
from tests.simulation.comparing import rows_of, what_was_sent
from tests.simulation.stored import Found, of_stage_1
from tests.simulation.world import TIMELINE_ENTRIES, World


class SimulatedLog(MemoryLog):
    """The simulated Kafka as commands see it: nobody is in the group, and of some partitions the beginning is gone."""

    def __init__(self, world: World, first: Mapping[Partition, int]) -> None:
        super().__init__(world.kafka)
        self._world, self._first = world, first

    async def bounds(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, int]]:
        """What is still held."""
        return {tp: (self._first.get(tp, 0), end) for tp, (_, end) in (await super().bounds(partitions)).items()}

    async def partition_counts(self, names: Collection[str]) -> dict[str, int]:
        """All topics are there."""
        layout = self._world.layout
        shards = {layout.name(short) for short, topic in topics().items() if topic["partitions"] == "shards"}
        return {name: layout.shards if name in shards else layout.partitions for name in names}

    async def read(
        self,
        topic: str,
        committed_only: bool = False,  # noqa: ARG002
        partitions: Collection[int] | None = None,
        progress: Progress = no_progress,
        begin: Mapping[int, int] = NOWHERE,
    ) -> AsyncGenerator[LogEntry, None]:
        """Every record that is still held."""
        counts = await self.partition_counts([topic])
        for number in sorted(range(counts[topic]) if partitions is None else partitions):
            first = max(self._first.get((topic, number), 0), begin.get(number, 0))
            for entry in self._world.kafka.logs[topic, number][first:]:
                progress(entry.offset, entry.offset + 1)
                yield entry

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[Any]:
        """Nobody is in the group."""
        answer = SimpleNamespace(groups=[(0, "", "", "", "", [])])

        async def describe_consumer_groups(_: list[str]) -> list[Any]:
            return [answer]

        yield SimpleNamespace(describe_consumer_groups=describe_consumer_groups)


class Commands(Outside):
    """What commands need of the outside: the simulated Kafka, a real store."""

    def __init__(self, world: World, redis_url: str, prefix: str, first: Mapping[Partition, int]) -> None:
        setting = world.setting
        super().__init__(
            load(
                kafka="127.0.0.1:1", redis=redis_url, secret="a secret for tests", group="group",
                topic_prefix=world.layout.prefix, redis_prefix=prefix, timeline_entries=TIMELINE_ENTRIES,
                identity_kinds=setting.kinds, day_timezone=setting.day_timezone,
            )
        )  # fmt: skip
        self.log = SimulatedLog(world, first)  # type: ignore[assignment]
        self._kafka: MemoryKafka = world.kafka

    async def go_on_at(self, positions: Mapping[Partition, int]) -> None:
        """Let the group go on at these positions."""
        self._kafka.offsets |= positions


def hinges_on_what_was_not_sent(world: World) -> bool:
    """Whether anything was sent of a record that found an identity in hands of which nothing was sent: in whose hands
    that was, the store alone has known."""
    rows = rows_of(world)
    told = {(row.identity, row.position) for row in rows.values() if row.kind in ("claimed", "released")}
    untold = {}
    for identity, owner in world.store.owners.items():
        here = Position(owner.topic, owner.partition, owner.offset)
        if ((identity.kind, world.setting.names.identity(identity)), here) not in told:
            untold[identity.kind, identity.value] = here
    sent = {row.position for row in rows.values()} | what_was_sent(world).keys()
    return any(untold.get(one, position) != position for position in sent for one in _identities_of(world, position))


def _identities_of(world: World, position: Position) -> list[tuple[str, str]]:
    entry = world.kafka.logs[world.layout.name(position.topic), position.partition][position.offset]
    record = orjson.loads(entry.value or b"{}")
    return list(record.get("identities", {}).items())


class Back(NamedTuple):
    """A store that was got back, and what the command says of it."""

    store: MemoryStore
    done: Rebuilt | Repaired


async def rebuilt(world: World, redis_url: str, prefix: str, first: Mapping[int, int]) -> Back:
    """The store is gone; of the shards' messages Kafka has those from here on."""
    outside = Commands(world, redis_url, prefix, {(world.layout.name(RESOLVED), n): at for n, at in first.items()})
    async with _closing(outside):
        done = await rebuild(outside, quiet)
        store = MemoryStore()
        found = await _found(outside, world)
        await found.stage_1(store)
        await found.stage_2(store)
        return Back(store, done)


async def repaired(world: World, older: MemoryStore, redis_url: str, prefix: str) -> Back:
    """The store was put back to what it once held."""
    outside = Commands(world, redis_url, prefix, {})
    async with _closing(outside):
        link = outside.link()
        now = layout_now(world.layout, outside.names, outside.settings)
        await StoredLayout(link, outside.keys).remember(now)
        await link.run(list(of_stage_1(older, outside.keys, world.setting)))
        done = await repair(outside, quiet)
        store = copy.deepcopy(older)
        await (await _found(outside, world)).stage_1(store)
        for shard in range(world.setting.shards):
            ((token, ahead),) = await link.run([("HMGET", outside.keys.shard(shard) + k.AT, "token", k.AHEAD)])
            at = store.at[RESOLVED, shard]
            at.token, at.ahead = token.decode(), int(ahead)
        return Back(store, done)


async def _found(outside: Commands, world: World) -> Found:
    link, prefix = outside.link(), outside.settings.redis_prefix
    reader = Reader(link, outside.keys, outside.names, world.layout)
    everything = await held_at(link, prefix, await reader.keys_like(prefix + "{*"))
    return Found(everything, link, outside.keys, world.setting)


@asynccontextmanager
async def _closing(outside: Commands) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await outside.close()
