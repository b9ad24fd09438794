"""Looking: profiles, timelines and who owns what, read from the store without holding anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.intents import row_in
from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.errors import CannotStart
from knownas.identity.facts import Facts
from knownas.nouns import COUNTED, EVENTS, FORMAT, Entry, Fact, Identity, Names, Owner, Profile, murmur2, shard_of
from knownas.profile.timeline import Page, Pager, Place, Wanted
from knownas.topics import Layout

_read_profile: Final = msgspec.msgpack.Decoder(Profile).decode
_read_entry: Final = msgspec.msgpack.Decoder(Entry).decode
read_owner: Final = msgspec.msgpack.Decoder(Owner).decode
read_facts: Final = msgspec.msgpack.Decoder(tuple[Fact, ...]).decode
_encode: Final = msgspec.msgpack.Encoder().encode


LISTS_AT_ONCE: Final = 50
"""How many timelines are in memory while a page is gathered."""
ITEMS_AT_ONCE: Final = 1_000
"""How much of an overflow list is read in one command."""


class Reader:
    """Reads what the stages have stored."""

    def __init__(self, link: Link, keys: Keys, names: Names, layout: Layout) -> None:
        self._link, self._keys, self._names, self._layout = link, keys, names, layout

    async def profile(self, profile_id: str) -> Profile | None:
        """A profile by its id; of one that is deleted there is nothing to see."""
        return next(iter(await self.profiles([profile_id])), None)

    async def profiles(self, profile_ids: Sequence[str]) -> list[Profile]:
        """Those of these profiles that exist and are not deleted."""
        answers = await self._link.run([("GET", self._prefix(i) + k.profile(i)) for i in profile_ids])
        found = [read_profile(raw) for raw in answers if raw is not None]
        return [profile for profile in found if not profile.gone]

    async def is_deleted(self, profile_id: str) -> bool:
        """Whether a profile was there and is deleted."""
        (raw,) = await self._link.run([("GET", self._prefix(profile_id) + k.profile(profile_id))])
        return raw is not None and read_profile(raw).gone

    async def owner(self, identity: Identity) -> str | None:
        """The id of the profile that owns an identity."""
        row = await self.owner_row(identity)
        return (row.profile or None) if row is not None else None

    async def owner_row(self, identity: Identity) -> Owner | None:
        """What is known of whose an identity is; a released one keeps a row without a profile."""
        (raw,) = await self._link.run([("GET", self._keys.owner(self._names.identity(identity)))])
        row = row_in(raw)
        return read_owner(row) if row is not None else None

    async def facts(self, device: str) -> Facts:
        """What is at hand of a device's bindings, oldest first."""
        partition = murmur2(device.encode()) % self._layout.partitions
        key = self._keys.source(EVENTS, partition) + k.facts(self._names.device(device))
        (raw,) = await self._link.run([("GET", key)])
        return read_facts(raw) if raw is not None else ()

    async def timeline(
        self, profile: Profile, size: int, after: Place | None = None, wanted: Wanted | None = None
    ) -> Page:
        """A page of a person's story: their own timeline and those of all their linked guests, in whatever shards.

        Every timeline is looked through, some at a time: they are kept in order of arrival, not of `ts`.
        """
        pager = Pager(size, after, wanted)
        async for some in self._timelines_of(profile):
            answers = await self._link.run([("LRANGE", self._prefix(i) + k.timeline(i), 0, -1) for i in some])
            for whose, entries in zip(some, answers, strict=True):
                pager.add(whose, map(read_entry, entries), guest=whose != profile.id)
        return pager.page()

    async def _timelines_of(self, profile: Profile) -> AsyncIterator[list[str]]:
        ids = [profile.id, *profile.guests]
        for start in range(0, len(ids), LISTS_AT_ONCE):
            yield ids[start : start + LISTS_AT_ONCE]
        if profile.guests_more:
            async for guests in self.beyond(profile.id, "guests"):
                for start in range(0, len(guests), LISTS_AT_ONCE):
                    yield guests[start : start + LISTS_AT_ONCE]

    async def beyond(self, profile_id: str, what: str) -> AsyncIterator[list[str]]:
        """The `identities` (as kind:value), `devices` or `guests` beyond the first 100, in order of arrival."""
        key, start = self._prefix(profile_id) + k.overflow(what, profile_id), 0
        while True:
            (some,) = await self._link.run([("ZRANGE", key, start, start + ITEMS_AT_ONCE - 1)])
            if not some:
                return
            yield [item.decode() for item in some]
            start += len(some)

    async def counters(self) -> dict[str, int]:
        """Profiles by type, orphans, links and gray events, over all shards."""
        shards = range(self._layout.shards)
        answers = await self._link.run([("HGETALL", self._keys.shard(shard) + k.COUNTERS) for shard in shards])
        total = dict.fromkeys((*COUNTED, "links", "gray"), 0)
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
        cursor = 0
        while True:
            cursor, some = await self._link.scan(cursor, pattern, 5_000)
            found += some
            if not cursor:
                return found

    def _prefix(self, profile_id: str) -> str:
        return self._keys.shard(shard_of(profile_id, self._layout.shards))


def owner_bytes(owner: Owner) -> bytes:
    """An owner row as it is stored. Claims compare rows by their bytes, so what says nothing new is written as it was
    before there were suppressions."""
    return _encode(owner if owner.suppressed else msgspec.structs.astuple(owner)[:-1])


def read_entry(raw: bytes) -> Entry:
    """A stored line of a timeline; one that a newer version wrote is refused."""
    entry = _read_entry(raw)
    if entry.format > FORMAT:
        raise CannotStart(f"a timeline was written by a newer knownas (format {entry.format}); start that version")
    return entry


def read_profile(raw: bytes) -> Profile:
    """A stored profile; one that a newer version wrote is refused."""
    profile = _read_profile(raw)
    if profile.format > FORMAT:
        raise CannotStart(f"profile {profile.id} was written by a newer knownas; start that version")
    return profile
