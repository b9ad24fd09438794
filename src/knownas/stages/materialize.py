"""Stage 2: fold records into profiles. The order of effects of one poll, straight down the page.

Load the profiles that are not in the cache; fold; commit profiles, timelines, watermarks, outbox and position in one
script a shard; hand the outbox to the shard's publisher. A crash before the commit repeats the chunk from the same
state; after it, the successor publishes what the outbox still holds.

A message about leaving is folded and committed alone: chunks are cut around them into pieces, and the pieces of a poll
go through the stage in waves, the first of each chunk, then the second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

import msgspec

from knownas.nouns import CHANGED, LEDGER, REJECTED, RESOLVED, SEGMENTS, Names, Profile, shard_of
from knownas.profile.fold import USUAL, Arrived, Fold, Folded, FoldRules, read
from knownas.profile.leaving import Found, Place, is_alone, part, wanted
from knownas.profile.parting import Listed
from knownas.records.control import write
from knownas.stages.counting import count_folded
from knownas.stages.enrol import enrol
from knownas.stages.hold import ShardHold
from knownas.stages.patience import Patience
from knownas.stages.poll import carry, count_each
from knownas.stages.ports import (
    Chunk,
    Element,
    Folding,
    Gap,
    Headers,
    Laps,
    Meter,
    Outgoing,
    Refusal,
    ShardStore,
    Shares,
    Tracer,
    no_gap,
)
from knownas.stages.publish import Publishers
from knownas.stages.resolve import ledger_message, rejected
from knownas.stages.segments import Segments, Timelines
from knownas.stages.snapshots import Snapshots
from knownas.stages.ticks import due_tick
from knownas.topics import Layout

_encode: Final = msgspec.json.Encoder().encode


Told = tuple[Arrived, bytes, int]
"""A message of a shard, with its bytes and its offset."""


class Work:
    """A piece of a shard's chunk on its way through the stage."""

    def __init__(self, hold: ShardHold, messages: list[Told], next_offset: int) -> None:
        self.hold, self.messages, self.next_offset = hold, messages, next_offset
        self.is_alone = is_alone(messages[0][0])
        self.folded: Folded
        self.outgoing: Element
        self.tick: Element
        self.timelines: Timelines = {}
        self.carried: Mapping[str, Headers] = {}
        """The headers with which news of a profile goes out: those of the newest record that carries a trace."""


def pieces(chunk: Chunk) -> list[Work]:
    """A chunk as it is folded: whole, but for messages that are folded alone."""
    hold: ShardHold = chunk.hold
    records = [record for record in chunk.records if record.offset >= hold.position]
    messages: list[Told] = [(read(record.value), record.value, record.offset) for record in records]
    works, start = [], 0
    for place in [place for place, message in enumerate(messages) if is_alone(message[0])]:
        arrived, raw, offset = messages[place]
        if start < place:
            works.append(Work(hold, messages[start:place], offset))
        works.append(Work(hold, [(_timed(arrived, records[place]), raw, offset)], offset + 1))
        start = place + 1
    if start < len(messages):
        works.append(Work(hold, messages[start:], chunk.next_offset))
    return works


def _timed(arrived: Arrived, record: Any) -> Arrived:
    """The time of a tick is when it came."""
    if arrived.task != "tick":
        return arrived
    return msgspec.structs.replace(arrived, at=record.timestamp, ts=record.timestamp / 1000)


def _carried(messages: Sequence[Told], onwards: Mapping[int, Headers]) -> dict[str, Headers]:
    return {arrived.profile: onwards[offset] for arrived, _, offset in messages if offset in onwards}


