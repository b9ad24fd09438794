"""The JSON form of a query, read into a tree; or an error that says where, what is wrong and what is allowed there.

    {"all": [C, …]}   {"any": [C, …]}   {"not": C}   "all" of an empty list is everyone
    {"did": "Charged", "count": {"atLeast": 2}, "inLast": 30}
    {"did": "Charged", "where": [{"property": "Amount", "greater": 10}], "from": "2026-01-01", "to": "2026-01-31"}
    {"did": "Charged", "sum": {"of": "Amount", "atLeast": 100}, "orNone": true}          or "average"
    {"first": "Charged", "inLast": 7}   {"last": "Charged", "to": "2026-01-31"}
    {"property": "Plan", "in": ["Gold", "Silver"]}   {"property": "renewal", "less": {"date": "2026-01-01"}}
    {"field": "age", "between": [25, 30]}   {"field": "birthday", "inNext": 7}
    {"near": {"latitude": 53.35, "longitude": -6.26, "km": 10}}

The one-line form is read into the same objects first, with the column of each part beside it (`Spot`), so both forms
obey the same rules and are told off in their own words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Final, NoReturn, cast

import msgspec

from knownas.find.tree import (
    CONDITIONS,
    DEPTH,
    EVERYONE,
    TESTS,
    VALUES,
    AllOf,
    AnyOf,
    Condition,
    Did,
    Edge,
    Field,
    Near,
    Not,
    Operator,
    PropertyTest,
    Test,
    Total,
    Value,
    Window,
)
from knownas.find.values import version
from knownas.find.vocabulary import (
    FIELDS,
    OF_A_COUNT,
    OPERATORS,
    OPERATORS_OF_KIND,
    PROPERTY,
    FieldKind,
)
from knownas.find.wrong import WrongQuery

TEXT_BYTES: Final = 512
"""Nothing stored is longer, so nothing longer can be looked for."""

DAYS: Final = 3_660
"""How far back or ahead a window of days may reach."""

_HEADS: Final = ("property", "field", "did", "first", "last", "near", "all", "any", "not")
_WINDOW: Final = ("inLast", "from", "to")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MONTH_AND_DAY: Final = re.compile(r"(\d\d)-(\d\d)", re.ASCII)
_LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Spot(dict[str, Any]):
    """An object made from the one-line form: `columns` says where each of its values stands there."""

    def __init__(self, *args: Any, columns: dict[Any, int] | None = None, **values: Any) -> None:
        super().__init__(*args, **values)
        self.columns: dict[Any, int] = columns or {}


def from_json(raw: bytes | str) -> Condition:
    """A query from JSON text."""
    try:
        given = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise WrongQuery(f"this is not JSON: {error}") from None
    return from_object(given)


def from_object(given: Any) -> Condition:
    """A query from a decoded JSON value, or from what the one-line form was read into."""
    return _Reader().condition(given, "", 1)


class _Reader:
    """Reads one query; counts its conditions."""

    def __init__(self) -> None:
        self._conditions = 0

    def condition(self, given: Any, path: str, depth: int) -> Condition:
        if type(given) not in (dict, Spot):
            raise WrongQuery("a condition is an object", path, allowed=_HEADS)
        self._conditions += 1
        if self._conditions > CONDITIONS:
            _wrong(given, path, "", f"a query has at most {CONDITIONS} conditions")
        if depth > DEPTH:
            _wrong(given, path, "", f"conditions are nested at most {DEPTH} deep")
        for head in _HEADS:
            if head in given:
                return _READERS[head](self, given, path, depth)
        some = next(iter(given), "")
        return _wrong(given, path, some, f"no condition begins with {some!r}" if some else "nothing is asked", _HEADS)

    def joined(self, given: Any, path: str, depth: int) -> Condition:
        head = "all" if "all" in given else "any"
        _only(given, path, (head,))
        parts = given[head]
        if type(parts) is not list:
            _wrong(given, path, head, "a list of conditions is wanted")
        if not parts and head == "any":
            _wrong(given, path, head, "any of nothing matches nobody: name a condition")
        of = tuple(self.condition(part, f"{_at(path, head)}[{i}]", depth + 1) for i, part in enumerate(parts))
        if len(of) == 1:
            return of[0]
        if head == "any":
            return AnyOf(of)
        return AllOf(of) if of else EVERYONE

    def negated(self, given: Any, path: str, depth: int) -> Condition:
        _only(given, path, ("not",))
        return Not(self.condition(given["not"], _at(path, "not"), depth + 1))

    def did(self, given: Any, path: str, _: int) -> Condition:
        _only(given, path, ("did", "where", "count", "sum", "average", "orNone", *_WINDOW))
        event = _name(given, path, "did")
        asked = [key for key in ("count", "sum", "average") if key in given]
        if len(asked) > 1:
            _wrong(given, path, asked[1], f"{asked[0]} and {asked[1]} are two conditions: join them by all")
        or_none = given.get("orNone", False)
        if type(or_none) is not bool:
            _wrong(given, path, "orNone", "true or false is wanted")
        count = self._count(given, path, or_none) if "count" in given else None
        total = self._total(given, path, asked[0]) if asked and count is None else None
        return Did(event, _window(given, path), self._where(given, path), count, total, or_none)

    def edge(self, given: Any, path: str, _: int) -> Condition:
        head = "first" if "first" in given else "last"
        _only(given, path, (head, *_WINDOW))
        event = _name(given, path, head)
        if not any(key in given for key in _WINDOW):
            _wrong(given, path, head, f"the {head} time is looked for in a window", _WINDOW)
        return Edge("first" if head == "first" else "last", event, _window(given, path))

    def property(self, given: Any, path: str, _: int) -> PropertyTest:
        name = _name(given, path, "property")
        return PropertyTest(name, _test(given, path, ("property",), PROPERTY))

    def field(self, given: Any, path: str, _: int) -> Condition:
        name = given["field"]
        if type(name) is not str or name not in FIELDS:
            _wrong(given, path, "field", f"there is no field {_shown(name)}", FIELDS)
        return Field(name, _test(given, path, ("field",), FIELDS[name]))

    def near(self, given: Any, path: str, _: int) -> Condition:
        _only(given, path, ("near",))
        place = given["near"]
        if type(place) not in (dict, Spot):
            _wrong(given, path, "near", "latitude, longitude and km are wanted")
        path = _at(path, "near")
        _only(place, path, ("latitude", "longitude", "km"))
        numbers = []
        for key, least, most in (("latitude", -90, 90), ("longitude", -180, 180), ("km", 0, 20_038)):
            value = place.get(key)
            if type(value) not in (int, float) or not least <= value <= most:
                _wrong(place, path, key, f"a number from {least} to {most} is wanted")
            numbers.append(float(value))
        return Near(*numbers)

    def _count(self, given: Any, path: str, or_none: bool) -> Test:
        inner = given["count"]
        if type(inner) not in (dict, Spot):
            _wrong(given, path, "count", "an operator and a number are wanted", OF_A_COUNT)
        test = _compared(inner, _at(path, "count"), ())
        if any(type(bound) is not int or bound < 0 for bound in test.values):
            _wrong(inner, _at(path, "count"), test.operator, "a count is a whole number from 0 on")
        bound = cast("int", test.values[0])
        if not or_none and ((test.operator == "less" and bound <= 1) or (test.operator == "atMost" and bound == 0)):
            _wrong(inner, _at(path, "count"), test.operator, "whoever has none is left out, so this matches nobody")
        if test.operator == "less" and bound == 0:
            _wrong(inner, _at(path, "count"), test.operator, "nothing is counted less than 0 times")
        return test

    def _total(self, given: Any, path: str, kind: str) -> Total:
        inner, path_in = given[kind], _at(path, kind)
        if type(inner) not in (dict, Spot):
            _wrong(given, path, kind, "the property and an operator are wanted", ("of", *OF_A_COUNT))
        name = _name(inner, path_in, "of")
        return Total("sum" if kind == "sum" else "average", name, _compared(inner, path_in, ("of",)))

    def _where(self, given: Any, path: str) -> tuple[PropertyTest, ...]:
        tests = given.get("where", [])
        if type(tests) is not list:
            _wrong(given, path, "where", "a list of tested properties is wanted")
        if len(tests) > TESTS:
            _wrong(given, path, "where", f"at most {TESTS} event properties are tested at once")
        found = []
        for i, test in enumerate(tests):
            path_in = f"{_at(path, 'where')}[{i}]"
            if type(test) not in (dict, Spot) or "property" not in test:
                _wrong(test, path_in, "", "an event property is tested here", ("property",))
            found.append(self.property(test, path_in, 0))
        return tuple(found)


_READERS: Final[dict[str, Callable[[_Reader, Any, str, int], Condition]]] = {
    "property": _Reader.property,
    "field": _Reader.field,
    "did": _Reader.did,
    "first": _Reader.edge,
    "last": _Reader.edge,
    "near": _Reader.near,
    "all": _Reader.joined,
    "any": _Reader.joined,
    "not": _Reader.negated,
}


def _test(given: Any, path: str, beside: tuple[str, ...], field: FieldKind) -> Test:
    """The one operator of an object, fit for this kind of field, with its values."""
    allowed = OPERATORS_OF_KIND[field.kind]
    found = [key for key in given if key not in beside]
    if not found:
        _wrong(given, path, beside[0] if beside else "", "an operator is wanted", allowed)
    if len(found) > 1:
        _wrong(given, path, found[1], f"one operator at a time: {found[0]!r} is there already; join two by all")
    operator = found[0]
    if operator not in OPERATORS:
        _wrong(given, path, operator, f"there is no operator {_shown(operator)}", allowed)
    if operator not in allowed:
        _wrong(given, path, operator, "this cannot be asked here", allowed)
    return Test(operator, _values(given, path, operator, field))


def _compared(given: Any, path: str, beside: tuple[str, ...]) -> Test:
    """A count, a sum or an average compared with numbers."""
    wrong = [key for key in given if key in OPERATORS and key not in OF_A_COUNT]
    if wrong:
        _wrong(given, path, wrong[0], "this cannot be asked here", OF_A_COUNT)
    return _test(given, path, beside, FieldKind("number"))


def _values(given: Any, path: str, operator: Operator, field: FieldKind) -> tuple[Value, ...]:
    held, wants = given[operator], OPERATORS[operator].values
    if operator in _CALENDAR:
        return (_CALENDAR[operator](given, path, operator),)
    if wants == 0:
        if held is not True:
            _wrong(given, path, operator, f"{operator} takes true")
        return ()
    if wants == 1:
        return (_value(given, path, operator, held, field),)
    if type(held) is not list or (wants == 2 and len(held) != 2):
        _wrong(given, path, operator, "a list of two values is wanted" if wants == 2 else "a list of values is wanted")
    if not held or len(held) > VALUES:
        _wrong(given, path, operator, f"a list of 1 to {VALUES} values is wanted")
    values = tuple(_value(given, path, operator, item, field, i) for i, item in enumerate(held))
    if wants == 2:
        _in_order(given, path, operator, values, field)
    return values


def _month(given: Any, path: str, key: str) -> int:
    month = given[key]
    if type(month) is not int or not 1 <= month <= 12:
        _wrong(given, path, key, "a month from 1 to 12 is wanted")
    return int(month)


def _month_and_day(given: Any, path: str, key: str) -> str:
    held = given[key]
    found = _MONTH_AND_DAY.fullmatch(held) if type(held) is str else None
    month, day = (int(found[1]), int(found[2])) if found is not None else (0, 0)
    if not 1 <= month <= 12 or not 1 <= day <= _LONGEST_MONTHS[month - 1]:
        _wrong(given, path, key, "a month and a day are wanted, as 02-29")
    return str(held)


def _in_order(given: Any, path: str, operator: str, values: tuple[Value, ...], field: FieldKind) -> None:
    low, high = values
    if field.kind == "version" and isinstance(low, str) and isinstance(high, str):
        if version(low) > version(high):
            _wrong(given, path, operator, "the lower end of a range comes first")
        return
    if kind_of(low) != kind_of(high):
        _wrong(given, path, operator, "both ends of a range are of one kind")
    if low > high:  # type: ignore[operator]  # of one kind, as just seen
        _wrong(given, path, operator, "the lower end of a range comes first")


def kind_of(value: Value) -> str:
    """What a value is compared as."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "date"


