"""The card of the seed, filled field by field from the records of a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.builders import setting
from tests.engines import CoreEngine, Sent

from knownas.nouns import FORMAT, Identity, Profile, Property
from knownas.profile.card import card

FIRST = int(datetime(2025, 3, 30, 20, 30, tzinfo=UTC).timestamp())
LOGIN = FIRST + 60
LAST = int(datetime(2025, 11, 20, 9, 0, tzinfo=UTC).timestamp())
NOW_MS = int(datetime(2025, 11, 21, 12, 0, tzinfo=UTC).timestamp() * 1000)
PHONE = {"make": "Apple", "model": "iPhone 15", "os": "iOS", "osVersion": "18.1", "appVersion": "4.2"}
CHANNEL = {"source": "google", "medium": "cpc", "campaign": "spring", "referrer": "https://x.ie/"}
DUBLIN = {"city": "Dublin", "country": "Ireland", "latitude": 53.35, "longitude": -6.26}

RECORDS: list[dict[str, Any]] = [
    {"type": "event", "device": "d-1", "evtName": "App Launched", "ts": FIRST, "context": CHANNEL | {"os": "Android"}},
    {"type": "event", "device": "d-2", "evtName": "Viewed", "ts": FIRST + 30},
    {
        "type": "login",
        "device": "d-1",
        "ts": LOGIN,
        "identities": {"identity": "cust-7", "email": "Ann@Example.com", "phone": "086 123 4567"},
        "profileData": {"Birthday": "02-29-1992", "Customer Type": "Gold", "Timezone": "Pacific/Auckland"},
    },
    {"type": "login", "device": "d-2", "ts": LOGIN + 30, "identities": {"identity": "cust-7"}},
    {"type": "event", "device": "d-2", "evtName": "Charged", "ts": LAST, "context": PHONE | DUBLIN},
    {"type": "event", "device": "d-1", "evtName": "Viewed", "ts": LAST - 9_000, "context": {"browser": "Firefox"}},
    {"type": "event", "identities": {"identity": "cust-7"}, "evtName": "Mail Sent", "ts": LAST + 7_200},
    {"type": "test", "identities": {"identity": "cust-7"}, "test": True, "ts": LAST + 7_300},
]


def _ann() -> Profile:
    world = CoreEngine(100).run(
        [Sent(record) for record in RECORDS], setting(kinds=("identity", "email", "phone"), region="IE")
    )
    found = world.of_identity("identity", "cust-7")
    assert found is not None
    return found


FIELDS: dict[str, Any] = {
    "type": "customer",
    "reachable": ["email", "sms"],
    "city": "Dublin",
    "country": "Ireland",
    "latitude": 53.35,
    "longitude": -6.26,
    "email": "ann@example.com",
    "phone": "+353861234567",
    "acquired": {"at": FIRST, **CHANNEL, "date": "2025-03-31"},
    "firstLogin": LOGIN,
    "lastSession": LAST,
    "ageYears": 33,
    "ageMonths": 8,
    "birthday": "02-29-1992",
    "customerType": "Gold",
    "customerId": "cust-7",
    "timezone": "Pacific/Auckland",
    "device": "Apple iPhone 15",
    "make": "Apple",
    "model": "iPhone 15",
    "os": "iOS",
    "osVersion": "18.1",
    "browser": "Firefox",
    "appVersion": "4.2",
    "devices": 2,
    "guests": 1,
    "testUser": "Yes",
    "demerged": False,
}


def test_every_field_of_the_card_is_filled_from_what_the_records_said() -> None:
    ann = _ann()
    assert card(ann, NOW_MS) == {"id": ann.id, **FIELDS}


def test_of_somebody_just_seen_the_card_says_what_is_known_and_null_for_the_rest() -> None:
    guest = Profile(format=FORMAT, id="g", version=1, first_seen=FIRST, last_seen=LAST)
    shown = {field: value for field, value in card(guest, NOW_MS).items() if value is not None}
    assert shown == {
        "id": "g", "type": "anonymous", "reachable": [], "acquired": {"at": FIRST, "date": "2025-03-30"},
        "lastSession": LAST, "devices": 0, "guests": 0, "testUser": "No", "demerged": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("context", "shown"),
    [
        ({"latitude": 51.9, "longitude": -8.47}, ("Cork", "Ireland")),
        ({"latitude": 0, "longitude": 0}, (None, None)),
        ({"latitude": 51.9}, (None, None)),
        ({"latitude": 51.9, "longitude": -8.47, "city": "Cobh"}, ("Cobh", None)),
        ({}, (None, None)),
    ],
)
def test_a_place_is_looked_up_where_only_coordinates_are_known(
    context: dict[str, Any], shown: tuple[str | None, str | None]
) -> None:
    def place(latitude: float, longitude: float) -> tuple[str, str] | None:
        return ("Cork", "Ireland") if (latitude, longitude) == (51.9, -8.47) else None

    somebody = Profile(format=FORMAT, id="p", context=context)
    told = card(somebody, NOW_MS, place)
    assert (told["city"], told["country"]) == shown
    assert somebody.context == context


def test_an_own_customer_id_is_shown_before_the_identity() -> None:
    somebody = Profile(
        format=FORMAT, id="p", identities=[Identity("email", "a@x.ie"), Identity("identity", "7")],
        properties={"CustomerID": Property("C-9", 1), "Phone": Property(353861234567, 1)},
    )  # fmt: skip
    assert card(somebody, NOW_MS)["customerId"] == "C-9"
    assert card(somebody, NOW_MS)["phone"] == "+353861234567"


@pytest.mark.parametrize(
    ("context", "device"),
    [
        ({"make": "Apple", "model": "iPhone 15"}, "Apple iPhone 15"),
        ({"make": "samsung", "model": "Samsung S24"}, "Samsung S24"),
        ({"make": "Apple"}, "Apple"),
        ({"model": "Pixel 9"}, "Pixel 9"),
        ({}, None),
    ],
)
def test_a_device_is_called_by_make_and_model(context: dict[str, Any], device: str | None) -> None:
    assert card(Profile(format=FORMAT, id="p", context=context), NOW_MS)["device"] == device
