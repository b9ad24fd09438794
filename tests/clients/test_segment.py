"""Segment's own server libraries against the gateway: `segment-analytics-python`, npm `@segment/analytics-node`."""

from __future__ import annotations

from typing import Any

from tests.clients.conftest import Program, Town
from tests.clients.wire import AWAY


def call(client: Program, method: str, **arguments: Any) -> list[Any]:
    """A call as a client writes it: Python's arguments are in snake case."""
    if client.environment:
        return [method, arguments]
    snake = {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): value for name, value in arguments.items()}
    return [method, snake]


async def test_a_guest_is_tracked_and_becomes_known(town: Town, segment: Program) -> None:
    traits = {"name": "Jack", "email": "J@x.com", "plan": "gold", "address": {"city": "Cork"}}
    as_guest = await town.track(
        segment,
        call(segment, "track", anonymousId="anon-9", event="Product Viewed", properties={"price": 59.99}),
        call(segment, "page", anonymousId="anon-9", category="Docs", name="Home", properties={"url": "/"}),
        call(segment, "identify", userId="u1", anonymousId="anon-9", traits=traits),
    )
    await town.deployment.settled()
    as_jack = await town.track(
        segment,
        call(segment, "track", userId="u1", anonymousId="anon-9", event="Charged", properties={"Amount": 30}),
        call(segment, "screen", userId="u1", name="Basket"),
        call(segment, "group", userId="u1", groupId="acme", traits={"name": "Acme"}),
    )
    assert as_guest["failed"] + as_jack["failed"] == []
    jack = await town.person("identity", "u1")
    assert jack["identities"] == {"identity": ["u1"], "email": ["j@x.com"]}
    assert (jack["devices"], jack["guests"], jack["type"]) == (["anon-9"], [], "customer")
    assert jack["properties"] == {
        "Name": "Jack", "Email": "j@x.com", "plan": "gold", "address.city": "Cork", "groupId": "acme",
        "group.name": "Acme",
    }  # fmt: skip
    counts = {name: event["count"] for name, event in jack["events"].items()}
    assert counts == {"Product Viewed": 1, "Page Viewed": 1, "Charged": 1, "Screen Viewed": 1}


async def test_an_alias_makes_a_guest_known_and_merges_no_two_people(town: Town, segment: Program) -> None:
    await town.track(
        segment,
        call(segment, "track", anonymousId="anon-1", event="Product Viewed"),
        call(segment, "alias", previousId="anon-1", userId="u1"),
        call(segment, "track", userId="u2", event="Product Viewed"),
        call(segment, "alias", previousId="u2", userId="u1"),
    )
    first, second = [await town.person("identity", who) for who in ("u1", "u2")]
    assert sorted(first["devices"]) == ["anon-1", "u2"]
    assert (first["identities"], second["identities"]) == ({"identity": ["u1"]}, {"identity": ["u2"]})
    assert second["events"]["Product Viewed"]["count"] == 1


async def test_what_was_stored_before_its_answer_was_lost_is_counted_once(town: Town, segment: Program) -> None:
    town.wire.lose(b"", AWAY)
    bought = call(segment, "track", anonymousId="anon-1", event="Charged", properties={"Amount": 30})
    said = await town.track(segment, bought, bought, bought)
    assert said["failed"] == []
    assert town.wire.statuses == [200, 200, 200]
    guest = await town.person("device", "anon-1")
    assert guest["events"]["Charged"]["count"] == 3
    assert [reason for reason, _ in (await town.deployment.rejected()).values()] == ["duplicate"] * 6


async def test_a_key_that_is_none_is_refused_and_not_tried_again(town: Town, segment: Program) -> None:
    bought = call(segment, "track", anonymousId="anon-1", event="Charged")
    said = await segment.run({"host": town.url, "key": "not-a-key", "calls": [bought]})
    assert len(said["failed"]) == 1
    assert town.wire.statuses == [401]
