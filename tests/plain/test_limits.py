"""Profiles that have grown beyond what they hold themselves: pages, refusals and caps, in the model and in the core."""

from __future__ import annotations

from typing import Any

import pytest

from knownas.nouns import Identity, Profile
from tests.builders import NAMES, NOON, event, login, logout, profile, setting
from tests.engines import CoreEngine, Engine, PlainEngine, Sent, World

EVERY_ENGINE = pytest.mark.parametrize(
    "engine",
    [
        pytest.param(PlainEngine(), id="plain"),
        pytest.param(CoreEngine(1), id="core"),
        pytest.param(CoreEngine(70), id="chunks"),
    ],
)
X = NAMES.person(Identity("identity", "X"), 0)


def _run(engine: Engine, records: list[dict[str, Any]]) -> World:
    return engine.run([Sent(record) for record in records], setting(1, 1))


def _device(world: World, device: str) -> Profile:
    found = world.of_device(device)
    assert found is not None
    return found


@EVERY_ENGINE
def test_identities_beyond_a_hundred_are_kept_apart_and_counted(engine: Engine) -> None:
    world = _run(engine, [login("d-1", identity="X", email=f"{n}@x.ie") for n in range(150)])
    person = world.profiles[X]
    assert person.identities[0] == ("identity", "X")
    assert person.identities[99] == ("email", "98@x.ie")
    assert (len(person.identities), person.identities_more) == (100, 51)
    assert world.overflow[X, "identities"] == [f"email:{n}@x.ie" for n in range(99, 150)]
    assert world.of_identity("email", "149@x.ie") == person
    assert world.published[X]["profile"]["identityCount"] == 151


@EVERY_ENGINE
def test_devices_and_guests_beyond_a_hundred_are_kept_apart_and_no_device_twice(engine: Engine) -> None:
    records = [login("d-0", identity="X")]
    for n in range(1, 130):
        records += [event(f"d-{n}"), login(f"d-{n}", identity="X")]
    records += [logout("d-129"), login("d-129", identity="X"), logout("d-5"), login("d-5", identity="X")]
    world = _run(engine, records)
    person = world.profiles[X]
    assert (person.devices[99], person.devices_more) == ("d-99", 30)
    assert (person.guests[99], person.guests_more) == (NAMES.guest("d-100", 0), 29)
    assert world.overflow[X, "devices"] == [f"d-{n}" for n in range(100, 130)]
    assert world.overflow[X, "guests"] == [NAMES.guest(f"d-{n}", 0) for n in range(101, 130)]
    assert world.counters["orphans"] == world.counters["links"] == world.counters["gray"] == 129
    shown = world.published[X]["profile"]
    assert (shown["deviceCount"], shown["guestCount"]) == (130, 129)


@EVERY_ENGINE
def test_a_timeline_keeps_the_newest_five_hundred_and_the_counts_are_exact(engine: Engine) -> None:
    world = _run(engine, [event("d-1", data={"n": n}) for n in range(620)])
    guest = NAMES.guest("d-1", 0)
    assert [entry.data for entry in world.timelines[guest]] == [b'{"n":%d}' % n for n in range(120, 620)]
    count = world.profiles[guest].events["Viewed"]
    assert (count.count, count.first, count.last) == (620, NOON + 1, NOON + 620)


@EVERY_ENGINE
def test_a_257th_custom_property_is_refused_and_known_fields_and_old_ones_still_apply(engine: Engine) -> None:
    full = profile("d-1", {f"p{n}": n for n in range(256)})
    more: dict[str, Any] = {"p0": None, "Name": "Ann", "new": 1, "newer": {"$remove": 1}, "Education": "", "p1": "a"}
    world = _run(engine, [full, profile("d-1", more), profile("d-1", {"newest": 1})])
    held = world.profiles[NAMES.guest("d-1", 0)].properties
    assert (held["p0"].value, held["p1"].value, held["Name"].value, len(held)) == (None, "a", "Ann", 258)
    refused = [(row.position.offset, row.index, row.reason, row.key) for row in world.ledger if row.kind == "refused"]
    assert sorted(refused) == [
        (1, 1000, "too_many_properties", "new"),
        (1, 1001, "too_many_properties", "newer"),
        (2, 1000, "too_many_properties", "newest"),
    ]


