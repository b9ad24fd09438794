"""Numbers kept as bit slices: one plane a bit of the number, the lowest first. Whom a comparison picks.

A slice says 0 of who has no number, so `at_least` of something greater than 0 and `equals` of something else than 0
need not ask who has one. A set of numbers is split by its highest bit, again and again; equal halves meet again as one
expression.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby

from knownas.find.algebra import EVERYONE, NOBODY, Algebra, Set


def at_least(algebra: Algebra, bits: Sequence[Set], number: int) -> Set:
    """Those whose number is this or greater."""
    if number <= 0:
        return EVERYONE
    if number >> len(bits):
        return NOBODY
    found = EVERYONE
    for is_set, run in groupby(enumerate(bits), key=lambda bit: number >> bit[0] & 1):
        some = [found, *(bit for _, bit in run)]
        found = algebra.every(some) if is_set else algebra.some(some)
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
    numbers = [number for number in numbers if 0 <= number < 1 << len(bits)]
    if not numbers:
        return NOBODY
    if len(numbers) == 1:
        return equals(algebra, bits, numbers[0])
    varying = 0
    first = numbers[0]
    for number in numbers:
        varying |= number ^ first
    width = varying.bit_length()
    # The bits that all have in common are compared at once.
    among = [bit if first >> place & 1 else ~bit for place, bit in enumerate(bits) if place >= width]
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

    low = (1 << width) - 1
    return algebra.both(*among, split(width, frozenset(number & low for number in numbers)))
