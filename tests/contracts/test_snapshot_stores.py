"""One suite for what snapshots are made of, in memory and in the real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
import pytest

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.adapters.memory import MemoryShardStore, MemorySnapshotStore, MemoryStore
from knownas.adapters.redis import Link
from knownas.adapters.snapshots import RedisSnapshotStore
from knownas.adapters.store import RedisShardStore
from knownas.find.upkeep import NO_CHANGE
from knownas.nouns import FORMAT, RESOLVED, Position, Profile
from knownas.profile.fold import Overflow
from knownas.stages.figures import Figures
from knownas.stages.hold import ShardHold
from knownas.stages.ports import ShardStore
from knownas.stages.snapshots import WALK, WALKED, Before, Kept, SnapshotStore, Stand
from knownas.stages.ticks import due_tick
from tests.contracts.fair import Fair
from tests.contracts.linked import STORES, linked
from tests.contracts.shards import committed

encode = msgspec.msgpack.encode


class Stores(NamedTuple):
    """A store as both who folds and who makes snapshots sees it."""

    shard: ShardStore
    snapshots: SnapshotStore
    memory: MemoryStore
    link: Link | None
    keys: Keys

    async def deploy(self, keys: dict[str, bytes], layout: dict[str, bytes]) -> None:
        """Let the deployment keep this in the store alone."""
        self.memory.meta.update(keys=keys, layout=layout)
        if self.link is not None:
            for name, fields in ((self.keys.gateway_keys, keys), (self.keys.layout, layout)):
                await self.link.run([("HSET", name, *[part for pair in fields.items() for part in pair])])


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest, namespace: str) -> AsyncIterator[Stores]:
    """A store in memory, and real ones."""
    memory, keys = MemoryStore(), Keys(namespace + ":")
    if request.param == "memory":
        yield Stores(MemoryShardStore(memory, Fair(), 9), MemorySnapshotStore(memory, Fair()), memory, None, keys)
        return
    async with linked(request) as link:
        yield Stores(RedisShardStore(link, keys, 9), RedisSnapshotStore(link, keys), memory, link, keys)


async def taken(stores: Stores, shard: int = 1) -> ShardHold:
    """Take a shard, with its directory."""
    hold = (await stores.shard.take({(RESOLVED, shard): 0}))[RESOLVED, shard][0]
    (hold.directory,) = await stores.shard.directories([hold])
    return hold


def person(name: str, **fields: Any) -> Profile:
    return Profile(format=FORMAT, id=name, version=1, **fields)


async def test_who_takes_a_shard_that_was_got_back_is_due_no_tick_before_it_stands_where_it_was(stores: Stores) -> None:
    stores.memory.at[RESOLVED, 1].ahead = 7
    if stores.link is not None:
        await stores.link.run([("HSET", stores.keys.shard(1) + k.AT, k.AHEAD, 7)])
    hold = await taken(stores)
    hold.tick = 30
    assert [bool(due_tick(hold, position)) for position in (0, 6, 7, 8)] == [False, False, True, True]
    other = await taken(stores, 2)
    other.tick = 30
    assert due_tick(other, 0)


async def test_of_a_shard_to_which_nothing_came_there_is_nothing(stores: Stores) -> None:
    hold = await taken(stores)
    assert await stores.snapshots.stand(hold) == Stand({}, {}, 0, 0, {})
    assert await stores.snapshots.kept(hold, ["nobody"]) == {}


async def test_a_shard_stands_as_its_commits_have_left_it(stores: Stores) -> None:
    hold = await taken(stores)
    hold.figures = Figures({}, 0)
    hold.figures.rejected("deleted", Position(RESOLVED, 1, 4), 60_000)
    state = {WALK: 7, WALKED: 1_700_000_000_123, "next": 9}
    await committed(stores.shard, hold, counters={"customer": 2}, planes=NO_CHANGE._replace(state=state))
    await committed(stores.shard, hold, counters={"customer": -1, "orphans": 1})
    stand = await stores.snapshots.stand(hold)
    assert (stand.counters, stand.walk, stand.walked_ms) == ({"customer": 1, "orphans": 1}, 7, 1_700_000_000_123)
    assert stand.figures.keys() == {"from", "r:deleted"}
    assert stand.meta == {}


async def test_with_the_first_shard_goes_what_the_deployment_keeps_in_the_store_alone(stores: Stores) -> None:
    kept = {"hash": b"\x81\xff"}, {"group": b"ka"}
    await stores.deploy(*kept)
    assert (await stores.snapshots.stand(await taken(stores, 0))).meta == dict(
        zip(("keys", "layout"), kept, strict=True)
    )


async def test_profiles_come_as_they_are_stored_with_all_that_they_have_and_how_large_their_snapshots_are(
    stores: Stores,
) -> None:
    hold = await taken(stores)
    profiles = {"a": person("a"), "b": person("b", devices_more=2, guests_more=1), "c": person("c", gone=True)}
    beyond = [("devices", 101, "d-2"), ("devices", 100, "ü"), ("guests", 100, "g")]
    overflow = [Overflow("b", what, place, text) for what, place, text in beyond]
    await committed(stores.shard, hold, profiles=profiles, overflow=overflow, pieces={"b": 12, "c": 1})
    lists = {"devices": [(100, "ü"), (101, "d-2")], "guests": [(100, "g")]}
    assert await stores.snapshots.kept(hold, ["c", "nobody", "b", "a"]) == {
        "c": Before(Kept(encode(profiles["c"]))),
        "b": Before(Kept(encode(profiles["b"]), lists), 12),
        "a": Before(Kept(encode(profiles["a"]))),
    }


async def test_how_large_snapshots_are_is_kept_of_large_ones_alone_and_never_among_the_indexs_names(
    stores: Stores,
) -> None:
    hold = await taken(stores)
    profiles = {name: person(name) for name in "ab"}
    await committed(stores.shard, hold, profiles=profiles, pieces={"a": 3, "b": 2})
    await committed(stores.shard, hold, pieces={"a": 1})
    await committed(stores.shard, hold)
    found = await stores.snapshots.kept(hold, ["a", "b"])
    assert {name: before.pieces for name, before in found.items()} == {"a": None, "b": 2}
    assert stores.memory.index[1].state == {}
    if stores.link is not None:
        prefix = stores.keys.shard(1)
        told = await stores.link.run([("EXISTS", prefix + k.INDEX), ("HGETALL", prefix + k.SNAPPED)])
        assert told == [0, [b"b", b"2"]]
