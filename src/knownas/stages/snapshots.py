"""Snapshots of a shard: what `knownas rebuild` starts from where Kafka no longer has every record.

The rules, in words. At every tick the shard walks on through its profiles by their numbers, a bounded step, so that
each is written once in `days`, whether or not anything came to it; a deletion writes its tombstone at once. A snapshot
is a profile's stored bytes with its overflow lists, and the position it reflects: every message below that is in it.
With it goes the mark of the shard: its watermarks, counters, figures and live segments as of the same position.

Snapshots stand in the outbox of the commit whose position they name, so whoever reads one knows that all that follows
from messages below that position was published, and a worker that lost the shard cannot send one late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Final, NamedTuple, Protocol

import msgspec

from knownas.find.segments import Held, State
from knownas.nouns import FORMAT, SNAPSHOTS
from knownas.profile.fold import Arrived, Folded
from knownas.stages.hold import ShardHold
from knownas.stages.ports import Element, Outgoing, ShardStore

encode: Final = msgspec.msgpack.Encoder().encode

MOST_PROFILES: Final = 1_000
MOST_BYTES: Final = 1_500_000
"""Of one step: a tick is a message like others and must not hold up the shard."""
PIECE_BYTES: Final = 700_000
"""Of what one message holds; a broker takes 1 MiB by default."""
SPARE_PIECES: Final = 8
"""So many more than a profile takes now its snapshot may have taken, where nobody has written down how many it did."""
DAY_MS: Final = 86_400_000

MARK: Final = "shard"
"""The key of a shard's mark; no profile is called so."""
WALK: Final = "snapped"
WALKED: Final = "snapped_ms"
"""Under these names the walk is kept beside the index's numbers: who is next, and the Kafka time of the last step."""

Lists = dict[str, list[tuple[int, str]]]
"""A profile's overflow lists: what they hold, place and text of each item."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A profile as it is stored: its bytes, and its overflow lists."""

    profile: bytes
    lists: Lists = {}


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """One message of a snapshot; `data` of all `of` pieces together is a `Kept`."""

    format: int
    position: int
    of: int
    data: bytes


class Before(NamedTuple):
    """A profile before a commit, and of how many messages its newest snapshot is, where that is written down: it is
    more than one, and was not written by a version that kept no account of it."""

    kept: Kept
    pieces: int | None = None


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """How far a shard was, and what it holds beside its profiles. `meta` is what the deployment keeps in the store
    alone: the callers' `keys`, and the `layout`; in the mark of shard 0."""

    format: int
    position: int
    watermarks: dict[str, tuple[int, int]]
    counters: dict[str, int]
    figures: dict[str, bytes]
    state: State
    held: list[Held]
    meta: dict[str, dict[str, bytes]] = {}


class Stand(NamedTuple):
    """What a shard's store holds before a commit, beside profiles; `walk` and `walked_ms` say how far the walk is."""

    counters: dict[str, int]
    figures: dict[str, bytes]
    walk: int
    walked_ms: int
    meta: dict[str, dict[str, bytes]]


class SnapshotStore(Protocol):
    """What snapshots are made of. Read between a hold's commits, it is of one piece: nobody else writes the shard."""

    async def stand(self, hold: ShardHold) -> Stand:
        """Counters, figures, how far the walk is."""

    async def kept(self, hold: ShardHold, profiles: Sequence[str]) -> dict[str, Before]:
        """Those of these profiles that are stored."""