class Materialize:
    """Stage 2 of a worker."""

    def __init__(
        self,
        store: ShardStore,
        publishers: Publishers,
        layout: Layout,
        names: Names,
        meter: Meter,
        refused: Refusal,
        cached_profiles: int,
        rules: FoldRules = USUAL,
        gap: Gap = no_gap,
        snapshots: Snapshots | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._store, self._publishers, self._layout, self._names = store, publishers, layout, names
        self._snapshots, self._tracer = snapshots, tracer
        self._meter, self._refused, self._gap = meter, refused, gap
        self._cached_profiles, self._rules = cached_profiles, rules
        self._segments = Segments(store, rules)
        self.patience = Patience("materialize")

    async def poll(self, chunks: Sequence[Chunk]) -> None:
        """Take all chunks of one poll through the stage; returns when everything is committed or nothing is ours."""
        foldings = self._foldings(chunks) if self._tracer is not None else {}
        for wave in zip_longest(*[pieces(chunk) for chunk in chunks if chunk.hold.alive]):
            works = [work for work in wave if work is not None and work.hold.alive]
            for work in works:
                if foldings:
                    work.carried = _carried(work.messages, foldings[work.hold.partition].onwards)
                await self._publishers.room(work.hold)
            if works:
                lap = self._meter.laps("materialize")
                await carry(works, self._attempt, self.patience, self._refused)
                lap("poll")
        for chunk in chunks:
            if foldings and chunk.hold.alive:
                foldings[chunk.hold.partition].done()

    def _foldings(self, chunks: Sequence[Chunk]) -> dict[int, Folding]:
        """What follows the traces of each chunk, by shard."""
        tracer = self._tracer
        assert tracer is not None
        ours = [(chunk.hold.partition, chunk.records) for chunk in chunks if chunk.hold.alive]
        return {shard: tracer.folding(shard, records) for shard, records in ours}

    async def _attempt(self, works: list[Work]) -> None:
        lap = self._meter.laps("materialize")
        try:
            works = await self._load(works)
            lap("load")
            await self._gap("materialize.loaded")
            works = await self._fold_and_commit(works, lap)
            await self._gap("materialize.committed")
        except BaseException:
            # What was folded in place was not committed, or nobody knows whether it was.
            for work in works:
                work.hold.forget()
            raise
        for work in works:
            self._finish(work)

    async def _load(self, works: list[Work]) -> list[Work]:
        shares = []
        for work in works:
            cache, named = work.hold.profiles, dict.fromkeys(arrived.profile for arrived, _, _ in work.messages)
            missing = [profile for profile in named if profile not in cache]
            self._meter.count("cache_lookups", len(missing), "miss")
            self._meter.count("cache_lookups", len(named) - len(missing), "hit")
            shares.append(Shares(work.hold, missing))
        loaded = await self._store.load(shares)
        for work, profiles in zip(works, loaded, strict=True):
            if profiles is None:
                self._lose(work)
            else:
                work.hold.profiles.update(profiles)
        works = await self._read("directory", [work for work in works if work.hold.alive], self._store.directories)
        works = await self._enrol_all(works)
        works = await self._read("segments", works, self._store.registries)
        works = await self._read("figures", works, self._store.figures)
        for work in works:
            work.timelines = await self._segments.timelines(work.hold, [arrived for arrived, _, _ in work.messages])
        return works

    async def _read(
        self, kept: str, works: list[Work], ask: Callable[[list[ShardHold]], Awaitable[list[Any]]]
    ) -> list[Work]:
        """What holds keep beside profiles, for those that do not have it yet."""
        unread = [work for work in works if getattr(work.hold, kept) is None]
        found = await ask([work.hold for work in unread]) if unread else []
        for work, what in zip(unread, found, strict=True):
            setattr(work.hold, kept, what)
            if what is None:
                self._lose(work)
        return [work for work in works if work.hold.alive]

    async def _enrol_all(self, works: list[Work]) -> list[Work]:
        for work in works:
            directory = work.hold.directory
            assert directory is not None
            if not (directory.complete or await self._enrol(work)):
                self._lose(work)
        return [work for work in works if work.hold.alive]

    async def _enrol(self, work: Work) -> bool:
        hold = work.hold
        if not hold.watermarks:
            assert hold.directory is not None
            hold.directory.complete = True
            return True
        if not await enrol(self._store, hold, self._rules.calendar, work.messages[0][0].at):
            return False
        hold.profiles.clear()  # they have no numbers
        (profiles,) = await self._store.load([Shares(hold, {arrived.profile for arrived, _, _ in work.messages})])
        hold.profiles.update(profiles or {})
        assert hold.directory is not None
        hold.directory.complete = True
        return profiles is not None

    async def _fold_and_commit(self, works: list[Work], lap: Laps) -> list[Work]:
        beyond = await self._devices_beyond(works)
        for work in works:
            if work.is_alone:
                await self._part(work)
            else:
                self._fold(work, beyond)
        works = [work for work in works if work.hold.alive]
        for work in works:
            count_folded(work.hold, (message[0] for message in work.messages), work.folded, self._rules.calendar)
            snapshots: Element = []
            if work.is_alone and self._snapshots is not None:
                alone = work.messages[0][0]
                work.folded, snapshots = await self._snapshots.add(work.hold, alone, work.folded, work.next_offset)
            work.tick = due_tick(work.hold, work.next_offset)
            work.outgoing = self._outgoing(work.folded, work.hold.partition, work.carried) + snapshots + work.tick
        lap("fold")
        accepted = await self._store.commit([(w.hold, w.folded, w.next_offset, w.outgoing) for w in works])
        lap("commit")
        for work, ok in zip(works, accepted, strict=True):
            if not ok:
                self._meter.count("fenced_commits", 1, "materialize")
                self._lose(work)
        return [work for work in works if work.hold.alive]

    def _fold(self, work: Work, beyond: set[tuple[str, str]]) -> None:
        hold = work.hold
        fold = Fold(hold.profiles, hold.watermarks, beyond, self._rules, hold.partition, hold.directory)
        folding = self._segments.watch(hold, fold, work.timelines) or fold
        for arrived, raw, offset in work.messages:
            folding.add(arrived, raw, offset)
        work.folded = folding.result()

    async def _part(self, work: Work) -> None:
        """Fold a message about leaving, with what it needs beside its profile."""
        hold, (arrived, raw, offset) = work.hold, work.messages[0]
        profile, found = hold.profiles.get(arrived.profile), Found()
        asked = wanted(arrived, profile)
        if asked.listed:
            found = Found(listed=frozenset(await self._store.listed([(hold, one) for one in asked.listed])))
        if asked.sweeps:
            found = Found(leaving=await self._store.leaving(hold, arrived.profile))
        if asked.idle_before is not None:
            if not hold.indexed and not await self._store.index(hold):
                self._lose(work)
                return
            found = Found(idle=await self._idle(hold, asked.idle_before))
        place = Place(hold.partition, offset, hold.watermarks)
        there = [*([profile] if profile is not None else []), *found.idle]
        watched = self._segments.before(hold, arrived, there, work.timelines)
        folded = part(arrived, raw, place, profile, found, self._rules, hold.directory)
        folded = watched.after(folded) if watched is not None else folded
        if arrived.task == "tick" and not folded.repeats:
            folded = await self._segments.tick(hold, arrived, offset, folded)
        work.folded = folded

    async def _idle(self, hold: ShardHold, before: float) -> list[Profile]:
        ids = await self._store.idle(hold, before)
        (loaded,) = await self._store.load([Shares(hold, [one for one in ids if one not in hold.profiles])])
        known = hold.profiles | (loaded or {})
        return [known[profile] for profile in ids if profile in known]

    async def _devices_beyond(self, works: Sequence[Work]) -> set[tuple[str, str]]:
        """For persons with more devices than a profile shows: which of those that bind now they have already."""
        asked = []
        for work in works:
            for arrived, _, _ in work.messages:
                profile: Profile | None = work.hold.profiles.get(arrived.profile)
                if arrived.binds is not None and profile is not None and profile.devices_more:
                    asked.append((work.hold, Listed(arrived.profile, "devices", arrived.binds)))
        found = await self._store.listed(asked) if asked else set()
        return {(profile, device) for profile, _, device in found}

    def _lose(self, work: Work) -> None:
        work.hold.drop()
        work.hold.forget()

    def _finish(self, work: Work) -> None:
        hold, folded = work.hold, work.folded
        self._remember(hold, folded)
        self._measure(work)
        if work.tick:
            hold.ticked()
        if work.outgoing:
            self._publishers.offer(hold, work.outgoing)

    def _measure(self, work: Work) -> None:
        meter, folded, messages = self._meter, work.folded, len(work.messages)
        meter.observe("chunk_records", messages, "materialize")
        meter.count("records", messages - folded.repeats - len(folded.rejections), "materialize", "done")
        meter.count("records", folded.repeats, "materialize", "repeated")
        meter.count("records", len(folded.rejections), "materialize", "rejected")
        count_each(meter, "rejected", (rejection.reason for rejection in folded.rejections), "materialize")
        count_each(meter, "decisions", (row.kind for row in folded.rows))
        if (oldest := work.messages[0][0]).at:  # what a shard tells itself has no time of its own
            meter.age("event_to_profile_seconds", oldest.at)

    def _remember(self, hold: ShardHold, folded: Folded) -> None:
        cache = hold.profiles
        for profile_id, profile in folded.profiles.items():
            cache[profile_id] = profile
            cache.move_to_end(profile_id)
        most = self._cached_profiles // max(1, self._publishers.count)
        while len(cache) > most:
            cache.popitem(last=False)

    def _outgoing(self, folded: Folded, shard: int, carried: Mapping[str, Headers]) -> Element:
        with_trace = carried.get
        out = [
            Outgoing(CHANGED, shard, key.encode(), value, with_trace(key, []), None) for key, value in folded.changes
        ]
        for one in folded.segments.transitions:
            headers = with_trace(one.profile, [])
            out.append(Outgoing(SEGMENTS, shard, one.profile.encode(), one.message(), headers, None))
        partition = shard % self._layout.partitions
        for row in folded.rows:
            message = ledger_message(row)
            out.append(Outgoing(LEDGER, partition, message.key, message.value, [], message.at))
        for rejection in folded.rejections:
            said = rejected(rejection, self._layout)
            out.append(Outgoing(REJECTED, partition, said.key, said.value, said.headers, None))
        for control, origin in folded.controls:
            out.append(Outgoing(*write(control, origin, self._layout.partitions, self._names)))
        for told in folded.told:
            target = shard_of(told.profile, self._layout.shards) if told.profile else shard
            out.append(Outgoing(RESOLVED, target, told.profile.encode(), _encode(told), [], told.at))
        return out
