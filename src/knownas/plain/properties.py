"""How a property changes. Plain values by the newest `ts`; operators whatever the order of arrival.

An operator stamps the property with the larger of both `ts`. What is removed stays as null with its `ts`; an empty
list is null. A list holds each value once, in order of first arrival, the oldest out beyond 100; `true` is not `1`.
"""

from __future__ import annotations

import math
from typing import Any

from knownas.nouns import Property, Timestamp


def apply(properties: dict[str, Property], key: str, given: Any, ts: Timestamp) -> str | None:
    """Apply a value or an operator; returns why it is refused, or None."""
    operator, operand = next(iter(given.items())) if isinstance(given, dict) else ("$set", given)
    if operator == "$delete":
        operator, operand = "$set", None
    have = properties.get(key)
    if operator == "$set":
        if have is None or ts >= have.ts:
            properties[key] = Property(_tidy(operand), ts)
        return None
    old = have.value if have is not None else None
    if (operator == "$setOnce" and old is not None) or (operator == "$remove" and old is None):
        return None
    if operator == "$setOnce":
        new = operand
    elif operator == "$add":
        new = _listed(old) + _listed(operand)
    elif operator == "$remove":
        new = _without(old, _listed(operand))
    else:
        amount = operand if operator == "$incr" else -operand
        if old is not None and type(old) not in (int, float):
            return "not_a_number"
        new = amount if old is None else old + amount
        if not _fits(new):
            return "number_out_of_range"
    properties[key] = Property(_tidy(new), ts if have is None else max(have.ts, ts))
    return None


def _fits(number: float) -> bool:
    return -(2**63) <= number < 2**63 if isinstance(number, int) else math.isfinite(number)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _without(old: Any, gone: list[Any]) -> Any:
    left = [item for item in _listed(old) if not any(_same(item, other) for other in gone)]
    return left if isinstance(old, list) or not left else old


def _tidy(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    once: list[Any] = []
    for item in value:
        if not any(_same(item, other) for other in once):
            once.append(item)
    return once[-100:] or None
