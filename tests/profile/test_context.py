"""Place, system and channel, and opt-outs of addresses, as tables; core and plain model alike."""

from __future__ import annotations

from typing import Any

import pytest

from knownas.nouns import FORMAT, Profile, Property
from knownas.plain.noting import note_context, note_subscriptions
from knownas.profile import context, subscriptions
from knownas.profile.time import SILENCE_SECONDS
from knownas.profile.view import view

EVERY_NOTE = pytest.mark.parametrize(
    "note", [pytest.param(context.note, id="core"), pytest.param(note_context, id="plain")]
)
EVERY_SUBSCRIPTION = pytest.mark.parametrize(
    "note", [pytest.param(subscriptions.note, id="core"), pytest.param(note_subscriptions, id="plain")]
)

IN_CORK = {"city": "Cork", "country": "IE"}
AT_SEA = {"latitude": 50.5, "longitude": -9.25}

CASES: list[tuple[list[tuple[int, dict[str, Any]]], dict[str, Any]]] = [
    # what was said when, in order of arrival; what is known then
    ([(5, {"os": "iOS", "appVersion": "1"}), (6, {"appVersion": "2"})], {"os": "iOS", "appVersion": "2"}),
    ([(5, {"os": "iOS"}), (5, {"os": "Android"})], {"os": "Android"}),
    ([(5, {"os": "iOS"}), (4, {"os": "Android", "model": "Pixel"})], {"os": "iOS", "model": "Pixel"}),
    ([(5, {"os": "iOS"}), (6, {"os": None})], {}),
    ([(5, {"os": "iOS"}), (6, {"os": None}), (4, {"os": "Android"})], {"os": "Android"}),
    ([(5, {"os": "iOS"}), (4, {"os": None})], {"os": "iOS"}),
    ([(5, {"os": "iOS"}), (6, {"os": ""})], {"os": "iOS"}),
    ([(5, {"os": "iOS"}), (9, {"os": "iOS"}), (7, {"os": "Android"})], {"os": "iOS"}),
    ([(5, {"os": "iOS"}), (9, {"ip": "10.0.0.1"}), (7, {"os": "Android"})], {"os": "Android"}),
    ([(5, {"os": "iOS"}), (9, {}), (7, {"os": "Android"})], {"os": "Android"}),
    ([(5, {"os": "iOS", "ip": "10.0.0.1", "pushToken": "t", "source": "ad", "colour": "red"})], {"os": "iOS"}),
    ([(5, IN_CORK), (6, AT_SEA)], AT_SEA),
    ([(5, IN_CORK | AT_SEA), (6, AT_SEA)], IN_CORK | AT_SEA),
    ([(5, IN_CORK | AT_SEA), (6, {"city": "Cork"})], IN_CORK | AT_SEA),
    ([(5, IN_CORK | AT_SEA), (6, {"city": "Oslo"})], {"city": "Oslo"}),
    ([(5, IN_CORK | AT_SEA), (6, {"city": None})], {"country": "IE"} | AT_SEA),
    ([(5, IN_CORK), (4, AT_SEA)], IN_CORK),
    ([(5, {"os": "iOS"}), (4, AT_SEA)], {"os": "iOS"} | AT_SEA),
    ([(5, {"latitude": -90, "longitude": 180.0})], {"latitude": -90, "longitude": 180.0}),
]  # fmt: skip


@EVERY_NOTE
@pytest.mark.parametrize(("said", "known"), CASES)
def test_the_newest_record_says_what_there_is_and_older_ones_fill_gaps(
    note: Any, said: list[tuple[int, dict[str, Any]]], known: dict[str, Any]
) -> None:
    profile = Profile(format=FORMAT, id="p")
    for ts, given in said:
        assert note(profile, given, ts) == []
    assert repr(profile.context) == repr(known)


REFUSED: list[tuple[str, Any, str | None]] = [
    ("os", 5, "bad_value"),
    ("os", ["iOS"], "bad_value"),
    ("os", "x" * 512, None),
    ("os", "x" * 513, "too_long"),
    ("city", "é" * 257, "too_long"),
    ("source", True, "bad_value"),
    ("latitude", 90.1, "bad_value"),
    ("latitude", -91, "bad_value"),
    ("latitude", True, "bad_value"),
    ("latitude", "51.9", "bad_value"),
    ("longitude", 180.5, "bad_value"),
    ("longitude", -180, None),
    ("longitude", None, None),
]


