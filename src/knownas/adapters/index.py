"""The index of a shard as the store has it, key by key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knownas.adapters import keys as k
from knownas.adapters.redis import Command
from knownas.find.planes import ID_BYTES, members, unpack
from knownas.find.terms import Directory

_NOBODY = bytes(ID_BYTES)


def read_index(rest: str, key: str | bytes) -> Command:
    """The command that reads a key of an index; `rest` is the key after the prefix of its shard."""
    if rest == k.INDEX or rest.startswith(k.codes("")):
        return ("HGETALL", key)
    return ("LRANGE", key, 0, -1) if rest == k.INDEX_FREE else ("GET", key)


def numbers_in(flat: Sequence[bytes]) -> dict[str, int]:
    """A hash whose values are numbers."""
    return {flat[n].decode(): int(flat[n + 1]) for n in range(0, len(flat), 2)}


class StoredIndex:
    """What the keys of a shard's index hold: whom a number is, which are free, who is in each plane."""

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}
        self.free: list[int] = []
        self.planes: dict[str, list[int]] = {}
        self._state: dict[str, int] = {}
        self._codes: dict[str, dict[str, int]] = {}

    def take(self, rest: str, answer: Any) -> None:
        """What one key holds."""
        if rest == k.INDEX:
            self._state = numbers_in(answer)
        elif rest == k.INDEX_IDS:
            found = [answer[n : n + ID_BYTES] for n in range(0, len(answer), ID_BYTES)]
            self.ids = {number: raw.hex() for number, raw in enumerate(found) if raw != _NOBODY}
        elif rest == k.INDEX_FREE:
            self.free = [int(number) for number in answer]
        elif rest.startswith(k.codes("")):
            self._codes[rest.removeprefix(k.codes(""))] = numbers_in(answer)
        elif rest.startswith(k.plane("")):
            self.planes[rest.removeprefix(k.plane(""))] = list(members(answer))
        elif rest.startswith(k.plane_list("")):
            self.planes[rest.removeprefix(k.plane_list(""))] = unpack(answer)

    def directory(self) -> Directory:
        """The directory, with all its codes."""
        found = Directory.stored(self._state, list(self.free))
        for of, codes in self._codes.items():
            found.learn(of, codes)
        return found
