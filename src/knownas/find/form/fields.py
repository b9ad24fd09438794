"""A form as a browser sends it: pairs of names and texts. A name is a row's path and a field of the row: `q.0.event`,
`q.0.where.1.value`; a group's is `q.join`.

What cannot be meant is left out, and what is not sent is as in an empty row: whatever comes makes a form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from knownas.find.form.model import JOINS, OFTENS, ROOT, SORTS, WHATS, WHENS, Compared, Group, Row
from knownas.find.tree import CONDITIONS, DEPTH, TESTS

T = TypeVar("T", bound=str)

_PART: Final = re.compile(rf"({ROOT}(?:\.\d{{1,3}}){{0,{DEPTH}}})\.(join|what)", re.ASCII)
_WHERE: Final = re.compile(r"(.+\.where\.(\d{1,2}))\.name", re.ASCII)
_PLAIN: Final = Row()


def read(pairs: Iterable[tuple[str, str]]) -> Group:
    """The form that was sent."""
    fields = dict(pairs)
    parts = [found for name in fields if (found := _PART.fullmatch(name))][: 2 * CONDITIONS]
    kinds = {found[1]: found[2] for found in parts}
    inside: dict[str, list[str]] = {}
    for path in sorted(kinds, key=_place):
        inside.setdefault(path.rpartition(".")[0], []).append(path)
    return _group(ROOT, fields, kinds, inside)


def _place(path: str) -> list[int]:
    return [int(step) for step in path.split(".")[1:]]


def _group(path: str, fields: Mapping[str, str], kinds: Mapping[str, str], inside: Mapping[str, list[str]]) -> Group:
    of = tuple(
        _group(part, fields, kinds, inside) if kinds[part] == "join" else _row(part, fields)
        for part in inside.get(path, ())
    )
    return Group(_one_of(JOINS, fields.get(f"{path}.join")), of)


def _row(path: str, fields: Mapping[str, str]) -> Row:
    def said(name: str, otherwise: str = "") -> str:
        return fields.get(f"{path}.{name}", otherwise)

    tests = sorted(
        (int(found[2]), found[1])
        for name in fields
        if name.startswith(f"{path}.where.") and (found := _WHERE.fullmatch(name))
    )
    negated, _, what = said("what").rpartition("-")
    return Row(
        what=_one_of(WHATS, what),
        negated=negated == "not" or bool(said("negated")),
        event=said("event"),
        test=_compared(f"{path}.test", fields),
        where=tuple(_compared(test, fields) for _, test in tests[:TESTS]),
        often=_one_of(OFTENS, said("often")),
        bound=_compared(f"{path}.bound", fields, _PLAIN.bound),
        or_none=bool(said("or_none")),
        when=_one_of(WHENS, said("when")),
        days=said("days", _PLAIN.days),
        start=said("start"),
        end=said("end"),
        latitude=said("latitude"),
        longitude=said("longitude"),
        km=said("km"),
        line=said("line"),
    )


def _compared(path: str, fields: Mapping[str, str], otherwise: Compared = Compared()) -> Compared:  # noqa: B008
    return Compared(
        fields.get(f"{path}.name", otherwise.name),
        fields.get(f"{path}.operator", otherwise.operator),
        fields.get(f"{path}.value", otherwise.value),
        fields.get(f"{path}.high", otherwise.high),
        _one_of(SORTS, fields.get(f"{path}.sort")),
    )


def _one_of(choices: tuple[T, ...], said: str | None) -> T:
    """What was chosen; the first where it is none of them."""
    return next((choice for choice in choices if choice == said), choices[0])
