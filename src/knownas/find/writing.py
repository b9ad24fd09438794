"""A tree written in both forms. Read again, either gives the same tree."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

from knownas.find.line import DATE, NUMBER
from knownas.find.tree import (
    AllOf,
    AnyOf,
    Condition,
    Did,
    Edge,
    Field,
    Near,
    Not,
    PropertyTest,
    Test,
    Value,
    Window,
)
from knownas.find.vocabulary import FIELDS, KEYWORDS, OPERATORS, SIGNS

_SPELLED: Final = {operator: sign for sign, operator in SIGNS.items()}
_NOT_BARE: Final = frozenset('"(),=<>!')


def to_object(query: Condition) -> dict[str, Any]:
    """The JSON form, as an object to encode."""
    match query:
        case AllOf(of=of):
            return {"all": [to_object(part) for part in of]}
        case AnyOf(of=of):
            return {"any": [to_object(part) for part in of]}
        case Not(of=part):
            return {"not": to_object(part)}
        case Did():
            return _did(query)
        case Edge():
            return {query.which: query.event, **_window(query.window)}
        case PropertyTest():
            return {"property": query.name, **_test(query.test)}
        case Field():
            plain = FIELDS[query.name].kind == "time"
            return {"field": query.name, **_test(query.test, plain_dates=plain)}
        case Near():
            return {"near": {"latitude": query.latitude, "longitude": query.longitude, "km": query.km}}


def _did(query: Did) -> dict[str, Any]:
    said: dict[str, Any] = {"did": query.event}
    if query.where:
        said["where"] = [to_object(test) for test in query.where]
    if query.count is not None:
        said["count"] = _test(query.count)
    if query.total is not None:
        said[query.total.kind] = {"of": query.total.name, **_test(query.total.test)}
    said |= _window(query.window)
    return said | {"orNone": True} if query.or_none else said


def _window(window: Window) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if window.days is not None:
        said["inLast"] = window.days
    if window.start is not None:
        said["from"] = window.start.isoformat()
    if window.end is not None:
        said["to"] = window.end.isoformat()
    return said


def _test(test: Test, *, plain_dates: bool = False) -> dict[str, Any]:
    values = [
        (value.isoformat() if plain_dates else {"date": value.isoformat()}) if isinstance(value, date) else value
        for value in test.values
    ]
    takes = OPERATORS[test.operator].values
    if takes == 0:
        return {test.operator: True}
    return {test.operator: values[0] if takes == 1 else values}


def to_line(query: Condition) -> str:
    """The one-line form."""
    match query:
        case AllOf(of=()):
            return "everyone"
        case AllOf(of=of):
            return " and ".join(_inside(part, AllOf, AnyOf) for part in of)
        case AnyOf(of=of):
            return " or ".join(_inside(part, AnyOf) for part in of)
        case Not(of=part):
            return f"not {_inside(part, AllOf, AnyOf)}"
        case Did():
            return _line_of_did(query)
        case Edge():
            return f"{query.which} {_name(query.event)}{_line_of_window(query.window)}"
        case PropertyTest():
            return f"{_name(query.name)} {_line_of_test(query.test)}"
        case Field():
            return f"{query.name} {_line_of_test(query.test, query.name)}"
        case Near():
            return f"near {query.latitude!r}, {query.longitude!r} within {query.km!r}km"


def _inside(part: Condition, *joining: type) -> str:
    line = to_line(part)
    return f"({line})" if isinstance(part, joining) and part != AllOf(()) else line


def _line_of_did(query: Did) -> str:
    total = query.total
    said = f"{total.kind} {_name(total.name)} of" if total is not None else "did"
    said += f" {_name(query.event)}"
    if query.where:
        said += f" where ({' and '.join(to_line(test) for test in query.where)})"
    bound = total.test if total is not None else query.count
    if bound is not None:
        said += f" {_line_of_test(bound)}"
    return said + _line_of_window(query.window) + (" including none" if query.or_none else "")


def _line_of_window(window: Window) -> str:
    said = "" if window.days is None else f" in {window.days}d"
    said += "" if window.start is None else f" from {window.start.isoformat()}"
    return said if window.end is None else f"{said} to {window.end.isoformat()}"


def _line_of_test(test: Test, field: str = "") -> str:
    values = [_value(value, field) for value in test.values]
    match test.operator:
        case "in":
            return f"in ({', '.join(values)})"
        case "between":
            return "..".join(values)
        case "inLast":
            return f"in {values[0]}d"
        case "inNext":
            return f"in next {values[0]}d"
        case "on":
            return f"on {test.values[0]}"
        case "startsWith":
            return f"starts with {values[0]}"
        case operator if OPERATORS[operator].values == 0:
            return operator
        case operator:
            return f"{_SPELLED.get(operator, operator)} {values[0]}"


def _value(value: Value, field: str) -> str:
    if isinstance(value, bool):
        return ("yes" if value else "no") if field == "test" else str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        # Beside a field a bare word is always a text; beside a property it may read as something else.
        other = not field and (NUMBER.fullmatch(value) or DATE.fullmatch(value) or value in ("true", "false"))
        return _quoted(value) if other or not _is_bare(value) else value
    return repr(value)


def _name(name: str) -> str:
    return name if _is_bare(name) and name not in FIELDS else _quoted(name)


def _is_bare(text: str) -> bool:
    if not text or text.lower() in KEYWORDS or ".." in text or text.startswith(".") or text.endswith("."):
        return False
    return text.isprintable() and " " not in text and _NOT_BARE.isdisjoint(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
