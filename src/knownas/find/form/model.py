"""What a form holds: groups of rows, each row a condition, everything as it was typed.

A row that is not filled in yet is no mistake: it is left out of the query and named (`Asked.unfinished`).
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from knownas.find.tree import Condition

What = Literal["did", "first", "last", "property", "field", "near", "line"]
"""What a row asks: an event, its first or last time, a property, a field, a place; or a condition written out."""
WHATS: Final[tuple[What, ...]] = get_args(What)

Join = Literal["all", "any", "none", "notAll"]
"""How a group joins its rows; `none` and `notAll` are `any` and `all` turned round."""
JOINS: Final[tuple[Join, ...]] = get_args(Join)

Sort = Literal["", "text", "number", "date", "truth"]
"""As what a value of a property is compared; empty: as what it looks like."""
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)

Often = Literal["", "count", "sum", "average"]
"""What is compared of the events; empty: there is one."""
OFTENS: Final[tuple[Often, ...]] = get_args(Often)

When = Literal["", "days", "dates"]
WHENS: Final[tuple[When, ...]] = get_args(When)


class Compared(msgspec.Struct, frozen=True):
    """Something compared: its name, the operator, the value, the upper end of a range, and as what."""

    name: str = ""
    operator: str = "equals"
    value: str = ""
    high: str = ""
    sort: Sort = ""


class Row(msgspec.Struct, frozen=True):
    """A condition. Which fields mean something depends on `what`; the others are kept for who changes their mind."""

    what: What = "did"
    negated: bool = False
    event: str = ""
    test: Compared = Compared()
    where: tuple[Compared, ...] = ()
    often: Often = ""
    bound: Compared = Compared(operator="atLeast", value="2")
    or_none: bool = False
    when: When = ""
    days: str = "30"
    start: str = ""
    end: str = ""
    latitude: str = ""
    longitude: str = ""
    km: str = ""
    line: str = ""


class Group(msgspec.Struct, frozen=True):
    """Rows and groups, joined."""

    join: Join = "all"
    of: tuple[Row | Group, ...] = ()


class Problem(msgspec.Struct, frozen=True):
    """What is wrong: in which row (`at`, a path as `q.0.1`; empty: in the whole), which of its fields, and what is
    allowed there."""

    at: str
    field: str
    text: str
    allowed: tuple[str, ...] = ()


class Asked(msgspec.Struct, frozen=True):
    """What a form asks: the query, None where there are problems; and the rows that are not filled in, each with what
    is missing."""

    query: Condition | None
    problems: tuple[Problem, ...] = ()
    unfinished: tuple[Problem, ...] = ()


ROOT: Final = "q"
"""The path of the outermost group; a row's path is its group's and its number there."""
EMPTY: Final = Group()
