"""What the page of a profile shows of it."""

from __future__ import annotations

from typing import Any, Final

import pytest

from knownas.nouns import Count, Entry, Identity, LedgerRow, Position, Profile, Property
from knownas.profile.time import DAY_SECONDS, Calendar
from knownas.profile.timeline import Line
from knownas.serve.page import shown
from knownas.serve.page.activity import DAYS
from knownas.serve.page.lines import rows, wanted
from knownas.serve.page.person import name_of, person
from knownas.serve.page.story import Piece, Teller, profiles_in

NOW: Final = 1_763_700_000
TODAY: Final = NOW // DAY_SECONDS
ANN, GUEST = "a" * 32, "b" * 32


def ann(**more: Any) -> Profile:
    """Somebody of whom everything is known."""
    said: dict[str, Any] = {
        "type": "customer",
        "identities": [Identity("identity", "cust-7"), Identity("email", "ann@x.ie")],
        "identified_at": NOW - 500,
        "devices": ["laptop"],
        "guests": [GUEST],
        "first_seen": NOW - 1_000,
        "last_seen": NOW,
        "sessions": 1,
        "session_last": NOW - 10,
        "channel": {"source": "google", "campaign": "spring"},
        "channel_ts": NOW - 1_000,
        "context": {
            "city": "Dublin",
            "country": "Ireland",
            "latitude": 53.3,
            "longitude": -6.2,
            "os": "iOS",
            "osVersion": "18",
        },
        "properties": {
            name: Property(value, NOW - 5)
            for name, value in {
                "Name": "Ann",
                "Email": "ann@x.ie",
                "Phone": "+353861234567",
                "DOB": "1990-02-20",
                "Customer Type": "Gold",
                "Timezone": "Europe/Dublin",
                "Plan": "Plus",
                "gone": None,
            }.items()
        },
        "events": {"Viewed": Count(3, NOW - 90, NOW, [TODAY - 1, 2, TODAY, 1])},
    }
    return Profile(1, ANN, version=9, **(said | more))


def guest() -> Profile:
    """What she was before."""
    events = {"Viewed": Count(1, NOW, NOW, [TODAY, 1]), "Searched": Count(2, NOW, NOW, [TODAY - 200, 2])}
    return Profile(1, GUEST, events=events, guest_of=ANN)


def seen(profile: Profile, *guests: Profile) -> Any:
    """Somebody as the page sees them."""
    return person(profile, guests, NOW * 1000, Calendar("UTC"))


@pytest.mark.parametrize(
    ("label", "text"),
    [("Location", "Dublin, Ireland"), ("Coordinates", "53.3, -6.2"), ("Email", "ann@x.ie"), ("Phone", "+353861234567"),
     ("Initially acquired from", "21 Nov 2025"), ("Age", "35 years, 9 months"), ("Birthday", "02-20-1990"),
     ("Customer Type", "Gold"), ("CustomerID", "cust-7"), ("Timezone", "Europe/Dublin"), ("System", "iOS 18")],
)  # fmt: skip
def test_the_card_says_each_field(label: str, text: str) -> None:
    (fact,) = [fact for fact in seen(ann()).facts if fact.label == label]
    assert fact.text == text


def test_the_card_says_when_and_by_which_channel() -> None:
    facts = {fact.label: fact for fact in seen(ann()).facts}
    assert (facts["First login"].ts, facts["Last session"].ts) == (NOW - 500, NOW - 10)
    assert facts["Initially acquired from"].more == "google, spring"


def test_what_is_not_known_of_a_guest_is_left_open() -> None:
    facts = {fact.label: fact.text for fact in seen(Profile(1, GUEST)).facts}
    assert [facts[label] for label in ("Email", "Age", "Birthday", "Location")] == [None] * 4
    assert not seen(Profile(1, GUEST)).known


def test_properties_are_those_that_are_set_with_when_default_ones_apart() -> None:
    one = seen(ann())
    assert [held.name for held in one.custom] == ["Plan"]
    assert [held.name for held in one.default] == ["Customer Type", "DOB", "Email", "Name", "Phone", "Timezone"]
    assert {held.ts for held in one.custom + one.default} == {NOW - 5}