def _value(given: Any, path: str, operator: str, held: Any, field: FieldKind, index: int | None = None) -> Value:
    """One value, of a kind that the field can be compared with."""

    def wrong(problem: str, allowed: Iterable[str] = ()) -> NoReturn:
        _wrong(given, path, operator, problem, allowed, index)

    if field.kind == "time":
        return _date(held) or wrong("a date is wanted, as 2026-01-31")
    if type(held) in (dict, Spot) and set(held) == {"date"}:
        day = _date(held["date"]) or wrong("this is not a date, as 2026-01-31")
        return day if field.kind == "any" and operator not in _TEXTUAL else wrong(f"{_WANTED[field.kind]} is wanted")
    _check_scalar(held, wrong)
    wanted = "text" if operator in _TEXTUAL else field.kind
    if type(held) is bool and operator in _ORDERED:
        wrong("true and false have no order")
    if type(held) not in _TYPES[wanted]:
        wrong(f"{_WANTED[wanted]} is wanted")
    if field.choices and held not in field.choices:
        wrong(f"{_shown(held)} is none of them", field.choices)
    value: Value = held
    return value


_TEXTUAL: Final = ("contains", "startsWith")
_ORDERED: Final = ("greater", "atLeast", "less", "atMost", "between")
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "any": (str, int, float, bool),
    "text": (str,),
    "version": (str,),
    "choice": (str,),
    "number": (int, float),
    "yes-no": (bool,),
}
_WANTED: Final = {
    "any": "a value", "text": "a text", "version": "a version", "choice": "a word", "number": "a number",
    "yes-no": "yes or no",
}  # fmt: skip


