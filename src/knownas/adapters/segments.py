"""The definitions of live segments, and what the shards have made of them.

There is one hash of definitions with one counter of versions, written by a script: who puts two at the same time gets
two versions, and the higher one counts. The keepers of the shards look at the counter now and then and bring what is
new to their shard's own record (`stages.ticks`): the log says from which position on each shard goes by it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.adapters.store import registry_in
from knownas.errors import WrongInput
from knownas.find import planes
from knownas.find.segments import Registry
from knownas.nouns import Definition
from knownas.topics import Layout

MOST_CHARACTERS: Final = 200
MOST_BYTES: Final = 64_000
"""How long a query may be in its JSON form."""
NEWS_BYTES: Final = 400_000
"""Of the definitions that one tick brings: a message has a megabyte at most."""
_IDS_AT_ONCE: Final = 1_000


def check_name(name: str) -> str:
    """A name that a segment can have."""
    if not name.strip() or len(name) > MOST_CHARACTERS or not name.isprintable():
        raise WrongInput(f"a segment's name has 1 to {MOST_CHARACTERS} printable characters")
    return name


def check_query(query: dict[str, Any]) -> dict[str, Any]:
    """A query that is not too long to travel with others."""
    if len(orjson.dumps(query)) > MOST_BYTES:
        raise WrongInput(f"the query of a segment has at most {MOST_BYTES:,} bytes in its JSON form")
    return query


class Size(NamedTuple):
    """How many people are in a segment now; `filling`: how many shards have not judged everybody yet."""

    people: int
    filling: int


class Place(NamedTuple):
    """Where in a segment a page begins: the shard, and the number of a profile there."""

    shard: int
    number: int


BEGINNING: Final = Place(0, 0)


class SegmentStore:
    """Definitions."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link, self._key = link, keys.segments

    async def put(self, name: str, query: Mapping[str, Any], *, replace: bool) -> int | None:
        """Put a segment; the version it has, or None where there is one of this name that is not to be replaced."""
        return await self._change(name, orjson.dumps(query), replace=replace)

    async def remove(self, name: str) -> int | None:
        """Remove a segment; None where there is none of this name."""
        return await self._change(name, b"", replace=False)

    async def _change(self, name: str, query: bytes, *, replace: bool) -> int | None:
        command = self._link.script("segments", (self._key,), k.SEGMENT + name, query, "1" if replace else "0")
        (version,) = await self._link.run([command])
        return int(version) or None

    async def all(self) -> list[Definition]:
        """All that are there, by name."""
        there = [definition for definition in await self._every() if definition.query is not None]
        return sorted(there, key=lambda definition: definition.name)

    async def one(self, name: str) -> Definition | None:
        """The segment of this name."""
        (raw,) = await self._link.run([("HGET", self._key, k.SEGMENT + name)])
        definition = _definition(name, raw) if raw is not None else None
        return definition if definition is not None and definition.query is not None else None

    async def newer(self, than: int) -> list[Definition]:
        """Those with a higher version, the lowest first, as many as fit in a message; removed ones too."""
        (latest,) = await self._link.run([("HGET", self._key, "version")])
        if int(latest or 0) <= than:
            return []
        every = sorted(await self._every(), key=lambda definition: definition.version)
        found: list[Definition] = []
        size = 0
        for definition in [one for one in every if one.version > than]:
            size += len(orjson.dumps(definition.query)) + len(definition.name) + 100
            if found and size > NEWS_BYTES:
                break
            found.append(definition)
        return found

    async def restore(self, definitions: Collection[Definition], latest: int) -> int:
        """Put definitions that shards go by and this hash has lost; how many these are. `latest` is the highest version
        that a shard has seen: the next one put is newer."""
        there = {definition.name: definition.version for definition in await self._every()}
        lost = [one for one in definitions if one.version > there.get(one.name, 0)]
        (version,) = await self._link.run([("HGET", self._key, "version")])
        fields: list[bytes | str | int] = []
        for one in lost:
            query = orjson.dumps(one.query) if one.query is not None else b""
            fields += (k.SEGMENT + one.name, b"%d:" % one.version + query)
        newest = max([latest, *(one.version for one in lost)])
        if lost or newest > int(version or 0):
            await self._link.run([("HSET", self._key, "version", max(newest, int(version or 0)), *fields)])
        return len(lost)

    async def _every(self) -> list[Definition]:
        (flat,) = await self._link.run([("HGETALL", self._key)])
        fields = {flat[n].decode(): flat[n + 1] for n in range(0, len(flat), 2)}
        fields.pop("version", None)
        return [_definition(name.removeprefix(k.SEGMENT), raw) for name, raw in fields.items()]