@EVERY_ENGINE
def test_a_513th_event_name_is_refused_the_rest_of_the_record_counts_and_a_purchase_always_does(engine: Engine) -> None:
    properties: dict[str, Any] = {"Plan": "Gold", "bad": {"$incr": 1}}
    records = [profile("d-1", {"bad": "text"}), *(event("d-1", f"E{n}") for n in range(512))]
    records += [event("d-1", "E512", profileData=properties), event("d-1", "Charged"), event("d-1", "E0")]
    world = _run(engine, records)
    guest = world.profiles[NAMES.guest("d-1", 0)]
    assert (len(guest.events), guest.events["Charged"].count, guest.events["E0"].count) == (513, 1, 2)
    assert (guest.type, guest.properties["Plan"].value, guest.version) == ("customer", "Gold", 516)
    assert world.timelines[guest.id][-3].name == "E512"
    refused = [(row.index, row.reason, row.key) for row in world.ledger if row.kind == "refused"]
    assert refused == [(1000, "not_a_number", "bad"), (1001, "too_many_event_names", "E512")]


@EVERY_ENGINE
def test_a_list_drops_its_oldest_beyond_a_hundred_and_keeps_what_comes_again_where_it_is(engine: Engine) -> None:
    records = [
        profile("d-1", {"tags": list(range(100))}),
        profile("d-1", {"tags": {"$add": [5, 100, 101, 5]}}),
    ]
    world = _run(engine, records)
    assert _device(world, "d-1").properties["tags"].value == list(range(2, 102))


@EVERY_ENGINE
def test_a_hundred_and_first_push_token_is_not_kept(engine: Engine) -> None:
    records = [login(f"d-{n}", identity="X") | {"context": {"pushToken": f"t-{n}"}} for n in range(101)]
    tokens = _run(engine, [*records, event("d-3", context={"pushToken": "t-new"})]).profiles[X].tokens
    assert (len(tokens), tokens["d-3"], "d-100" in tokens) == (100, "t-new", False)


@EVERY_ENGINE
def test_a_device_that_changes_hands_two_hundred_times_still_knows_for_whom_it_speaks(engine: Engine) -> None:
    records = [login("d-1", identity=n % 3) if n % 3 else logout("d-1") for n in range(1, 200)]
    world = _run(engine, [*records, event("d-1", "Last")])
    assert world.facts[NAMES.device("d-1")][-1].epoch == 66
    assert "Last" in _device(world, "d-1").events
    assert _device(world, "d-1").id == NAMES.person(Identity("identity", "1"), 0)


@EVERY_ENGINE
def test_a_change_shows_the_profile_as_the_contract_draws_it(engine: Engine) -> None:
    records = [
        event("d-2", ts=NOON),
        login("d-1", {"Name": "Ann", "Plan": "Gold", "gone": None}, identity="X", email="Ann@Example.com"),
        profile("d-1", {"DOB": "1993-11-21", "Timezone": "America/Los_Angeles"})
        | {"context": {"source": "ad", "os": "iOS", "city": "Apia"}, "subscriptions": {"email": {"a@x.ie": False}}},
        login("d-2", identity="X") | {"ts": NOON + 7_200},
        event("d-1", "Charged", {"Amount": 30}),
        event("d-1", "Charged", {"Amount": 5}),
    ]
    assert _run(engine, records).published[X] == {
        "version": 4,
        "type": "customer",
        "profile": {
            "id": X,
            "version": 4,
            "type": "customer",
            "reachable": ["email"],
            "identities": {"identity": ["X"], "email": ["ann@example.com"]},
            "devices": ["d-1", "d-2"],
            "guests": [NAMES.guest("d-2", 0)],
            "guestOf": None,
            "optedOut": ["email:a@x.ie"],
            "properties": {
                "Name": "Ann",
                "Plan": "Gold",
                "Email": "ann@example.com",
                "DOB": "1993-11-21",
                "Timezone": "America/Los_Angeles",
            },
            "system": {"age": 31, "ct_is_test_user": "No"},
            "events": {"Charged": {"count": 1, "first": NOON + 5, "last": NOON + 5}},
            "firstSeen": NOON + 2,
            "lastSeen": NOON + 7_200,
            "identifiedAt": NOON + 2,
            "acquired": {"at": NOON + 2, "source": "ad"},
            "session": {"count": 2, "start": NOON + 7_200, "last": NOON + 7_200, "previousStart": NOON + 2},
            "context": {"os": "iOS"},
            "location": {"city": "Apia"},
            "timezone": "America/Los_Angeles",
        },
    }