def _check_scalar(held: Any, wrong: Callable[[str], NoReturn]) -> None:
    if type(held) is str:
        _check_text(held, wrong)
    elif type(held) in (int, float):
        if not math.isfinite(held) or (type(held) is int and not -(2**63) <= held < 2**63):
            wrong("this number is out of range")
    elif type(held) is not bool:
        wrong("a text, a number, true, false or a date is wanted")


def _check_text(text: str, wrong: Callable[[str], NoReturn]) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        wrong("this is no text in Unicode")
    if size > TEXT_BYTES:
        wrong(f"a text has at most {TEXT_BYTES} bytes")


def _name(given: Any, path: str, key: str) -> str:
    name = given.get(key)
    if type(name) is not str or not name:
        _wrong(given, path, key, "a name is wanted")

    def wrong(problem: str) -> NoReturn:
        _wrong(given, path, key, problem)

    _check_text(name, wrong)
    found: str = name
    return found


def _window(given: Any, path: str) -> Window:
    if "inLast" in given:
        if "from" in given or "to" in given:
            _wrong(given, path, "inLast", "a window has days or dates, not both")
        return Window(days=_days(given, path, "inLast"))
    ends: dict[str, date | None] = {}
    for key in ("from", "to"):
        ends[key] = _date(given[key]) if key in given else None
        if key in given and ends[key] is None:
            _wrong(given, path, key, "a date is wanted, as 2026-01-31")
    start, end = ends["from"], ends["to"]
    if start is not None and end is not None and start > end:
        _wrong(given, path, "to", "the window ends before it begins")
    return Window(None, start, end)


def _days(given: Any, path: str, key: str) -> int:
    days = given[key]
    if type(days) is not int or not 1 <= days <= DAYS:
        _wrong(given, path, key, f"a number of days from 1 to {DAYS} is wanted")
    return int(days)


_CALENDAR: Final[dict[str, Callable[[Any, str, str], Value]]] = {
    "inLast": _days,
    "inNext": _days,
    "on": _month_and_day,
    "month": _month,
}


def _date(held: Any) -> date | None:
    if type(held) is not str or not _DATE.fullmatch(held):
        return None
    try:
        return date.fromisoformat(held)
    except ValueError:
        return None


def _only(given: Any, path: str, keys: tuple[str, ...]) -> None:
    for key in given:
        if key not in keys:
            _wrong(given, path, key, f"{_shown(key)} has no meaning here", keys)


def _wrong(
    given: Any, path: str, key: str, problem: str, allowed: Iterable[str] = (), index: int | None = None
) -> NoReturn:
    place = _at(path, key[:40]) if key else path
    columns = getattr(given, "columns", {})
    column = columns.get((key, index), columns.get(key, columns.get("")))
    raise WrongQuery(problem, place if index is None else f"{place}[{index}]", column, allowed)


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
