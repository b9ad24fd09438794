"""Numbers kept as bit slices: one plane a bit of the number, the lowest first. Whom a comparison picks.

A slice says 0 of who has no number, so `at_least` of something greater than 0 and `equals` of something else than 0
need not ask who has one. A set of numbers is split by its highest bit, again and again; equal halves meet again as one
expression.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from knownas.find.algebra import EVERYONE, NOBODY, Algebra, Set


def at_least(algebra: Algebra, bits: Sequence[Set], number: int) -> Set:
    """Those whose number is this or greater."""
    if number <= 0:
        return EVERYONE
    if number >> len(bits):
        return NOBODY
    found = EVERYONE
    for place, bit in enumerate(bits):
        found = algebra.both(bit, found) if number >> place & 1 else algebra.either(bit, found)
    return found


def equals(algebra: Algebra, bits: Sequence[Set], number: int) -> Set:
    """Those whose number is this."""
    if number < 0 or number >> len(bits):
        return NOBODY
    return algebra.every(bit if number >> place & 1 else ~bit for place, bit in enumerate(bits))


def between(algebra: Algebra, bits: Sequence[Set], low: int, high: int) -> Set:
    """Those whose number is one of these, both ends included."""
    if low > high:
        return NOBODY
    if low == high:
        return equals(algebra, bits, low)
    return algebra.without(at_least(algebra, bits, low), at_least(algebra, bits, high + 1))


def one_of(algebra: Algebra, bits: Sequence[Set], numbers: Collection[int]) -> Set:
    """Those whose number is among these."""
    if len(numbers) == 1:
        return equals(algebra, bits, next(iter(numbers)))
    known: dict[tuple[int, frozenset[int]], Set] = {}

    def split(width: int, left: frozenset[int]) -> Set:
        if not left:
            return NOBODY
        if len(left) == 1 << width:
            return EVERYONE
        held = known.get((width, left))
        if held is None:
            half = 1 << (width - 1)
            low = split(width - 1, frozenset(n for n in left if n < half))
            high = split(width - 1, frozenset(n - half for n in left if n >= half))
            bit = bits[width - 1]
            picked = low if low == high else algebra.either(algebra.both(bit, high), algebra.without(low, bit))
            held = known[width, left] = picked
        return held

    return split(len(bits), frozenset(n for n in numbers if 0 <= n < 1 << len(bits)))


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers in ascending order as ranges, both ends included."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
