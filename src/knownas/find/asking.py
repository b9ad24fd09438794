"""What a finder asks of the shards, and what they answer: the port between queries and the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from knownas.find.algebra import Program
from knownas.find.view import View, Wanted
from knownas.nouns import Entry, Profile

TOP: Final = -1
"""Before everybody."""


class Order(NamedTuple):
    """People by a slice, the greatest first: its planes in this shard from the highest bit; who has none comes last."""

    planes: tuple[str, ...]


class From(NamedTuple):
    """Where a page begins: after whoever has a value greater than `value` (`TOP`: nobody), and of those who have it,
    after the numbers below `number`."""

    value: int = TOP
    number: int = 0


class Shown(NamedTuple):
    """Which people to show: of the program's result at `result`, and `others`, the first `most` in an order."""

    result: int
    most: int
    order: Order
    begins: From = From()
    others: tuple[int, ...] = ()


class Ask(NamedTuple):
    """One shard's part of a question. `counts` and `members` name results of the program; members are wanted where
    there are at most so many (-1: always). `rests_on` is what the shard must still be like; empty: whatever it is like.
    """

    shard: int
    program: Program
    rests_on: tuple[Any, ...] = ()
    counts: tuple[int, ...] = ()
    members: tuple[tuple[int, int], ...] = ()
    shown: Shown | None = None


class Told(NamedTuple):
    """Its answer: counts; members as bits (None: too many); those shown, as number and value."""

    counts: list[int]
    members: list[bytes | None]
    shown: list[tuple[int, int]]


class Shards(Protocol):
    """The indexes of all shards, and whoever they are about."""

    @property
    def count(self) -> int:
        """How many shards there are."""
        ...

    async def views(self, wanted: Wanted, *, fresh: bool) -> Sequence[View]:
        """A view of every shard that knows what is wanted: as of now, or as of an earlier question."""
        ...

    async def look(self, named: Mapping[int, Iterable[str]]) -> bool:
        """See which planes of shards have anybody in them, for the views; whether there was anything to be seen."""
        ...

    async def ask(self, asks: Sequence[Ask]) -> list[Told | None]:
        """Run programs; None where what one rests on has changed."""
        ...

    async def people(self, numbers: Mapping[int, Sequence[int]]) -> dict[int, list[Profile | None]]:
        """The profiles of people by shard and number; None where nobody has the number any more."""
        ...

    async def timelines(self, profiles: Sequence[Profile], newest: int = 0) -> list[list[Entry]]:
        """What each of these did, themselves, as far as it is kept; the newest of it alone where so many are named."""
        ...
