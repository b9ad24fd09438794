"""A form of a query as its template shows it: each row with what may be chosen there, and what is wrong or missing."""

from __future__ import annotations

from calendar import month_name
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from knownas.find.form.model import ROOT, Asked, Compared, Group, Problem, Row
from knownas.find.form.offers import Choice, Control, Offers, of_a_count, some
from knownas.find.form.texts import looks_like
from knownas.find.vocabulary import FIELDS

_FIELDS: Final = {
    "reachable": "can be reached by", "test": "test profile", "firstAcquired": "first seen", "lastSeen": "last seen",
    "linkedGuests": "number of linked guests", "os": "operating system", "osVersion": "version of the system",
    "appVersion": "version of the app", "timezone": "time zone",
}  # fmt: skip


WORDS: Final[Mapping[str, Sequence[Choice]]] = {
    "whats": (
        ("did", "Did"), ("not-did", "Did not"), ("property", "Has property"), ("field", "About them"),
        ("first", "First did"), ("last", "Last did"), ("near", "Is near"), ("line", "Written out"),
    ),
    "joins": (("all", "all"), ("any", "any"), ("none", "none"), ("notAll", "not all")),
    "oftens": (("", "at least once"), ("count", "a number of times"), ("sum", "in sum"), ("average", "on average")),
    "whens": (("", "ever"), ("days", "in the last"), ("dates", "from")),
    "sorts": (("", "as it looks"), ("text", "as text"), ("number", "as a number"), ("date", "as a day"),
              ("truth", "as true or false")),
    "months": tuple((str(number), month_name[number]) for number in range(1, 13)),
    "fields": tuple((name, _FIELDS.get(name, name)) for name in FIELDS),
}  # fmt: skip
"""How the choices of a form read."""


class ComparedShown(NamedTuple):
    """Something compared: where it is in the form, what it says, what it may say."""

    at: str
    said: Compared
    control: Control

    @property
    def sorts(self) -> bool:
        """Whether one may say as what it is compared: where it looks like something else than a text."""
        looks = {looks_like(text.strip()) for text in self.said.value.split(",")}
        return self.control.sorts and bool(self.said.sort or looks - {"text"})


class RowShown(NamedTuple):
    """A row. `wrong` and `missing` are said of its fields, by their names."""

    at: str
    row: Row
    test: ComparedShown | None
    where: Sequence[ComparedShown]
    bound: ComparedShown
    names: Sequence[str]
    wrong: Mapping[str, Problem]
    missing: Mapping[str, Problem]


class GroupShown(NamedTuple):
    """A group with what is in it."""

    at: str
    group: Group
    of: Sequence[RowShown | GroupShown]
    missing: str


class FormShown(NamedTuple):
    """A form, the names to suggest everywhere, and what is wrong with the whole."""

    root: GroupShown
    events: Sequence[str]
    properties: Sequence[str]
    wrong: Sequence[Problem]
    unfinished: int


def form_shown(form: Group, asked: Asked, offers: Offers) -> FormShown:
    """A form as it is shown."""
    wrong, missing = _by_row(asked.problems), _by_row(asked.unfinished)

    def part(of: Row | Group, at: str) -> RowShown | GroupShown:
        return group(of, at) if isinstance(of, Group) else _row(of, at, offers, wrong.get(at, {}), missing.get(at, {}))

    def group(of: Group, at: str) -> GroupShown:
        nothing = missing.get(at, {}).get("join")
        inside = [part(inner, f"{at}.{i}") for i, inner in enumerate(of.of)]
        return GroupShown(at, of, inside, nothing.text if nothing else "")

    rows = list(_rows(form))
    return FormShown(
        group(form, ROOT),
        some(offers.events, (row.event for row in rows)),
        some(offers.properties, (row.test.name for row in rows)),
        list(wrong.get("", {}).values()),
        len(asked.unfinished),
    )


def _by_row(problems: Sequence[Problem]) -> dict[str, dict[str, Problem]]:
    found: dict[str, dict[str, Problem]] = {}
    for problem in problems:
        found.setdefault(problem.at, {})[problem.field] = problem
    return found


def _row(row: Row, at: str, offers: Offers, wrong: Mapping[str, Problem], missing: Mapping[str, Problem]) -> RowShown:
    test = None
    if row.what == "property":
        test = ComparedShown(f"{at}.test", row.test, offers.property(row.test))
    elif row.what == "field":
        test = ComparedShown(f"{at}.test", row.test, offers.field(row.test))
    where = [
        ComparedShown(f"{at}.where.{i}", said, offers.event_property(row.event, said))
        for i, said in enumerate(row.where)
    ]
    bound = ComparedShown(f"{at}.bound", row.bound, of_a_count(row.bound))
    return RowShown(at, row, test, where, bound, offers.said_in(row.event), wrong, missing)


def _rows(part: Row | Group) -> Iterator[Row]:
    if isinstance(part, Row):
        yield part
    else:
        for inner in part.of:
            yield from _rows(inner)