class Snapshots:
    """The snapshots of the shards of a worker; each profile's once in `days`, none where that is 0."""

    def __init__(self, store: SnapshotStore, shards: ShardStore, days: float) -> None:
        self._store, self._shards, self._cycle_ms = store, shards, days * DAY_MS

    async def add(self, hold: ShardHold, arrived: Arrived, folded: Folded, after: int) -> tuple[Folded, Element]:
        """What was folded of a message that is folded alone, with how far the walk is then; and the snapshots to go
        with its commit, whose position is `after`."""
        buried = {profile.id: profile for profile in folded.profiles.values() if profile.gone}
        is_tick = arrived.task == "tick" and not folded.repeats
        if not self._cycle_ms or not (buried or is_tick):
            return folded, []
        stand, made = await self._store.stand(hold), _Made(hold.partition, after)
        kept = await self._store.kept(hold, list(buried)) if buried else {}
        for profile, tombstone in buried.items():
            made.keep(profile, Kept(encode(tombstone)), kept.get(profile))
        if is_tick:
            walk = await self._go_on(hold, stand, folded, made, arrived.at)
            state = {**folded.planes.state, WALK: walk, WALKED: arrived.at}
            folded = folded._replace(planes=folded.planes._replace(state=state))
        if made.pieces:
            folded = folded._replace(pieces=made.pieces)
        made.add(MARK, encode(_mark(hold, stand, folded, after)))
        return folded, made.element

    async def _go_on(self, hold: ShardHold, stand: Stand, folded: Folded, made: _Made, at_ms: int) -> int:
        """Write the profiles of a step of the walk; where it goes on then."""
        assert hold.directory is not None
        people = hold.directory.next
        passed = at_ms - stand.walked_ms if stand.walked_ms else 0
        step = min(MOST_PROFILES, ceil(people * min(1.0, max(0, passed) / self._cycle_ms)))
        numbered = await self._shards.numbered(hold, stand.walk, step) if step else []
        wanted = [profile for profile in numbered if profile]
        kept = await self._store.kept(hold, wanted) if wanted else {}
        for walked, profile in enumerate(numbered):
            if made.size > MOST_BYTES:
                return stand.walk + walked
            known, changed = kept.get(profile), folded.profiles.get(profile)
            if known is not None and (changed is None or not changed.gone):
                kept_now = known.kept if changed is None else Kept(encode(changed), known.kept.lists)
                made.keep(profile, kept_now, known)
        return stand.walk + step if stand.walk + step < people else 0


class _Made:
    """The snapshots of one commit."""

    def __init__(self, shard: int, position: int) -> None:
        self._shard, self._position = shard, position
        self.element: Element = []
        self.size = 0
        self.pieces: dict[str, int] = {}
        """Of how many messages a snapshot is that was of another number of them."""

    def add(self, key: str, value: bytes | None) -> None:
        self.element.append(Outgoing(SNAPSHOTS, self._shard, key.encode(), value, [], None))
        self.size += len(value or b"")

    def keep(self, profile: str, kept: Kept, before: Before | None) -> None:
        """A profile as it is, and nothing of a larger snapshot before."""
        data = encode(kept)
        for key, value in pieces(profile, self._position, data):
            self.add(key, value)
        now = _number_of(data)
        for number in range(now, _most(before)):
            self.add(_key(profile, number), None)
        if now != (1 if before is None else before.pieces or 1):
            self.pieces[profile] = now


def pieces(profile: str, position: int, data: bytes) -> Iterator[tuple[str, bytes]]:
    """The messages of a snapshot: key and value."""
    of = _number_of(data)
    for number in range(of):
        piece = data[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]
        yield _key(profile, number), encode(Piece(FORMAT, position, of, piece))


def _most(before: Before | None) -> int:
    """Of how many messages at most the snapshot before is. Where nobody has written that down it may be by a version
    that did not: a large profile may have been larger then."""
    if before is None:
        return 1
    if before.pieces is None and (before.kept.lists or len(before.kept.profile) > PIECE_BYTES // 2):
        return _number_of(encode(before.kept)) + SPARE_PIECES
    return before.pieces or 1


def _number_of(data: bytes) -> int:
    return max(1, ceil(len(data) / PIECE_BYTES))


def _key(profile: str, number: int) -> str:
    return f"{profile}/{number}" if number else profile


def _mark(hold: ShardHold, stand: Stand, folded: Folded, after: int) -> Mark:
    """The mark of a shard as it is after a commit."""
    assert hold.segments is not None
    counters = {
        name: stand.counters.get(name, 0) + folded.counters.get(name, 0) for name in [*stand.counters, *folded.counters]
    }
    figures = dict(stand.figures)
    if hold.figures is not None:
        figures |= {field: encode(value) for field, value in hold.figures.changed.items()}
        figures = {field: value for field, value in figures.items() if field not in hold.figures.dropped}
    held = [segment.held for segment in hold.segments.by_name.values()]
    return Mark(FORMAT, after, folded.watermarks, counters, figures, hold.segments.state, held, stand.meta)
