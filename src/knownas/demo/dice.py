"""Chance with a seed. Everything comes from `random()`, the one call of the generator that costs next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """The same throws for the same seed."""

    __slots__ = ("_random",)

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def chance(self, share: float) -> bool:
        """True in this share of the throws."""
        return self._random() < share

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def pick(self, things: Sequence[T]) -> T:
        """One of several."""
        return things[int(self._random() * len(things))]

    def digits(self, bits: int) -> str:
        """Hexadecimal digits for an id, at most 52 bits: what one throw holds."""
        return f"{int(self._random() * (1 << bits)):0{bits // 4}x}"
