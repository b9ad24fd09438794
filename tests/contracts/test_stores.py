"""One suite for the store in memory and the real one: what stages rely on, they both do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from knownas.adapters.keys import Keys
from knownas.adapters.memory import MemoryShardStore, MemorySourceStore, MemoryStore
from knownas.adapters.redis import Link
from knownas.adapters.store import RedisShardStore, RedisSourceStore
from knownas.identity.decide import Claim, Plan
from knownas.identity.facts import KEPT
from knownas.nouns import CHANGED, EVENTS, FORMAT, RESOLVED, UPDATES, Entry, Fact, Identity, Outcome, Owner, Profile
from knownas.profile.fold import Folded, Overflow
from knownas.stages.hold import ShardHold, SourceHold
from knownas.stages.ports import Outgoing, ShardStore, Shares, SourceStore, Wanted
from tests.builders import NAMES

ANN, BEN = Identity("email", "ann@x.ie"), Identity("email", "ben@x.ie")
P0, U0, S0 = (EVENTS, 0), (UPDATES, 0), (RESOLVED, 0)
NO_PLAN = Plan([], {}, {}, [], [], [], [], {}, {}, 0)
NOTHING = Folded({}, {}, {}, {}, [], [], [], [], 0)
MESSAGE = Outgoing(CHANGED, 0, b"p", b"{}", [("h", b"v")], None)
TIMELINE = 3


class Fair:
    """No faults."""

    async def step(self, name: str) -> None:
        """Go on."""

    def answered(self, name: str) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def fate(self) -> str:
        """Sent."""
        return "sent"


@dataclass
class Stores:
    """Both sides of a store."""

    source: SourceStore
    shard: ShardStore


@pytest.fixture(params=["memory", "valkey"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    """A store in memory, and a real one."""
    if request.param == "memory":
        memory = MemoryStore()
        yield Stores(MemorySourceStore(memory, Fair()), MemoryShardStore(memory, Fair(), TIMELINE))
        return
    url, prefix = request.getfixturevalue("redis_url"), request.getfixturevalue("namespace") + ":"
    async with Link(url) as link:
        yield Stores(RedisSourceStore(link, Keys(prefix), NAMES), RedisShardStore(link, Keys(prefix), TIMELINE))


async def source_hold(stores: Stores, first: int = 0) -> SourceHold:
    """Take a partition of events."""
    return (await stores.source.take({P0: first}))[P0]


async def shard_hold(stores: Stores) -> ShardHold:
    """Take a shard."""
    return (await stores.shard.take({S0: 0}))[S0][0]


def claim(identity: Identity, found: Owner | None, new: Owner | None) -> Claim:
    """One record's claim of one identity."""
    return Claim(0, ((identity, found, new),))


async def test_a_partition_without_a_position_starts_where_it_is_told_and_one_with_goes_on(stores: Stores) -> None:
    assert await stores.source.positions([P0, U0]) == [None, None]
    first = await source_hold(stores, 7)
    assert (first.position, first.done) == (7, 7)
    again = await source_hold(stores, 99)
    assert (again.position, again.token != first.token) == (7, True)
    assert await stores.source.positions([P0]) == [7]


async def test_a_commit_stores_facts_outcomes_origins_and_the_position_the_chunk_starts_at(stores: Stores) -> None:
    hold = await source_hold(stores)
    hold.done, hold.origins = 4, {"updates/1": 12}
    plan = NO_PLAN._replace(facts={"dev": (Fact(4, "guest", "g", 0),)}, outcomes={5: Outcome("p", (0,), (1,))})
    assert await stores.source.commit([(hold, plan, 6)]) == [True]
    assert hold.position == 4
    taken = await source_hold(stores)
    assert (taken.position, taken.origins, taken.outcomes) == (4, {"updates/1": 12}, {5: Outcome("p", (0,), (1,))})
    (known,) = await stores.source.load([Wanted(taken, ["dev", "new"], [ANN])])
    assert known is not None
    assert known.facts == {"dev": (Fact(4, "guest", "g", 0),), "new": ()}
    assert known.owners == {ANN: None}


async def test_outcomes_beyond_a_smaller_chunk_are_kept_and_those_inside_replaced(stores: Stores) -> None:
    hold = await source_hold(stores)
    hold.outcomes = {1: Outcome("old"), 8: Outcome("kept")}
    await stores.source.commit([(hold, NO_PLAN._replace(outcomes={2: Outcome("new")}), 3)])
    assert (await source_hold(stores)).outcomes == {2: Outcome("new"), 8: Outcome("kept")}


async def test_who_lost_a_partition_loads_commits_and_advances_nothing(stores: Stores) -> None:
    old = await source_hold(stores)
    new = await source_hold(stores)
    plan = NO_PLAN._replace(facts={"dev": (Fact(0, "guest", "g", 0),)})
    old.done = 5
    assert await stores.source.load([Wanted(old, [], [])]) == [None]
    assert await stores.source.commit([(old, plan, 6)]) == [False]
    assert await stores.source.advance([old]) == [False]
    assert await stores.source.held([old, new]) == [False, True]
    (known,) = await stores.source.load([Wanted(new, ["dev"], [])])
    assert known is not None
    assert known.facts == {"dev": ()}
    assert await stores.source.positions([P0]) == [0]


async def test_a_commit_from_another_position_than_the_stored_is_refused(stores: Stores) -> None:
    hold = await source_hold(stores)
    twin = replace(hold)
    hold.done = 3
    assert await stores.source.advance([hold]) == [True]
    twin.done = 2
    assert await stores.source.advance([twin]) == [False]
    assert await stores.source.positions([P0]) == [3]


