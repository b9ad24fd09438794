"""A simulated store in a real one and back: what `rebuild` and `repair` find, and what they leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.index import StoredIndex
from knownas.adapters.keys import Keys
from knownas.adapters.memory import MemoryIndex, MemorySegments, MemoryStore
from knownas.adapters.reader import owner_bytes, read_owner
from knownas.adapters.redis import Command, Link
from knownas.adapters.store import RedisShardStore, RedisSourceStore, encode
from knownas.identity.repeats import Counted
from knownas.nouns import EVENTS, RESOLVED, UPDATES, Identity
from knownas.plain import Setting
from tests.rebuild.whole import Everything
from tests.simulation.histories import EMAILS, NUMBERS
from tests.simulation.world import TIMELINE_ENTRIES

IDENTITIES = [*(Identity("email", email) for email in EMAILS), *(Identity("identity", number) for number in NUMBERS)]
LISTS = {"x": "overflow", "l": "leaving"}

_read_counted = msgspec.msgpack.Decoder(Counted).decode


def of_stage_1(store: MemoryStore, keys: Keys, setting: Setting) -> Iterator[Command]:
    """What writes stage 1's part of a store, and where the shards are."""
    for (partition, device), raw in store.facts.items():
        yield ("SET", keys.source(EVENTS, partition) + k.facts(device), raw)
    for identity, owner in store.owners.items():
        yield ("SET", keys.owner(setting.names.identity(identity)), owner_bytes(owner))
    for (topic, number), at in store.at.items():
        prefix = keys.shard(number) if topic == RESOLVED else keys.source(topic, number)
        fields: list[Any] = ["token", at.token]
        if at.pos is not None:
            fields += ("pos", at.pos)
        if topic == RESOLVED:
            fields += ("watermarks", encode(at.watermarks))
        else:
            fields += ("origins", encode(at.origins), "outcomes", encode(at.outcomes))
            fields += ("ids", encode((at.time, tuple(sorted(at.days)))))
        yield ("HSET", prefix + k.AT, *fields)
        for day, marks in at.days.items():
            for mark, counted in marks.items():
                yield ("HSET", prefix + k.marks(day), mark, encode(counted))


class Found:
    """A real store, read into memory."""

    def __init__(self, everything: Everything, link: Link, keys: Keys, setting: Setting) -> None:
        self._everything, self._link, self._keys, self._setting = everything, link, keys, setting

    async def stage_1(self, store: MemoryStore) -> None:
        """Put bindings, owners and how far partitions are in the place of those that a store has."""
        names = {self._setting.names.identity(identity): identity for identity in IDENTITIES}
        store.facts, store.owners = {}, {}
        for tag, rest, value in self._keyed():
            if rest.startswith(k.facts("")) and tag[0] == "d":
                store.facts[int(tag[1:]), rest.removeprefix(k.facts(""))] = value
            elif tag[0] == "o":
                store.owners[names[rest]] = read_owner(value)
        sources = RedisSourceStore(self._link, self._keys, self._setting.names)
        wanted = [(topic, number) for topic in (EVENTS, UPDATES) for number in range(self._setting.partitions)]
        for partition, hold in (await sources.take(dict.fromkeys(wanted, 0))).items():
            at, tag = store.at[partition], f"{partition[0][0].replace('e', 'd')}{partition[1]}"
            at.token, at.pos, at.time = hold.token, hold.position, hold.time
            at.origins, at.outcomes = dict(hold.origins), dict(hold.outcomes)
            marks = {day: self._everything.get(f"{{{tag}}}:{k.marks(day)}", {}) for day in hold.days}
            at.days = {
                day: {mark.encode("latin-1"): _read_counted(raw) for mark, raw in some.items()}
                for day, some in marks.items()
            }
            store.figures[partition] = self._everything.get(f"{{{tag}}}:{k.FIGURES}", {})

    async def stage_2(self, store: MemoryStore) -> None:
        """Put the shards into a store that has none."""
        shards = RedisShardStore(self._link, self._keys, TIMELINE_ENTRIES)
        wanted = dict.fromkeys([(RESOLVED, shard) for shard in range(self._setting.shards)], 0)
        for (_, shard), (hold, outbox) in (await shards.take(wanted)).items():
            at = store.at[RESOLVED, shard]
            at.token, at.pos, at.watermarks, at.indexed = hold.token, hold.position, hold.watermarks, hold.indexed
            at.ahead = hold.ahead
            store.outboxes[shard] = outbox
            (registry,) = await shards.registries([hold])
            assert registry is not None
            held = {name: encode(segment.held) for name, segment in registry.by_name.items()}
            store.segments[shard] = MemorySegments(registry.state, held)
            store.index[shard] = self._index(shard)
        for tag, rest, value in self._keyed():
            if tag.isdecimal():
                self._put(store, int(tag), rest, value)

    def _put(self, store: MemoryStore, shard: int, rest: str, value: Any) -> None:
        kind, _, name = rest.partition(":")
        if kind == "p":
            store.profiles[name], store.shards[name] = value, shard
        elif kind == "t":
            store.timelines[name] = value
        elif kind in LISTS:
            what, _, profile = name.partition(":")
            getattr(store, LISTS[kind])[profile, what] = {text: int(at) for text, at in _scored(value).items()}
        elif rest == k.IDLE:
            store.idle[shard] = _scored(value)
        elif rest == k.SEGMENTS_DUE:
            store.segments[shard].due = {profile: int(at) for profile, at in _scored(value).items()}
        elif rest == k.COUNTERS:
            store.counters[shard] = {field: int(count) for field, count in value.items()}
        elif rest == k.FIGURES:
            store.figures[RESOLVED, shard] = value
        elif rest == k.SNAPPED:
            store.snapped[shard] = {profile: int(number) for profile, number in value.items()}

    def _index(self, shard: int) -> MemoryIndex:
        stored, index = StoredIndex(), MemoryIndex()
        for tag, rest, value in self._keyed():
            if tag == str(shard) and rest.startswith("q:"):
                stored.take(rest, _as_answered(value))
                if rest.startswith(k.codes("")):
                    index.codes[rest.removeprefix(k.codes(""))] = {text: int(code) for text, code in _texts(value)}
                elif rest == k.INDEX:
                    index.state = {name: int(number) for name, number in _texts(value)}
        index.ids, index.free = stored.ids, stored.free
        index.planes = {plane: set(members) for plane, members in stored.planes.items()}
        return index

    def _keyed(self) -> Iterator[tuple[str, str, Any]]:
        for key, value in self._everything.items():
            tag, rest = key[1:].split("}:", 1)
            yield tag, rest, value


def _texts(fields: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """A hash by field, as text."""
    return ((name.encode("latin-1").decode(), value) for name, value in fields.items())


def _scored(flat: list[bytes]) -> dict[str, float]:
    scores = ((flat[n].decode(), float(flat[n + 1])) for n in range(0, len(flat), 2))
    return {text: int(score) if score.is_integer() else score for text, score in scores}


def _as_answered(value: Any) -> Any:
    if isinstance(value, dict):
        return [part for name, one in value.items() for part in (name.encode("latin-1"), one)]
    return value
