"""Sets of people as expressions over planes, and the program of bit operations that works them out.

A plane is a set of people, one bit a number. An expression is an integer: the place of a node, or its complement
(`~node`), taken of everyone. Node 0 is everyone; every other node is a plane, or what several expressions have in
common. So `or` and `without` need no node of their own, a complement costs nothing until somebody wants to see it, and
the same set said twice is one node, worked out once.

A program is a list of steps for registers: AND and OR of any number, XOR of two, and TWICE, who is in two planes or
more of any number.
Registers are few, since one is free again after its last use: a register that is made anew costs the store more than
one that is written over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple

EVERYONE: Final = 0
NOBODY: Final = ~EVERYONE
ALL_PLANE: Final = "all"

Set = int
"""An expression: a node's place or, complemented, `~place`."""

Operation = Literal["AND", "OR", "XOR", "TWICE"]
Operand = str | int
"""A plane by its name, or a register by its number."""


class Step(NamedTuple):
    """One operation into a register."""

    operation: Operation
    register: int
    operands: tuple[Operand, ...]


class Program(NamedTuple):
    """Steps, how many registers they take, and where each result is then; None: nobody is in it."""

    steps: tuple[Step, ...]
    registers: int
    results: tuple[Operand | None, ...]


class Algebra:
    """Makes expressions; the same set is the same integer. A plane that `lacks` says is empty is nobody."""

    def __init__(self, lacks: Callable[[str], bool] | None = None) -> None:
        self._lacks = lacks
        self.absent: dict[str, None] = {}
        """The planes that were taken for empty."""
        self._planes: dict[int, str] = {EVERYONE: ALL_PLANE}
        self._places: dict[str | tuple[Set | str, ...], int] = {ALL_PLANE: EVERYONE}
        self._common: dict[int, tuple[Set, ...]] = {}
        self._twice: dict[int, tuple[str, ...]] = {}

    def plane(self, name: str) -> Set:
        """The people in a plane."""
        place = self._places.get(name)
        if place is None:
            if name in self.absent or self._is_absent(name):
                return NOBODY
            place = self._places[name] = len(self._places)
            self._planes[place] = name
        return place

    def _is_absent(self, name: str) -> bool:
        if self._lacks is None or not self._lacks(name):
            return False
        self.absent[name] = None
        return True

    def every(self, sets: Iterable[Set]) -> Set:
        """Whoever is in every one of these."""
        wanted = set(sets)
        wanted.discard(EVERYONE)
        if NOBODY in wanted or any(~one in wanted for one in wanted):
            return NOBODY
        if not wanted:
            return EVERYONE
        if len(wanted) == 1:
            return wanted.pop()
        key = tuple(sorted(wanted))
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._places)
            self._common[place] = key
        return place

    def both(self, *sets: Set) -> Set:
        """Whoever is in all of those named."""
        return self.every(sets)

    def some(self, sets: Iterable[Set]) -> Set:
        """Whoever is in one of these."""
        return ~self.every(~one for one in sets)

    def either(self, *sets: Set) -> Set:
        """Whoever is in one of those named."""
        return self.some(sets)

    def without(self, these: Set, those: Set) -> Set:
        """These, but for those."""
        return self.every((these, ~those))

    def twice(self, planes: Sequence[str]) -> Set:
        """Whoever is in two of these planes or more."""
        planes = [plane for plane in planes if plane not in self.absent and not self._is_absent(plane)]
        if len(planes) < 2:
            return NOBODY
        if len(planes) == 2:
            return self.both(*map(self.plane, planes))
        key = ("twice", *planes)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._places)
            self._twice[place] = tuple(planes)
        return place

    def planes(self, sets: Iterable[Set]) -> list[str]:
        """The planes that expressions rest on, in order of first mention."""
        found: dict[str, None] = {}
        seen: set[int] = set()
        left = [one if one >= 0 else ~one for one in reversed(list(sets))]
        while left:
            place = left.pop()
            if place in seen:
                continue
            seen.add(place)
            if place in self._planes:
                found[self._planes[place]] = None
            elif place in self._twice:
                found |= dict.fromkeys(self._twice[place])
            else:
                left += [part if part >= 0 else ~part for part in reversed(self._common[place])]
        return list(found)

    def program(self, wanted: Sequence[Set]) -> Program:
        """The program that works these sets out."""
        return _Writing(self._planes, self._common, self._twice).program(wanted)


class _Writing:
    """Writes one program: every step to a register of its own first, then to as few as will do."""

    def __init__(
        self, planes: dict[int, str], common: dict[int, tuple[Set, ...]], twice: dict[int, tuple[str, ...]]
    ) -> None:
        self._planes, self._common, self._twice = planes, common, twice
        self._steps: list[Step] = []
        self._done: dict[int, tuple[Operand, bool]] = {}

    def program(self, wanted: Sequence[Set]) -> Program:
        results = [None if one == NOBODY else self._shown(one) for one in wanted]
        return _compact(self._steps, results)

    def _shown(self, one: Set) -> Operand:
        operand, is_turned = self._value(one)
        return self._without(ALL_PLANE, operand) if is_turned else operand

    def _value(self, one: Set) -> tuple[Operand, bool]:
        """Where a set is, or (True) the complement of it."""
        place, turned = (one, False) if one >= 0 else (~one, True)
        if place in self._planes:
            return self._planes[place], turned
        held = self._done.get(place)
        if held is None:
            held = self._done[place] = self._worked_out(place)
        return held[0], held[1] != turned

    def _worked_out(self, place: int) -> tuple[Operand, bool]:
        if place in self._twice:
            return self._step("TWICE", self._twice[place]), False
        values = [self._value(part) for part in self._common[place]]
        inside = [operand for operand, is_turned in values if not is_turned]
        outside = [operand for operand, is_turned in values if is_turned]
        if not inside:
            return self._joined("OR", outside), True
        held = self._joined("AND", inside)
        return (self._without(held, self._joined("OR", outside)) if outside else held), False

    def _joined(self, operation: Operation, operands: Sequence[Operand]) -> Operand:
        return self._step(operation, tuple(operands)) if len(operands) > 1 else operands[0]

    def _without(self, these: Operand, those: Operand) -> Operand:
        return self._step("XOR", (these, self._step("AND", (these, those))))

    def _step(self, operation: Operation, operands: tuple[Operand, ...]) -> int:
        self._steps.append(Step(operation, len(self._steps), operands))
        return len(self._steps) - 1


def _compact(steps: Sequence[Step], results: Sequence[Operand | None]) -> Program:
    last_use = {operand: at for at, step in enumerate(steps) for operand in step.operands if isinstance(operand, int)}
    last_use |= {result: len(steps) for result in results if isinstance(result, int)}
    free: list[int] = []
    registers = 0
    place: dict[int, int] = {}
    written = []
    for at, step in enumerate(steps):
        operands = tuple(place[o] if isinstance(o, int) else o for o in step.operands)
        free += {place[o] for o in step.operands if isinstance(o, int) and last_use[o] == at}
        if free:
            place[at] = free.pop()
        else:
            place[at], registers = registers, registers + 1
        written.append(Step(step.operation, place[at], operands))
    moved = tuple(place[result] if isinstance(result, int) else result for result in results)
    return Program(tuple(written), registers, moved)
