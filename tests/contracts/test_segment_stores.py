"""One suite for the shard's store in memory and the real one: live segments, and who is due when."""

from __future__ import annotations

from knownas.find.segments import Held, SegmentChange, State
from knownas.nouns import FORMAT, Definition, Entry
from knownas.stages.ports import ShardStore
from tests.contracts.shards import committed, store, taken

__all__ = ["store"]

GOLD = Held(3, Definition(name="gold: ü", version=7, query={"property": "Plan", "equals": "Gold"}), True)


async def test_segments_are_read_as_they_were_written(store: ShardStore) -> None:
    hold = await taken(store)
    state = State(4, 1_700_000_000_123, 9, (20, [3]), 17)
    await committed(store, hold, segments=SegmentChange(state=state, held=[GOLD]))
    (registry,) = await store.registries([hold])
    assert registry is not None
    assert registry.state == state
    assert registry.by_name["gold: ü"].held == GOLD
    await committed(store, hold, segments=SegmentChange(state=state, gone=["gold: ü"]))
    (registry,) = await store.registries([hold])
    assert registry is not None
    assert registry.by_name == {}
    assert registry.state == state


async def test_who_lost_the_shard_reads_no_segments(store: ShardStore) -> None:
    hold = await taken(store)
    await taken(store)
    assert await store.registries([hold]) == [None]


async def test_the_earliest_time_counts_until_it_has_come(store: ShardStore) -> None:
    hold = await taken(store)
    await committed(store, hold, segments=SegmentChange(due={"a": 500, "b": 300}))
    await committed(store, hold, segments=SegmentChange(due={"a": 200, "b": 400}))
    assert await store.due(hold, 199, 10) == {}
    assert list((await store.due(hold, 300, 10)).items()) == [("a", 200), ("b", 300)]
    assert await store.due(hold, 300, 1) == {"a": 200}
    await committed(store, hold, segments=SegmentChange(past=["a", "b"], due={"a": 900}))
    assert await store.due(hold, 1_000, 10) == {"a": 900}


async def test_timelines_come_as_they_are_kept(store: ShardStore) -> None:
    hold = await taken(store)
    entry = Entry(FORMAT, 5, "event", "Viewed", b'{"n":1}', "events", 0, 1)
    await committed(store, hold, timelines={"a": [entry]})
    assert await store.timelines(hold, ["a", "nobody"]) == [[entry], []]
