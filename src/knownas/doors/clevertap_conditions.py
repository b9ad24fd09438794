"""Conditions of CleverTap's queries: a name, an operator, a value (or several, one of which is enough).

Texts compare without regard to case, booleans may be written as text, and a text that is a number compares as one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from knownas.errors import WrongInput


class Condition(msgspec.Struct, frozen=True, array_like=True):
    """`values` is empty for the operators that ask whether something is there."""

    name: str
    operator: str
    values: list[str | int | float | bool]


def read_conditions(said: Any, where: str) -> list[Condition]:
    """The conditions of a part of a query: `[{"name", "operator", "value"}]`."""
    if said is None:
        return []
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise WrongInput(f"`{where}` is a list of objects with name, operator and value")
    return [_read(one, where) for one in said]


def holds(conditions: Sequence[Condition], values: Mapping[str, Any]) -> bool:
    """Whether all of them hold."""
    return all(_OPERATORS[one.operator](values.get(one.name), one.values) for one in conditions)


def check_operators(conditions: Sequence[Condition]) -> None:
    """Conditions that came back from outside name operators that there are."""
    if any(one.operator not in _OPERATORS for one in conditions):
        raise WrongInput("a condition with an operator that nobody knows")


def _read(said: Mapping[str, Any], where: str) -> Condition:
    name, operator, value = said.get("name"), said.get("operator", "equals"), said.get("value")
    if not isinstance(name, str) or not name:
        raise WrongInput(f"a condition in `{where}` has no `name`")
    if operator not in _OPERATORS:
        raise WrongInput(f"operator {str(operator)[:40]!r} of {name!r} in `{where}`: known are {', '.join(_OPERATORS)}")
    values = value if isinstance(value, list) else [] if value is None else [value]
    if operator not in ("exists", "does_not_exist") and not values:
        raise WrongInput(f"{operator} of {name!r} in `{where}` needs a `value`")
    if any(type(one) not in (str, int, float, bool) for one in values):
        raise WrongInput(f"the `value` of {name!r} in `{where}` is a text, a number, a boolean, or a list of these")
    return Condition(name, operator, values)


def _any(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Sequence[Any]], bool]:
    """Whether any of the values that are there compares with any that is asked for."""
    return lambda held, asked: any(compare(one, value) for one in _items(held) for value in asked)


def _none(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Sequence[Any]], bool]:
    found = _any(compare)
    return lambda held, asked: not found(held, asked)


def _items(held: Any) -> list[Any]:
    return held if isinstance(held, list) else [] if held is None else [held]


def _equal(held: Any, asked: Any) -> bool:
    a, b = _number(held), _number(asked)
    return a == b if a is not None and b is not None else _text(held) == _text(asked)


def _contains(held: Any, asked: Any) -> bool:
    return _text(asked) in _text(held)


def _ordered(compare: Callable[[float, float], bool]) -> Callable[[Any, Any], bool]:
    def compared(held: Any, asked: Any) -> bool:
        a, b = _number(held), _number(asked)
        return a is not None and b is not None and compare(a, b)

    return compared


def _text(value: Any) -> str:
    return str(value).strip().casefold()


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    try:
        return float(value.removeprefix("$D_")) if isinstance(value, str) and len(value) < 40 else None
    except ValueError:
        return None


_OPERATORS: Final[dict[str, Callable[[Any, Sequence[Any]], bool]]] = {
    "equals": _any(_equal),
    "not_equals": _none(_equal),
    "contains": _any(_contains),
    "does_not_contain": _none(_contains),
    "exists": lambda held, _: held is not None,
    "does_not_exist": lambda held, _: held is None,
    "greater_than": _any(_ordered(lambda a, b: a > b)),
    "greater_than_equals": _any(_ordered(lambda a, b: a >= b)),
    "less_than": _any(_ordered(lambda a, b: a < b)),
    "less_than_equals": _any(_ordered(lambda a, b: a <= b)),
}
