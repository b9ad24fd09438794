"""People leave: through every layer, on a real Kafka and a real Valkey, with a worker that has them in its memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest

from knownas.nouns import CHANGED, UPDATES, Identity, Profile, murmur2
from knownas.profile.fold import encode_more
from knownas.profile.leaving import STEP
from tests.builders import event, login, logout, profile
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.stored import comparable, contents

PATIENCE_SECONDS = 60
ANN: dict[str, Any] = {"identity": "7", "email": "ann@x.ie"}
QUICK: dict[str, Any] = {"partitions": 2, "shards": 2, "publish_linger_ms": 0, "idle_check_ms": 50}


@pytest.fixture
async def deployment(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """A deployment of one's own, whose worker looks after its shards often."""
    async with deployed(kafka, redis_url, namespace, **QUICK) as made:
        yield made


async def tell(deployment: Deployment, *records: dict[str, Any]) -> None:
    """Send records to where they belong, each when everything before it is done."""
    for record in records:
        if "device" in record:
            await deployment.send(record)
        else:
            identity = next(iter(record.get("identities", {"": record.get("profile", "")}).items()))
            key = ":".join(identity).encode()
            await deployment.produce(UPDATES, murmur2(key) % deployment.layout.partitions, key, orjson.dumps(record))
        await deployment.settled()


async def keys_about(deployment: Deployment, profile_id: str) -> set[str]:
    """What kinds of keys there are of a profile."""
    found = await deployment.reader.keys_like(f"{deployment.settings.redis_prefix}*{profile_id}")
    return {key.decode().split("}:", 1)[1].split(":", 1)[0] for key in found}


async def newest(deployment: Deployment) -> dict[str, bytes | None]:
    """What a consumer of the compacted topic holds of each profile in the end."""
    read = deployment.world.log.read(deployment.layout.name(CHANGED), committed_only=True)
    return {record.key.decode(): record.value async for record in read}


