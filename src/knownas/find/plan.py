"""A query as sets of people: who certainly matches, who may, from the planes of one shard (`planes`). Pure.

The rules, in words. What planes say exactly is both sure and possible; what they do not say leaves everybody possible
whom they do not exclude. Whoever is sure or impossible is so exactly, as `evaluate` has it: who is settled here has no
day since when. A person's zone, where one is said, moves ages and birthdays by up to a day either way, so three days
are looked at. What single events say is in no plane: whoever did it is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from knownas.find import bounds, planes
from knownas.find.algebra import EVERYONE, Algebra, Set
from knownas.find.bounds import Bounds, at_most, exact, turned, within
from knownas.find.coded import field_passes, property_passes
from knownas.find.counting import Counting
from knownas.find.moment import Moment
from knownas.find.numbers import Slice, as_whole, slice_of
from knownas.find.slices import between, one_of
from knownas.find.tree import AllOf, AnyOf, Condition, Did, Edge, Field, Near, Not, PropertyTest, Test
from knownas.find.values import number_of, passes, version
from knownas.find.view import View
from knownas.find.vocabulary import FIELDS

_DEVICE: Final = ("make", "model")


class Plan:
    """Plans the conditions of one query for one shard."""

    def __init__(self, algebra: Algebra, view: View, moment: Moment) -> None:
        self._a, self._view, self._moment = algebra, view, moment
        self._counting = Counting(algebra, view, moment)

    def of(self, condition: Condition) -> Bounds:
        """Who matches a condition."""
        match condition:
            case AllOf(of=of):
                return bounds.every(self._a, [self.of(part) for part in of])
            case AnyOf(of=of):
                return bounds.some(self._a, [self.of(part) for part in of])
            case Not(of=part):
                return turned(self.of(part))
            case Did():
                return self._counting.did(condition)
            case Edge():
                return self._counting.edge(condition)
            case PropertyTest():
                return property_passes(self._a, self._view, condition, self._moment.today)
            case Field(name=name, test=test):
                return self._field(name, test)
            case Near():
                return at_most(self._plane(planes.GEO))

    def _plane(self, name: str) -> Set:
        return self._a.plane(name)

    def _field(self, name: str, test: Test) -> Bounds:
        if test.operator == "not":
            return turned(self._field(name, Test("equals", test.values)))
        if test.operator == "missing":
            return turned(self._field(name, Test("exists")))
        if name in planes.CODED_FIELDS:
            order = version if FIELDS[name].kind == "version" else None
            return field_passes(self._a, self._view, name, test, self._moment.today, order)
        return _FIELDS[name](self, test)

    def _type(self, test: Test) -> Bounds:
        return self._choice({planes.of_type(one): one for one in planes.TYPES}, test)

    def _reachable(self, test: Test) -> Bounds:
        return self._choice({planes.reachable_by(one): one for one in planes.CHANNELS}, test)

    def _choice(self, choices: dict[str, str], test: Test) -> Bounds:
        return exact(self._a.some(self._plane(plane) for plane, value in choices.items() if passes(value, test, 0)))

    def _test_user(self, test: Test) -> Bounds:
        found = exact(self._plane(planes.TEST))
        return found if passes(value=True, test=test, today=0) else turned(found)

    def _linked_guests(self, test: Test) -> Bounds:
        if test.operator == "exists":
            return exact(EVERYONE)
        some, parts = self._plane(planes.GUESTS), []
        for whole in as_whole(test):
            if whole.low <= 0 and (whole.high is None or whole.high >= 0):
                parts.append(exact(~some))
            if whole.high is None and whole.low <= 1:
                parts.append(exact(some))
            elif whole.high is None or whole.high >= max(1, whole.low):
                parts.append(at_most(some))
        return bounds.some(self._a, parts)

    def _device(self, test: Test) -> Bounds:
        """One of make, model, and both as one text."""
        today = self._moment.today
        parts = [field_passes(self._a, self._view, field, test, today, None) for field in _DEVICE]
        if test.operator != "exists":
            there = [field_passes(self._a, self._view, field, Test("exists"), today, None) for field in _DEVICE]
            parts.append(at_most(bounds.every(self._a, there).maybe))
        return bounds.some(self._a, parts)

    def _seen(self, slice_: str) -> Callable[[Test], Bounds]:
        held = slice_of(self._a, slice_, planes.DAY_BITS)

        def found(test: Test) -> Bounds:
            if test.operator == "inLast":
                days = test.values[0]
                assert isinstance(days, int)
                return held.between(self._a, self._moment.today - days + 1, None)
            numbers = Test(test.operator, tuple(number_of(value) for value in test.values if isinstance(value, date)))
            wholes = as_whole(numbers)
            return bounds.some(self._a, [held.between(self._a, w.low or None, w.high) for w in wholes])

        return found

    def _by_zone(self, on: Callable[[date], Bounds]) -> Bounds:
        """What depends on the day it is where people are: exact where nobody said a zone (it is UTC's day then)."""
        today = datetime.fromtimestamp(self._moment.now_ms // 1000, UTC).date()
        here = on(today)
        if not self._view.has_zones:
            return here
        days = (on(today - timedelta(1)), here, on(today + timedelta(1)))
        elsewhere = Bounds(self._a.every(d.sure for d in days), self._a.some(d.maybe for d in days))
        zone = self._plane(planes.ZONE)
        return bounds.some(self._a, (within(self._a, ~zone, here), within(self._a, zone, elsewhere)))

    def _born(self) -> Set:
        return self._plane(planes.HAS_BORN)

    def _age(self, test: Test) -> Bounds:
        if test.operator == "exists":
            return exact(self._born())
        held = slice_of(self._a, planes.BORN, planes.DATE_BITS, planes.FIRST_DATE)

        def on(today: date) -> Bounds:
            return bounds.some(self._a, [_aged(self._a, held, w.low, w.high, today) for w in as_whole(test)])

        return within(self._a, self._born(), self._by_zone(on))

    def _birthday(self, test: Test) -> Bounds:
        if test.operator == "exists":
            return exact(self._born())
        bits = slice_of(self._a, planes.BIRTHDAY, planes.BIRTHDAY_BITS).bits
        value = test.values[0] if test.values else 1
        if test.operator == "month":
            assert isinstance(value, int)
            found = exact(between(self._a, bits, planes.birthday_slice(value, 0), planes.birthday_slice(value, 31)))
        elif test.operator == "on":
            assert isinstance(value, str)
            month, day = map(int, value.split("-"))
            found = exact(one_of(self._a, bits, (planes.birthday_slice(month, day),)))
        else:
            assert isinstance(value, int)
            found = self._by_zone(lambda today: exact(_coming(self._a, bits, today, value)))
        return within(self._a, self._born(), found)


def _aged(algebra: Algebra, held: Slice, low: int, high: int | None, today: date) -> Bounds:
    """Those of an age between two, both included, as of a day. Whoever is not born yet is 0."""
    youngest = _born_by(today, low) if low > 0 else None
    oldest = None if high is None else _born_by(today, high + 1)
    found = exact(EVERYONE) if youngest is None else turned(held.at_least(algebra, youngest + 1))
    return found if oldest is None else bounds.every(algebra, (found, held.at_least(algebra, oldest + 1)))


def _born_by(today: date, years: int) -> int:
    """The last day on which somebody can have been born who is that old."""
    year = today.year - years
    if year < 1:
        return number_of(date.min) - 1
    try:
        return number_of(today.replace(year=year))
    except ValueError:
        return number_of(date(year, 2, 28))


def _coming(algebra: Algebra, bits: Sequence[Set], today: date, days: int) -> Set:
    return algebra.some(between(algebra, bits, low, high) for low, high in coming_birthdays(today, days))


@lru_cache(maxsize=100)
def coming_birthdays(today: date, days: int) -> list[tuple[int, int]]:
    """The birthdays of today and the days after, `days` in all, as ranges of `planes.birthday_slice`."""
    if days >= 366:
        return [(1, (1 << planes.BIRTHDAY_BITS) - 1)]
    found = set()
    for ahead in range(days):
        day = today + timedelta(ahead)
        found.add(planes.birthday_slice(day.month, day.day))
        if (day.month, day.day) == (3, 1) and (day - timedelta(1)).day == 28:
            found.add(planes.birthday_slice(2, 29))
    ranges: list[tuple[int, int]] = []
    is_open = False
    for slice_ in _DAYS_OF_A_YEAR:
        if slice_ in found:
            ranges = [*ranges[:-1], (ranges[-1][0], slice_)] if is_open else [*ranges, (slice_, slice_)]
        is_open = slice_ in found
    return ranges


_DAYS_OF_A_YEAR: Final = [
    planes.birthday_slice(day.month, day.day) for day in (date(2000, 1, 1) + timedelta(n) for n in range(366))
]
_FIELDS: Final[dict[str, Callable[[Plan, Test], Bounds]]] = {
    "type": lambda plan, test: plan._type(test),
    "reachable": lambda plan, test: plan._reachable(test),
    "age": lambda plan, test: plan._age(test),
    "birthday": lambda plan, test: plan._birthday(test),
    "test": lambda plan, test: plan._test_user(test),
    "firstAcquired": lambda plan, test: plan._seen(planes.FIRST_SEEN)(test),
    "lastSeen": lambda plan, test: plan._seen(planes.LAST_SEEN)(test),
    "linkedGuests": lambda plan, test: plan._linked_guests(test),
    "device": lambda plan, test: plan._device(test),
}
