"""Comparisons of numbers as ranges of whole numbers, and of stored numbers by their slices."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from knownas.find import planes
from knownas.find.algebra import EVERYONE, NOBODY, Algebra, Set
from knownas.find.bounds import Bounds, exact, some, turned, within, without
from knownas.find.slices import at_least, equals
from knownas.find.tree import Test


class Whole(NamedTuple):
    """The whole numbers from `low` to `high`, both included; None: without end."""

    low: int
    high: int | None


def as_whole(test: Test, least: int = 0) -> list[Whole]:
    """The whole numbers, from `least` on, that pass a comparison with numbers (`not`: that equal its value)."""
    first, last = test.values[0], test.values[-1]
    assert isinstance(first, int | float)
    assert isinstance(last, int | float)
    match test.operator:
        case "greater":
            found = [Whole(math.floor(first) + 1, None)]
        case "atLeast":
            found = [Whole(math.ceil(first), None)]
        case "less":
            found = [Whole(least, math.ceil(first) - 1)]
        case "atMost":
            found = [Whole(least, math.floor(first))]
        case "between":
            found = [Whole(math.ceil(first), math.floor(last))]
        case _:
            found = [Whole(int(v), int(v)) for v in test.values if isinstance(v, int | float) and v == int(v)]
    return [whole._replace(low=max(whole.low, least)) for whole in found]


class Slice(NamedTuple):
    """Days or the like as they are kept: its bits, what 0 stands for; what lies beyond either end is kept as that."""

    bits: list[Set]
    base: int

    def at_least(self, algebra: Algebra, number: int) -> Bounds:
        """Those at this number or beyond."""
        offset, top = number - self.base, (1 << len(self.bits)) - 1
        if offset <= 0:
            return Bounds(at_least(algebra, self.bits, 1), EVERYONE)
        if offset > top:
            return Bounds(NOBODY, equals(algebra, self.bits, top))
        return exact(at_least(algebra, self.bits, offset))

    def between(self, algebra: Algebra, low: int | None, high: int | None) -> Bounds:
        """Those between two numbers, both included."""
        if low is not None and high is not None and low > high:
            return exact(NOBODY)
        found = exact(EVERYONE) if low is None else self.at_least(algebra, low)
        return found if high is None else without(algebra, found, self.at_least(algebra, high + 1))


def slice_of(algebra: Algebra, name: str, width: int, base: int = 0) -> Slice:
    """The slice of this name."""
    return Slice([algebra.plane(planes.bit(name, place)) for place in range(width)], base)


class StoredNumber:
    """The numbers of a property: more than their slice holds of them, so some share a slice."""

    def __init__(self, algebra: Algebra, property_: int) -> None:
        self._a = algebra
        self._bits = slice_of(algebra, planes.value_slice(property_), planes.NUMBER_BITS).bits
        self._has = algebra.plane(planes.has_number(property_))
        self._inexact = algebra.plane(planes.inexact_number(property_))

    def passing(self, test: Test) -> Bounds:
        """Those whose number passes."""
        values: list[Any] = [v for v in test.values if type(v) in (int, float)]
        match test.operator:
            case "greater":
                found = self._at_least(values[0], or_equal=False)
            case "atLeast":
                found = self._at_least(values[0], or_equal=True)
            case "less":
                found = turned(self._at_least(values[0], or_equal=True))
            case "atMost":
                found = turned(self._at_least(values[0], or_equal=False))
            case "between":
                beyond = self._at_least(values[1], or_equal=False)
                found = without(self._a, self._at_least(values[0], or_equal=True), beyond)
            case _:
                found = some(self._a, [self._equals(value) for value in values])
        return within(self._a, self._has, found)

    def _shared(self, value: float) -> tuple[int, Set, Set]:
        """The slice of a number, who has it, and of whom that says too little."""
        number = planes.number_slice(value)
        same = equals(self._a, self._bits, number)
        return number, same, self._a.both(same, self._inexact) if planes.is_exact(value) else same

    def _equals(self, value: float) -> Bounds:
        _, same, unsure = self._shared(value)
        return Bounds(self._a.without(same, unsure), same)

    def _at_least(self, value: float, or_equal: bool) -> Bounds:
        number, same, unsure = self._shared(value)
        more = at_least(self._a, self._bits, number + 1)
        if or_equal:
            return Bounds(self._a.either(more, self._a.without(same, unsure)), self._a.either(more, same))
        return Bounds(more, self._a.either(more, unsure))
