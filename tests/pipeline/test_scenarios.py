"""The two scenarios that everything is about, on a real Kafka and a real Valkey."""

from __future__ import annotations

from knownas.adapters import keys as k
from knownas.nouns import shard_of
from tests.builders import event, login
from tests.pipeline.deployment import Deployment, names


async def test_a_guest_who_logs_in_keeps_the_id_and_everything_counts(deployment: Deployment) -> None:
    async with deployment.worker():
        await deployment.send(event("desktop-a", "A"))
        await deployment.settled()
        guest = (await deployment.reader.facts("desktop-a"))[-1].profile
        await deployment.send(login("desktop-a", email="x@example.com"), event("desktop-a", "B"))
        await deployment.settled()
    person = await deployment.of_identity("email", "x@example.com")
    assert person.id == guest
    assert {name: count.count for name, count in person.events.items()} == {"A": 1, "B": 1}
    assert person.guests == []
    assert not (await deployment.verify()).differences


async def test_what_a_known_person_did_as_a_guest_elsewhere_stays_the_guests_and_is_marked(
    deployment: Deployment,
) -> None:
    async with deployment.worker():
        await deployment.send(event("desktop-a", "A"), login("desktop-a", email="x@example.com"))
        await deployment.send(event("browser-b", "A"))
        await deployment.settled()
        guest = (await deployment.reader.facts("browser-b"))[-1].profile
        before = await stored_timeline(deployment, guest)
        await deployment.send(login("browser-b", email="X@Example.com "), event("browser-b", "B"))
        await deployment.settled()
    person = await deployment.of_identity("email", "x@example.com")
    orphan = await deployment.profile(guest)
    assert {name: count.count for name, count in person.events.items()} == {"A": 1, "B": 1}
    assert {name: count.count for name, count in orphan.events.items()} == {"A": 1}
    assert (person.guests, orphan.guest_of) == ([guest], person.id)
    assert await stored_timeline(deployment, guest) == before
    lines = (await deployment.reader.timeline(person, 10)).lines
    assert [line.guest for line in lines] == [False, False, True, False, False]
    assert names(lines) == ["B", "login", "A", "login", "A"]
    assert await deployment.reader.counters() == {
        "anonymous": 0, "addressable": 1, "customer": 0, "orphans": 1, "links": 1, "gray": 1,
    }  # fmt: skip
    assert not (await deployment.verify()).differences


async def stored_timeline(deployment: Deployment, profile: str) -> list[bytes]:
    """The bytes of a profile's timeline in the store."""
    prefix = deployment.world.keys.shard(shard_of(profile, deployment.layout.shards))
    (entries,) = await deployment.world.link().run([("LRANGE", prefix + k.timeline(profile), 0, -1)])
    found: list[bytes] = entries
    return found
