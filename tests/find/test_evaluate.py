"""What conditions mean, one person at a time: readable tables of a person and what is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knownas.find.evaluate import UNDECIDED, evaluate, standing, why
from knownas.find.line import from_line
from knownas.find.moment import Moment
from knownas.find.writing import to_line
from knownas.nouns import FORMAT, Count, Entry, Profile, Property
from knownas.profile.time import Calendar
from tests.find.people import NOW_MS, TODAY

DAY = 86_400
NOW = NOW_MS // 1000
MOMENT = Moment(NOW_MS, Calendar())


def person(**fields: Any) -> Profile:
    """Somebody seen now."""
    known: dict[str, Any] = {"format": FORMAT, "id": "p", "version": 1, "first_seen": NOW, "last_seen": NOW}
    return Profile(**(known | fields))


def having(**properties: Any) -> Profile:
    """Somebody with these properties."""
    return person(properties={name: Property(value, 1) for name, value in properties.items()})


def charged(*days_ago: int, **data: list[Any]) -> tuple[Profile, list[Entry]]:
    """Somebody who was charged on these days, with as many values of event properties."""
    days = sorted(TODAY - ago for ago in days_ago)
    entries = []
    for i, day in enumerate(days):
        said = {name: values[i] for name, values in data.items() if values[i] is not None}
        entries.append(Entry(FORMAT, day * DAY, "event", "Charged", json.dumps(said).encode(), "events", 0, i))
    kept = [number for day in sorted(set(days)) if day > days[-1] - 92 for number in (day, days.count(day))]
    return person(events={"Charged": Count(len(days), days[0] * DAY, days[-1] * DAY, kept)}), entries


CHARGES = [
    # days ago, line, matches, the day from which on it is exact (None: it is)
    ((0,), "did Charged", True, None),
    ((), "did Charged", False, None),
    ((29,), "did Charged in 30d", True, None),
    ((30,), "did Charged in 30d", False, None),
    ((-1,), "did Charged in 1d", True, None),
    ((0, 0, 5), "did Charged >= 3 in 7d", True, None),
    ((0, 0, 8), "did Charged >= 3 in 7d", False, None),
    ((0, 0, 8), "did Charged 2..2 in 7d", True, None),
    ((3,), "did Charged < 5", True, None),
    ((), "did Charged < 5", False, None),
    ((), "did Charged < 5 including none", True, None),
    ((), "did Charged = 0", True, None),
    ((), "did Charged 0..2", True, None),
    ((), "did Charged <= 2", False, None),
    ((40,), "did Charged < 5 in 30d", False, None),
    ((40,), "did Charged < 5 in 30d including none", True, None),
    ((0, 300), "first Charged from 2026-01-01", True, None),
    ((0, 300), "last Charged to 2026-10-01", False, None),
    ((0, 300, 200), "did Charged >= 2 in 91d", False, None),
    ((0, 300, 200), "did Charged >= 2 in 92d", False, None),
    ((0, 300, 200), "did Charged >= 2 in 93d", False, TODAY - 91),
    ((0, 300, 200), "did Charged >= 2 in 250d", False, TODAY - 91),
    ((0, 300, 200), "did Charged >= 4 to 2026-08-22", False, None),
    ((0, 300, 200), "did Charged >= 3 in 365d", True, None),
    ((0, 1, 300, 200), "did Charged >= 2 in 250d", True, None),
    ((0, 1, 300, 200), "did Charged < 2 in 250d", False, None),
    ((0, 1, 300, 200), "did Charged < 3 in 250d", True, TODAY - 91),
    ((0, 1, 300, 200), "did Charged <= 2 in 250d", True, TODAY - 91),
    ((0, 1, 300, 200), "did Charged <= 1 in 250d", False, None),
    ((0, 300, 200), "did Charged to 2026-11-01", True, None),
    ((0, 300, 280), "did Charged from 2026-01-01 to 2026-03-01", True, None),
    ((0, 300, 280), "did Charged >= 2 from 2026-01-01 to 2026-03-01", False, TODAY - 91),
]


@pytest.mark.parametrize(("days_ago", "line", "matches", "since"), CHARGES)
def test_what_somebody_did(days_ago: tuple[int, ...], line: str, matches: bool, since: int | None) -> None:
    profile = charged(*days_ago)[0] if days_ago else person()
    finding = evaluate(from_line(line), profile, None, MOMENT)
    assert (finding.holds, finding.since) == (matches, since)


AMOUNTS = [
    # amounts, line, matches
    ([3, 5, 7, 2, 8], "average Amount of Charged = 5", True),
    ([3, 5, 7, None, None], "average Amount of Charged = 3", True),
    ([3, 5, 7, None, None], "average Amount of Charged where (Amount exists) = 5", True),
    ([0.1, 0.2, 0.3], "sum Amount of Charged >= 0.6", True),
    ([3, "x", 7], "sum Amount of Charged = 10", True),
    ([3, 5, 7], "did Charged where (Amount >= 5) = 2", True),
    ([3, 5, 7], "did Charged where (Amount > 100)", False),
    ([3, 5, 7], "did Charged where (Amount > 100) < 2", False),
    ([3, 5, 7], "did Charged where (Amount > 100) < 2 including none", True),
    ([3, 5, 7], "sum Amount of Viewed < 5", False),
    ([3, 5, 7], "sum Amount of Viewed < 5 including none", True),
    ([3, 5, 7], "not sum Amount of Charged > 15", True),
]


@pytest.mark.parametrize(("amounts", "line", "matches"), AMOUNTS)
def test_what_events_said(amounts: list[Any], line: str, matches: bool) -> None:
    profile, timeline = charged(*range(len(amounts)), Amount=amounts)
    finding = evaluate(from_line(line), profile, timeline, MOMENT)
    assert (finding.holds, finding.since) == (matches, None)


def test_a_timeline_that_lost_its_oldest_is_exact_from_the_first_complete_day_on() -> None:
    profile, timeline = charged(20, 10, 10, 3, Amount=[1, 2, 3, 4])
    kept = timeline[2:]  # one of the two events ten days ago is gone
    for line, matches, since in (
        ("sum Amount of Charged >= 7", True, TODAY - 9),
        ("sum Amount of Charged >= 4 in 10d", True, None),
        ("did Charged where (Amount exists) >= 3", False, TODAY - 9),
        ("did Charged where (Amount exists) >= 2", True, None),
        ("did Charged where (Amount = 1) or age 5", False, TODAY - 9),
        ("did Charged where (Amount = 1) or type anonymous", True, None),
        ("not did Charged where (Amount = 1) or age 5", True, TODAY - 9),
        ("did Charged where (Amount = 1) and everyone", False, TODAY - 9),
        ("did Charged where (Amount = 1) and age 5", False, None),
    ):
        finding = evaluate(from_line(line), profile, kept, MOMENT)
        assert (finding.holds, finding.since) == (matches, since), line


PROPERTIES = [
    ({"Plan": "Gold"}, "Plan = Gold", True),
    ({"Plan": "gold"}, "Plan = Gold", False),
    ({"Plan": "Golden"}, "Plan starts with gOLD", True),
    ({"Plan": "Golden"}, "Plan contains DEN", True),
    ({}, "Plan != Gold", True),
    ({"Plan": None}, "Plan missing", True),
    ({"Plan": "Gold"}, "Plan != Gold", False),
    ({"n": 5}, 'n = "5"', False),
    ({"n": 5.0}, "n = 5", True),
    ({"n": True}, "n = 1", False),
    ({"n": True}, "n >= 0", False),
    ({"n": "x"}, "n > 5", False),
    ({"n": 2**62 + 1}, f"n > {2**62}", True),
    ({"tags": ["vip", 5]}, "tags = vip", True),
    ({"tags": ["vip", 5]}, "tags != vip", False),
    ({"tags": ["vip", 5]}, "tags > 4", True),
    ({"d": "2026-11-22"}, "d in 1d", True),
    ({"d": "2026-11-21"}, "d in 1d", False),
    ({"d": "2026-11-21"}, "d in 2d", True),
    ({"d": "2026-11-23"}, "d in 1d", False),
    ({"d": "2026-11-28"}, "d in next 7d", True),
    ({"d": "2026-11-29"}, "d in next 7d", False),
    ({"d": "$D_1794700800"}, "d = 2026-11-15", True),
    ({"d": "2026-11-15T10:00:00Z"}, "d = 2026-11-15", True),
    ({"d": "2026-11-15T10:00:00Z"}, 'd = "2026-11-15"', False),
    ({"DOB": "2000-11-22"}, "age 26", True),
    ({"DOB": "2000-11-23"}, "age 25", True),
    ({"DOB": "2000-11-22"}, "birthday today", True),
    ({"DOB": "1996-02-29"}, "birthday on 02-29", True),
    ({"DOB": "1996-02-29"}, "birthday on 03-01", False),
    ({"DOB": "1996-02-29"}, "birthday in next 99d", False),
    ({"DOB": "1996-02-29"}, "birthday in next 100d", True),
    ({}, "age missing and birthday missing", True),
    ({"Email": "a@x.ie"}, "reachable by email", True),
    ({"Email": "a@x.ie", "MSG-email": False}, "reachable by email", False),
    ({}, "everyone", True),
    ({}, "not everyone", False),
]  # fmt: skip


@pytest.mark.parametrize(("properties", "line", "matches"), PROPERTIES)
def test_what_somebody_is(properties: dict[str, Any], line: str, matches: bool) -> None:
    assert evaluate(from_line(line), having(**properties), None, MOMENT).holds is matches


CONTEXTS = [
    ({"make": "Apple", "model": "iPhone 15"}, "device = Apple", True),
    ({"make": "Apple", "model": "iPhone 15"}, 'device = "Apple iPhone 15"', True),
    ({"appVersion": "2.10"}, "appVersion > 2.9", True),
    ({"appVersion": "2.10"}, "appVersion 2.9..2.10", True),
    ({"appVersion": "2.10"}, "appVersion = 2.1", False),
    ({"latitude": 53.35, "longitude": -6.26}, "near 53.34 -6.25 within 2km", True),
    ({"latitude": 53.35, "longitude": -6.26}, "near 51.5 -0.12 within 400km", False),
    ({}, "near 53.35 -6.26 within 20000km", False),
]


@pytest.mark.parametrize(("context", "line", "matches"), CONTEXTS)
def test_where_and_on_what_somebody_is(context: dict[str, Any], line: str, matches: bool) -> None:
    assert evaluate(from_line(line), person(context=context), None, MOMENT).holds is matches


def test_where_the_person_lives_it_may_be_another_day() -> None:
    born = having(DOB="2000-11-23", Timezone="Pacific/Auckland")  # 13:00 UTC is two in the morning there
    assert evaluate(from_line("birthday today and age 26"), born, None, MOMENT).holds


def test_tombstones_match_nothing_and_orphans_stand_apart() -> None:
    assert not evaluate(from_line("everyone"), person(gone=True), None, MOMENT).holds
    assert why(from_line("everyone"), person(gone=True), None, MOMENT).finding.saw == "gone"
    assert standing(person(guest_of="q")) == "orphan"
    assert standing(person()) == "person"


def test_without_a_timeline_only_what_hinges_on_it_is_undecided() -> None:
    profile, timeline = charged(1, Amount=[5])
    asked = from_line("did Charged where (Amount = 5)")
    assert evaluate(asked, profile, None, MOMENT) == UNDECIDED
    assert evaluate(asked, person(), None, MOMENT).holds is False
    assert evaluate(from_line("did Charged where (Amount = 5) and age 5"), profile, None, MOMENT).holds is False
    assert evaluate(from_line("not did Charged where (Amount = 5)"), profile, timeline, MOMENT).holds is False


def test_why_not_shows_each_condition_with_what_was_seen() -> None:
    profile = charged(3)[0]
    profile.properties = {"Plan": Property("Silver", 1)}
    told = why(from_line("did Charged >= 2 in 30d and not Plan = Silver"), profile, None, MOMENT)
    assert told.finding.holds is False
    assert [(to_line(part.condition), part.finding.holds, part.finding.saw) for part in told.parts] == [
        ("did Charged >= 2 in 30d", False, 1),
        ("not Plan = Silver", False, "Silver"),
    ]
