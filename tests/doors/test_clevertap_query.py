"""What CleverTap's queries ask for, how their answers look, and cursors."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from knownas.doors.clevertap_conditions import Condition
from knownas.doors.clevertap_query import (
    Cursor,
    Query,
    did,
    event_is_asked,
    first_cursor,
    is_asked,
    query_of,
    read_cursor,
    read_query,
    said_raw,
    write_cursor,
)
from knownas.doors.clevertap_shapes import event_record_of, record_of
from knownas.errors import WrongInput
from knownas.nouns import FORMAT, Count, Entry, Identity, Profile, Property
from tests.doors.asking import asked

DAY = 20_414  # 2025-11-22
NOON = DAY * 86_400 + 12 * 3_600
QUERY = {"event_name": "Viewed", "from": 20251120, "to": 20251122}


def person(**more: Any) -> Profile:
    return Profile(
        FORMAT, "p1", identities=[Identity("identity", "a"), Identity("email", "ann@x.org")], devices=["d-1"],
        properties={"Name": Property("Ann", 1), "Email": Property("ann@x.org", 1), "Plan": Property("Gold", 1),
                    "tags": Property(["new", "vip"], 1), "gone": Property(None, 1), "Age": Property(30, 1)},
        events={"Viewed": Count(5, NOON - 200 * 86_400, NOON, [DAY - 3, 1, DAY, 3])},
        **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("since", "until", "times"),
    [
        (None, None, 5),
        (20251122, 20251122, 3),
        (20251119, 20251122, 4),
        (20251120, 20251121, 0),
        (None, 20251121, 1),
        (20251123, None, 0),
        (20250506, 20250506, 1),
        (20250507, 20250601, 0),
    ],
)
def test_an_event_is_counted_between_two_days(since: int | None, until: int | None, times: int) -> None:
    query = read_query({"event_name": "Viewed", "from": since, "to": until})
    assert did(query, person(), UTC) == times
    assert is_asked(query, person(), UTC) == (times > 0)


def test_days_are_days_of_the_zone() -> None:
    late = Entry(FORMAT, DAY * 86_400 + 20 * 3_600, "event", "Viewed", None, "events", 0, 1)
    query = read_query({"event_name": "Viewed", "from": 20251123})
    assert not event_is_asked(query, late, UTC)
    assert event_is_asked(query, late, ZoneInfo("Asia/Kolkata"))


@pytest.mark.parametrize(
    ("name", "operator", "value", "holds"),
    [
        ("Plan", "equals", "gold", True),
        ("Plan", "equals", ["Silver", "Gold"], True),
        ("Plan", "not_equals", "Gold", False),
        ("Plan", "not_equals", "Silver", True),
        ("Plan", "contains", "ol", True),
        ("Plan", "does_not_contain", "ol", False),
        ("tags", "equals", "vip", True),
        ("tags", "contains", "vi", True),
        ("gone", "exists", None, False),
        ("gone", "does_not_exist", None, True),
        ("Plan", "exists", None, True),
        ("Age", "equals", "30", True),
        ("Age", "greater_than", 29, True),
        ("Age", "greater_than", "30", False),
        ("Age", "greater_than_equals", 30, True),
        ("Age", "less_than", 31, True),
        ("Age", "less_than_equals", 29, False),
        ("Plan", "less_than", 3, False),
        ("nothing", "equals", "x", False),
        ("type", "equals", "anonymous", True),
    ],
)
def test_conditions_on_the_profile(name: str, operator: str, value: Any, holds: bool) -> None:
    condition = {"name": name, "operator": operator} | ({} if value is None else {"value": value})
    query = read_query({"common_profile_properties": {"profile_fields": [condition]}})
    assert is_asked(query, person(), UTC) == holds


def test_conditions_on_the_event() -> None:
    query = read_query(QUERY | {"event_properties": [{"name": "Price", "operator": "greater_than", "value": 50}]})
    dear, cheap, other = (
        Entry(FORMAT, NOON, "event", name, msgspec.json.encode({"Price": price}), "events", 0, 1)
        for name, price in (("Viewed", 59.99), ("Viewed", 5), ("Charged", 99))
    )
    assert [event_is_asked(query, entry, UTC) for entry in (dear, cheap, other)] == [True, False, False]


@pytest.mark.parametrize(
    "bad",
    [
        {"event_name": 5},
        {"from": "yesterday"},
        {"from": 20251399},
        {"from": [20251122]},
        {"from": 20251122, "to": 20251121},
        {"event_properties": [{"name": "x", "operator": "equals", "value": 1}]},
        {"event_name": "E", "event_properties": {"name": "x"}},
        {"event_name": "E", "event_properties": [{"operator": "equals", "value": 1}]},
        {"event_name": "E", "event_properties": [{"name": "x", "operator": "resembles", "value": 1}]},
        {"event_name": "E", "event_properties": [{"name": "x", "operator": "equals"}]},
        {"event_name": "E", "event_properties": [{"name": "x", "operator": "equals", "value": {}}]},
        {"common_profile_properties": {"demographics": {}}},
        {"common_profile_properties": [1]},
        {"event_name": "E", "sort": "newest"},
        {"event_name": "x" * 3_000},
    ],
)
def test_what_nobody_understands_is_refused_not_ignored(bad: dict[str, Any]) -> None:
    with pytest.raises(WrongInput):
        read_query(bad)


def test_a_query_stands_in_the_address_or_in_the_body() -> None:
    expected = read_query(QUERY)
    text = "query=%7B%22event_name%22%3A%22Viewed%22%2C%22from%22%3A20251120%2C%22to%22%3A%2220251122%22%7D"
    assert query_of(asked("/1/profiles.json", query=text, method="GET")) == expected
    assert query_of(asked("/1/profiles.json", QUERY)) == expected
    assert query_of(asked("/1/profiles.json")) == Query()


@pytest.mark.parametrize(("told", "size"), [("", 50), ("1", 1), ("9999", 5_000)])
def test_a_page_holds_as_many_as_is_asked_and_allowed(told: str, size: int) -> None:
    assert first_cursor(asked("/1/profiles.json", query=f"batch_size={told}"), "profiles").size == size


@pytest.mark.parametrize("told", ["0", "-1", "many", "9" * 30])
def test_a_size_that_is_none_is_refused(told: str) -> None:
    with pytest.raises(WrongInput):
        first_cursor(asked("/1/profiles.json", query=f"batch_size={told}"), "profiles")


def test_a_cursor_may_be_pasted_into_an_address_as_it_is() -> None:
    cursor = Cursor("events", read_query(QUERY), 50, "scan", started=True, waiting=["p1"], timeline="abc")
    text = write_cursor(cursor)
    assert text.replace("-", "").replace("_", "").isalnum()
    assert read_cursor(text, "events") == cursor
    with pytest.raises(WrongInput):
        read_cursor(text, "profiles")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "!!!!",
        "AAAA",
        write_cursor(Cursor("events", Query("E"), 0)),
        write_cursor(Cursor("events", Query("E", event_conditions=[Condition("x", "resembles", [1])]), 5)),
    ],
)
def test_a_cursor_of_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(WrongInput):
        read_cursor(text, "events")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("email=jack+x@gmail.com", "jack+x@gmail.com"),
        ("email=jack%2Bx%40gmail.com", "jack+x@gmail.com"),
        ("a=1&email=%C3%A9@x.org", "é@x.org"),
        ("email=", ""),
        ("", ""),
        ("identity=1", ""),
    ],
)
def test_a_plus_in_an_address_is_a_plus(raw: str, value: str) -> None:
    assert said_raw(asked("/1/profile.json", query=raw, method="GET"), "email") == value


def test_a_profile_looks_as_the_vendor_shows_it() -> None:
    record = record_of(person(tokens={"d-1": "tok"}, context={"os": "Android", "osVersion": "14"}))
    assert record["identity"] == "a"
    assert record["email"] == "ann@x.org"
    assert record["name"] == "Ann"
    assert record["profileData"] == {
        "Name": "Ann", "Email": "ann@x.org", "Plan": "Gold", "tags": ["new", "vip"], "Age": 30,
    }  # fmt: skip
    assert record["events"]["Viewed"] == {"count": 5, "first_seen": NOON - 200 * 86_400, "last_seen": NOON}
    assert record["platformInfo"] == [
        {"platform": "Android", "objectId": "d-1", "os_version": "14", "push_token": "tok"}
    ]
    assert record_of(Profile(FORMAT, "p2"))["platformInfo"] == [{"platform": "API", "objectId": "p2"}]


def test_an_event_looks_as_the_vendor_shows_it() -> None:
    entry = Entry(FORMAT, NOON, "event", "Viewed", b'{"Price":59.99}', "events", 0, 1)
    record = event_record_of(person(), entry, UTC)
    assert record["ts"] == 20251122120000
    assert record["event_props"] == {"Price": 59.99}
    assert (record["profile"]["identity"], record["profile"]["objectId"]) == ("a", "d-1")
