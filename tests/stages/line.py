"""A worker's two stages in memory, whose every effect is noted."""

from __future__ import annotations

from typing import Any

from knownas.adapters.memory import (
    MemoryKafka,
    MemoryLog,
    MemoryOutlet,
    MemoryShardStore,
    MemorySourceStore,
    MemoryStore,
)  # fmt: skip
from knownas.records.identities import IdentityRules
from knownas.stages.keeper import Keeper
from knownas.stages.materialize import Materialize
from knownas.stages.ports import NoMeter, Tracer
from knownas.stages.publish import Publishers
from knownas.stages.resolve import Resolve
from knownas.topics import Layout
from tests.builders import NAMES

LAYOUT = Layout("k.", 1, 1)
SOURCE, SHARD = ("k.events", 0), ("k.resolved", 0)


class Noted:
    """Fair weather that notes every effect; `before` is called with its name before it happens."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.before: Any = None
        self.unanswered: set[str] = set()
        self.fates = ["sent"]

    async def step(self, name: str) -> None:
        """Note it and go on."""
        if self.before is not None:
            await self.before(name)
        self.steps.append(name)

    def answered(self, name: str) -> bool:
        """Unless told otherwise."""
        return name not in self.unanswered

    def fate(self) -> str:
        """Sent, unless told otherwise."""
        return self.fates.pop() if len(self.fates) > 1 else self.fates[0]


class Line:
    """A worker's two stages in memory."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self.noted, self.kafka, self.store = Noted(), MemoryKafka(), MemoryStore()
        self.refusals: list[Any] = []
        meter = NoMeter()
        self.sources = MemorySourceStore(self.store, self.noted)
        self.shards = MemoryShardStore(self.store, self.noted, 500)
        self.publishers = Publishers(
            self.shards, lambda n: MemoryOutlet(self.kafka, self.noted, f"s{n}"), LAYOUT, meter, self.refused, 0
        )
        self.keeper = Keeper(self.sources, self.shards, self.publishers, MemoryLog(self.kafka), LAYOUT, "g", 60)
        outlet = MemoryOutlet(self.kafka, self.noted)
        self.resolve = Resolve(self.sources, outlet, NAMES, IdentityRules(), LAYOUT, meter, self.refused, tracer=tracer)
        self.materialize = Materialize(
            self.shards, self.publishers, LAYOUT, NAMES, meter, self.refused, 10, tracer=tracer
        )

    async def refused(self, holds: Any) -> None:
        """Note what the store refused."""
        self.refusals += holds

    async def take(self) -> dict[Any, Any]:
        """Take both partitions; forget the steps that took."""
        holds = await self.keeper.take([SOURCE, SHARD])
        self.noted.steps.clear()
        return dict(holds)
