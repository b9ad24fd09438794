"""Looking: profiles, timelines and who owns what, read from the store without holding anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.errors import CannotStart
from knownas.identity.facts import Facts
from knownas.nouns import EVENTS, FORMAT, Entry, Fact, Identity, Names, Owner, Profile, murmur2, shard_of
from knownas.topics import Layout

_read_profile: Final = msgspec.msgpack.Decoder(Profile).decode
_read_entry: Final = msgspec.msgpack.Decoder(Entry).decode
read_owner: Final = msgspec.msgpack.Decoder(Owner).decode
read_facts: Final = msgspec.msgpack.Decoder(tuple[Fact, ...]).decode


class Line(NamedTuple):
    """One line of a person's story: the entry, whose it is, and whether it is a linked guest's (shown in gray)."""

    entry: Entry
    profile: str
    guest: bool


class Reader:
    """Reads what the stages have stored."""

    def __init__(self, link: Link, keys: Keys, names: Names, layout: Layout) -> None:
        self._link, self._keys, self._names, self._layout = link, keys, names, layout

    async def profile(self, profile_id: str) -> Profile | None:
        """A profile by its id."""
        (raw,) = await self._link.run([("GET", self._prefix(profile_id) + k.profile(profile_id))])
        return read_profile(raw) if raw is not None else None

    async def owner(self, identity: Identity) -> str | None:
        """The id of the profile that owns an identity."""
        (raw,) = await self._link.run([("GET", self._keys.owner(self._names.identity(identity)))])
        return (read_owner(raw).profile or None) if raw is not None else None

    async def facts(self, device: str) -> Facts:
        """What is at hand of a device's bindings, oldest first."""
        partition = murmur2(device.encode()) % self._layout.partitions
        key = self._keys.source(EVENTS, partition) + k.facts(self._names.device(device))
        (raw,) = await self._link.run([("GET", key)])
        return read_facts(raw) if raw is not None else ()

    async def timeline(self, profile: Profile, newest: int) -> list[Line]:
        """The newest lines of a person's own timeline and those of the linked guests, newest first."""
        if newest < 1:
            return []
        ids = [profile.id, *profile.guests]
        answers = await self._link.run([("LRANGE", self._prefix(i) + k.timeline(i), -newest, -1) for i in ids])
        lines = [
            Line(_read_entry(raw), whose, whose != profile.id)
            for whose, entries in zip(ids, answers, strict=True)
            for raw in entries
        ]
        lines.sort(key=lambda line: (line.entry.ts, line.entry.topic, line.entry.partition, line.entry.offset))
        return lines[::-1][:newest]

    async def counters(self) -> dict[str, int]:
        """Profiles by type, orphans, links and gray events, over all shards."""
        shards = range(self._layout.shards)
        answers = await self._link.run([("HGETALL", self._keys.shard(shard) + k.COUNTERS) for shard in shards])
        total = dict.fromkeys(("anonymous", "addressable", "customer", "orphans", "links", "gray"), 0)
        for flat in answers:
            for i in range(0, len(flat), 2):
                name = flat[i].decode()
                total[name] = total.get(name, 0) + int(flat[i + 1])
        return total

    async def positions(self) -> dict[tuple[str, int], int]:
        """How far each partition of `events`, `updates` and `resolved` is done, by short topic name."""
        ats = {
            (topic, partition): self._keys.source(topic, partition)
            for topic in ("events", "updates")
            for partition in range(self._layout.partitions)
        } | {("resolved", shard): self._keys.shard(shard) for shard in range(self._layout.shards)}
        answers = await self._link.run([("HGET", prefix + k.AT, "pos") for prefix in ats.values()])
        return {tp: int(answer or 0) for tp, answer in zip(ats, answers, strict=True)}

    async def unpublished(self) -> int:
        """How many elements wait in outboxes."""
        shards = range(self._layout.shards)
        return sum(await self._link.run([("LLEN", self._keys.shard(shard) + k.OUTBOX) for shard in shards]))

    async def keys_like(self, pattern: str) -> Sequence[bytes]:
        """All keys of the deployment that match, by scanning: for checking, not for a hot path."""
        found: list[bytes] = []
        cursor: Any = 0
        while True:
            ((cursor, some),) = await self._link.run([("SCAN", cursor, "MATCH", pattern, "COUNT", 5_000)])
            found += some
            if int(cursor) == 0:
                return found

    def _prefix(self, profile_id: str) -> str:
        return self._keys.shard(shard_of(profile_id, self._layout.shards))


def read_profile(raw: bytes) -> Profile:
    """A stored profile; one that a newer version wrote is refused."""
    profile = _read_profile(raw)
    if profile.format > FORMAT:
        raise CannotStart(f"profile {profile.id} was written by a newer knownas; start that version")
    return profile
