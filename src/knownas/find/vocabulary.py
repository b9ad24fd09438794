"""The words of the language, as tables: operators with both their spellings, fields and what each may be asked.

The kind of a field says what it is compared with and by which operators. A property of a profile or of an event is of
any kind: what it is compared with decides, and a value of another kind does not match (`5` is not `"5"`).

- `=`, `!=` and `in` compare exactly; `contains` and `starts with` ignore case. `!=` is `not ... =`: it matches whoever
  lacks the property as well.
- A list matches where one of its items does.
- Days are calendar days of the deployment's time zone, today is one of them: `in 7d` is today and the six days before,
  `in next 7d` today and the six after. Of a birthday and an age, days are those where the person lives.
- Versions (`appVersion`, `osVersion`) are greater or less by their numbers: 2.10 is greater than 2.9.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from knownas.find.tree import Operator

Kind = Literal["any", "text", "version", "number", "choice", "yes-no", "time", "birthday"]


class Word(NamedTuple):
    """An operator as the one-line form spells it, and how many values it takes (-1: a list)."""

    line: str
    values: int


OPERATORS: Final[dict[Operator, Word]] = {
    "equals": Word("=", 1),
    "not": Word("!=", 1),
    "in": Word("in (…)", -1),
    "contains": Word("contains", 1),
    "startsWith": Word("starts with", 1),
    "exists": Word("exists", 0),
    "missing": Word("missing", 0),
    "greater": Word(">", 1),
    "atLeast": Word(">=", 1),
    "less": Word("<", 1),
    "atMost": Word("<=", 1),
    "between": Word("a..b", 2),
    "inLast": Word("in 30d", 1),
    "inNext": Word("in next 7d", 1),
    "on": Word("on 12-31", 1),
    "month": Word("month 12", 1),
    "today": Word("today", 0),
}

SIGNS: Final[dict[str, Operator]] = {
    "=": "equals", "!=": "not", ">": "greater", ">=": "atLeast", "<": "less", "<=": "atMost",
}  # fmt: skip

_SAME: Final[tuple[Operator, ...]] = ("equals", "not", "in")
_ORDER: Final[tuple[Operator, ...]] = ("greater", "atLeast", "less", "atMost", "between")
_THERE: Final[tuple[Operator, ...]] = ("exists", "missing")
_TEXT: Final[tuple[Operator, ...]] = ("contains", "startsWith")

OPERATORS_OF_KIND: Final[dict[Kind, tuple[Operator, ...]]] = {
    "any": (*_SAME, *_TEXT, *_THERE, *_ORDER, "inLast", "inNext"),
    "text": (*_SAME, *_TEXT, *_THERE),
    "version": (*_SAME, *_TEXT, *_THERE, *_ORDER),
    "number": (*_SAME, *_ORDER, *_THERE),
    "choice": (*_SAME, *_THERE),
    "yes-no": ("equals", "not"),
    "time": ("equals", "not", *_ORDER, "inLast"),
    "birthday": ("today", "on", "inNext", "month", *_THERE),
}

OF_A_COUNT: Final[tuple[Operator, ...]] = ("equals", *_ORDER)
"""What a count, a sum or an average may be compared by."""


class FieldKind(NamedTuple):
    """What kind of values a field has, and which, where they are few."""

    kind: Kind
    choices: tuple[str, ...] = ()


_TEXT_FIELD: Final = FieldKind("text")

FIELDS: Final[dict[str, FieldKind]] = {
    "type": FieldKind("choice", ("anonymous", "addressable", "customer")),
    "reachable": FieldKind("choice", ("email", "push", "sms")),
    "age": FieldKind("number"),
    "birthday": FieldKind("birthday"),
    "test": FieldKind("yes-no"),
    "firstAcquired": FieldKind("time"),
    "lastSeen": FieldKind("time"),
    "linkedGuests": FieldKind("number"),
    "city": _TEXT_FIELD,
    "country": _TEXT_FIELD,
    "language": _TEXT_FIELD,
    "timezone": _TEXT_FIELD,
    "device": _TEXT_FIELD,
    "os": _TEXT_FIELD,
    "osVersion": FieldKind("version"),
    "browser": _TEXT_FIELD,
    "appVersion": FieldKind("version"),
    "source": _TEXT_FIELD,
    "medium": _TEXT_FIELD,
    "campaign": _TEXT_FIELD,
    "referrer": _TEXT_FIELD,
}

PROPERTY: Final = FieldKind("any")
"""What any property may be asked."""

KEYWORDS: Final = frozenset({
    "all", "and", "any", "average", "by", "contains", "did", "everyone", "ever", "exists", "first", "from", "in",
    "including", "last", "missing", "month", "near", "next", "none", "not", "of", "on", "or", "starts", "sum", "to",
    "today", "where", "with", "within",
})  # fmt: skip
"""Words that mean something in the one-line form: as a name or a value they stand in quotes."""