async def test_claims_are_written_up_to_the_first_whose_assumption_fails(stores: Stores) -> None:
    await source_hold(stores)
    ann, ben = Owner("p", 0, EVENTS, 0, 1), Owner("q", 0, EVENTS, 0, 2)
    assert await stores.source.claim([claim(ANN, None, ann)]) == 1
    assert await stores.source.claim([claim(ANN, None, ben), claim(BEN, None, ben)]) == 0
    assert await stores.source.owners([ANN, BEN]) == {ANN: ann, BEN: None}
    assert await stores.source.claim([claim(ANN, ann, None), claim(BEN, None, ben), claim(BEN, ben, None)]) == 3
    assert await stores.source.owners([BEN]) == {BEN: ben}


async def test_a_records_claims_are_all_or_none(stores: Stores) -> None:
    ann, ben = Owner("p", 0, EVENTS, 0, 1), Owner("q", 0, EVENTS, 0, 2)
    await stores.source.claim([claim(BEN, None, ben)])
    both = Claim(0, ((ANN, None, ann), (BEN, None, ann)))
    assert await stores.source.claim([both]) == 0
    assert await stores.source.owners([ANN]) == {ANN: None}


async def test_a_later_claim_of_the_same_poll_sees_the_earlier(stores: Stores) -> None:
    ann = Owner("p", 0, EVENTS, 0, 1)
    assert await stores.source.claim([claim(ANN, None, ann), claim(ANN, ann, None)]) == 2


async def test_only_the_newest_facts_of_a_device_are_kept_and_none_that_is_still_asked_for(stores: Stores) -> None:
    hold = await source_hold(stores, 1_000)
    many = tuple(Fact(n, "guest", "g", 0) for n in range(2 * KEPT))
    await stores.source.commit([(hold, NO_PLAN._replace(facts={"dev": many}), 1_001)])
    (known,) = await stores.source.load([Wanted(hold, ["dev"], [])])
    assert known is not None
    assert known.facts["dev"] == many[-KEPT:]


async def folded(stores: Stores, hold: ShardHold, after: int, *, published: int = 0, **parts: Any) -> bool:
    """Commit one chunk of a shard."""
    hold.published = published
    element = parts.pop("element", [])
    (accepted,) = await stores.shard.commit([(hold, NOTHING._replace(**parts), after, element)])
    return accepted


async def test_a_shards_commit_stores_profiles_timelines_watermarks_counters_and_outbox(stores: Stores) -> None:
    hold = await shard_hold(stores)
    profile = Profile(format=FORMAT, id="p", version=2)
    accepted = await folded(
        stores, hold, 3, profiles={"p": profile}, watermarks={"events/0": (4, 1)}, counters={"links": 2},
        overflow=[Overflow("p", "devices", 100, "d-1")], element=[MESSAGE],
    )  # fmt: skip
    assert (accepted, hold.position, hold.watermarks) == (True, 3, {"events/0": (4, 1)})
    assert await stores.shard.load([Shares(hold, ["p", "q"])]) == [{"p": profile}]
    assert await stores.shard.devices_beyond([(hold, "p", "d-1"), (hold, "p", "d-2")]) == {("p", "d-1")}
    taken, outbox = (await stores.shard.take({S0: 0}))[S0]
    assert (taken.position, taken.watermarks, outbox) == (3, {"events/0": (4, 1)}, [[MESSAGE]])
    assert await stores.shard.positions([S0]) == [3]


async def test_who_lost_a_shard_loads_commits_and_trims_nothing(stores: Stores) -> None:
    old = await shard_hold(stores)
    new = await shard_hold(stores)
    assert await stores.shard.load([Shares(old, ["p"])]) == [None]
    assert not await folded(stores, old, 1, profiles={"p": Profile(format=FORMAT, id="p")})
    assert await stores.shard.trim([old]) == [False]
    assert (await stores.shard.has_token(old), await stores.shard.has_token(new)) == (False, True)
    assert await stores.shard.held([old, new]) == [False, True]
    assert await stores.shard.load([Shares(new, ["p"])]) == [{}]


async def test_a_shards_commit_from_another_position_is_refused(stores: Stores) -> None:
    hold = await shard_hold(stores)
    twin = replace(hold)
    assert await folded(stores, hold, 2)
    assert not await folded(stores, twin, 3)
    assert await stores.shard.positions([S0]) == [2]


async def test_what_is_published_is_trimmed_with_the_next_commit_or_alone(stores: Stores) -> None:
    hold = await shard_hold(stores)
    second, third = MESSAGE._replace(key=b"2"), MESSAGE._replace(key=b"3")
    await folded(stores, hold, 1, element=[MESSAGE])
    await folded(stores, hold, 2, element=[second])
    await folded(stores, hold, 3, published=1, element=[third])
    assert hold.published == 0
    hold.published = 1
    assert await stores.shard.trim([hold]) == [True]
    _, outbox = (await stores.shard.take({S0: 0}))[S0]
    assert outbox == [[third]]


async def test_a_timeline_keeps_the_newest_entries_in_order(stores: Stores) -> None:
    if not isinstance(stores.shard, RedisShardStore):
        pytest.skip("the store in memory is looked into by the simulation")
    hold = await shard_hold(stores)
    entries = [Entry(FORMAT, n, "event", "A", None, EVENTS, 0, n) for n in range(5)]
    await folded(stores, hold, 1, timelines={"p": entries[:2]})
    await folded(stores, hold, 2, timelines={"p": entries[2:]})
    link, prefix = stores.shard._link, stores.shard._keys.shard(0)
    ((*stored,),) = await link.run([("LRANGE", f"{prefix}t:p", 0, -1)])
    assert len(stored) == TIMELINE
