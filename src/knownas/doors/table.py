"""Rows of a table as records: which column means what, and what a cell's text is.

A column is an identity (`identity`, `email`, any declared kind), the `device`, the `ts`, the `evtName`, part of the
`context` (`context.city`), or a property: of the event where rows are events, of the profile else. Its own name says
which, unless a mapping does (`Mail=email`, `Kind=Plan`, `Notes=-` for not at all). Empty cells say nothing. In files
whose cells are all text, what looks like a number or a truth is one, except for identities, and for what would not be
written the same way again (`007`, `1e3`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

IGNORED: Final = "-"
SHOWN: Final = 10
"""So many columns are named where one that is asked for is not there."""
SHOWN_CHARACTERS: Final = 30
"""Of each, so much."""
PLACES: Final = ("profileData", "evtData", "context", "identities")
_OWN: Final = ("device", "ts", "evtName", "profile")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,15})?")
_TRUTHS: Final = {"true": True, "false": False}


class Column(NamedTuple):
    """Where a column's cells go: a field of the record (`place` empty), or a key in one of its objects."""

    place: str
    name: str


class Columns(NamedTuple):
    """What the columns of a table mean; None: the column is left out."""

    kind: Literal["profile", "event"]
    columns: Mapping[str, Column | None]

    def record(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row as a record."""
        record: dict[str, Any] = {"type": self.kind}
        for name, cell in row.items():
            column = self.columns.get(name)
            if column is None or cell is None or cell == "":
                continue
            if not column.place:
                record[column.name] = _moment(cell) if column.name == "ts" else str(cell)
            elif column.place == "identities":
                record.setdefault("identities", {})[column.name] = cell
            else:
                record.setdefault(column.place, {})[column.name] = _read(cell)
        return record


def columns_of(
    names: Sequence[str], said: Mapping[str, str], kinds: Sequence[str], kind: Literal["profile", "event"]
) -> Columns | list[str]:
    """The meaning of each column, or a line for each thing that cannot be meant."""
    problems = [f"there is no column {name!r}; there are {_shown(names)}" for name in said if name not in names]
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        problems.append(f"these columns are there more than once: {_shown(twice)}")
    columns = {name: _column(said.get(name, name), kinds, kind) for name in names}
    meant = [column for column in columns.values() if column is not None]
    if not any(column.place == "identities" or column.name in ("device", "profile") for column in meant):
        problems.append(
            f"no column says who it is about: name one with --map COLUMN={kinds[0]} (or {', '.join(kinds[1:])}, device)"
        )
    if kind == "event" and Column("", "evtName") not in meant:
        problems.append("no column holds the events' names: name one with --map COLUMN=evtName")
    return problems or Columns(kind, columns)


def _shown(names: Sequence[str]) -> str:
    """Names of columns, no more than one can read: of a file without a header they are somebody's values."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(_cut, names[:SHOWN])) + more


def _cut(name: str) -> str:
    return repr(name if len(name) <= SHOWN_CHARACTERS else name[:SHOWN_CHARACTERS] + "...")


def _column(meaning: str, kinds: Sequence[str], kind: str) -> Column | None:
    if meaning in (IGNORED, ""):
        return None
    if meaning in _OWN and not (meaning == "evtName" and kind == "profile"):
        return Column("", meaning)
    place, dot, name = meaning.partition(".")
    if dot and place in PLACES and name:
        return Column(place, name)
    if meaning.lower() in kinds:
        return Column("identities", meaning.lower())
    return Column("evtData" if kind == "event" else "profileData", meaning)


def _read(cell: Any) -> Any:
    """What a cell's text is."""
    if not isinstance(cell, str):
        return cell
    if cell.lower() in _TRUTHS:
        return _TRUTHS[cell.lower()]
    if _NUMBER.fullmatch(cell):
        return float(cell) if "." in cell else int(cell)
    return cell


def _moment(cell: Any) -> Any:
    """A time: seconds since 1970, or ISO 8601 (UTC where it says no zone). What is neither is left for the intake."""
    read = _read(cell)
    if not isinstance(read, str):
        return read
    try:
        found = datetime.fromisoformat(read)
    except ValueError:
        return read
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
