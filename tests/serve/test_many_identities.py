"""A profile with 150,000 identities is found by each of them, shown by pages, and goes on living."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import pytest

from knownas.adapters.store import RedisShardStore, RedisSourceStore
from knownas.identity.plan import Look, Plan
from knownas.nouns import EVENTS, FORMAT, RESOLVED, UPDATES, Identity, Owner, Profile, shard_of
from knownas.profile.fold import Overflow, encode_more
from tests.builders import login
from tests.find.stored import NOTHING
from tests.pipeline.deployment import Deployment
from tests.serve.running import Gateway, gateway

IDENTITIES = 150_000
SHOWN = 100
AT_ONCE = 5_000
NO_PLAN = Plan([], {}, {}, [], [], [], [], {}, {}, 0)
WHO = "0123456789abcdef" * 2


def identity(number: int) -> Identity:
    """The identity of this number, in order of arrival."""
    return Identity("identity", f"member-{number}")


async def put(deployment: Deployment) -> None:
    """Write the profile and its identities through the commits of both stages."""
    world, s = deployment.world, deployment.settings
    source = RedisSourceStore(world.link(), world.keys, world.names)
    hold = (await source.take({(EVENTS, 0): 0}))[EVENTS, 0]
    numbers = iter(range(IDENTITIES))
    while some := list(islice(numbers, AT_ONCE)):
        looks = [Look(identity(number), None, Owner(WHO, 0, UPDATES, 0, number)) for number in some]
        committed = await source.commit([(hold, NO_PLAN._replace(looks=looks), 0)])
        assert committed.written
    store = RedisShardStore(world.link(), world.keys, s.timeline_entries)
    shard = RESOLVED, shard_of(WHO, deployment.layout.shards)
    shard_hold = (await store.take({shard: 0}))[shard][0]
    profile = Profile(
        format=FORMAT, id=WHO, version=IDENTITIES, type="addressable", first_seen=1, last_seen=1, identified_at=1,
        identities=[identity(number) for number in range(SHOWN)], identities_more=IDENTITIES - SHOWN,
    )  # fmt: skip
    more = iter(range(SHOWN, IDENTITIES))
    while some := list(islice(more, AT_ONCE)):
        overflow = [Overflow(WHO, "identities", number, encode_more(identity(number))) for number in some]
        folded = NOTHING._replace(profiles={WHO: profile}, overflow=overflow)
        assert await store.commit([(shard_hold, folded, shard_hold.position, [])]) == [True]


@pytest.fixture
async def crowded(deployment: Deployment) -> Deployment:
    """A deployment in which one person has all these identities."""
    await put(deployment)
    return deployment


async def every_page(served: Gateway) -> list[str]:
    """All identities, a thousand a page."""
    found: list[str] = []
    cursor = "0"
    while cursor:
        params = {"limit": "1000", "cursor": cursor}
        page: dict[str, Any] = (await served.get(f"/v1/profiles/{WHO}/identities", params=params)).json
        found += page["items"]
        cursor = page["cursor"]
    return found


async def test_somebody_with_150_000_identities_is_found_by_each_and_shown_by_pages(
    crowded: Deployment,
) -> None:
    last = IDENTITIES - 1
    async with gateway(crowded) as served:
        for number in (0, SHOWN - 1, SHOWN, 77_777, last):
            found = await served.get(f"/v1/profiles/by/identity/member-{number}")
            assert (found.json["id"], found.json["identityCount"]) == (WHO, IDENTITIES)
            assert len(found.json["identities"]["identity"]) == SHOWN
        assert (await served.get(f"/v1/profiles/by/identity/member-{IDENTITIES}")).status == 404
        assert await every_page(served) == [f"identity:member-{number}" for number in range(IDENTITIES)]
        ended = crowded.command("find", f"identity:member-{last}", "--json")
        assert (json.loads(ended.stdout)["people"], json.loads(ended.stdout)["profiles"][0]["id"]) == (1, WHO)
    async with crowded.worker():
        await crowded.send(login("tablet", {"Name": "Ann"}, identity=f"member-{last}"))
        await crowded.settled()
    profile = await crowded.profile(WHO)
    assert (profile.version, profile.identities_more) == (IDENTITIES + 1, IDENTITIES - SHOWN)
    assert profile.properties["Name"].value == "Ann"
