"""One value against one test. A list passes where one of its items does; nothing there passes `missing` and `not`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

from knownas.find.tree import Operator, Test
from knownas.profile.birthday import parse
from knownas.profile.time import EPOCH

_NUMBERS: Final = re.compile(r"\d+", re.ASCII)


def passes(value: Any, test: Test, today: int, order: Callable[[Any], Any] | None = None) -> bool:
    """Whether a stored value (None: there is none) passes; `order` says what greater and less look at in its stead."""
    return passes_one_of(value if type(value) is list else [] if value is None else [value], test, today, order)


def passes_one_of(items: Sequence[Any], test: Test, today: int, order: Callable[[Any], Any] | None = None) -> bool:
    """The same for several values."""
    operator = test.operator
    if operator == "exists":
        return bool(items)
    if operator == "missing":
        return not items
    if operator == "not":
        return not any(_same(item, test.values[0]) for item in items)
    check = _CHECKS[operator]
    if order is not None and operator in _ORDERING:
        return any(check(order(item), tuple(map(order, test.values)), today) for item in items)
    return any(check(item, test.values, today) for item in items)


def day_named(value: Any) -> int | None:
    """The day that a stored text names: `2026-01-31`, with or without a time of day, `01-31-2026` or `$D_<seconds>`."""
    if type(value) is not str:
        return None
    day = parse(value)
    if day is None and value[10:11] in ("T", " "):
        day = parse(value[:10])
    return day.toordinal() - EPOCH if day is not None else None


def version(text: str) -> tuple[int, ...]:
    """What one version is greater than another by: its numbers."""
    return tuple(map(int, _NUMBERS.findall(text)))


def number_of(day: date) -> int:
    """A day as days are counted: from 1970-01-01."""
    return day.toordinal() - EPOCH


def _same(item: Any, wanted: Any) -> bool:
    if isinstance(wanted, date):
        return day_named(item) == number_of(wanted)
    return (type(item) is bool) == (type(wanted) is bool) and bool(item == wanted)


def _pair(item: Any, bound: Any) -> tuple[Any, Any] | None:
    """Both sides of a comparison, where they are of one kind that has an order."""
    if isinstance(bound, date):
        day = day_named(item)
        return None if day is None else (day, number_of(bound))
    number = type(bound) in (int, float) and type(item) in (int, float)
    return (item, bound) if number or (type(item) is type(bound) and type(item) in (str, tuple)) else None


def _equals(item: Any, values: tuple[Any, ...], _: int) -> bool:
    return any(_same(item, wanted) for wanted in values)


def _greater(item: Any, values: tuple[Any, ...], _: int) -> bool:
    pair = _pair(item, values[0])
    return pair is not None and bool(pair[0] > pair[1])


def _at_least(item: Any, values: tuple[Any, ...], _: int) -> bool:
    pair = _pair(item, values[0])
    return pair is not None and bool(pair[0] >= pair[1])


def _less(item: Any, values: tuple[Any, ...], _: int) -> bool:
    pair = _pair(item, values[0])
    return pair is not None and bool(pair[0] < pair[1])


def _at_most(item: Any, values: tuple[Any, ...], _: int) -> bool:
    pair = _pair(item, values[0])
    return pair is not None and bool(pair[0] <= pair[1])


def _between(item: Any, values: tuple[Any, ...], today: int) -> bool:
    return _at_least(item, values[:1], today) and _at_most(item, values[1:], today)


def _contains(item: Any, values: tuple[Any, ...], _: int) -> bool:
    return type(item) is str and values[0].casefold() in item.casefold()


def _starts_with(item: Any, values: tuple[Any, ...], _: int) -> bool:
    return type(item) is str and item.casefold().startswith(values[0].casefold())


def _in_last(item: Any, values: tuple[Any, ...], today: int) -> bool:
    day = day_named(item)
    return day is not None and today - values[0] < day <= today


def _in_next(item: Any, values: tuple[Any, ...], today: int) -> bool:
    day = day_named(item)
    return day is not None and today <= day < today + values[0]


_ORDERING: Final = ("greater", "atLeast", "less", "atMost", "between")
_CHECKS: Final[dict[Operator, Callable[[Any, tuple[Any, ...], int], bool]]] = {
    "equals": _equals,
    "in": _equals,
    "contains": _contains,
    "startsWith": _starts_with,
    "greater": _greater,
    "atLeast": _at_least,
    "less": _less,
    "atMost": _at_most,
    "between": _between,
    "inLast": _in_last,
    "inNext": _in_next,
}