def _definition(name: str, raw: bytes) -> Definition:
    version, _, query = raw.partition(b":")
    return Definition(name=name, version=int(version), query=orjson.loads(query) if query else None)


class SegmentReader:
    """Members and sizes, from what the shards have."""

    def __init__(self, link: Link, keys: Keys, layout: Layout) -> None:
        self._link, self._keys, self._layout = link, keys, layout

    async def size(self, definition: Definition) -> Size:
        """How many people are in a segment."""
        return (await self.sizes([definition]))[0]

    async def sizes(self, definitions: Sequence[Definition]) -> list[Size]:
        """How many people are in each of these."""
        registries = await self._registries()
        return [await self._size(*self._numbers_in(registries, definition)) for definition in definitions]

    async def _size(self, numbers: Mapping[int, int], filling: int) -> Size:
        commands: list[Sequence[Any]] = []
        for shard, number in numbers.items():
            prefix = self._keys.shard(shard)
            commands += (
                ("BITCOUNT", prefix + k.plane(planes.segment(number))),
                ("STRLEN", prefix + k.plane_list(planes.segment(number))),
            )
        answers = await self._link.run(commands) if commands else []
        return Size(sum(answers[::2]) + sum(answers[1::2]) // planes.NUMBER_BYTES, filling)

    async def _registries(self) -> list[Registry]:
        shards = range(self._layout.shards)
        answers = await self._link.run([("HGETALL", self._keys.shard(shard) + k.SEGMENTS) for shard in shards])
        return [registry_in(flat) for flat in answers]

    async def _numbers(self, definition: Definition) -> tuple[dict[int, int], int]:
        return self._numbers_in(await self._registries(), definition)

    def _numbers_in(self, registries: Sequence[Registry], definition: Definition) -> tuple[dict[int, int], int]:
        """The segment's number in each shard, and how many shards are filling it."""
        numbers, filled = {}, 0
        for shard, registry in enumerate(registries):
            segment = registry.by_name.get(definition.name)
            if segment is not None:
                numbers[shard] = segment.number
                known = segment.held
                filled += known.filled and known.definition.version >= definition.version
        return numbers, self._layout.shards - filled

    async def members(self, definition: Definition) -> AsyncIterator[str]:
        """The ids of those in a segment, shard by shard."""
        place: Place | None = BEGINNING
        while place is not None:
            some, place = await self.page(definition, place, _IDS_AT_ONCE)
            for profile in some:
                yield profile

    async def page(self, definition: Definition, first: Place, most: int) -> tuple[list[str], Place | None]:
        """Some of them, from a place on, and where to go on; None: those were the last."""
        numbers, _ = await self._numbers(definition)
        found: list[str] = []
        for shard, number in sorted(numbers.items()):
            if shard < first.shard:
                continue
            start = first.number if shard == first.shard else 0
            members = [member for member in await self._in_shard(shard, number) if member >= start]
            room = most - len(found)
            found += await self._ids(shard, members[:room])
            if len(members) > room:
                return found, Place(shard, members[room])
        return found, None

    async def _in_shard(self, shard: int, number: int) -> list[int]:
        prefix, plane = self._keys.shard(shard), planes.segment(number)
        raw, packed = await self._link.run([("GET", prefix + k.plane(plane)), ("GET", prefix + k.plane_list(plane))])
        return sorted([*planes.members(raw or b""), *planes.unpack(packed or b"")])

    async def _ids(self, shard: int, numbers: Sequence[int]) -> list[str]:
        key, size = self._keys.shard(shard) + k.INDEX_IDS, planes.ID_BYTES
        answers = await self._link.run([("GETRANGE", key, n * size, (n + 1) * size - 1) for n in numbers])
        return [raw.hex() for raw in answers if any(raw)]
