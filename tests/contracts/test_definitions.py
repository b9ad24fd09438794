"""The definitions of live segments in the real store: one counter of versions, and news that fit into a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.adapters.segments import MOST_BYTES, NEWS_BYTES, SegmentStore, check_name, check_query
from knownas.errors import WrongInput

GOLD = {"property": "Plan", "equals": "Gold"}


@pytest.fixture
async def store(redis_url: str, namespace: str) -> AsyncIterator[SegmentStore]:
    """No definitions yet."""
    async with Link(redis_url) as link:
        yield SegmentStore(link, Keys(f"{namespace}:"))


def wide(size: int) -> dict[str, Any]:
    """A query of about so many bytes."""
    return {"property": "Plan", "in": ["x" * 500] * (size // 503)}


async def test_one_counter_numbers_all_that_happens_and_a_name_is_replaced_only_where_that_is_said(
    store: SegmentStore,
) -> None:
    assert await store.put("gold", GOLD, replace=False) == 1
    assert await store.put("gold", GOLD, replace=False) is None
    assert await store.put("silver: ü", GOLD, replace=True) == 2
    assert await store.put("gold", {"not": GOLD}, replace=True) == 3
    assert await store.remove("nobody") is None
    assert await store.remove("gold") == 4
    assert await store.remove("gold") is None
    assert (await store.one("gold"), await store.one("nobody")) == (None, None)
    assert [(one.name, one.version, one.query) for one in await store.all()] == [("silver: ü", 2, GOLD)]
    assert [(one.name, one.version, one.query) for one in await store.newer(2)] == [("gold", 4, None)]
    assert await store.put("gold", GOLD, replace=False) == 5
    assert await store.newer(5) == []


async def test_of_those_who_put_one_at_the_same_time_one_has_it(redis_url: str, namespace: str) -> None:
    links = [Link(redis_url) for _ in range(8)]
    stores = [SegmentStore(link, Keys(f"{namespace}:")) for link in links]
    put = await asyncio.gather(*(store.put("gold", GOLD, replace=False) for store in stores))
    assert sorted(put, key=str) == [1, *[None] * 7]
    replaced = await asyncio.gather(*(store.put("gold", GOLD, replace=True) for store in stores))
    assert sorted(one for one in replaced if one) == list(range(2, 10))
    for link in links:
        await link.close()


async def test_news_come_the_oldest_first_as_many_as_fit_into_a_message(store: SegmentStore) -> None:
    for n in range(12):
        await store.put(f"s{n}", wide(MOST_BYTES - 1_000), replace=False)
    seen, rounds, latest = list[str](), 0, 0
    while news := await store.newer(latest):
        seen += [one.name for one in news]
        rounds, latest = rounds + 1, news[-1].version
    assert seen == [f"s{n}" for n in range(12)]
    assert rounds == -(-12 // (NEWS_BYTES // MOST_BYTES))


def test_a_name_can_be_read_and_a_query_can_travel() -> None:
    assert check_name("g" * 200)
    for name in ("", "  ", "g" * 201, "a\nb", "a\x1b[1mb"):
        with pytest.raises(WrongInput, match="1 to 200 printable characters"):
            check_name(name)
    assert check_query(wide(MOST_BYTES - 1_000))
    with pytest.raises(WrongInput, match="at most 64,000 bytes"):
        check_query(wide(MOST_BYTES + 1_000))
