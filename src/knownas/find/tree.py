"""What a query can say, as values.

A query is a condition; conditions are joined by all, any and not. A `Test` is an operator with its values and stands
wherever something is compared: a property, a field, a count. Two queries that say the same in either form are the
same tree: an `all` or `any` of one condition is that condition, and `AllOf(())` is everyone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final, Literal

import msgspec

Value = str | int | float | bool | date
Operator = Literal[
    "equals", "not", "in", "contains", "startsWith", "exists", "missing", "greater", "atLeast", "less", "atMost",
    "between", "inLast", "inNext", "on", "month", "today",
]  # fmt: skip

DEPTH: Final = 10
"""How deep conditions may be nested."""

CONDITIONS: Final = 100
"""How many conditions a query may have, `all`, `any` and `not` among them."""

VALUES: Final = 500
"""How many values an `in` may name."""

TESTS: Final = 10
"""How many event properties a `where` may test."""


class Test(msgspec.Struct, frozen=True):
    """An operator and its values: none, one, two (`between`: in order) or several (`in`).

    A `date` is a day; `on` holds a month and a day as `02-29`; `inLast` and `inNext` hold a number of days.
    """

    __test__ = False  # pytest collects by name

    operator: Operator
    values: tuple[Value, ...] = ()


class Window(msgspec.Struct, frozen=True):
    """Which days count: the last `days` of them, today included, or those from `start` to `end`; neither: ever."""

    days: int | None = None
    start: date | None = None
    end: date | None = None


EVER: Final = Window()


class PropertyTest(msgspec.Struct, frozen=True):
    """A property of a profile or of an event, tested. Of an event it may be a path: `Items.sku`."""

    name: str
    test: Test


class Total(msgspec.Struct, frozen=True):
    """The sum or the average of a numeric event property, compared. An event without it adds 0 to both."""

    kind: Literal["sum", "average"]
    name: str
    test: Test


class Did(msgspec.Struct, frozen=True):
    """An event recorded in a window, its properties passing every test of `where`; as often as `count` says.

    Whoever has no such event does not match, whatever the bound, unless `or_none` asks for them or `count` names 0.
    At most one of `count` and `total` is there; neither: at least once.
    """

    event: str
    window: Window = EVER
    where: tuple[PropertyTest, ...] = ()
    count: Test | None = None
    total: Total | None = None
    or_none: bool = False


class Edge(msgspec.Struct, frozen=True):
    """The first or the last time ever of an event lies in a window."""

    which: Literal["first", "last"]
    event: str
    window: Window


class Field(msgspec.Struct, frozen=True):
    """A field that every profile has, of `vocabulary.FIELDS`, tested."""

    name: str
    test: Test


class Near(msgspec.Struct, frozen=True):
    """Last known to be within a distance of a place."""

    latitude: float
    longitude: float
    km: float


class AllOf(msgspec.Struct, frozen=True):
    """Every one of these holds; of none: everyone."""

    of: tuple[Condition, ...]


class AnyOf(msgspec.Struct, frozen=True):
    """One of these holds."""

    of: tuple[Condition, ...]


class Not(msgspec.Struct, frozen=True):
    """This does not hold."""

    of: Condition


Condition = Did | Edge | PropertyTest | Field | Near | AllOf | AnyOf | Not

EVERYONE: Final = AllOf(())


class Mentions(msgspec.Struct, frozen=True):
    """What a query speaks of that nobody may ever have sent: the catalog knows, and the answer says so."""

    events: tuple[str, ...]
    properties: tuple[str, ...]


def conditions(query: Condition) -> Iterator[Condition]:
    """Every condition of a query, itself first."""
    yield query
    if isinstance(query, AllOf | AnyOf):
        for part in query.of:
            yield from conditions(part)
    elif isinstance(query, Not):
        yield from conditions(query.of)


def mentions(query: Condition) -> Mentions:
    """The events and profile properties that a query names, each once, in order."""
    found = list(conditions(query))
    events = dict.fromkeys(part.event for part in found if isinstance(part, Did | Edge))
    properties = dict.fromkeys(part.name for part in found if isinstance(part, PropertyTest))
    return Mentions(tuple(events), tuple(properties))
