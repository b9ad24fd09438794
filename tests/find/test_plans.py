"""A plan never says of anybody what looking at them would not: who is sure matches, who is impossible does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from knownas.find import planes
from knownas.find.algebra import EVERYONE, NOBODY, Algebra
from knownas.find.evaluate import Finding, evaluate, standing
from knownas.find.line import from_line
from knownas.find.moment import Moment
from knownas.find.plan import Plan
from knownas.find.reading import from_object
from knownas.find.slices import at_least, between, equals, one_of
from knownas.find.terms import Directory, terms
from knownas.find.twin import DirectoryView, gathered, numbers, run
from knownas.find.writing import to_line
from knownas.profile.time import Calendar
from tests.find.people import NOW_MS, ZONES, Person, people, queries

many = settings(max_examples=250, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def _cases(draw: st.DrawFn) -> tuple[str, dict[str, Any], list[Person], int, int, bool]:
    """A zone, a query, people, how many days ago they are asked for, by how much the oldest day lags behind, whether
    the shard knows its latest day."""
    zone = draw(st.sampled_from(ZONES))
    crowd = draw(st.lists(people(zone), min_size=1, max_size=4))
    ago = draw(st.sampled_from([0, 0, 0, 1, 40, -3, -95]))
    return zone, draw(queries), crowd, ago, draw(_lags), draw(st.booleans())


_lags = st.sampled_from([0, 0, 1, 30])


@many
@given(case=_cases())
def test_whoever_a_plan_settles_is_settled_exactly(case: Any) -> None:
    zone, query, crowd, ago, lag, knows_latest = case
    tree, calendar, directory = from_object(query), Calendar(zone), Directory()
    moment = Moment(NOW_MS - ago * 86_400_000, calendar)
    directory.oldest = calendar.day(NOW_MS // 1000) - planes.DAYS + 1 - lag
    note(to_line(tree))
    living = [person for person in crowd if standing(person.profile) != "gone"]
    if knows_latest:
        directory.latest = max((calendar.day(person.profile.last_seen) for person in living), default=0)
    held = gathered((n, terms(person.profile, directory, calendar)) for n, person in enumerate(living))
    view = DirectoryView(directory, held)
    algebra = Algebra(view.lacks)
    bounds = Plan(algebra, view, moment).of(tree)
    sure, maybe = run(algebra.program(bounds), held)
    for n, person in enumerate(living):
        finding = evaluate(tree, person.profile, person.kept, moment)
        if sure >> n & 1 or not maybe >> n & 1:
            assert Finding(bool(sure >> n & 1)) == finding._replace(saw=None)
    assert not sure & ~maybe


EXACT = [
    "Plan = Gold and age 25..30 and did Viewed in 30d and not did Charged",
    'Plan in (Gold, "5") and did Charged >= 2 in 30d',
    'type addressable and not did "App Launched" in 7d',
    "birthday in next 7d and reachable by push",
    "Plan in (Gold, Silver) or visits = 5 or vip = true",
    "did Charged = 1 in 90d or did Charged >= 8 or last Viewed in 7d",
    "lastSeen in 7d and firstAcquired < 2026-11-20 and not test yes",
    "appVersion >= 2.10 and city = Dublin and not country contains du",
    "Plan missing or renewal in next 7d or linkedGuests > 0",
]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(crowd=st.lists(people("UTC"), min_size=1, max_size=6))
@pytest.mark.parametrize("line", EXACT)
def test_what_planes_can_say_they_say_without_looking_at_anybody(line: str, crowd: list[Person]) -> None:
    for person in crowd:
        for where in (person.profile.properties, person.profile.context):
            for name in ("Timezone", "timezone"):
                where.pop(name, None)
        for held_value in person.profile.properties.values():
            if type(held_value.value) is list:
                held_value.value = held_value.value[0] if held_value.value else None
    moment, directory = Moment(NOW_MS, Calendar()), Directory()
    directory.oldest = moment.today - planes.DAYS + 1
    living = [person.profile for person in crowd if standing(person.profile) != "gone"]
    held = gathered((n, terms(profile, directory, Calendar())) for n, profile in enumerate(living))
    algebra, tree = Algebra(), from_line(line)
    sure, maybe = run(algebra.program(Plan(algebra, DirectoryView(directory, held), moment).of(tree)), held)
    assert sure == maybe
    assert numbers(sure) == [n for n, profile in enumerate(living) if evaluate(tree, profile, None, moment).holds]


@given(values=st.lists(st.integers(0, 31), min_size=1, max_size=20), low=st.integers(-3, 40), high=st.integers(-3, 40))
def test_slices_compare_as_numbers_do(values: list[int], low: int, high: int) -> None:
    held = gathered((n, ["all", *(f"s.{bit}" for bit in planes.bits(value))]) for n, value in enumerate(values))
    algebra = Algebra()
    bits = [algebra.plane(f"s.{bit}") for bit in range(5)]
    chosen = {low, high, (low + high) // 2}
    wanted: list[tuple[int, Callable[[int], bool]]] = [
        (at_least(algebra, bits, low), lambda v: v >= low),
        (equals(algebra, bits, low), lambda v: v == low),
        (between(algebra, bits, low, high), lambda v: low <= v <= high),
        (one_of(algebra, bits, chosen), lambda v: v in chosen),
    ]
    found = run(algebra.program([one for one, _ in wanted]), held)
    assert [numbers(f) for f in found] == [[n for n, v in enumerate(values) if passes(v)] for _, passes in wanted]


def test_many_days_are_one_step() -> None:
    algebra = Algebra()
    program = algebra.program([algebra.some(algebra.plane(f"d0:{day}") for day in range(92))])
    assert [len(step.operands) for step in program.steps] == [92]
    assert program.registers == 1


def test_what_nobody_is_in_takes_no_step() -> None:
    algebra = Algebra({"b", "d0:2"}.__contains__)
    a, b = algebra.plane("a"), algebra.plane("b")
    assert b == NOBODY
    assert algebra.program([algebra.either(a, b)]).steps == ()
    assert algebra.twice(["d0:1", "d0:2", "d0:3"]) == algebra.both(algebra.plane("d0:1"), algebra.plane("d0:3"))
    assert list(algebra.absent) == ["b", "d0:2"]


@pytest.mark.parametrize(("latest", "steps"), [(0, 1), (1, 1), (None, 12)])
def test_where_nobody_can_be_ahead_of_the_clock_nobody_is_looked_for_there(latest: int | None, steps: int) -> None:
    moment, directory = Moment(NOW_MS, Calendar()), Directory()
    directory.oldest = moment.today - planes.DAYS + 1
    directory.latest = moment.today + latest if latest is not None else None
    event = directory.event("Viewed")
    assert event is not None
    algebra, tree = Algebra(), from_line("did Viewed in 30d")
    bounds = Plan(algebra, DirectoryView(directory, {}), moment).of(tree)
    assert (bounds.sure == bounds.maybe) is (latest is not None)
    assert len(algebra.program(bounds).steps) == steps


def test_the_same_set_is_worked_out_once() -> None:
    algebra = Algebra()
    a, b, c = (algebra.plane(name) for name in "abc")
    assert algebra.either(a, b) == algebra.some([b, a, a])
    assert algebra.both(a, ~a) == NOBODY
    assert algebra.either(a, ~a) == EVERYONE
    both = algebra.either(a, b)
    assert len(algebra.program([algebra.both(both, c), algebra.without(both, c)]).steps) == 4
