"""The order of effects of one poll, and who may have none."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from knownas.adapters.memory import (
    LogEntry,
    MemoryKafka,
    MemoryLog,
    MemoryOutlet,
    MemoryShardStore,
    MemorySourceStore,
    MemoryStore,
)  # fmt: skip
from knownas.nouns import EVENTS, RESOLVED
from knownas.records.identities import IdentityRules
from knownas.stages.keeper import Keeper
from knownas.stages.materialize import Materialize
from knownas.stages.publish import Publishers
from knownas.stages.resolve import Resolve
from knownas.topics import Layout
from tests.builders import NAMES, NOON, event, login
from tests.simulation.world import Chunk, NoMeter

LAYOUT = Layout("k.", 1, 1)
SOURCE, SHARD = ("k.events", 0), ("k.resolved", 0)
LOGIN_AND_EVENT = (login("d-1", email="ann@x.ie"), event("d-1"))


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

    def __init__(self) -> None:
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
        self.resolve = Resolve(self.sources, outlet, NAMES, IdentityRules(), LAYOUT, meter, self.refused)
        self.materialize = Materialize(self.shards, self.publishers, LAYOUT, meter, self.refused, 10)

    async def refused(self, holds: Any) -> None:
        """Note what the store refused."""
        self.refusals += holds

    async def take(self) -> dict[Any, Any]:
        """Take both partitions; forget the steps that took."""
        holds = await self.keeper.take([SOURCE, SHARD])
        self.noted.steps.clear()
        return dict(holds)


def chunk(hold: Any, *records: dict[str, Any]) -> Chunk:
    """Records as they come from Kafka."""
    entries = [LogEntry(n, NOON * 1000, b"k", orjson.dumps(record), ()) for n, record in enumerate(records)]
    return Chunk(hold, entries)


@pytest.fixture
def line() -> Line:
    """Both stages and nothing in them."""
    return Line()


async def test_resolve_claims_then_commits_then_sends_the_ledger_then_the_rest(line: Line) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    once = list(dict.fromkeys(line.noted.steps))
    assert once == [
        "source.load", "source.claim", "source.commit", "outlet.open", "outlet.send k.ledger", "outlet.send k.resolved",
    ]  # fmt: skip


async def test_the_stored_position_stays_at_the_chunk_until_its_records_are_sent(line: Line) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    assert (line.store.at[EVENTS, 0].pos, holds[SOURCE].done) == (0, 2)
    await line.keeper.look_once()
    assert line.store.at[EVENTS, 0].pos == 2


@pytest.mark.parametrize("lost_at", ["source.load", "source.commit"])
async def test_who_lost_its_partition_sends_nothing(line: Line, lost_at: str) -> None:
    holds = await line.take()

    async def lose(name: str) -> None:
        if name == lost_at:
            line.store.take((EVENTS, 0), 0)

    line.noted.before = lose
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    assert not any(line.kafka.logs.values())
    assert line.refusals == [holds[SOURCE]]


async def test_materialize_commits_before_anything_is_published(line: Line) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    line.noted.steps.clear()
    resolved = line.kafka.logs[SHARD]
    await line.materialize.poll([Chunk(holds[SHARD], list(resolved))])
    assert line.noted.steps == ["shard.load", "shard.commit"]
    assert len(line.store.outboxes[0]) == 1
    await published(line)
    assert line.noted.steps[2:] == ["outlet.transact"]
    await line.keeper.look_once()
    assert line.store.outboxes[0] == []


async def published(line: Line) -> None:
    """Wait until the shard's publisher has nothing left."""
    while not line.publishers.is_idle(0):
        await asyncio.sleep(0)


async def test_who_lost_its_shard_publishes_nothing_and_forgets_its_cache(line: Line) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    line.store.take((RESOLVED, 0), 0)
    await line.materialize.poll([Chunk(holds[SHARD], list(line.kafka.logs[SHARD]))])
    assert ("k.profile-changed", 0) not in line.kafka.logs
    assert line.store.profiles == {}
    assert not holds[SHARD].profiles
    assert line.refusals == [holds[SHARD]]


async def test_a_shard_is_fenced_before_its_token_is_written(line: Line) -> None:
    line.noted.steps.clear()
    await line.keeper.take([SHARD])
    assert line.noted.steps.index("outlet.open") < line.noted.steps.index("shard.take")
    await line.keeper.drop([SHARD])


async def folded(line: Line, holds: dict[Any, Any]) -> None:
    """Take a login and an event through both stages."""
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    await line.materialize.poll([Chunk(holds[SHARD], list(line.kafka.logs[SHARD]))])


async def test_a_trim_whose_answer_is_lost_is_not_repeated_but_the_shard_taken_anew(line: Line) -> None:
    holds = await line.take()
    await folded(line, holds)
    await published(line)
    line.noted.unanswered = {"shard.commit"}
    await line.keeper.look_once()
    assert not holds[SHARD].alive


async def test_an_outlet_is_opened_again_only_by_who_holds_the_token_before_and_after(line: Line) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    line.noted.fates, line.noted.steps = ["sent", "lost"], []
    await line.materialize.poll([Chunk(holds[SHARD], list(line.kafka.logs[SHARD]))])
    await published(line)
    assert line.noted.steps[2:] == [
        "outlet.transact", "shard.has_token", "outlet.open", "shard.has_token", "outlet.transact",
    ]  # fmt: skip
