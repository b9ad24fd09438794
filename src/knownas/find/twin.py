"""Programs over planes as Python integers: what the store does with `BITOP`, for tests and for small sets of people.

Bit n of an integer is the person of number n.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import and_, or_, xor
from typing import Any, Final

from knownas.find import planes
from knownas.find.algebra import Operand, Program
from knownas.find.terms import Directory
from knownas.find.view import Wanted

_DO: Final = {"AND": and_, "OR": or_, "XOR": xor}


class DirectoryView:
    """A view of a directory that is at hand."""

    def __init__(self, directory: Directory, held: Mapping[str, int]) -> None:
        self._directory, self._held = directory, held
        self.has_zones = bool(held.get(planes.ZONE))
        self.oldest, self.latest = directory.oldest or 0, directory.latest
        self.knows_all_events = len(directory.events) < planes.EVENTS
        self.knows_all_properties = len(directory.properties) < planes.PROPERTIES

    def event(self, name: str) -> int | None:
        """The number of an event."""
        return self._directory.events.get(name)

    def number_of(self, property_: str) -> int | None:
        """The number of a property."""
        return self._directory.properties.get(property_)

    def names(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """All events and properties."""
        return self._directory.events, self._directory.properties

    def code(self, of: str, text: str) -> int | None:
        """The code of a value."""
        return self.codes(of).get(text)

    def codes(self, of: str) -> Mapping[str, int]:
        """All codes."""
        return self._directory.codes.get(of, {})

    def lacks(self, plane: str) -> bool:
        """Whether nobody is in a plane."""
        return not self._held.get(plane)

    def rests_on(self, wanted: Wanted, absent: Sequence[str]) -> tuple[Any, ...]:
        """By which rebuild it was made, and how much there is: names and codes only come to it. Of the planes, whether
        these are empty."""
        del wanted
        known = self._directory
        there = (len(known.events), len(known.properties), known.coded, self.oldest, self.latest, self.has_zones)
        return known.made, *there, tuple([plane for plane in absent if self.lacks(plane)])


def run(program: Program, held: Mapping[str, int]) -> list[int]:
    """The results of a program."""
    registers = [0] * program.registers

    def value(operand: Operand) -> int:
        return registers[operand] if isinstance(operand, int) else held.get(operand, 0)

    for step in program.steps:
        values = map(value, step.operands)
        registers[step.register] = _twice(values) if step.operation == "TWICE" else reduce(_DO[step.operation], values)
    return [0 if result is None else value(result) for result in program.results]


def _twice(sets: Iterable[int]) -> int:
    once = twice = 0
    for members in sets:
        twice |= once & members
        once |= members
    return twice


def gathered(terms: Iterable[tuple[int, Iterable[str]]]) -> dict[str, int]:
    """Planes, from the names of those that each number is in."""
    held: dict[str, int] = {}
    for number, names in terms:
        for name in names:
            held[name] = held.get(name, 0) | 1 << number
    return held


def numbers(members: int) -> list[int]:
    """The numbers of the people in a plane, ascending."""
    found = []
    while members:
        lowest = members & -members
        found.append(lowest.bit_length() - 1)
        members ^= lowest
    return found
