"""How a property's value changes: plain values by the newest `ts`, operators whatever the order of arrival.

| operator             | on a missing property | on what is there                                              |
|----------------------|-----------------------|---------------------------------------------------------------|
| plain value, `$set`  | sets it               | the newest `ts` wins, ties by arrival                         |
| null, `$delete`      | keeps the `ts`        | removes it, by the newest `ts`                                |
| `$setOnce`           | sets it               | nothing                                                       |
| `$incr`, `$decr`     | sets it               | a number counts up or down; anything else is refused          |
| `$add`               | makes a list          | a scalar becomes a list; unique values, oldest out beyond 100 |
| `$remove`            | nothing               | of the last value: removes the property                       |

An operator stamps the property with the larger of both `ts`. A removed property keeps its `ts`, as null, so that a
late older value does not bring it back. An empty list is null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

from knownas.nouns import Property, Timestamp
from knownas.records.values import LIST_ITEMS

_INT_LIMIT = 2**63


def change(properties: dict[str, Property], key: str, value: Any, ts: Timestamp) -> str | None:
    """Apply one value or operator to a profile's properties; returns the refusal reason where it cannot apply."""
    operator, operand = "$set", value
    if type(value) is dict:
        ((operator, operand),) = value.items()
    return _OPERATORS[operator](properties, key, operand, ts)


def _set(properties: dict[str, Property], key: str, value: Any, ts: Timestamp) -> None:
    if type(value) is list:
        value = _unique(value) or None
    have = properties.get(key)
    if have is None:
        properties[key] = Property(value, ts)
    elif ts >= have.ts:
        have.value, have.ts = value, ts


def _delete(properties: dict[str, Property], key: str, _: Any, ts: Timestamp) -> None:
    _set(properties, key, None, ts)


def _set_once(properties: dict[str, Property], key: str, value: Any, ts: Timestamp) -> None:
    have = properties.get(key)
    if have is None or have.value is None:
        _stamp(properties, key, _unique(value) or None if type(value) is list else value, ts)


def _add(properties: dict[str, Property], key: str, value: Any, ts: Timestamp) -> None:
    have = properties.get(key)
    _stamp(properties, key, _unique([*_as_list(have.value if have else None), *_as_list(value)]) or None, ts)


def _remove(properties: dict[str, Property], key: str, value: Any, ts: Timestamp) -> None:
    have = properties.get(key)
    if have is None or have.value is None:
        return
    gone = {_same(item) for item in _as_list(value)}
    if type(have.value) is list:
        left: Any = [item for item in have.value if _same(item) not in gone] or None
    else:
        left = None if _same(have.value) in gone else have.value
    _stamp(properties, key, left, ts)


def _increase(properties: dict[str, Property], key: str, value: Any, ts: Timestamp) -> str | None:
    have = properties.get(key)
    now = have.value if have is not None else None
    if now is not None and type(now) not in (int, float):
        return "not_a_number"
    total = value if now is None else now + value
    if not math.isfinite(total) or (type(total) is int and not -_INT_LIMIT <= total < _INT_LIMIT):
        return "number_out_of_range"
    _stamp(properties, key, total, ts)
    return None


def _decrease(properties: dict[str, Property], key: str, value: Any, ts: Timestamp) -> str | None:
    return _increase(properties, key, -value, ts)


def _stamp(properties: dict[str, Property], key: str, value: Any, ts: Timestamp) -> None:
    have = properties.get(key)
    if have is None:
        properties[key] = Property(value, ts)
    else:
        have.value, have.ts = value, max(have.ts, ts)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if type(value) is list else [value]


def _unique(values: Iterable[Any]) -> list[Any]:
    """Each value once, in order of first arrival; beyond the limit the oldest go."""
    once: dict[tuple[bool, Any], Any] = {}
    for value in values:
        once.setdefault(_same(value), value)
    return list(once.values())[-LIST_ITEMS:]


def _same(value: Any) -> tuple[bool, Any]:
    """What makes two list items the same: `true` and `1` are not."""
    return type(value) is bool, value


_OPERATORS: Final[dict[str, Callable[[dict[str, Property], str, Any, Timestamp], str | None]]] = {
    "$set": _set,
    "$setOnce": _set_once,
    "$add": _add,
    "$remove": _remove,
    "$incr": _increase,
    "$decr": _decrease,
    "$delete": _delete,
}
