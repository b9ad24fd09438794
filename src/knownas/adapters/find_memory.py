"""The indexes of the shards in memory: programs run over Python integers. Twin of `find_store`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from knownas.adapters.memory import MemoryIndex, MemoryStore
from knownas.adapters.reader import read_profile
from knownas.find.asking import Ask, From, Shown, Told
from knownas.find.twin import DirectoryView, numbers, run
from knownas.find.view import View, Wanted
from knownas.nouns import Entry, Profile

_read_entry = msgspec.msgpack.Decoder(Entry).decode


class MemoryShards:
    """`asking.Shards` over a store in memory."""

    def __init__(self, store: MemoryStore, shards: int) -> None:
        self._store, self.count = store, shards

    async def views(self, wanted: Wanted, *, fresh: bool) -> Sequence[View]:
        """The directories as they are now."""
        del wanted, fresh
        return [self._view(shard) for shard in range(self.count)]

    async def look(self, named: Mapping[int, Iterable[str]]) -> bool:
        """The views know all that there is."""
        del named
        return False

    async def ask(self, asks: Sequence[Ask]) -> list[Told | None]:
        """Run programs."""
        return [self._told(ask) if self._is_as_planned(ask) else None for ask in asks]

    async def people(self, numbers: Mapping[int, Sequence[int]]) -> dict[int, list[Profile | None]]:
        """Profiles by shard and number."""
        found = {}
        for shard, some in numbers.items():
            ids = self._index(shard).ids
            raw = [self._store.profiles.get(ids.get(number, "")) for number in some]
            found[shard] = [read_profile(one) if one is not None else None for one in raw]
        return found

    async def timelines(self, profiles: Sequence[Profile], newest: int = 0) -> list[list[Entry]]:
        """What each of these did."""
        return [[_read_entry(raw) for raw in self._store.timelines.get(one.id, [])[-newest:]] for one in profiles]

    def _view(self, shard: int) -> DirectoryView:
        return DirectoryView(self._index(shard).directory(), self._planes(shard))

    def _is_as_planned(self, ask: Ask) -> bool:
        return not ask.rests_on or self._view(ask.shard).rests_on(Wanted({}, {}), ask.rests_on[-1]) == ask.rests_on

    def _index(self, shard: int) -> MemoryIndex:
        return self._store.index[shard]

    def _planes(self, shard: int) -> dict[str, int]:
        return {name: sum(1 << number for number in held) for name, held in self._index(shard).planes.items()}

    def _told(self, ask: Ask) -> Told:
        held = self._planes(ask.shard)
        results = run(ask.program, held)
        members = [
            _bits(results[result]) if most < 0 or results[result].bit_count() <= most else None
            for result, most in ask.members
        ]
        shown = _shown(ask.shown, results, held) if ask.shown is not None else []
        return Told([results[result].bit_count() for result in ask.counts], members, shown)


def _bits(members: int) -> bytes:
    """As the store keeps a plane: the first number in the highest bit of the first byte."""
    found = bytearray(members.bit_length() // 8 + 1)
    for number in numbers(members):
        found[number // 8] |= 128 >> number % 8
    return bytes(found)


def _shown(shown: Shown, results: Sequence[int], held: Mapping[str, int]) -> list[tuple[int, int]]:
    people = {*numbers(results[shown.result]), *shown.others}
    rows = [(number, _value(number, shown.order.planes, held)) for number in people]
    begun = [row for row in rows if _comes_after(row, shown.begins)]
    return sorted(begun, key=lambda row: (-row[1], row[0]))[: shown.most]


def _comes_after(row: tuple[int, int], begins: From) -> bool:
    number, value = row
    return begins.value < 0 or value < begins.value or (value == begins.value and number >= begins.number)


def _value(number: int, slice_: Sequence[str], held: Mapping[str, int]) -> int:
    value = 0
    for plane in slice_:
        value = value * 2 + (held.get(plane, 0) >> number & 1)
    return value