def test_what_guests_did_is_counted_beside_and_never_among() -> None:
    counts = {counted.name: (counted.own, counted.gray) for counted in seen(ann(), guest()).counts}
    assert counts == {"Viewed": (3, 1), "Searched": (0, 2)}
    activity = seen(ann(), guest()).activity
    assert (len(activity.days), sum(activity.own), sum(activity.gray)) == (DAYS, 3, 1)
    assert activity.told == [(TODAY * DAY_SECONDS, 1, 1), ((TODAY - 1) * DAY_SECONDS, 2, 0)]


@pytest.mark.parametrize(
    ("profile", "name"),
    [(ann(), "Ann"), (ann(properties={}), "cust-7"), (Profile(1, GUEST), "A guest"),
     (ann(properties={"Name": Property(7, 0)}, identities=[]), "No name"),
     (ann(properties={"Name": Property("x" * 500, 0)}), "x" * 120)],
)  # fmt: skip
def test_somebody_is_called_by_what_is_known(profile: Profile, name: str) -> None:
    assert name_of(profile) == name


def line(ts: float, offset: int, name: str | None = "Viewed", data: bytes | None = None, guest: bool = False) -> Line:
    """A line of a timeline."""
    kind = "event" if name else "login"
    return Line(Entry(1, ts, kind, name, data, "events", 1, offset), GUEST if guest else ANN, guest)


def test_lines_sort_by_time_then_place_and_say_what_and_whose() -> None:
    some = rows(
        [line(NOW, 7, data=b'{"sku":"A1","Items":[{"a":1}]}'), line(NOW, 12, None), line(NOW - 1, 99, guest=True)]
    )
    assert [row.words for row in some] == ["Viewed", "Logged in", "Viewed"]
    assert sorted(some, key=lambda row: row.order) == [some[2], some[0], some[1]]
    assert some[0].parts == [("sku", "A1"), ("Items", "1 entry")]
    assert [row.guest for row in some] == [None, None, GUEST]
    assert some[0].record == "events/1/7"


@pytest.mark.parametrize(
    ("only", "offsets"),
    [("", [1, 2, 3]), ("event:Viewed", [1]), ("event:none", []), ("type:login", [3]), ("x", [1, 2, 3])],
)
def test_a_timeline_is_narrowed_to_an_event_or_a_type(only: str, offsets: list[int]) -> None:
    entries = [line(NOW, 1).entry, line(NOW, 2, "Charged").entry, line(NOW, 3, None).entry]
    assert [entry.offset for entry in filter(wanted(only) or (lambda _: True), entries)] == offsets


def row(kind: Any, **more: Any) -> LedgerRow:
    """A row of the ledger."""
    said: dict[str, Any] = {"profile": ANN, "reason": "", "ts": NOW, "at": NOW * 1000, "index": 0}
    return LedgerRow(kind=kind, position=Position("events", 3, 5), **(said | more))


def test_a_story_calls_profiles_by_name_and_itself_this() -> None:
    linked = row("linked", from_=GUEST, reason="link")
    told = Teller({}, {ANN: "Ann"}).story("profile", GUEST, "This profile", [linked])
    assert told.stands == [Piece("This profile is a guest who turned out to be "), Piece("Ann", ANN)]
    assert (told.record, told.since) == ("events/3/5", NOW)
    (decision,) = Teller({}, {ANN: "Ann"}, GUEST).story("profile", GUEST, "This profile", [linked]).decisions
    assert decision.pieces[0] == Piece("This guest turned out to be ")
    assert profiles_in([linked]) == [ANN, GUEST]


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (True, "yes"), (None, "nothing"), (1_234_567, "1,234,567"), (0.1, "0.1"), (["a", 2], "a, 2"),
     ({"a": 1}, '{"a":1}'), ([{"a": 1}, {}], "2 entries")],
)  # fmt: skip
def test_values_are_written_for_people(value: Any, text: str) -> None:
    assert shown.value(value) == text


@pytest.mark.parametrize(
    ("ts", "text"), [(0, "1 Jan 1970, 00:00:00"), (NOW + 0.5, "21 Nov 2025, 04:40:00"), (1e15, "1e+15 s")]
)
def test_times_are_written_for_people(ts: float, text: str) -> None:
    assert shown.human_time(ts) == text


@pytest.mark.parametrize(
    ("raw", "text"), [(b'{"a":1}', '{\n  "a": 1\n}'), (b"\xff<b>", "\ufffd<b>"), (b"x" * 30_000, "x" * 20_000 + "…")]
)
def test_a_records_bytes_are_readable_whatever_they_are(raw: bytes, text: str) -> None:
    assert shown.readable(raw) == text
