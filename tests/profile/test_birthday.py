"""Birthdays in every form, ages on and around the day, time zones, and the 29th of February."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from knownas.nouns import FORMAT, Profile, Property
from knownas.plain.calendar import age as plain_age
from knownas.plain.calendar import birthday as plain_birthday
from knownas.plain.calendar import may_be_born, zone_of_person
from knownas.profile.birthday import age, age_of, falls_on, is_possible, parse, timezone_of, zone_of


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


FORMS: list[tuple[Any, str | None]] = [
    ("1992-02-29", "1992-02-29"),
    ("02-29-1992", "1992-02-29"),
    ("$D_699321600", "1992-02-29"),
    ("$D_699321599", "1992-02-28"),
    ("$D_0", "1970-01-01"),
    ("$D_-1", "1969-12-31"),
    ("$D_-2208988800", "1900-01-01"),
    ("0001-01-01", "0001-01-01"),
    ("1990-02-30", None),
    ("1993-02-29", None),
    ("13-01-1990", None),
    ("1990-00-10", None),
    ("0000-01-01", None),
    ("1990-2-3", None),
    ("29-02-1992", None),
    ("1992-02-29 ", None),
    ("1992/02/29", None),
    ("19920229", None),
    ("-1992-02-29", None),
    ("١٩٩٢-02-29", None),
    ("$D_", None),
    ("$D_1.5", None),
    ("$D_+5", None),
    ("$D_99999999999999", None),
    ("$D_999999999999", None),
    ("", None),
    (19920229, None),
    (699321600, None),
    (True, None),
    (["1992-02-29"], None),
    (None, None),
]


@pytest.mark.parametrize("parse_", [pytest.param(parse, id="core"), pytest.param(plain_birthday, id="plain")])
@pytest.mark.parametrize(("value", "day"), FORMS)
def test_a_birthday_has_three_forms_and_names_a_day_that_was(parse_: Any, value: Any, day: str | None) -> None:
    found = parse_(value)
    assert (found and found.isoformat()) == day


POSSIBLE: list[tuple[str, str, bool]] = [
    # born, the record's Kafka time, whether that may be
    ("2025-11-21", "2025-11-21T00:00:00", True),
    ("2025-11-22", "2025-11-21T00:00:00", True),
    ("2025-11-23", "2025-11-21T23:59:59", False),
    ("1875-11-21", "2025-11-21T12:00:00", True),
    ("1875-11-20", "2025-11-21T12:00:00", False),
    ("1876-02-29", "2026-02-28T12:00:00", True),
    ("1876-02-29", "2026-03-01T12:00:00", False),
    ("0001-01-01", "2025-11-21T12:00:00", False),
    ("9999-12-31", "2025-11-21T12:00:00", False),
]


@pytest.mark.parametrize("is_possible_", [pytest.param(is_possible, id="core"), pytest.param(may_be_born, id="plain")])
@pytest.mark.parametrize(("born", "at", "is_so"), POSSIBLE)
def test_nobody_is_born_after_tomorrow_or_more_than_150_years_ago(
    is_possible_: Any, born: str, at: str, is_so: bool
) -> None:
    assert is_possible_(date.fromisoformat(born), _ms(at)) is is_so


AGES: list[tuple[str, str, tuple[int, int]]] = [
    ("1992-06-15", "2025-06-14", (32, 11)),
    ("1992-06-15", "2025-06-15", (33, 0)),
    ("1992-06-15", "2025-07-14", (33, 0)),
    ("1992-06-15", "2025-07-15", (33, 1)),
    ("1992-06-15", "2025-05-31", (32, 11)),
    ("1992-01-31", "2025-02-28", (33, 0)),
    ("1992-01-31", "2025-03-01", (33, 1)),
    ("1992-02-29", "2025-02-28", (32, 11)),
    ("1992-02-29", "2025-03-01", (33, 0)),
    ("1992-02-29", "2024-02-28", (31, 11)),
    ("1992-02-29", "2024-02-29", (32, 0)),
    ("2025-11-20", "2025-11-21", (0, 0)),
    ("2025-11-22", "2025-11-21", (0, 0)),
    ("1900-12-31", "2000-01-01", (99, 0)),
]


@pytest.mark.parametrize(("born", "today", "years_and_months"), AGES)
def test_an_age_is_whole_years_and_months(born: str, today: str, years_and_months: tuple[int, int]) -> None:
    assert age(date.fromisoformat(born), date.fromisoformat(today)) == years_and_months


@pytest.mark.parametrize(
    ("born", "today", "is_so"),
    [
        ("1992-06-15", "2025-06-15", True),
        ("1992-06-15", "1980-06-15", True),
        ("1992-06-15", "2025-06-16", False),
        ("1992-06-15", "2025-07-15", False),
        ("1992-02-29", "2024-02-29", True),
        ("1992-02-29", "2024-03-01", False),
        ("1992-02-29", "2025-02-28", False),
        ("1992-02-29", "2025-03-01", True),
        ("1992-02-29", "1900-03-01", True),
        ("1992-03-01", "2025-03-01", True),
    ],
)
def test_a_birthday_is_matched_by_month_and_day_without_the_year(born: str, today: str, is_so: bool) -> None:
    assert falls_on(date.fromisoformat(born), date.fromisoformat(today)) is is_so


def _person(context: dict[str, Any] | None = None, **properties: Any) -> Profile:
    """A person; a property is its value, or value and time."""
    held = {
        key: Property(*value) if isinstance(value, tuple) else Property(value, 0) for key, value in properties.items()
    }
    return Profile(format=FORMAT, id="p", properties=held, context=context or {})


PEOPLE: list[tuple[Profile, str, int | None]] = [
    # a person, a moment in UTC, the age then
    (_person(), "2025-06-15T12:00:00", None),
    (_person(DOB="1992-06-15"), "2025-06-14T23:59:59", 32),
    (_person(DOB="1992-06-15"), "2025-06-15T00:00:00", 33),
    (_person(DOB="1992-06-15", Timezone="Pacific/Auckland"), "2025-06-14T12:00:00", 33),
    (_person(DOB="1992-06-15", Timezone="Pacific/Auckland"), "2025-06-14T11:59:59", 32),
    (_person(DOB="1992-06-15", tz="America/Los_Angeles"), "2025-06-15T06:59:59", 32),
    (_person(DOB="1992-06-15", tz="America/Los_Angeles"), "2025-06-15T07:00:00", 33),
    (_person({"timezone": "Pacific/Auckland"}, DOB="1992-06-15"), "2025-06-14T12:00:00", 33),
    (_person({"timezone": "Pacific/Auckland"}, DOB="1992-06-15", Timezone="NZ time"), "2025-06-14T12:00:00", 33),
    (_person(DOB="1992-06-15", Timezone="../../etc/localtime", tz=5), "2025-06-14T12:00:00", 32),
    (_person(DOB=("1992-06-15", 1), Birthday=("2000-06-15", 2)), "2025-06-15T12:00:00", 25),
    (_person(DOB=("1992-06-15", 2), Birthday=("2000-06-15", 2)), "2025-06-15T12:00:00", 33),
    (_person(DOB=(None, 2), Birthday=("06-15-2000", 1)), "2025-06-15T12:00:00", 25),
    (_person(DOB=("long ago", 2), Birthday=("06-15-2000", 1)), "2025-06-15T12:00:00", 25),
]


@pytest.mark.parametrize(("person", "at", "years"), PEOPLE)
def test_a_person_gets_older_at_midnight_where_they_are(person: Profile, at: str, years: int | None) -> None:
    found = age_of(person, _ms(at))
    assert (found[0] if found else None, plain_age(person, _ms(at))) == (years, years)


def test_a_time_zone_is_told_as_it_was_said_and_used_where_it_exists() -> None:
    person = _person({"timezone": "Europe/Dublin"}, Timezone="", tz="somewhere")
    assert (timezone_of(person), str(zone_of(person))) == ("somewhere", "Europe/Dublin")
    assert str(zone_of_person(person)[1].utcoffset(datetime(2025, 7, 1))) == "1:00:00"  # noqa: DTZ001
    assert zone_of(_person()) is UTC


def test_ages_at_the_ends_of_time_are_ages() -> None:
    person = _person(DOB="2000-01-01", Timezone="Pacific/Auckland")
    for at in (0, 9 * 10**18):
        found = age_of(person, at)
        assert found is not None
        assert found[0] == plain_age(person, at)
