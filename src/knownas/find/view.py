"""What a planner knows of a shard: which names and values have planes there, and under which numbers.

A view may be older than the planes. Events, properties and values keep their numbers for ever, so what it has is
right; what it lacks may have come since. Whoever runs a plan makes sure at that moment that nothing has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, Protocol

from knownas.find import planes
from knownas.find.tree import Condition, Did, Edge, Field, PropertyTest, Test, conditions

Coded = str
"""What has a dictionary of values: a property by its number as text, a field by its name."""


class View(Protocol):
    """A shard's directory as far as a query needs it."""

    @property
    def oldest(self) -> int:
        """The oldest day that has planes."""
        ...

    @property
    def latest(self) -> int | None:
        """The day after which nobody was seen; None: it is not known."""
        ...

    @property
    def has_zones(self) -> bool:
        """Whether anybody said a time zone."""
        ...

    def event(self, name: str) -> int | None:
        """The number of an event; None: it was never recorded here, or has no planes (`knows_all_events`)."""
        ...

    @property
    def knows_all_events(self) -> bool:
        """Whether every event has a number."""
        ...

    def number_of(self, property_: str) -> int | None:
        """The number of a property; None: nobody ever had it, or it has no planes (`knows_all_properties`)."""
        ...

    @property
    def knows_all_properties(self) -> bool:
        """Whether every property has a number."""
        ...

    def names(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """All events and properties that have numbers."""
        ...

    def code(self, of: Coded, text: str) -> int | None:
        """The code of a value, by `planes.text_of`."""
        ...

    def codes(self, of: Coded) -> Mapping[str, int]:
        """All codes."""
        ...

    def lacks(self, plane: str) -> bool:
        """Whether nobody is in a plane for all that is known; where that is not known somebody may be."""
        ...

    def rests_on(self, wanted: Wanted, absent: Sequence[str]) -> tuple[Any, ...]:
        """What must be as it is now for a plan made now to be right; these planes it took for empty."""
        ...


class Wanted(NamedTuple):
    """The dictionaries that a query asks: of properties and of fields, by name, whose values (None: all of them)."""

    properties: Mapping[str, frozenset[str] | None]
    fields: Mapping[str, frozenset[str] | None]


def wanted(query: Condition) -> Wanted:
    """What a view must know of values for a query."""
    properties: dict[str, frozenset[str] | None] = {}
    fields: dict[str, frozenset[str] | None] = {}
    for part in conditions(query):
        if isinstance(part, PropertyTest) and part.name not in planes.EXISTENCE_ONLY:
            _add(properties, part.name, _texts(part.test))
        elif isinstance(part, Field):
            for name in ("make", "model") if part.name == "device" else (part.name,):
                if name in planes.CODED_FIELDS:
                    _add(fields, name, _texts(part.test))
    return Wanted(properties, fields)


def events(query: Condition) -> list[str]:
    """The events that a query names."""
    return list(dict.fromkeys(part.event for part in conditions(query) if isinstance(part, Did | Edge)))


def value_of(text: str) -> Any:
    """The value that stands in a dictionary."""
    kind, _, said = text.partition(":")
    if kind == "b":
        return said == "1"
    if kind == "s":
        return said
    return int(said) if said.removeprefix("-").isdecimal() else float(said)


def _texts(test: Test) -> frozenset[str] | None:
    if test.operator in ("exists", "missing"):
        return frozenset()
    if test.operator not in ("equals", "not", "in"):
        return None
    return frozenset(planes.text_of(value) for value in test.values if not isinstance(value, date))


def _add(found: dict[str, frozenset[str] | None], name: str, texts: frozenset[str] | None) -> None:
    held = found.get(name, frozenset())
    found[name] = None if texts is None or held is None else held | texts
