"""Looking at what is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.adapters.reader import LISTS_AT_ONCE, Reader
from knownas.adapters.redis import Link
from knownas.nouns import FORMAT, Entry, Profile, shard_of
from knownas.profile.timeline import decode_cursor
from knownas.topics import Layout
from tests.builders import NAMES

ANN = "ann"
LAYOUT = Layout("knownas.", 2, 4)
GUESTS = [f"guest-{n}" for n in range(130)]
"""More than a profile shows, and more than are read at once; in all shards."""


class Store:
    """What a test puts into the store, and a reader of it."""

    def __init__(self, link: Link, prefix: str) -> None:
        self._link, self._keys = link, Keys(prefix)
        self.reader = Reader(link, self._keys, NAMES, LAYOUT)

    def key(self, profile_id: str, rest: str) -> str:
        """A key of a profile's shard."""
        return self._keys.shard(shard_of(profile_id, LAYOUT.shards)) + rest

    async def put(self, *commands: Sequence[Any]) -> None:
        """Write."""
        await self._link.run(list(commands))

    async def enter(self, profile_id: str, ts: float, offset: int) -> None:
        """Put an entry at the end of a timeline."""
        entry = Entry(FORMAT, ts, "event", "Viewed", None, "events", 0, offset)
        await self.put(("RPUSH", self.key(profile_id, k.timeline(profile_id)), msgspec.msgpack.encode(entry)))

    async def keep(self, profile: Profile) -> None:
        """Store a profile."""
        await self.put(("SET", self.key(profile.id, k.profile(profile.id)), msgspec.msgpack.encode(profile)))


@pytest.fixture
async def store(redis_url: str, namespace: str) -> AsyncIterator[Store]:
    async with Link(redis_url) as link:
        yield Store(link, f"{namespace}:")


async def test_a_story_has_all_guests_in_all_shards_page_by_page(store: Store) -> None:
    assert len(GUESTS) - 100 > 0
    assert len(GUESTS) > 2 * LISTS_AT_ONCE
    ann = Profile(FORMAT, ANN, guests=GUESTS[:100], guests_more=len(GUESTS) - 100)
    for place, guest in enumerate(GUESTS[100:], 100):
        await store.put(("ZADD", store.key(ANN, k.overflow("guests", ANN)), place, guest))
    for n, guest in enumerate(GUESTS):
        await store.enter(guest, 1_000 - n, n)
    for n in range(10):
        await store.enter(ANN, 500 + n * 100, 1_000 + n)
    told, cursor = [], None
    while True:
        page = await store.reader.timeline(ann, 30, decode_cursor(cursor) if cursor else None)
        told += page.lines
        await store.enter(ANN, 2_000, 2_000 + len(told))
        if (cursor := page.cursor) is None:
            break
    assert [line.entry.ts for line in told] == sorted([line.entry.ts for line in told], reverse=True)
    assert sorted(line.profile for line in told if line.guest) == sorted(GUESTS)
    assert sum(not line.guest for line in told) == 10


async def test_a_deleted_profile_is_not_there_and_is_known_to_be_deleted(store: Store) -> None:
    await store.keep(Profile(FORMAT, ANN, version=3, gone=True))
    await store.keep(Profile(FORMAT, "ben", version=1))
    assert await store.reader.profile(ANN) is None
    assert [await store.reader.is_deleted(each) for each in (ANN, "ben", "nobody")] == [True, False, False]
    assert [profile.id for profile in await store.reader.profiles([ANN, "ben", "nobody"])] == ["ben"]


async def test_a_list_beyond_what_a_profile_shows_is_read_in_order_of_arrival(store: Store) -> None:
    key = store.key(ANN, k.overflow("devices", ANN))
    await store.put(*[("ZADD", key, 100 + n, f"d-{n}") for n in range(2_500)])
    some = [part async for part in store.reader.beyond(ANN, "devices")]
    assert [device for part in some for device in part] == [f"d-{n}" for n in range(2_500)]
    assert max(map(len, some)) <= 1_000
