"""Whoever is asked, evaluation or plain finder, says the same; and what is called exact is what happened."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from knownas.find.evaluate import evaluate, standing
from knownas.find.history import counted, counted_since
from knownas.find.moment import Moment, Span
from knownas.find.reading import from_object
from knownas.find.writing import to_line
from knownas.plain.finding import Asked, find, matches
from knownas.profile.time import Calendar
from tests.find.people import NOW_MS, ZONES, Person, people, queries

many = settings(max_examples=250, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
_zones = st.sampled_from(ZONES)


@st.composite
def _cases(draw: st.DrawFn, most: int) -> tuple[str, dict[str, Any], list[Person]]:
    zone = draw(_zones)
    crowd = draw(st.lists(people(zone), min_size=1, max_size=most, unique_by=lambda person: person.profile.id))
    return zone, draw(queries), crowd


@many
@given(case=_cases(4))
def test_both_finders_find_the_same_people_and_orphans_and_know_as_much(case: Any) -> None:
    zone, query, crowd = case
    tree, moment = from_object(query), Moment(NOW_MS, Calendar(zone))
    note(to_line(tree))
    found: dict[str, list[str]] = {"person": [], "orphan": [], "gone": []}
    since: list[int] = []
    for person in crowd:
        finding = evaluate(tree, person.profile, person.kept, moment)
        if finding.holds:
            found[standing(person.profile)].append(person.profile.id)
        since += [finding.since] if finding.since is not None else []
    plain = find(query, [p.profile for p in crowd], {p.profile.id: p.kept for p in crowd}, Asked(NOW_MS, zone))
    assert (sorted(found["person"]), sorted(found["orphan"])) == (plain.people, plain.orphans)
    assert found["gone"] == []
    assert max(since, default=None) == plain.exact_since


@many
@given(case=_cases(1))
def test_what_is_called_exact_is_what_the_whole_history_says(case: Any) -> None:
    zone, query, (person,) = case
    tree, moment = from_object(query), Moment(NOW_MS, Calendar(zone))
    note(to_line(tree))
    finding = evaluate(tree, person.profile, person.kept, moment)
    person.profile.events = _with_every_day(person, Asked(NOW_MS, zone))
    truth, since = matches(query, person.profile, person.whole, Asked(NOW_MS, zone))
    assert since is None
    if finding.since is None and not person.profile.gone:
        assert finding.holds == truth


@many
@given(case=_cases(1))
def test_without_the_timeline_an_answer_is_the_same_or_undecided(case: Any) -> None:
    zone, query, (person,) = case
    tree, moment = from_object(query), Moment(NOW_MS, Calendar(zone))
    hasty = evaluate(tree, person.profile, None, moment)
    if hasty.holds is not None:
        assert hasty.holds == evaluate(tree, person.profile, person.kept, moment).holds


@many
@given(case=_cases(1), windows=st.lists(st.integers(1, 400), unique=True, max_size=5), ago=st.integers(-3, 100))
def test_counts_of_several_windows_are_the_counts_of_each(case: Any, windows: list[int], ago: int) -> None:
    zone, _, (person,) = case
    moment = Moment(NOW_MS - ago * 86_400_000, Calendar(zone))
    for count in person.profile.events.values():
        wanted = [(days, counted(count, Span(moment.today - days + 1, None), moment).least) for days in sorted(windows)]
        assert list(counted_since(count, sorted(windows), moment)) == wanted


def _with_every_day(person: Person, asked: Asked) -> Any:
    """Counts by day as if all days were kept."""
    counts = dict(person.profile.events)
    for name, count in counts.items():
        days: dict[int, int] = {}
        for entry in person.whole:
            if entry.name == name:
                days[asked.day(entry.ts)] = days.get(asked.day(entry.ts), 0) + 1
        count.days = [number for day in sorted(days) for number in (day, days[day])]
    return counts
