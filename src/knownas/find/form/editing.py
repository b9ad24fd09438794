"""What the buttons of a form do: add a row, a group or a test of an event, remove them. `add:q.0` names button and
place; what names nothing changes nothing. And what follows from a choice: an operator that cannot be asked of
what is asked now gives way to one that can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from knownas.find.form.model import ROOT, WHATS, Compared, Group, Row
from knownas.find.tree import CONDITIONS, DEPTH, TESTS
from knownas.find.vocabulary import FIELDS, OPERATORS_OF_KIND

Change = Callable[[Row | Group], Row | Group | None]
"""What becomes of a part; None: it goes."""


def changed(form: Group, button: str) -> Group:
    """The form after a button was pressed."""
    act, _, rest = button.partition(":")
    path, _, more = rest.partition(":")
    change = _ACTS.get(act)
    steps = [int(step) if step.isdecimal() else -1 for step in path.split(".")]  # the root's is no number
    if change is None or not path.startswith(ROOT) or len(steps) > DEPTH + 1:
        return form
    if act in ("add", "group") and _size(form) >= CONDITIONS:
        return form
    found = _at(form, steps[1:], lambda part: change(part, more))
    return found if isinstance(found, Group) else Group()


def settled(part: Row | Group) -> Row | Group:
    """The same with operators and values that can be asked of each field."""
    if isinstance(part, Group):
        return replace(part, of=tuple(settled(inner) for inner in part.of))
    field = FIELDS.get(part.test.name.strip())
    if part.what != "field" or field is None:
        return part
    allowed, test = OPERATORS_OF_KIND[field.kind], part.test
    if test.operator not in allowed:
        test = replace(test, operator=allowed[0], value="", high="")
    if field.choices and test.operator != "in" and test.value.strip() not in field.choices:
        test = replace(test, value="")
    return replace(part, test=test)


def _at(part: Row | Group, steps: list[int], change: Change) -> Row | Group | None:
    if not steps:
        return change(part)
    if not isinstance(part, Group) or not 0 <= steps[0] < len(part.of):
        return part
    inner = _at(part.of[steps[0]], steps[1:], change)
    between = () if inner is None else (inner,)
    return replace(part, of=(*part.of[: steps[0]], *between, *part.of[steps[0] + 1 :]))


def _add(part: Row | Group, what: str) -> Row | Group:
    negated, _, name = what.rpartition("-")
    row = Row(what=next((one for one in WHATS if one == name), "did"), negated=negated == "not")
    if row.what in ("first", "last"):
        row = replace(row, when="days")
    return replace(part, of=(*part.of, row)) if isinstance(part, Group) else part


def _add_group(part: Row | Group, _: str) -> Row | Group:
    """A group within: of the other kind, or it would change nothing."""
    inner = Group("any", (Row(), Row()))
    if isinstance(part, Group):
        inner = replace(inner, join="all" if part.join in ("any", "none") else "any")
        return replace(part, of=(*part.of, inner))
    return part


def _add_test(part: Row | Group, _: str) -> Row | Group:
    if isinstance(part, Group) or len(part.where) >= TESTS:
        return part
    return replace(part, where=(*part.where, Compared()))


def _remove_test(part: Row | Group, which: str) -> Row | Group:
    if isinstance(part, Group) or not which.isdecimal():
        return part
    return replace(part, where=tuple(test for i, test in enumerate(part.where) if i != int(which)))


_ACTS: Final[dict[str, Callable[[Row | Group, str], Row | Group | None]]] = {
    "add": _add,
    "group": _add_group,
    "test": _add_test,
    "untest": _remove_test,
    "remove": lambda _, __: None,
}


def _size(part: Row | Group) -> int:
    return 1 + (sum(map(_size, part.of)) if isinstance(part, Group) else 0)
