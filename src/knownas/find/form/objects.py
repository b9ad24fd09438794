"""A row in the JSON form of a query.

Its parts are read one by one: what is not filled in and can be left out by itself is put aside, with what is missing
(`Later`); where nothing is left to ask, `Unfinished` is raised. A text that cannot be what it is said to be is `Wrong`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from knownas.find.form import texts
from knownas.find.form.model import Compared, Row, What
from knownas.find.form.texts import Unreadable
from knownas.find.line import from_line
from knownas.find.vocabulary import FIELDS, OPERATORS, PROPERTY, FieldKind
from knownas.find.writing import to_object

_NUMBER: Final = FieldKind("number")
_DAYS: Final = ("inLast", "inNext", "month")


class Unfinished(Exception):
    """Something is not said yet: in which field, and what."""

    def __init__(self, field: str, text: str) -> None:
        self.field, self.text = field, text


Later = list[Unfinished]


class Wrong(Exception):
    """A text is not what it should be: in which field."""

    def __init__(self, field: str, text: str) -> None:
        self.field, self.text = field, text


def object_of(row: Row, later: Later) -> dict[str, Any]:
    """A row in the JSON form; what is not filled in and can be left out by itself goes to `later`."""
    said = _OBJECTS[row.what](row, later)
    return {"not": said} if row.negated else said


def _did(row: Row, later: Later) -> dict[str, Any]:
    said: dict[str, Any] = {"did": _named(row.event, "event", "choose an event")}
    where = []
    for i, test in enumerate(row.where):
        try:
            where.append(_property(test, f"where.{i}."))
        except Unfinished as missing:
            later.append(missing)
    if where:
        said["where"] = where
    try:
        said |= _often(row)
    except Unfinished as missing:
        later.append(missing)
    return said | _window(row)


def _often(row: Row) -> dict[str, Any]:
    said: dict[str, Any] = {"orNone": True} if row.or_none and row.often else {}
    if row.often == "count":
        said["count"] = _tested(row.bound, _NUMBER, "bound.")
    elif row.often:
        of = _named(row.bound.name, "bound.name", "choose what is added up")
        said[row.often] = {"of": of, **_tested(row.bound, _NUMBER, "bound.")}
    return said


def _edge(row: Row, _: Later) -> dict[str, Any]:
    return {row.what: _named(row.event, "event", "choose an event"), **_window(row)}


def _property(test: Compared, prefix: str) -> dict[str, Any]:
    name = _named(test.name, f"{prefix}name", "choose a property")
    return {"property": name, **_tested(test, PROPERTY, prefix)}


def _field(row: Row, _: Later) -> dict[str, Any]:
    name = _named(row.test.name, "test.name", "choose what about them")
    return {"field": name, **_tested(row.test, FIELDS.get(name, PROPERTY), "test.")}


def _near(row: Row, _: Later) -> dict[str, Any]:
    said = {}
    for field, text in (("latitude", row.latitude), ("longitude", row.longitude), ("km", row.km)):
        said[field] = texts.number(_named(text, field, f"write the {'distance' if field == 'km' else field}"))
    return {"near": said}


def _line(row: Row, _: Later) -> dict[str, Any]:
    return to_object(from_line(_named(row.line, "line", "write a condition")))


_OBJECTS: Final[dict[What, Callable[[Row, Later], dict[str, Any]]]] = {
    "did": _did,
    "first": _edge,
    "last": _edge,
    "property": lambda row, _: _property(row.test, "test."),
    "field": _field,
    "near": _near,
    "line": _line,
}


def _named(text: str, field: str, missing: str) -> str:
    if not text.strip():
        raise Unfinished(field, missing)
    return text.strip()


def _window(row: Row) -> dict[str, Any]:
    if row.when == "days":
        return {"inLast": texts.number(row.days)}
    said = {"from": row.start.strip(), "to": row.end.strip()} if row.when == "dates" else {}
    return {key: text for key, text in said.items() if text}


def _tested(test: Compared, kind: FieldKind, prefix: str) -> dict[str, Any]:
    """The operator and its values."""
    takes = OPERATORS[test.operator].values if test.operator in OPERATORS else 1
    if takes == 0:
        return {test.operator: True}
    low = _named(test.value, f"{prefix}value", "write a value")
    high = _named(test.high, f"{prefix}high", "write where the range ends") if takes == 2 else ""
    try:
        if test.operator in _DAYS:
            return {test.operator: texts.number(low)}
        if takes == 1:
            return {test.operator: _value(low, test, kind)}
        listed = [low, high] if takes == 2 else texts.items(low)
        return {test.operator: [_value(text, test, kind) for text in listed]}
    except Unreadable as unreadable:
        raise Wrong(f"{prefix}value", str(unreadable)) from None


def _value(text: str, test: Compared, kind: FieldKind) -> Any:
    if kind.kind == "any":
        return texts.value(text, "text" if test.operator in ("contains", "startsWith") else test.sort)
    if kind.kind == "number":
        return texts.number(text)
    return texts.truth(text) if kind.kind == "yes-no" else text


_ASKED: Final = {"did": "event", "first": "event", "last": "event", "inLast": "days", "from": "start", "to": "end"}


def field_of(row: Row, place: str) -> str:
    """Which field of a row a place in its JSON form is."""
    if row.what == "line":
        return "line"
    steps = place.removeprefix("not.").split(".")
    if row.what in ("property", "field"):
        return "test.name" if steps[0] in ("property", "field") else "test.value"
    if steps[0].startswith("where["):
        inner = "name" if steps[1:] == ["property"] else "value"
        return f"where.{steps[0][6:-1]}.{inner}"
    if steps[0] == "near":
        return steps[-1]
    if steps[0] in ("count", "sum", "average"):
        return "bound.name" if steps[-1] == "of" else "bound.value"
    return _ASKED.get(steps[0], "event")
