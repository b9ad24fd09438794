"""What `knownas verify` compares of live segments: who is in them, and what was published of them.

Whoever only listens to `segment-changed` must know who is in, and have heard nobody enter or leave twice in a row:
what is sent again after a crash is word for word what was sent before, and counts once. Of what the topic no longer
holds nothing can be said: there only those who were heard of since are compared.

Whoever the clock may move must be noted for that time, or for an earlier one.

A segment that a shard is filling, or emptying, has those whom it has judged so far. It is named in the report, and its
members are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.store import registry_in
from knownas.find.segments import Registry
from knownas.find.turning import Midnights, turns
from knownas.nouns import SEGMENTS, Profile, Timestamp
from knownas.operate.world import World
from knownas.plain.folding import Shard
from knownas.plain.segmenting import segments_of
from knownas.topics import Layout

Member = tuple[str, str]
"""A segment and a profile."""


class Change(msgspec.Struct, frozen=True):
    """A message of `segment-changed`."""

    segment: str
    segmentVersion: int
    profile: str
    entered: bool
    ts: Timestamp
    version: int


_read = msgspec.json.Decoder(Change).decode


class Heard:
    """What somebody knows who listens to a shard; `is_whole`: from the first message on."""

    def __init__(self, *, is_whole: bool) -> None:
        self.is_whole = is_whole
        self.newest: dict[Member, bool] = {}
        self.twice: list[str] = []
        """Who entered or left without having left or entered, a line each."""
        self._all: set[Change] = set()

    def take(self, change: Change) -> None:
        """One more message."""
        if change in self._all:
            return
        self._all.add(change)
        one = change.segment, change.profile
        if self.newest.get(one, False if self.is_whole else None) is change.entered:
            said = "enters" if change.entered else "leaves"
            self.twice.append(
                f"{SEGMENTS}: {change.profile} {said} {change.segment} once more at version {change.version}"
            )
        self.newest[one] = change.entered


async def heard(world: World, layout: Layout) -> list[Heard]:
    """What was published of each shard's segments."""
    topic = layout.name(SEGMENTS)
    bounds = await world.log.bounds([(topic, shard) for shard in range(layout.shards)])
    found = [Heard(is_whole=bounds[topic, shard][0] == 0) for shard in range(layout.shards)]
    async for record in world.log.read(topic, committed_only=True):
        found[record.partition].take(_read(record.value))
    return found


async def registries(world: World, layout: Layout) -> list[Registry]:
    """The live segments of each shard."""
    keys = [world.keys.shard(shard) + k.SEGMENTS for shard in range(layout.shards)]
    return list(map(registry_in, await world.link().run([("HGETALL", key) for key in keys])))


async def due(world: World, layout: Layout) -> list[dict[str, int]]:
    """When the profiles of each shard are looked at, in milliseconds."""
    keys = [world.keys.shard(shard) + k.SEGMENTS_DUE for shard in range(layout.shards)]
    answers = await world.link().run([("ZRANGE", key, 0, -1, "WITHSCORES") for key in keys])
    return [{flat[n].decode(): int(float(flat[n + 1])) for n in range(0, len(flat), 2)} for flat in answers]


class Expected(NamedTuple):
    """The segments of a shard as the model has them, and what the shard knows of them."""

    shard: Shard
    registry: Registry

    def unsettled(self) -> set[str]:
        """The names of the segments that not everybody here was judged by, or that the shard does not know of yet."""
        known = self.registry.by_name
        found = {name for name, segment in known.items() if not segment.held.filled}
        if self.shard.newest_definition > self.registry.latest:
            found |= {name for name in self.shard.segments.keys() | known.keys() if self._differs(name)}
        return found

    def _differs(self, name: str) -> bool:
        segment = self.registry.by_name.get(name)
        return (segment.held.definition.query if segment is not None else None) != self.shard.segments.get(name)

    def definitions(self) -> tuple[Mapping[str, object], Mapping[str, object]]:
        """Queries by name: those that must be there, those that are. What is unsettled is left out."""
        left_out = self.unsettled()
        wanted = {name: query for name, query in self.shard.segments.items() if name not in left_out}
        found = {
            name: segment.held.definition.query
            for name, segment in self.registry.by_name.items()
            if name not in left_out
        }
        return wanted, found

    def put_in(self, stored: Mapping[str, Profile], kept: int) -> None:
        """Put everybody of the model into their segments, by the numbers the shard gave them; `kept` entries of a
        timeline are."""
        left_out, known = self.unsettled(), self.registry.by_name
        taken = {known[name].number for name in left_out if name in known}
        for profile in self.shard.profiles.values():
            names = segments_of(profile, self.shard, kept) - left_out
            there = stored[profile.id].segments if profile.id in stored else []
            profile.segments = sorted(
                [*(known[name].number for name in names if name in known), *taken.intersection(there)]
            )

    def differences(self, told: Heard) -> Iterator[str]:
        """In what somebody who only listens knows else than the model."""
        yield from told.twice
        left_out = self.unsettled()
        wanted = set(self._members(left_out))
        found = {one for one, entered in told.newest.items() if entered and one[0] not in left_out}
        for segment, profile in sorted(found - wanted):
            yield f"{SEGMENTS} says that {profile} is in {segment}"
        for segment, profile in sorted(wanted - found):
            if told.is_whole or (segment, profile) in told.newest:
                yield f"{SEGMENTS} does not say that {profile} is in {segment}"

    def overlooked(self, noted: Mapping[str, int], midnights: Midnights) -> Iterator[str]:
        """Who is not looked at by the time at which the clock may move them, a line each."""
        known, now_ms = self.registry.by_name, self.registry.clock_ms
        settled = {segment.number for name, segment in known.items() if name not in self.unsettled()}
        for profile in self.shard.profiles.values():
            if profile.gone or profile.guest_of is not None:
                continue
            clocked = [one for one in self.registry.clocked_of(profile) if not settled.isdisjoint(one.segments)]
            turning = [turns(leaf.condition, profile, now_ms, midnights) for leaf in clocked]
            first = min((turn for turn in turning if turn is not None), default=None)
            if first is not None and noted.get(profile.id, first + 1) > first:
                yield f"live segments look at {profile.id} at {noted.get(profile.id)}, not by {first}"

    def _members(self, left_out: set[str]) -> Iterable[Member]:
        names = {segment.number: name for name, segment in self.registry.by_name.items() if name not in left_out}
        for profile in self.shard.profiles.values():
            yield from ((names[number], profile.id) for number in profile.segments if number in names)


def filling(expected: Sequence[Expected]) -> list[str]:
    """The names of the segments that are unsettled anywhere."""
    return sorted({name for one in expected for name in one.unsettled()})