@EVERY_NOTE
@pytest.mark.parametrize(("key", "value", "reason"), REFUSED)
def test_what_cannot_be_kept_is_refused_by_itself(note: Any, key: str, value: Any, reason: str | None) -> None:
    profile = Profile(format=FORMAT, id="p")
    refused = note(profile, {key: value, "browser": "Firefox"}, 5)
    assert refused == ([(f"context.{key}", reason)] if reason else [])
    assert profile.context["browser"] == "Firefox"


@EVERY_NOTE
def test_the_channel_is_that_of_the_oldest_record_that_names_one(note: Any) -> None:
    profile = Profile(format=FORMAT, id="p", first_seen=10, last_seen=99, version=1)
    for ts, given in (
        (50, {"source": "mail"}), (10, {"os": "iOS", "source": ""}), (20, {"campaign": "spring", "source": "ad"}),
        (20, {"source": "late"}), (90, {"referrer": "x.ie"}),
    ):  # fmt: skip
        note(profile, given, ts)
    assert (profile.channel, profile.channel_ts) == ({"source": "ad", "campaign": "spring"}, 20)
    assert context.acquired(profile) == {"at": 10, "source": "ad", "campaign": "spring"}


@pytest.mark.parametrize(("after", "is_told"), [(0, True), (SILENCE_SECONDS, True), (SILENCE_SECONDS + 1, False)])
def test_a_channel_counts_where_it_came_with_the_first_visit(after: int, is_told: bool) -> None:
    profile = Profile(format=FORMAT, id="p", first_seen=10, channel={"source": "ad"}, channel_ts=10 + after)
    assert ("source" in context.acquired(profile)) is is_told


def test_a_view_tells_place_system_and_zone_apart() -> None:
    said = {"os": "iOS", "timezone": "Europe/Dublin", "city": "Cork", "latitude": 51.9}
    shown = view(Profile(format=FORMAT, id="p", context=said), 0)
    assert (shown["context"], shown["location"], shown["timezone"]) == (
        {"os": "iOS", "timezone": "Europe/Dublin"}, {"city": "Cork", "latitude": 51.9}, "Europe/Dublin",
    )  # fmt: skip
    assert shown["session"] is None


@EVERY_SUBSCRIPTION
def test_an_address_is_what_its_newest_record_says(note: Any) -> None:
    profile = Profile(format=FORMAT, id="p")
    said: list[tuple[int, dict[str, dict[str, bool]]]] = [
        (5, {"email": {" Ann@x.ie": False}, "phone": {"086 123 4567": False}}),
        (4, {"email": {"ann@x.ie": True}}),
        (5, {"phone": {"+353861234567": True}}),
    ]
    for ts, given in said:
        assert note(profile, given, ts, "IE") == []
    assert profile.subscriptions == {"email:ann@x.ie": Property(False, 5), "phone:+353861234567": Property(True, 5)}
    assert subscriptions.opted_out(profile) == ["email:ann@x.ie"]


@EVERY_SUBSCRIPTION
def test_what_is_no_address_is_refused_and_the_rest_applies(note: Any) -> None:
    profile = Profile(format=FORMAT, id="p")
    given = {"email": {"null": False, "x" * 513: False, "a@x.ie": False}, "phone": {"12": True}}
    assert note(profile, given, 5, None) == [
        ("subscriptions.email", "junk"), ("subscriptions.email", "too_long"), ("subscriptions.phone", "bad_phone"),
    ]  # fmt: skip
    assert list(profile.subscriptions) == ["email:a@x.ie"]


@EVERY_SUBSCRIPTION
def test_a_hundred_addresses_are_kept_and_the_oldest_go(note: Any) -> None:
    profile = Profile(format=FORMAT, id="p")
    for ts in [*range(100), 500, 50.5, -1]:
        note(profile, {"email": {f"{ts}@x.ie": False}}, ts, None)
    assert len(profile.subscriptions) == 100
    assert {"email:500@x.ie", "email:50.5@x.ie"} < profile.subscriptions.keys()
    assert profile.subscriptions.keys().isdisjoint({"email:0@x.ie", "email:1@x.ie", "email:-1@x.ie"})
