"""Stage 2: fold records into profiles. The order of effects of one poll, straight down the page.

Load the profiles that are not in the cache; fold; commit profiles, timelines, watermarks, outbox and position in one
script a shard; hand the outbox to the shard's publisher. A crash before the commit repeats the chunk from the same
state; after it, the successor publishes what the outbox still holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from knownas.nouns import CHANGED, LEDGER, REJECTED, Profile
from knownas.profile.fold import Arrived, Fold, Folded, read
from knownas.stages.hold import ShardHold
from knownas.stages.patience import Patience
from knownas.stages.poll import carry
from knownas.stages.ports import Chunk, Element, Gap, Meter, Outgoing, Refusal, ShardStore, Shares, no_gap
from knownas.stages.publish import Publishers
from knownas.stages.resolve import ledger_message, rejected
from knownas.topics import Layout


class Work:
    """One chunk of a shard on its way through the stage."""

    def __init__(self, chunk: Chunk) -> None:
        self.hold: ShardHold = chunk.hold
        self.next_offset = chunk.next_offset
        self.arrived: list[tuple[Arrived, bytes]] = [
            (read(record.value), record.value) for record in chunk.records if record.offset >= self.hold.position
        ]
        self.folded: Folded
        self.outgoing: Element


class Materialize:
    """Stage 2 of a worker."""

    def __init__(
        self,
        store: ShardStore,
        publishers: Publishers,
        layout: Layout,
        meter: Meter,
        refused: Refusal,
        cached_profiles: int,
        publish_counts: bool = False,
        gap: Gap = no_gap,
    ) -> None:
        self._store, self._publishers, self._layout = store, publishers, layout
        self._meter, self._refused, self._gap = meter, refused, gap
        self._cached_profiles, self._publish_counts = cached_profiles, publish_counts
        self.patience = Patience("materialize")

    async def poll(self, chunks: Sequence[Chunk]) -> None:
        """Take all chunks of one poll through the stage; returns when everything is committed or nothing is ours."""
        works = [work for chunk in chunks if chunk.hold.alive and (work := Work(chunk)).arrived]
        for work in works:
            await self._publishers.room(work.hold)
        await carry(works, self._attempt, self.patience, self._refused)

    async def _attempt(self, works: list[Work]) -> None:
        try:
            works = await self._load(works)
            await self._gap("materialize.loaded")
            works = await self._fold_and_commit(works)
            await self._gap("materialize.committed")
        except BaseException:
            # What was folded in place was not committed, or nobody knows whether it was.
            for work in works:
                work.hold.profiles.clear()
            raise
        for work in works:
            self._finish(work)

    async def _load(self, works: list[Work]) -> list[Work]:
        shares = []
        for work in works:
            cache, named = work.hold.profiles, dict.fromkeys(arrived.profile for arrived, _ in work.arrived)
            shares.append(Shares(work.hold, [profile for profile in named if profile not in cache]))
        loaded = await self._store.load(shares)
        for work, profiles in zip(works, loaded, strict=True):
            if profiles is None:
                self._lose(work)
            else:
                work.hold.profiles.update(profiles)
        return [work for work in works if work.hold.alive]

    async def _fold_and_commit(self, works: list[Work]) -> list[Work]:
        beyond = await self._devices_beyond(works)
        for work in works:
            hold = work.hold
            fold = Fold(hold.profiles, hold.watermarks, beyond, self._publish_counts)
            for arrived, raw in work.arrived:
                fold.add(arrived, raw)
            work.folded = fold.result()
            work.outgoing = self._outgoing(work.folded, hold.partition)
        accepted = await self._store.commit([(w.hold, w.folded, w.next_offset, w.outgoing) for w in works])
        for work, ok in zip(works, accepted, strict=True):
            if not ok:
                self._meter.count("refused_commits")
                self._lose(work)
        return [work for work in works if work.hold.alive]

    async def _devices_beyond(self, works: Sequence[Work]) -> set[tuple[str, str]]:
        """For persons with more devices than a profile shows: which of those that bind now they have already."""
        asked = []
        for work in works:
            for arrived, _ in work.arrived:
                profile: Profile | None = work.hold.profiles.get(arrived.profile)
                if arrived.binds is not None and profile is not None and profile.devices_more:
                    asked.append((work.hold, arrived.profile, arrived.binds))
        return await self._store.devices_beyond(asked) if asked else set()

    def _lose(self, work: Work) -> None:
        work.hold.drop()
        work.hold.profiles.clear()

    def _finish(self, work: Work) -> None:
        hold, folded = work.hold, work.folded
        self._remember(hold, folded)
        self._meter.count("folded", len(work.arrived) - folded.repeats)
        self._meter.count("repeats", folded.repeats)
        for rejection in folded.rejections:
            self._meter.count("rejected", 1, rejection.reason)
        if work.outgoing:
            self._publishers.offer(hold, work.outgoing)

    def _remember(self, hold: ShardHold, folded: Folded) -> None:
        cache = hold.profiles
        for profile_id, profile in folded.profiles.items():
            cache[profile_id] = profile
            cache.move_to_end(profile_id)
        most = self._cached_profiles // max(1, self._publishers.count)
        while len(cache) > most:
            cache.popitem(last=False)

    def _outgoing(self, folded: Folded, shard: int) -> Element:
        out = [Outgoing(CHANGED, shard, key.encode(), value, [], None) for key, value in folded.changes]
        partition = shard % self._layout.partitions
        for row in folded.rows:
            message = ledger_message(row)
            out.append(Outgoing(LEDGER, partition, message.key, message.value, [], message.at))
        for rejection in folded.rejections:
            said = rejected(rejection, self._layout)
            out.append(Outgoing(REJECTED, partition, said.key, said.value, said.headers, None))
        return out
