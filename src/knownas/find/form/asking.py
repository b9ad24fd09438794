"""A form read as a query.

Every row is read by itself, so all that is wrong is said at once, each at its row; the whole is then read once more,
for what only a whole can be: too long, too deep. The rules are those of `find.reading`, in its words.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from knownas.find.form.model import ROOT, Asked, Group, Problem, Row
from knownas.find.form.objects import Later, Unfinished, Wrong, field_of, object_of
from knownas.find.reading import from_object
from knownas.find.wrong import WrongQuery

_HEADS: Final = {"none": "any", "notAll": "all"}
_BLANK: Final = (Row(), Row(what="property"), Row(what="field"), Row(what="near"), Row(what="line"))


def asked(form: Group) -> Asked:
    """What a form asks."""
    reader = _Reader()
    found = reader.group(form, ROOT)
    problems, unfinished = tuple(reader.problems), tuple(reader.unfinished)
    if problems:
        return Asked(None, problems, unfinished)
    try:
        return Asked(from_object(found or {"all": []}), (), unfinished)
    except WrongQuery as wrong:
        return Asked(None, (Problem("", "", wrong.problem, wrong.allowed),), unfinished)


class _Reader:
    """Reads one form into the JSON form of a query; keeps what is wrong or missing by row."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.unfinished: list[Problem] = []

    def group(self, group: Group, at: str) -> dict[str, Any] | None:
        """A group; None where nothing in it is asked."""
        parts = [self._part(part, f"{at}.{i}") for i, part in enumerate(group.of)]
        there = [part for part in parts if part is not None]
        if not there:
            return None
        negated = group.join in _HEADS
        head = _HEADS.get(group.join, group.join)
        joined = there[0] if len(there) == 1 else {head: there}
        return {"not": joined} if negated else joined

    def _part(self, part: Row | Group, at: str) -> dict[str, Any] | None:
        if isinstance(part, Group):
            found = self.group(part, at)
            if found is None and not part.of:
                self.unfinished.append(Problem(at, "join", "nothing is asked in this group yet"))
            return found
        later: Later = []
        try:
            said = object_of(part, later)
            from_object(said)
        except Unfinished as missing:
            later.append(missing)
        except Wrong as wrong:
            self.problems.append(Problem(at, wrong.field, wrong.text))
        except WrongQuery as wrong:
            field = field_of(part, wrong.place)
            self.problems.append(Problem(at, field, _told(wrong), tuple(wrong.allowed)))
        else:
            return said
        finally:
            self.unfinished += [Problem(at, missing.field, missing.text) for missing in later]
        return None


def _told(wrong: WrongQuery) -> str:
    return wrong.problem if wrong.column is None else f"at {wrong.column}: {wrong.problem}"


def begun(form: Group, said: Asked) -> bool:
    """Whether something is not filled in that was begun: to leave it out in silence would be another question."""
    return any(not _is_blank(form, problem.at) for problem in said.unfinished)


def _is_blank(form: Group, at: str) -> bool:
    part: Row | Group = form
    for step in at.split(".")[1:]:
        assert isinstance(part, Group)
        part = part.of[int(step)]
    return isinstance(part, Group) or replace(part, negated=False, when="") in _BLANK
