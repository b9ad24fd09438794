"""One suite for the store in memory and the real one: what stages rely on, they both do."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from knownas.adapters.store import RedisShardStore, RedisSourceStore
from knownas.identity.facts import KEPT
from knownas.identity.plan import Look
from knownas.identity.repeats import DAY_SECONDS, Counted
from knownas.nouns import EVENTS, FORMAT, UPDATES, Entry, Fact, Outcome, Owner, Profile
from knownas.profile.fold import Overflow
from knownas.profile.parting import Listed
from knownas.stages.hold import SourceHold
from knownas.stages.ports import Committed, Shares, Wanted
from tests.builders import NAMES
from tests.contracts.both import (
    ANN,
    BEN,
    DONE,
    LOST,
    MESSAGE,
    NO_PLAN,
    P0,
    S0,
    TIMELINE,
    U0,
    Stores,
    folded,
    looked,
    shard_hold,
    source_hold,
)


def replace_owner(owner: Owner, *, suppressed: bool) -> Owner:
    """An owner row with or without its suppression."""
    return msgspec.structs.replace(owner, suppressed=suppressed)


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
    assert await stores.source.commit([(hold, plan, 6)]) == DONE
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
    assert await stores.source.commit([(old, plan, 6)]) == Committed([False], written=True)
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


async def test_claims_and_all_that_was_decided_beside_them_are_written_in_one_piece_or_not_at_all(
    stores: Stores,
) -> None:
    hold = await source_hold(stores)
    ann, ben = Owner("p", 0, EVENTS, 0, 1), Owner("q", 0, EVENTS, 0, 2)
    assert await looked(stores, hold, Look(ANN, None, ann), outcomes={1: Outcome("p", (0,))}) == DONE
    lost = await looked(
        stores, hold, Look(BEN, None, ben), Look(ANN, None, ben), outcomes={2: Outcome("q")},
        facts={"dev": (Fact(2, "guest", "g", 0),)},
    )  # fmt: skip
    assert lost == LOST
    assert await stores.source.owners([ANN, BEN]) == {ANN: ann, BEN: None}
    taken = await source_hold(stores)
    assert taken.outcomes == {1: Outcome("p", (0,))}
    (known,) = await stores.source.load([Wanted(taken, ["dev"], [])])
    assert known is not None
    assert known.facts == {"dev": ()}


async def test_a_claim_is_lost_if_anything_was_found_otherwise_that_was_only_looked_at(stores: Stores) -> None:
    hold = await source_hold(stores)
    ann, ben = Owner("p", 0, EVENTS, 0, 1), Owner("q", 0, EVENTS, 0, 2)
    assert await looked(stores, hold, Look(ANN, ben, None), Look(BEN, None, ben)) == LOST
    assert await looked(stores, hold, Look(ANN, None, None), Look(BEN, None, ben)) == DONE
    assert await looked(stores, hold, Look(ANN, None, ann), Look(BEN, ben, None)) == DONE
    assert await stores.source.owners([ANN, BEN]) == {ANN: ann, BEN: ben}


async def test_who_only_looks_is_not_asked_again(stores: Stores) -> None:
    hold = await source_hold(stores)
    assert await looked(stores, hold, Look(ANN, Owner("p", 0, EVENTS, 0, 1), None)) == DONE


async def test_a_later_claim_of_the_same_poll_sees_the_earlier_and_so_does_the_next_chunk(stores: Stores) -> None:
    events, updates = (await stores.source.take({P0: 0, U0: 0})).values()
    ann, freed, again = Owner("p", 0, EVENTS, 0, 1), Owner("", 1, UPDATES, 0, 3), Owner("q", 1, UPDATES, 0, 4)
    first = NO_PLAN._replace(looks=[Look(ANN, None, ann), Look(ANN, ann, None)])
    second = NO_PLAN._replace(looks=[Look(ANN, ann, freed), Look(ANN, freed, again)])
    both = await stores.source.commit([(events, first, 0), (updates, second, 0)])
    assert both == Committed([True, True], written=True)
    assert await stores.source.owners([ANN]) == {ANN: again}


async def test_where_one_of_a_polls_partitions_is_lost_nobody_claims(stores: Stores) -> None:
    events, updates = (await stores.source.take({P0: 0, U0: 0})).values()
    await stores.source.take({U0: 0})
    plan = NO_PLAN._replace(looks=[Look(ANN, None, Owner("p", 0, EVENTS, 0, 1))], outcomes={1: Outcome("p", (0,))})
    both = await stores.source.commit([(events, plan, 0), (updates, NO_PLAN, 0)])
    assert both == Committed([True, False], written=False)
    assert await stores.source.owners([ANN]) == {ANN: None}
    assert events.outcomes == {}


async def test_a_suppression_is_part_of_the_row(stores: Stores) -> None:
    hold = await source_hold(stores)
    ann = Owner("p", 2, EVENTS, 0, 1)
    gone = replace_owner(ann, suppressed=True)
    assert await looked(stores, hold, Look(ANN, None, ann)) == DONE
    assert await looked(stores, hold, Look(ANN, ann, gone)) == DONE
    assert await looked(stores, hold, Look(ANN, ann, ann)) == LOST
    assert await stores.source.owners([ANN]) == {ANN: gone}


async def test_a_row_that_was_written_before_there_were_suppressions_is_found_as_it_is(stores: Stores) -> None:
    if not isinstance(stores.source, RedisSourceStore):
        pytest.skip("the store in memory has no bytes from before")
    link, keys = stores.source._link, stores.source._keys
    row = msgspec.msgpack.encode(("p", 0, EVENTS, 0, 1))
    await link.run([("SET", keys.owner(NAMES.identity(ANN)), row)])
    found = (await stores.source.owners([ANN]))[ANN]
    assert found == Owner("p", 0, EVENTS, 0, 1)
    hold = await source_hold(stores)
    assert await looked(stores, hold, Look(ANN, found, None), Look(BEN, None, found)) == DONE


MARK, OTHER = b"m" * 12, b"o" * 12


async def marked(stores: Stores, hold: SourceHold, **marks: Counted) -> None:
    """Commit what was counted, at the time of the newest."""
    hold.time = max(counted.seconds for counted in marks.values()) * 1000
    found = {{"mark": MARK, "other": OTHER}[name]: counted for name, counted in marks.items()}
    assert await looked(stores, hold, marks=found) == DONE


async def test_what_was_counted_is_found_by_its_mark_on_whatever_day_it_was(stores: Stores) -> None:
    hold = await source_hold(stores)
    first, second, later = Counted(1, 100), Counted(2, DAY_SECONDS - 1), Counted(3, 3 * DAY_SECONDS)
    await marked(stores, hold, mark=first, other=second)
    await marked(stores, hold, mark=later)
    taken = await source_hold(stores)
    assert (taken.time, taken.days) == (3 * DAY_SECONDS * 1000, (0, 3))
    (known,) = await stores.source.load([Wanted(taken, [], [], [MARK, OTHER, b"n" * 12])])
    assert known is not None
    assert {mark: list(counted) for mark, counted in known.marks.items() if counted} == {
        MARK: [first, later], OTHER: [second],
    }  # fmt: skip
    assert known.time == taken.time


async def test_days_that_nobody_will_ask_for_go_with_the_next_commit(stores: Stores) -> None:
    hold = await source_hold(stores)
    await marked(stores, hold, mark=Counted(1, 100))
    await marked(stores, hold, mark=Counted(2, 7 * DAY_SECONDS))
    assert hold.days == (0, 7)
    await marked(stores, hold, other=Counted(3, 8 * DAY_SECONDS))
    assert hold.days == (7, 8)
    assert (await source_hold(stores)).days == (7, 8)
    if isinstance(stores.source, RedisSourceStore):
        prefix = stores.source._keys.source(*P0)
        exists = [("EXISTS", f"{prefix}i:{day}") for day in (0, 7, 8)]
        assert await stores.source._link.run(exists) == [0, 1, 1]


async def test_only_the_newest_facts_of_a_device_are_kept_and_none_that_is_still_asked_for(stores: Stores) -> None:
    hold = await source_hold(stores, 1_000)
    many = tuple(Fact(n, "guest", "g", 0) for n in range(2 * KEPT))
    await stores.source.commit([(hold, NO_PLAN._replace(facts={"dev": many}), 1_001)])
    (known,) = await stores.source.load([Wanted(hold, ["dev"], [])])
    assert known is not None
    assert known.facts["dev"] == many[-KEPT:]


async def test_a_shards_commit_stores_profiles_timelines_watermarks_counters_and_outbox(stores: Stores) -> None:
    hold = await shard_hold(stores)
    profile = Profile(format=FORMAT, id="p", version=2)
    accepted = await folded(
        stores, hold, 3, profiles={"p": profile}, watermarks={"events/0": (4, 1)}, counters={"links": 2},
        overflow=[Overflow("p", "devices", 100, "d-1")], element=[MESSAGE],
    )  # fmt: skip
    assert (accepted, hold.position, hold.watermarks) == (True, 3, {"events/0": (4, 1)})
    assert await stores.shard.load([Shares(hold, ["p", "q"])]) == [{"p": profile}]
    first, second = Listed("p", "devices", "d-1"), Listed("p", "devices", "d-2")
    assert await stores.shard.listed([(hold, first), (hold, second)]) == {first}
    taken, outbox = (await stores.shard.take({S0: 0}))[S0]
    assert (taken.position, taken.watermarks, outbox) == (3, {"events/0": (4, 1)}, [[MESSAGE]])
    assert await stores.shard.positions([S0]) == [3]


async def test_who_lost_a_shard_loads_commits_and_trims_nothing(stores: Stores) -> None:
    old = await shard_hold(stores)
    new = await shard_hold(stores)
    assert await stores.shard.load([Shares(old, ["p"])]) == [None]
    assert not await folded(stores, old, 1, profiles={"p": Profile(format=FORMAT, id="p")})
    assert await stores.shard.trim([(old, [])]) == [False]
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
    assert await stores.shard.trim([(hold, [])]) == [True]
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