async def until(deployment: Deployment, condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something has become true that nobody tells of, and everything is done."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.05)
        await deployment.settled()


async def equal(deployment: Deployment) -> bool:
    """Whether the store holds what the plain model says."""
    report = await deployment.verify()
    assert report.differences == []
    return report.equal


async def test_a_deletion_goes_through_every_layer_and_the_same_person_may_come_back(deployment: Deployment) -> None:
    async with deployment.worker():
        await tell(
            deployment, event("d-1", "Viewed"), login("d-2", **ANN), login("d-1", **ANN), event("d-1", "Charged")
        )
        before = await deployment.of_identity("identity", "7")
        (guest,) = before.guests
        await tell(deployment, {"type": "delete", "identities": {"email": "Ann@x.ie"}})
        assert await deployment.reader.profiles([before.id, guest]) == []
        assert [await keys_about(deployment, one) for one in (before.id, guest)] == [{"p"}, {"p"}]
        changes = await newest(deployment)
        assert (changes[before.id], changes[guest]) == (None, None)
        assert [await deployment.reader.owner(Identity(*one)) for one in ANN.items()] == [None, None]
        counted = {name: count for name, count in (await deployment.reader.counters()).items() if count}
        assert counted == {"links": 1}

        await tell(deployment, event("d-1", "Viewed"), login("d-1", **ANN), event("d-1", "Shared"))
        after = await deployment.of_identity("identity", "7")
        assert (after.id != before.id, after.devices, after.type) == (True, ["d-1"], "addressable")
        assert list(after.events) == ["Viewed", "Shared"]
        assert orjson.loads((await newest(deployment))[after.id] or b"")["profile"]["devices"] == ["d-1"]
        await tell(deployment, profile(None, {"Plan": "Gold"}, identity="7"))
        assert (await deployment.profile(after.id)).properties["Plan"].value == "Gold"
        assert await equal(deployment)


async def test_a_record_for_a_tombstone_is_rejected_and_so_is_its_id(deployment: Deployment) -> None:
    async with deployment.worker():
        await tell(deployment, login("d-1", **ANN))
        before = await deployment.of_identity("identity", "7")
        await tell(deployment, {"type": "delete", "device": "d-1"})
        await tell(deployment, {"type": "event", "evtName": "Late", "profile": before.id})
        reasons = [reason for reason, _ in (await deployment.rejected()).values()]
        assert reasons == ["deleted"]
        assert await equal(deployment)


async def test_a_demerge_leaves_the_profile_and_gives_its_devices_fresh_guests(deployment: Deployment) -> None:
    async with deployment.worker():
        await tell(deployment, login("d-1", **ANN), event("d-1", "Charged"), login("d-2", **ANN))
        before = await deployment.of_identity("identity", "7")
        await tell(deployment, {"type": "demerge", "identities": {"identity": "7"}})
        there = await deployment.profile(before.id)
        assert (there.demerged, there.type, there.identities, there.devices) == (True, "customer", [], [])
        await tell(deployment, event("d-1", "Viewed"), login("d-2", **ANN))
        assert (await deployment.profile(before.id)).events.keys() == {"Charged"}
        after = await deployment.of_identity("identity", "7")
        assert (after.id != before.id, after.devices) == (True, ["d-2"])
        assert await equal(deployment)


async def test_a_release_takes_one_identity_which_then_is_anybodys(deployment: Deployment) -> None:
    async with deployment.worker():
        await tell(deployment, login("d-1", **ANN), {"type": "release", "identities": {"email": "ann@x.ie"}})
        await tell(deployment, login("d-2", email="ann@x.ie"))
        person, other = await deployment.of_identity("identity", "7"), await deployment.of_identity("email", "ann@x.ie")
        assert ([one.kind for one in person.identities], other.devices) == (["identity"], ["d-2"])
        assert person.properties["Email"].value == "ann@x.ie"
        assert await equal(deployment)


async def test_who_is_suppressed_stays_away_and_leaves_no_bytes(deployment: Deployment) -> None:
    async with deployment.worker():
        await tell(deployment, login("d-1", **ANN))
        await tell(deployment, {"type": "delete", "identities": {"email": "ann@x.ie"}, "suppress": True})
        await tell(deployment, login("d-1", **ANN), event(None, "Called", identities={"email": "ann@x.ie"}))
        read = deployment.world.log.read(deployment.layout.name("rejected"), committed_only=True)
        found = [(dict(record.headers)["reason"], record.key, record.value) async for record in read]
        assert found == [(b"suppressed", None, None)] * 2
        assert await equal(deployment)


async def test_a_person_with_more_than_one_step_of_everything_is_deleted_in_steps(deployment: Deployment) -> None:
    many = 2 * STEP + 200
    devices = [f"d-{n}" for n in range(many)]
    async with deployment.worker():
        await deployment.send(*[event(device) for device in devices[: many // 2]])
        await deployment.send(*[login(device, identity="7") for device in devices])
        await deployment.send(*[profile("d-0", email=f"ann{n}@x.ie") for n in range(many)])
        await deployment.settled()
        before = await deployment.of_identity("identity", "7")
        assert (before.devices_more, before.identities_more) == (many - 100, many - 99)
        assert before.guests_more > STEP // 2
        await tell(deployment, {"type": "delete", "profile": before.id})
        assert await keys_about(deployment, before.id) == {"p"}
        assert [identity for n in range(many) if await owned(deployment, identity := f"ann{n}@x.ie")] == []
        speakers = {facts[-1].state for device in devices if (facts := await deployment.reader.facts(device))}
        assert speakers == {"nobody"}
        assert (await deployment.reader.counters())["orphans"] == 0
        assert await equal(deployment)


async def owned(deployment: Deployment, email: str) -> bool:
    """Whether anybody owns an e-mail."""
    return await deployment.reader.owner(Identity("email", email)) is not None


async def test_a_replay_from_the_start_ends_the_same(kafka: str, redis_url: str, namespace: str) -> None:
    records = [
        event("d-1"), login("d-1", **ANN), event("d-1", "Charged"), {"type": "demerge", "device": "d-1"},
        login("d-2", **ANN), event("d-1"), login("d-1", **ANN), {"type": "delete", "identities": {"identity": "7"}},
        event("d-1"), login("d-2", **ANN), logout("d-2"), {"type": "release", "identities": {"email": "ann@x.ie"}},
    ]  # fmt: skip
    ends = []
    for life in ("first", "second"):
        async with deployed(
            kafka, redis_url, f"{namespace}{life}", 2, 2, publish_linger_ms=0, idle_check_ms=50
        ) as made:
            async with made.worker():
                for number, record in enumerate(records):
                    await tell(made, {**record, "ts": 1_763_700_000 + number})
            assert await equal(made)
            ends.append(comparable(await contents(made)))
    assert ends[0] == ends[1]


async def test_guests_for_whom_nothing_came_for_long_go_at_a_tick(kafka: str, redis_url: str, namespace: str) -> None:
    more: dict[str, Any] = {"tick_seconds": 1.5, "idle_guest_days": 30}
    async with deployed(kafka, redis_url, namespace, **QUICK, **more) as made:
        await made.send(*[event(f"old-{n}", ts=1_763_700_000) for n in range(5)], event("new-1"))
        await made.send(login("old-known", **ANN))
        async with made.worker():
            kept, gone = made.world.names.guest("new-1", 0), [made.world.names.guest(f"old-{n}", 0) for n in range(5)]

            async def are_gone() -> bool:
                return await made.reader.profile(kept) is not None and not await made.reader.profiles(gone)

            await until(made, are_gone)
            await made.send(event("old-1"))
            await made.settled()
        again: Profile = await made.profile(made.world.names.guest("old-1", 1))
        assert again.version == 1
        known = await made.of_identity("identity", "7")
        assert [encode_more(identity) for identity in known.identities] == ["identity:7", "email:ann@x.ie"]
        assert {row.reason for row in await made.ledger() if row.kind == "deleted"} == {"idle"}
        assert await equal(made)
