"""The order of effects of one poll, and who may have none."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from knownas.adapters.memory import (
    LogEntry,
    MemoryOutlet,
    MemorySourceStore,
)  # fmt: skip
from knownas.errors import Refused, StoreLostWrites, WorldFault
from knownas.nouns import CHANGED, EVENTS, LEDGER, REJECTED, RESOLVED, UPDATES, Identity, Outcome, Owner
from knownas.records.identities import IdentityRules
from knownas.stages.ports import Committed, Element, NoMeter, Outgoing
from knownas.stages.publish import Publishers
from knownas.stages.resolve import Resolve
from tests.builders import NAMES, NOON, event, login
from tests.simulation.world import Chunk
from tests.stages.line import LAYOUT, SHARD, SOURCE, Line

ANN = Identity("email", "ann@x.ie")
LOGIN_AND_EVENT = (login("d-1", email="ann@x.ie"), event("d-1"))


def chunk(hold: Any, *records: dict[str, Any]) -> Chunk:
    """Records as they come from Kafka."""
    entries = [LogEntry(n, NOON * 1000, b"k", orjson.dumps(record), ()) for n, record in enumerate(records)]
    return Chunk(hold, entries)


@pytest.fixture
def line() -> Line:
    """Both stages and nothing in them."""
    return Line()


async def test_resolve_commits_with_its_claims_then_sends_the_ledger_then_the_rest(line: Line) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    once = list(dict.fromkeys(line.noted.steps))
    assert once == [
        "source.load", "source.commit", "outlet.open", "outlet.send k.ledger", "outlet.send k.resolved",
    ]  # fmt: skip


async def test_the_stored_position_stays_at_the_chunk_until_its_records_are_sent(line: Line) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    assert (line.store.at[EVENTS, 0].pos, holds[SOURCE].done) == (0, 2)
    await line.keeper.look_once()
    assert line.store.at[EVENTS, 0].pos == 2


async def test_a_commit_whose_answer_is_lost_is_not_repeated_but_the_partition_taken_anew(line: Line) -> None:
    """Its outcomes may be in the store: a replay must take them from there."""
    holds = await line.take()
    line.noted.unanswered = {"source.commit"}
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    assert line.refusals == [holds[SOURCE]]
    assert not any(line.kafka.logs.values())
    line.noted.unanswered = set()
    holds = await line.take()
    assert sorted(holds[SOURCE].outcomes) == [0]


class HalfWay(MemorySourceStore):
    """A store that, as a cluster may, has written some chunks of a poll when it finds that a claim is lost."""

    calls = 0

    async def commit(self, chunks: Any) -> Committed:
        """The first time only what was decided for the first record stands."""
        self.calls += 1
        if self.calls > 1:
            return await super().commit(chunks)
        ((hold, _, _),) = chunks
        hold.outcomes = {0: Outcome("somebody", (0,))}
        return Committed([True], written=False)


async def test_what_stands_of_a_poll_whose_other_claims_are_lost_is_taken_as_it_was_decided(line: Line) -> None:
    store = HalfWay(line.store, line.noted)
    outlet = MemoryOutlet(line.kafka, line.noted)
    resolve = Resolve(store, outlet, NAMES, IdentityRules(), LAYOUT, NoMeter(), line.refused)
    holds = await line.take()
    await resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    assert store.calls == 2
    sent = [orjson.loads(entry.value or b"")["profile"] for entry in line.kafka.logs["k.resolved", 0]]
    assert sent == ["somebody", "somebody"]


async def test_a_lost_claim_is_decided_again_with_the_owners_as_they_are_now(line: Line) -> None:
    holds = await line.take()
    rival = Owner("P", 0, UPDATES, 0, 1)

    async def claim(name: str) -> None:
        if name == "source.commit":
            line.store.owners.setdefault(ANN, rival)

    line.noted.before = claim
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    assert line.store.owners == {ANN: rival}
    assert line.noted.steps.count("source.commit") == 2
    assert {entry.key for entry in line.kafka.logs[SHARD]} == {b"P"}


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
    assert line.noted.steps == ["shard.load", "shard.directories", "shard.registries", "shard.figures", "shard.commit"]
    assert len(line.store.outboxes[0]) == 1
    await published(line)
    assert line.noted.steps[5:] == ["outlet.transact"]
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


async def until_it_ends(publishers: Publishers, shard: int) -> None:
    """Wait until a shard's publisher ends by itself."""
    task = publishers._of[shard].task
    assert task is not None
    await task


async def test_a_shard_that_cannot_be_taken_again_ends_the_worker_with_the_reason(line: Line) -> None:
    class LostWrites(MemoryOutlet):
        """Fenced by whoever went on, from a store that lost writes."""

        async def send(self, batches: Any) -> None:  # noqa: ARG002
            raise Refused("fenced")

    async def take_again(_: Any) -> None:
        raise StoreLostWrites("bring back the store that has everything")

    publishers = Publishers(line.shards, lambda _: LostWrites(line.kafka, line.noted), LAYOUT, NoMeter(), take_again, 0)
    holds = await line.take()
    hold: Any = holds[SHARD]
    publishers.begin(hold, await publishers.prepare(0), [[Outgoing(CHANGED, 0, b"p", b"x", [], None)]])
    await until_it_ends(publishers, 0)
    await asyncio.gather(*publishers.retaking, return_exceptions=True)
    assert publishers.broken.is_set()
    assert isinstance(publishers.reason, StoreLostWrites)
    assert not hold.alive
    await publishers.end(0)


