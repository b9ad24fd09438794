"""Properties and fields, from planes: values by their codes, numbers and days by their slices, lists by their items.

A value with a code of its own says all; in a bucket are many, and whoever is there may match. What a comparison cannot
say of a code by itself (`contains`, an order of texts or versions) is asked of every value in the dictionary. A list is
one of whose items passes, so `not` and `missing` are the rest of `equals` and `exists`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date
from typing import Any, Final

from knownas.find import planes
from knownas.find.algebra import NOBODY, Algebra, Set
from knownas.find.bounds import ANYBODY, NONE_OF_THEM, Bounds, at_most, exact, some, turned, within
from knownas.find.numbers import StoredNumber, slice_of
from knownas.find.slices import equals, one_of
from knownas.find.tree import PropertyTest, Test
from knownas.find.values import number_of, passes
from knownas.find.view import Coded, View, value_of

ITEMS: Final = 100
"""Of a property whose lists are to hold one of more values than these, every list is looked at."""

_BY_VALUE: Final = ("equals", "in")

Order = Callable[[Any], Any]


class Codes:
    """What codes say of one property or field."""

    def __init__(self, algebra: Algebra, view: View, of: Coded, slice_: str) -> None:
        self._a, self._view, self._of = algebra, view, of
        self.bits = slice_of(algebra, slice_, planes.CODE_BITS).bits

    def has_one(self) -> Set:
        """Whoever has any code."""
        return self._a.some(self.bits)

    def that_pass(self, test: Test, today: int, order: Order | None = None) -> tuple[list[int], Set]:
        """The codes of values that pass; whose values have none of their own, and may."""
        if test.operator not in _BY_VALUE:
            held = self._view.codes(self._of)
            found = [code for text, code in held.items() if passes(value_of(text), test, today, order)]
            return found, self.bits[planes.BUCKET_BIT]
        texts = [planes.text_of(value) for value in test.values if not isinstance(value, date)]
        codes = {text: self._view.code(self._of, text) for text in texts}
        buckets = [planes.bucket(text) for text, code in codes.items() if code is None]
        unsure = self._a.some(equals(self._a, self.bits, bucket) for bucket in buckets)
        return [code for code in codes.values() if code is not None], unsure

    def scalars(self, test: Test, today: int, order: Order | None = None) -> Bounds:
        """Those whose one value passes."""
        codes, unsure = self.that_pass(test, today, order)
        sure = one_of(self._a, self.bits, codes) if codes else NOBODY
        return Bounds(sure, self._a.either(sure, unsure))


def property_passes(algebra: Algebra, view: View, asked: PropertyTest, today: int) -> Bounds:
    """Whoever has a property that passes."""
    test = asked.test
    if test.operator == "not":
        return turned(property_passes(algebra, view, PropertyTest(asked.name, Test("equals", test.values)), today))
    if test.operator == "missing":
        return turned(property_passes(algebra, view, PropertyTest(asked.name, Test("exists")), today))
    number = view.number_of(asked.name)
    if number is None:
        return NONE_OF_THEM if view.knows_all_properties else ANYBODY
    has = algebra.plane(planes.has_property(number))
    if test.operator == "exists":
        return exact(has)
    if asked.name in planes.EXISTENCE_ONLY:
        return at_most(has)
    codes = Codes(algebra, view, str(number), planes.code_slice(number))
    parts = [_by_kind(algebra, codes, number, part, today) for part in _kinds(test)]
    parts.append(_items(algebra, codes, number, test, today))
    return some(algebra, parts)


def field_passes(algebra: Algebra, view: View, field: str, test: Test, today: int, order: Order | None) -> Bounds:
    """Whoever has a coded field that passes."""
    codes = Codes(algebra, view, field, planes.field_slice(field))
    if test.operator == "not":
        return turned(codes.scalars(Test("equals", test.values), today, order))
    if test.operator in ("exists", "missing"):
        found = exact(codes.has_one())
        return found if test.operator == "exists" else turned(found)
    return codes.scalars(test, today, order)


def _kinds(test: Test) -> list[Test]:
    """A test by the kinds of its values: those of one `in` may be of several."""
    if test.operator in ("inLast", "inNext"):
        return [test]
    by_kind: dict[str, list[Any]] = {}
    for value in test.values:
        number = type(value) in (int, float)
        by_kind.setdefault("number" if number else "date" if isinstance(value, date) else "text", []).append(value)
    return [Test(test.operator, tuple(values)) for values in by_kind.values()]


def _by_kind(algebra: Algebra, codes: Codes, number: int, test: Test, today: int) -> Bounds:
    """Those with one value, compared with values of one kind."""
    if test.operator in ("inLast", "inNext"):
        return _days(algebra, number, [_coming(test, today)])
    if type(test.values[0]) in (int, float):
        return StoredNumber(algebra, number).passing(test)
    if isinstance(test.values[0], date):
        return _days(algebra, number, list(_day_ranges(test)))
    return codes.scalars(test, today)


def _coming(test: Test, today: int) -> tuple[int, int]:
    span = test.values[0]
    assert isinstance(span, int)
    return (today - span + 1, today) if test.operator == "inLast" else (today, today + span - 1)


def _day_ranges(test: Test) -> Iterable[tuple[int | None, int | None]]:
    numbers = [number_of(value) for value in test.values if isinstance(value, date)]
    match test.operator:
        case "greater":
            yield numbers[0] + 1, None
        case "atLeast":
            yield numbers[0], None
        case "less":
            yield None, numbers[0] - 1
        case "atMost":
            yield None, numbers[0]
        case "between":
            yield numbers[0], numbers[1]
        case _:
            yield from ((number, number) for number in numbers)


def _days(algebra: Algebra, number: int, wanted: Collection[tuple[int | None, int | None]]) -> Bounds:
    held = slice_of(algebra, planes.property_date_slice(number), planes.DATE_BITS, planes.FIRST_DATE)
    found = some(algebra, [held.between(algebra, low, high) for low, high in wanted])
    return within(algebra, algebra.plane(planes.has_date(number)), found)


def _items(algebra: Algebra, codes: Codes, number: int, test: Test, today: int) -> Bounds:
    """Those with a list, one of whose items passes."""
    lists = algebra.plane(planes.is_list(number))
    if any(isinstance(value, date) for value in test.values) or test.operator in ("inLast", "inNext"):
        return at_most(lists)
    found, _ = codes.that_pass(test, today)
    if len(found) > ITEMS:
        return at_most(lists)
    sure = algebra.some(algebra.plane(planes.item(number, code)) for code in found)
    return Bounds(sure, algebra.either(sure, algebra.plane(planes.uncoded_item(number))))
