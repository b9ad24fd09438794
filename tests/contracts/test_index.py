"""The index in memory and in the real store: after the same commits, the same people in the same planes."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from knownas.adapters.index import StoredIndex, read_index
from knownas.adapters.keys import Keys
from knownas.adapters.memory import MemoryShardStore, MemoryStore
from knownas.adapters.store import RedisShardStore
from knownas.find import planes
from knownas.find.terms import Directory, terms
from knownas.nouns import RESOLVED, Profile, Resolved, Source
from knownas.profile.fold import USUAL, Fold, Folded, read
from knownas.profile.leaving import Found, Place, part
from knownas.profile.time import Calendar
from knownas.stages.enrol import enrol
from knownas.stages.hold import ShardHold
from knownas.stages.ports import ShardStore, Shares
from tests.builders import NOON, event, profile
from tests.contracts.fair import Fair
from tests.contracts.linked import STORES, linked

S0 = (RESOLVED, 0)
Read = Callable[[], Awaitable[StoredIndex]]
Side = tuple[ShardStore, Read]
MANY = planes.LISTED + 20


@pytest.fixture(params=STORES)
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    """A store, and its index read back."""
    if request.param == "memory":
        memory = MemoryStore()

        async def of_memory() -> StoredIndex:
            found, index = StoredIndex(), memory.index[0]
            found.ids, found.free = index.ids, index.free
            found.planes = {plane: sorted(numbers) for plane, numbers in index.planes.items()}
            return found

        yield MemoryShardStore(memory, Fair(), 10), of_memory
        return
    names = Keys(request.getfixturevalue("namespace") + ":")
    async with linked(request) as link:

        async def of_valkey() -> StoredIndex:
            found, prefix = StoredIndex(), names.shard(0)
            (held,) = await link.run([("KEYS", prefix.replace("[", "\\[") + "q:*")])
            for key in held:
                rest = key.decode().removeprefix(prefix)
                (answer,) = await link.run([read_index(rest, key)])
                found.take(rest, answer)
            return found

        yield RedisShardStore(link, names, 10), of_valkey


class Shard:
    """A shard under a hold."""

    def __init__(self, store: ShardStore, hold: ShardHold) -> None:
        self.store, self.hold, self.profiles = store, hold, dict[str, Profile]()

    @classmethod
    async def take(cls, store: ShardStore) -> Shard:
        """Take the shard, with its directory."""
        hold, _ = (await store.take({S0: 0}))[S0]
        (hold.directory,) = await store.directories([hold])
        return cls(store, hold)

    @property
    def directory(self) -> Directory:
        """The directory at hand."""
        assert self.hold.directory is not None
        return self.hold.directory

    async def fold(self, *records: tuple[str, dict[str, Any]], at: int = NOON) -> None:
        """Fold and commit these as one chunk."""
        fold = Fold(self.profiles, self.hold.watermarks, directory=self.directory)
        for offset, (whose, record) in enumerate(records, self.hold.position):
            raw = _said(offset, record, whose, at)
            fold.add(read(raw), raw)
        await self._commit(fold.result(), len(records))

    async def delete(self, whose: str) -> None:
        """Delete somebody."""
        raw = _said(self.hold.position, {"type": "delete", "profile": whose}, whose, NOON)
        place = Place(0, self.hold.position, self.hold.watermarks)
        await self._commit(part(read(raw), raw, place, self.profiles[whose], Found(), USUAL, self.directory), 1)

    async def _commit(self, folded: Folded, count: int) -> None:
        assert await self.store.commit([(self.hold, folded, self.hold.position + count, [])]) == [True]
        self.profiles |= folded.profiles

    def wanted(self) -> dict[str, set[str]]:
        """Who must be in which plane."""
        found: dict[str, set[str]] = {}
        for name, one in self.profiles.items():
            for plane in () if one.gone else terms(one, self.directory, Calendar()):
                found.setdefault(plane, set()).add(name)
        return found


def _said(offset: int, record: dict[str, Any], whose: str, at: int) -> bytes:
    told = Resolved(
        profile=whose, source=Source("events", 0, offset, 0), at=at * 1000, ts=record.get("ts", at),
        record=msgspec.Raw(json.dumps(record).encode()),
    )  # fmt: skip
    return msgspec.json.encode(told)


def people_in(found: StoredIndex) -> dict[str, set[str]]:
    """Who is in which plane."""
    named = {plane: {found.ids[number] for number in numbers} for plane, numbers in found.planes.items()}
    return {plane: names for plane, names in named.items() if names}


def _id(number: int) -> str:
    return f"{number + 1:032x}"


async def test_planes_hold_who_they_must_as_people_come_change_and_go(side: Side) -> None:
    store, read_back = side
    shard, rng = await Shard.take(store), random.Random(7)
    tags, living = ["a", "b", "c"], list(range(40))
    for _ in range(12):
        records: list[tuple[str, dict[str, Any]]] = []
        for _ in range(25):
            whose, ts = rng.choice(living), NOON - rng.randrange(95) * 86_400
            said = {"tags": rng.sample(tags, 2), "Plan": rng.choice(["Gold", True, 5, None, "1990-01-01"])}
            records.append((_id(whose), rng.choice([event("d", rng.choice("XY"), ts=ts), profile("d", said, ts=ts)])))
        await shard.fold(*records, at=NOON + rng.randrange(3) * 86_400)
        gone = rng.choice([n for n in living if _id(n) in shard.profiles])
        living.remove(gone)
        await shard.delete(_id(gone))
        assert people_in(await read_back()) == shard.wanted()
    found = await read_back()
    assert found.free == shard.directory.free
    assert found.ids == {one.number: name for name, one in shard.profiles.items() if not one.gone}


async def test_a_list_becomes_bits_where_it_has_more_than_it_may_and_stays_bits(side: Side) -> None:
    store, read_back = side
    shard = await Shard.take(store)
    for first in range(0, MANY, 100):
        await shard.fold(*[(_id(n), event("d")) for n in range(first, min(first + 100, MANY))])
    plane = planes.on_day(0, NOON // 86_400)
    assert len((await read_back()).planes[plane]) == MANY
    for n in range(30):
        await shard.delete(_id(n))
    assert people_in(await read_back()) == shard.wanted()
    await shard.fold(*[(_id(n), event("d")) for n in range(1_000, 1_010)])
    assert people_in(await read_back()) == shard.wanted()


async def test_a_day_that_is_over_takes_its_planes_along(side: Side) -> None:
    store, read_back = side
    shard = await Shard.take(store)
    oldest = NOON - (planes.DAYS - 1) * 86_400
    await shard.fold(*[(_id(n), event("d", ts=oldest)) for n in range(MANY)], (_id(0), event("d", "Two", ts=oldest)))
    held = {plane for plane in people_in(await read_back()) if plane.endswith(f":{oldest // 86_400}")}
    assert held == {planes.on_day(0, oldest // 86_400), planes.on_day(1, oldest // 86_400)}
    await shard.fold((_id(1), event("d")), at=NOON + 86_400)
    assert held.isdisjoint(people_in(await read_back()))
    assert people_in(await read_back()) == shard.wanted()


async def test_whoever_takes_a_shard_finds_its_directory(side: Side) -> None:
    store, _ = side
    shard = await Shard.take(store)
    await shard.fold((_id(1), profile("d", {"Plan": "Gold", "tags": ["a", 5, True]})), (_id(2), event("d", "Größe")))
    await shard.delete(_id(1))
    again = (await Shard.take(store)).directory
    for name in ("next", "free", "oldest", "events", "properties", "told", "coded"):
        assert getattr(again, name) == getattr(shard.directory, name), name
    assert _filled(again) == _filled(shard.directory)
    assert await store.directories([shard.hold]) == [None]


async def test_a_store_of_an_earlier_version_is_enrolled_whole(side: Side) -> None:
    store, read_back = side
    shard = await Shard.take(store)
    await shard.fold(*[(_id(n), profile("d", {"Plan": "Gold"})) for n in range(5)])
    old = {name: msgspec.structs.replace(one, number=-1) for name, one in shard.profiles.items()}
    shard.hold.directory = Directory()
    nothing = Folded(old, {}, shard.hold.watermarks, {}, [], [], [], [], 0)
    assert await store.commit([(shard.hold, nothing, shard.hold.position, [])]) == [True]
    assert await enrol(store, shard.hold, Calendar(), NOON * 1000)
    (loaded,) = await store.load([Shares(shard.hold, list(shard.profiles))])
    assert loaded is not None
    shard.profiles = loaded
    assert sorted(one.number for one in loaded.values()) == list(range(5))
    assert people_in(await read_back()) == shard.wanted()


def _filled(directory: Directory) -> dict[str, dict[str, int]]:
    return {of: codes for of, codes in directory.codes.items() if codes}
