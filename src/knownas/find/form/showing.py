"""A query as a form: the rows that ask the same."""

from __future__ import annotations

from datetime import date
from typing import Final

from msgspec.structs import replace

from knownas.find.form import texts
from knownas.find.form.asking import asked
from knownas.find.form.model import Compared, Group, Join, Row, When
from knownas.find.tree import AllOf, AnyOf, Condition, Did, Edge, Field, Near, Not, PropertyTest, Test, Window
from knownas.find.writing import to_line

_TURNED: Final[dict[type, Join]] = {AllOf: "notAll", AnyOf: "none"}


def shown(query: Condition) -> Group:
    """A form that asks a query."""
    part = _part(query)
    if isinstance(part, Group):
        return part
    return Group() if query == AllOf(()) else Group("all", (part,))


def _part(query: Condition) -> Row | Group:
    match query:
        case AllOf(of=of) if of:
            return Group("all", tuple(map(_part, of)))
        case AnyOf(of=of):
            return Group("any", tuple(map(_part, of)))
        case Not(of=AllOf(of=of) | AnyOf(of=of)) if of:
            return Group(_TURNED[type(query.of)], tuple(map(_part, of)))
        case _:
            return _row_or_line(query)


def _row_or_line(query: Condition) -> Row:
    """A row for a condition; written out where a row with fields would not ask the very same."""
    row = _row(query)
    # Trees are compared by what they print: to Python 1, 1.0 and True are one.
    if row is not None and repr(asked(Group("all", (row,))).query) == repr(query):
        return row
    return Row(what="line", line=to_line(query))


def _row(query: Condition) -> Row | None:
    match query:
        case Not(of=part):
            inner = _row(part)
            return None if inner is None or inner.negated else replace(inner, negated=True)
        case Did():
            return _did(query)
        case Edge(which=which, event=event, window=window):
            return _windowed(Row(what=which, event=event), window)
        case PropertyTest(name=name, test=test):
            return Row(what="property", test=_compared(name, test))
        case Field(name=name, test=test):
            return Row(what="field", test=_plain(_compared(name, test)))
        case Near(latitude=latitude, longitude=longitude, km=km):
            return Row(what="near", latitude=repr(latitude), longitude=repr(longitude), km=repr(km))
        case _:
            return None


def _did(query: Did) -> Row:
    row = Row(
        what="did",
        event=query.event,
        where=tuple(_compared(test.name, test.test) for test in query.where),
        or_none=query.or_none,
    )
    if query.count is not None:
        row = replace(row, often="count", bound=_plain(_compared("", query.count)))
    elif query.total is not None:
        bound = _plain(_compared(query.total.name, query.total.test))
        row = replace(row, often=query.total.kind, bound=bound)
    return _windowed(row, query.window)


def _windowed(row: Row, window: Window) -> Row:
    if window.days is not None:
        return replace(row, when="days", days=str(window.days))
    when: When = "dates" if window.start or window.end else ""
    return replace(row, when=when, start=_day(window.start), end=_day(window.end))


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _compared(name: str, test: Test) -> Compared:
    said = [texts.text_of(value) for value in test.values]
    sort = texts.sort_of(test.values)
    if test.operator == "in":
        return Compared(name, test.operator, texts.list_of(said), "", sort)
    low, high = [*said, "", ""][:2]
    return Compared(name, test.operator, low, high, sort)


def _plain(compared: Compared) -> Compared:
    """Where the kind of values is known nobody has to say as what they are compared."""
    return replace(compared, sort="")
