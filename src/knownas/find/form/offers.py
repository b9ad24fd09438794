"""What may be chosen in a row: operators in words, values, what to write, by the kind of what is asked.

What people have said so far (the catalog) narrows it down: a property that was only ever a number is not asked what it
begins with. What a row says already is always among what it may say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from knownas.find.form.model import Compared
from knownas.find.form.texts import text_of
from knownas.find.tree import Operator
from knownas.find.vocabulary import FIELDS, OF_A_COUNT, OPERATORS, OPERATORS_OF_KIND, PROPERTY, FieldKind, Kind

Input = Literal["none", "text", "number", "date", "days", "list", "choice", "month", "monthDay", "yes-no"]
Choice = tuple[str, str]
"""What is sent, and how it reads."""

NAMES: Final = 200
"""So many names are offered at once: the most frequent, and those like what was typed."""

WORDS: Final[dict[Operator, str]] = {
    "equals": "is", "not": "is not", "in": "is one of", "contains": "contains", "startsWith": "starts with",
    "exists": "is known", "missing": "is not known", "greater": "is more than", "atLeast": "is at least",
    "less": "is less than", "atMost": "is at most", "between": "is between", "inLast": "is in the last",
    "inNext": "is in the next", "on": "is on", "month": "is in the month", "today": "is today",
}  # fmt: skip
_OF_TIME: Final[dict[Operator, str]] = {
    "equals": "is on", "not": "is not on", "greater": "is after", "atLeast": "is on or after", "less": "is before",
    "atMost": "is on or before",
}  # fmt: skip
_OF_COUNT: Final[dict[Operator, str]] = {
    "equals": "exactly", "greater": "more than", "atLeast": "at least", "less": "less than", "atMost": "at most",
    "between": "between",
}  # fmt: skip
_OF_SEVERAL: Final[dict[Operator, str]] = {"equals": "include", "not": "do not include", "in": "include one of"}

_OF_WHAT_WAS_SEEN: Final[dict[str, Kind]] = {"text": "text", "number": "number", "boolean": "choice"}


class Known(NamedTuple):
    """What was seen of a name: of what kinds its values are, the most frequent first, and frequent ones."""

    kinds: Sequence[str] = ()
    values: Sequence[Any] = ()


class Control(NamedTuple):
    """How something is compared: operators, what the value is written in, values to choose from or to suggest, and
    whether one may say as what it is compared."""

    operators: Sequence[Choice]
    input: Input
    values: Sequence[str] = ()
    sorts: bool = False

    @property
    def choices(self) -> list[Choice]:
        """The values, to choose one of."""
        return _TRUTHS if self.input == "yes-no" else [(value, value) for value in self.values]


_TRUTHS: Final[list[Choice]] = [("true", "yes"), ("false", "no")]


class Offers:
    """What a catalog has to offer."""

    def __init__(self, catalog: Mapping[str, Any]) -> None:
        self.events: list[str] = [one["name"] for one in catalog["events"]]
        self.properties: list[str] = [one["name"] for one in catalog["properties"]]
        self._said = {one["name"]: one["properties"] for one in catalog["events"]}
        self._properties = {one["name"]: Known(one["kinds"], one["values"]) for one in catalog["properties"]}
        self._fields = {one["name"]: Known((), one["values"]) for one in catalog["fields"]}

    def property(self, test: Compared) -> Control:
        """For a property of a profile."""
        return _of_property(test, self._properties.get(test.name.strip(), Known()))

    def said_in(self, event: str) -> list[str]:
        """The properties of an event."""
        return [one["name"] for one in self._said.get(event.strip(), ())]

    def event_property(self, event: str, test: Compared) -> Control:
        """For a property of an event."""
        said = {one["name"]: Known(one["kinds"], one["values"]) for one in self._said.get(event.strip(), ())}
        return _of_property(test, said.get(test.name.strip(), Known()))

    def field(self, test: Compared) -> Control:
        """For a field."""
        name = test.name.strip()
        field = FIELDS.get(name, PROPERTY)
        values = [text_of(value) for value in self._fields.get(name, Known()).values]
        words = _OF_TIME if field.kind == "time" else _OF_SEVERAL if name == "reachable" else {}
        operators = _choices(OPERATORS_OF_KIND[field.kind], test.operator, words)
        return Control(operators, _input(test.operator, field), values)

    def numbers(self) -> list[str]:
        """Properties that people can be put in order by."""
        return [name for name, known in self._properties.items() if "number" in known.kinds]


def of_a_count(test: Compared) -> Control:
    """For a count, a sum or an average."""
    return Control(_choices(OF_A_COUNT, test.operator, _OF_COUNT), "number")


def some(names: Sequence[str], typed: Iterable[str]) -> list[str]:
    """Names to suggest: the most frequent, and those that hold what was typed."""
    if len(names) <= NAMES:
        return list(names)
    wanted = [text.strip().casefold() for text in typed if text.strip()]
    like = [name for name in names if any(text in name.casefold() for text in wanted)]
    return list(dict.fromkeys([*names[:NAMES], *like[:NAMES]]))


def fitting(operators: Sequence[Choice], test: Compared) -> str:
    """The operator, or the first that there is where it is none that may be chosen for what is asked now."""
    return test.operator if any(test.operator == name for name, _ in operators) else operators[0][0]


def _of_property(test: Compared, known: Known) -> Control:
    kinds = set(known.kinds)
    allowed = OPERATORS_OF_KIND[PROPERTY.kind]
    if kinds and kinds <= _OF_WHAT_WAS_SEEN.keys():
        fit = {operator for kind in kinds for operator in OPERATORS_OF_KIND[_OF_WHAT_WAS_SEEN[kind]]}
        allowed = tuple(operator for operator in allowed if operator in fit)
    words = _OF_TIME if kinds == {"date"} else {}
    values = [text_of(value) for value in known.values]
    input_ = _input(test.operator, FieldKind("any"))
    return Control(_choices(allowed, test.operator, words), input_, values, sorts=input_ in ("text", "list"))


def _choices(allowed: Sequence[Operator], chosen: str, words: Mapping[Operator, str]) -> list[Choice]:
    also = [name for name in OPERATORS if name == chosen and name not in allowed]
    return [(name, words.get(name, WORDS[name])) for name in (*allowed, *also)]


_WRITTEN: Final[dict[str, Input]] = {
    "inLast": "days", "inNext": "days", "on": "monthDay", "month": "month", "contains": "text", "startsWith": "text",
}  # fmt: skip
_OF_KIND: Final[dict[Kind, Input]] = {"choice": "choice", "yes-no": "yes-no", "time": "date", "number": "number"}


def _input(operator: str, field: FieldKind) -> Input:
    if operator in OPERATORS and OPERATORS[operator].values == 0:
        return "none"
    if operator == "in":
        return "list"
    return _WRITTEN.get(operator) or _OF_KIND.get(field.kind, "text")
