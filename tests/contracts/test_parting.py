"""One suite for the shard's store in memory and the real one: what goes, what is kept in order, and who may do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knownas.adapters.memory import MemoryShardStore
from knownas.adapters.store import RedisShardStore
from knownas.nouns import CHANGED, EVENTS, FORMAT, Entry, Identity, Profile
from knownas.profile.fold import Overflow
from knownas.profile.leaving import IDLE_STEP, STEP
from knownas.profile.parting import Listed, Parting
from knownas.stages.hold import ShardHold
from knownas.stages.ports import Outgoing, ShardStore, Shares
from tests.contracts.shards import S0, committed, store, taken

__all__ = ["store"]

TOMBSTONE = Outgoing(CHANGED, 0, b"p", None, [], None)


def guest(number: int, seen: float, **more: Any) -> Profile:
    """A guest whose last record came then."""
    return Profile(format=FORMAT, id=f"g-{number:04}", version=1, last_seen=seen, **more)


def by_id(profiles: Sequence[Profile]) -> dict[str, Profile]:
    """Profiles as a commit has them."""
    return {profile.id: profile for profile in profiles}


async def test_a_timeline_that_is_erased_begins_anew(store: ShardStore) -> None:
    hold = await taken(store)
    entry = Entry(FORMAT, 1, "event", "A", None, EVENTS, 0, 1)
    await committed(store, hold, timelines={"p": [entry]})
    await committed(store, hold, parting=Parting(erased=["p", "q"]))
    assert await lines(store, "p") == 0
    await committed(store, hold, timelines={"p": [entry]})
    assert await lines(store, "p") == 1


async def lines(store: ShardStore, profile: str) -> int:
    """How many entries a timeline has."""
    if isinstance(store, MemoryShardStore):
        return len(store._store.timelines.get(profile, []))
    assert isinstance(store, RedisShardStore)
    (count,) = await store._link.run([("LLEN", f"{store._keys.shard(0)}t:{profile}")])
    return int(count)


async def test_a_list_that_departs_is_swept_step_by_step_and_a_new_one_begins_empty(store: ShardStore) -> None:
    hold = await taken(store)
    devices = [Overflow("p", "devices", 100 + n, f"d-{n:04}") for n in range(STEP + 2)]
    await committed(store, hold, overflow=[*devices, Overflow("p", "guests", 100, "g-1")])
    await committed(store, hold, parting=Parting(departing=[("p", "devices"), ("p", "identities")]))
    first, stays = Listed("p", "devices", "d-0000"), Listed("p", "guests", "g-1")
    assert await store.listed([(hold, first), (hold, stays)]) == {stays}
    leaving = await store.leaving(hold, "p")
    assert leaving == {"devices": [one.text for one in devices[:STEP]], "identities": [], "guests": []}
    await committed(store, hold, parting=Parting(swept=[Listed("p", "devices", text) for text in leaving["devices"]]))
    await committed(store, hold, overflow=[Overflow("p", "devices", 100, "d-0000")])
    assert (await store.leaving(hold, "p"))["devices"] == [one.text for one in devices[STEP:]]
    assert await store.listed([(hold, first)]) == {first}


async def test_a_list_that_departs_again_before_it_is_swept_joins_the_first(store: ShardStore) -> None:
    hold = await taken(store)
    for texts in (["a", "b"], ["b", "c"]):
        await committed(store, hold, overflow=[Overflow("p", "devices", 100 + n, text) for n, text in enumerate(texts)])
        await committed(store, hold, parting=Parting(departing=[("p", "devices")]))
    assert (await store.leaving(hold, "p"))["devices"] == ["a", "b", "c"]


async def test_what_is_dropped_is_in_no_list_any_more(store: ShardStore) -> None:
    hold = await taken(store)
    ann, ben = Listed("p", "identities", "email:ann@x.ie"), Listed("p", "identities", "email:ben@x.ie")
    await committed(store, hold, overflow=[Overflow(*one[:2], 100 + n, one.text) for n, one in enumerate((ann, ben))])
    await committed(store, hold, parting=Parting(dropped=[ann]))
    assert await store.listed([(hold, ann), (hold, ben)]) == {ben}


async def indexed(store: ShardStore, hold: ShardHold) -> None:
    """Begin to keep idle guests in order."""
    assert await store.index(hold)
    assert await committed(store, hold, parting=Parting(indexed=True))


async def test_idle_guests_are_in_order_of_their_last_record_and_there_is_an_end_to_a_step(store: ShardStore) -> None:
    hold = await taken(store)
    many = [guest(n, 1_000 - n + 0.5) for n in range(IDLE_STEP + 5)]
    await committed(store, hold, profiles=by_id([*many, guest(9_999, 3.5, guest_of="p")]))
    assert await store.idle(hold, 2_000) == []
    await indexed(store, hold)
    assert await store.idle(hold, 2_000) == [one.id for one in reversed(many)][:IDLE_STEP]
    assert await store.idle(hold, many[-2].last_seen) == [many[-1].id]
    assert await store.idle(hold, many[-1].last_seen) == []


async def test_an_order_begun_by_who_never_came_to_its_end_is_made_anew(store: ShardStore) -> None:
    """Whoever became known in between is no idle guest any more."""
    before = await taken(store)
    await committed(store, before, profiles=by_id([guest(1, 10), guest(2, 20)]))
    assert await store.index(before)
    hold = await taken(store)
    assert not hold.indexed
    await committed(store, hold, profiles=by_id([guest(1, 10, identities=[Identity("email", "ann@x.ie")])]))
    await indexed(store, hold)
    assert await store.idle(hold, 100) == ["g-0002"]


async def test_commits_keep_the_order_of_idle_guests_from_its_beginning_to_its_end(store: ShardStore) -> None:
    hold = await taken(store)
    await committed(store, hold, profiles=by_id([guest(1, 1), guest(2, 2), guest(3, 3), guest(4, 3)]))
    await indexed(store, hold)
    again = await taken(store)
    assert again.indexed
    gone, linked = guest(1, 0, gone=True), guest(2, 2, guest_of="p")
    await committed(store, again, profiles=by_id([gone, linked, guest(3, 9), guest(5, 3)]))
    assert await store.idle(again, 100) == ["g-0004", "g-0005", "g-0003"]
    await committed(store, again, parting=Parting(indexed=False))
    assert not (await taken(store)).indexed
    await committed(store, hold := await taken(store), profiles=by_id([guest(6, 1)]))
    assert await store.idle(hold, 100) == []


async def test_who_lost_a_shard_puts_nothing_in_order(store: ShardStore) -> None:
    old = await taken(store)
    await committed(store, old, profiles=by_id([guest(1, 1)]))
    new = await taken(store)
    await indexed(store, new)
    assert not await store.index(old)
    assert await store.idle(new, 100) == ["g-0001"]


async def test_an_element_may_be_added_to_the_outbox_with_nothing_else(store: ShardStore) -> None:
    hold = await taken(store)
    assert await store.trim([(hold, [TOMBSTONE])]) == [True]
    hold.published = 1
    second = TOMBSTONE._replace(key=b"q")
    assert await store.trim([(hold, [second])]) == [True]
    (again, outbox) = (await store.take({S0: 0}))[S0]
    assert (again.position, outbox) == (0, [[second]])


async def test_a_tombstone_is_loaded_like_any_profile(store: ShardStore) -> None:
    hold = await taken(store)
    tombstone = Profile(format=FORMAT, id="p", version=3, changed=3, gone=True)
    await committed(store, hold, profiles={"p": tombstone})
    assert await store.load([Shares(hold, ["p"])]) == [{"p": tombstone}]