@pytest.mark.parametrize(
    ("error", "level", "reason"),
    [
        (StoreLostWrites("bring back the store"), "warning", "bring back the store"),
        (WorldFault("the store does not answer"), "warning", "the store does not answer"),
        (TimeoutError(), "info", "time was up"),
    ],
    ids=["an operator's matter", "the world's", "late"],
)
async def test_what_keeps_a_partition_from_being_finished_is_a_warning_unless_time_was_up(
    line: Line, error: Exception, level: str, reason: str
) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])

    async def fail(name: str) -> None:
        if name == "source.advance":
            raise error

    line.noted.before = fail
    with capture_logs() as lines:
        await line.keeper.drop([SOURCE])
    (said,) = [one for one in lines if one["event"] == "gave_up_unfinished"]
    assert (said["log_level"], said["reason"]) == (level, reason)
    assert not holds[SOURCE].alive


async def test_an_outlet_is_opened_again_only_by_who_holds_the_token_before_and_after(line: Line) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    line.noted.fates, line.noted.steps = ["sent", "lost"], []
    await line.materialize.poll([Chunk(holds[SHARD], list(line.kafka.logs[SHARD]))])
    await published(line)
    assert line.noted.steps[5:] == [
        "outlet.transact", "shard.has_token", "outlet.open", "shard.has_token", "outlet.transact",
    ]  # fmt: skip


async def test_a_message_about_leaving_is_committed_alone_and_what_stands_around_it_in_pieces(line: Line) -> None:
    holds = await line.take()
    records = [
        *LOGIN_AND_EVENT,
        {"type": "demerge", "device": "d-1"},
        event("d-1"),
        {"type": "delete", "device": "d-1"},
    ]
    await line.resolve.poll([chunk(holds[SOURCE], *records)])
    line.noted.steps.clear()
    await line.materialize.poll([Chunk(holds[SHARD], list(line.kafka.logs[SHARD]))])
    first, *others = [["shard.load", "shard.commit"] for _ in range(4)]
    first[1:1] = ["shard.directories", "shard.registries", "shard.figures"]
    assert line.noted.steps == [step for steps in (first, *others) for step in steps]
    assert line.store.at[RESOLVED, 0].pos == 5
    assert [{message.topic for message in element} for element in line.store.outboxes[0]] == [
        {CHANGED}, {CHANGED, LEDGER, EVENTS, UPDATES}, {CHANGED, LEDGER},
    ]  # fmt: skip


async def test_a_worker_that_lost_its_shard_in_a_wave_does_nothing_in_the_next(line: Line) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT, {"type": "delete", "device": "d-1"})])

    async def lose(name: str) -> None:
        if name == "shard.commit":
            line.store.take((RESOLVED, 0), 0)

    line.noted.before = lose
    line.noted.steps.clear()
    await line.materialize.poll([Chunk(holds[SHARD], list(line.kafka.logs[SHARD]))])
    assert line.noted.steps == ["shard.load", "shard.directories", "shard.registries", "shard.figures", "shard.commit"]
    assert line.store.profiles == {}


async def test_a_cached_profile_that_is_deleted_is_known_to_be_gone(line: Line) -> None:
    holds = await line.take()
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT, {"type": "delete", "device": "d-1"}, event("d-1"))])
    await line.materialize.poll([Chunk(holds[SHARD], list(line.kafka.logs[SHARD]))])
    (profile,) = holds[SHARD].profiles.values()
    assert profile.gone
    assert [message.topic for message in line.store.outboxes[0][-1]] == [REJECTED, EVENTS]


async def test_an_idle_shard_is_sent_its_tick_with_the_next_look_and_a_busy_one_with_its_next_commit(
    line: Line,
) -> None:
    holds = await line.take()
    line.keeper.tick()
    await line.keeper.look_once()
    assert ticks(line.store.outboxes[0]) == [(0, 0)]
    await line.resolve.poll([chunk(holds[SOURCE], *LOGIN_AND_EVENT)])
    line.keeper.tick()
    told = [one for one in line.kafka.logs[SHARD] if b"task" not in (one.value or b"")]
    await line.materialize.poll([Chunk(holds[SHARD], told)])
    assert ticks(line.store.outboxes[0])[-1] == (line.store.at[RESOLVED, 0].pos, 0)
    assert holds[SHARD].tick is None


def ticks(outbox: list[Element]) -> list[tuple[int, int]]:
    """The numbers of the ticks in an outbox."""
    said = [orjson.loads(one.value) for element in outbox for one in element if one.topic == RESOLVED and one.value]
    return [tuple(one["source"][2:]) for one in said if one["task"] == "tick"]


async def test_a_tick_whose_answer_is_lost_is_not_sent_again_but_the_shard_taken_anew(line: Line) -> None:
    holds = await line.take()
    line.keeper.tick()
    line.noted.unanswered = {"shard.commit"}
    await line.keeper.look_once()
    assert not holds[SHARD].alive
    assert ticks(line.store.outboxes[0]) == [(0, 0)]
