"""An answer as two sets: who certainly matches, and who may. What lies between is looked at one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from knownas.find.algebra import EVERYONE, NOBODY, Algebra, Set


class Bounds(NamedTuple):
    """`sure` is part of `maybe`. Whoever is in `sure` matches, and whoever is not in `maybe` does not, exactly."""

    sure: Set
    maybe: Set


ALL_OF_THEM: Final = Bounds(EVERYONE, EVERYONE)
NONE_OF_THEM: Final = Bounds(NOBODY, NOBODY)
ANYBODY: Final = Bounds(NOBODY, EVERYONE)
"""Nothing is known: everyone is looked at."""


def exact(found: Set) -> Bounds:
    """A set that says it all."""
    return Bounds(found, found)


def at_most(found: Set) -> Bounds:
    """Nobody but these, and none of them for sure."""
    return Bounds(NOBODY, found)


def turned(bounds: Bounds) -> Bounds:
    """Whoever does not match."""
    return Bounds(~bounds.maybe, ~bounds.sure)


def every(algebra: Algebra, parts: Sequence[Bounds]) -> Bounds:
    """Whoever matches all of these."""
    return Bounds(algebra.every(part.sure for part in parts), algebra.every(part.maybe for part in parts))


def some(algebra: Algebra, parts: Sequence[Bounds]) -> Bounds:
    """Whoever matches one of these."""
    return Bounds(algebra.some(part.sure for part in parts), algebra.some(part.maybe for part in parts))


def without(algebra: Algebra, these: Bounds, those: Bounds) -> Bounds:
    """Whoever matches the first and not the second."""
    return every(algebra, (these, turned(those)))


def within(algebra: Algebra, among: Set, bounds: Bounds) -> Bounds:
    """Whoever matches and is one of these."""
    return every(algebra, (exact(among), bounds))
