"""A link to a cluster: each command goes to who has its key, answers come in the order of the questions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from knownas.adapters.redis import Link
from knownas.adapters.redis_address import address
from knownas.adapters.redis_cluster import MOST_NODES, link_to, slot_of

KEYS = ["ka:{o1}:x", "ka:{7}:p:y", "{}empty", "plain", "{open", "a{b}{c}", "{{x}}"]


@pytest.fixture
async def link(cluster_url: str) -> AsyncIterator[Link]:
    """A link to the cluster."""
    async with link_to(address(cluster_url)) as made:
        yield made


async def test_a_keys_slot_is_what_the_server_says(link: Link) -> None:
    for key in KEYS:
        (slot,) = await (await link.nodes())[0].run([("CLUSTER", "KEYSLOT", key)])
        assert slot_of(key) == slot_of(key.encode()) == slot, key


async def test_answers_come_in_order_from_whatever_nodes(link: Link, namespace: str) -> None:
    keys = [f"{namespace}:{{{number}}}:k" for number in range(30)]
    assert len({slot_of(key) * 3 // 16_384 for key in keys}) == 3
    assert await link.run([("SET", key, key) for key in keys]) == [b"OK"] * 30
    wanted = [key.encode() for key in keys]
    assert await link.run([("GET", key) for key in keys]) == wanted
    assert await link.run([("MGET", *keys, "nothing"), ("GET", keys[3])]) == [[*wanted, None], wanted[3]]


async def test_a_scan_finds_each_key_once_a_page_at_a_time(link: Link, namespace: str) -> None:
    keys = {f"{namespace}:{{{number}}}:k".encode() for number in range(200)}
    await link.run([("SET", key, "") for key in keys])
    found: list[bytes] = []
    cursor, pages = 0, 0
    while pages == 0 or cursor:
        cursor, some = await link.scan(cursor, f"{namespace}:*", 50)
        found, pages = found + some, pages + 1
    assert sorted(found) == sorted(keys)
    assert pages > 3
    assert await link.scan(MOST_NODES - 1, f"{namespace}:*", 50) == (0, [])
