"""Which profiles a tick writes to the snapshots, what a deletion leaves there, and that a large one comes in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
import pytest

from knownas.find.segments import Registry
from knownas.find.terms import Directory
from knownas.find.upkeep import NO_CHANGE
from knownas.nouns import RESOLVED, SNAPSHOTS, Profile, Source
from knownas.operate.cut import Cut, Snapshot, joined, read_mark, read_piece
from knownas.profile.fold import Arrived, Folded
from knownas.stages.enrol import NOTHING
from knownas.stages.hold import ShardHold
from knownas.stages.ports import Element
from knownas.stages.snapshots import (
    MARK,
    MOST_PROFILES,
    PIECE_BYTES,
    SPARE_PIECES,
    WALK,
    WALKED,
    Before,
    Kept,
    Piece,
    Snapshots,
    Stand,
    encode,
)

HOUR_MS = 3_600_000
PEOPLE = 100


def name(number: int) -> str:
    return f"{number:032x}"


class Shelf:
    """A shard's store: so many people, each with a number, how far the walk is."""

    def __init__(self, people: int = PEOPLE, walk: int = 0, walked_ms: int = 10 * HOUR_MS) -> None:
        self.people, self.walk, self.walked_ms = people, walk, walked_ms
        self.lists: dict[str, Any] = {}
        self.pieces: dict[str, int] = {}
        self.asked = 0

    async def stand(self, hold: ShardHold) -> Stand:  # noqa: ARG002
        self.asked += 1
        return Stand({"customer": 3}, {"from": b"\x00"}, self.walk, self.walked_ms, {})

    async def kept(self, hold: ShardHold, profiles: Sequence[str]) -> dict[str, Before]:  # noqa: ARG002
        there = {name(number) for number in range(self.people)}
        return {
            one: Before(
                Kept(encode(Profile(format=1, id=one, version=1)), self.lists.get(one, {})), self.pieces.get(one)
            )
            for one in profiles
            if one in there
        }

    async def numbered(self, hold: ShardHold, first: int, most: int) -> list[str]:  # noqa: ARG002
        return [name(number) for number in range(first, min(self.people, first + most))]


def held(people: int = PEOPLE) -> ShardHold:
    hold = ShardHold(RESOLVED, 2, "token", 40, 40)
    hold.directory, hold.segments = Directory(), Registry()
    hold.directory.next = people
    return hold


def tick(at_ms: int) -> Arrived:
    return Arrived("", Source(RESOLVED, 2, 40, 0), at_ms, at_ms / 1000, task="tick")


async def added(shelf: Shelf, arrived: Arrived, folded: Folded = NOTHING, days: float = 1.0) -> tuple[Folded, Element]:
    snapshots = Snapshots(shelf, cast("Any", shelf), days)
    return await snapshots.add(held(shelf.people), arrived, folded, 41)


def whole(profile: str, found: dict[str, Piece]) -> Snapshot:
    snapshot = joined(profile, found)
    assert snapshot is not None
    return snapshot


def keys(element: Element) -> list[str]:
    return [(one.key or b"").decode() for one in element]


@pytest.mark.parametrize(
    ("hours", "walk", "written", "goes_on_at"),
    [
        (6, 0, range(25), 25),
        (6, 90, range(90, 100), 0),
        (0, 5, range(0), 5),
        (48, 0, range(100), 0),
        (-3, 5, range(0), 5),
    ],
    ids=["a quarter of a day", "the last ones", "no time", "two days", "a clock that went back"],
)
async def test_a_tick_writes_as_many_as_the_time_that_passed_is_of_the_cycle_and_the_mark(
    hours: int, walk: int, written: range, goes_on_at: int
) -> None:
    at_ms = (10 + hours) * HOUR_MS
    folded, element = await added(Shelf(walk=walk), tick(at_ms))
    assert keys(element) == [*map(name, written), MARK]
    assert {(one.topic, one.partition) for one in element} == {(SNAPSHOTS, 2)}
    assert (folded.planes.state[WALK], folded.planes.state[WALKED]) == (goes_on_at, at_ms)


async def test_the_first_tick_of_a_shard_only_begins_to_count_the_time() -> None:
    _, element = await added(Shelf(walked_ms=0), tick(10 * HOUR_MS))
    assert keys(element) == [MARK]


async def test_a_step_is_bounded_whatever_time_has_passed() -> None:
    _, element = await added(Shelf(people=5_000), tick(99 * HOUR_MS))
    assert len(element) == MOST_PROFILES + 1


async def test_a_step_ends_where_it_is_too_large_and_the_next_goes_on_there() -> None:
    shelf = Shelf(people=4)
    for number in range(4):
        shelf.lists[name(number)] = {"devices": [(100, "d" * 900_000)]}
    folded, element = await added(shelf, tick(34 * HOUR_MS))
    assert {key.partition("/")[0] for key in keys(element)} == {name(0), name(1), MARK}
    assert folded.planes.state[WALK] == 2


async def test_a_snapshot_names_the_position_after_the_commit_that_carries_it() -> None:
    _, element = await added(Shelf(people=1), tick(34 * HOUR_MS))
    [piece, mark] = [one.value or b"" for one in element]
    assert (read_piece(piece).position, read_mark(mark).position) == (41, 41)


async def test_the_mark_has_counters_as_they_are_after_the_commit() -> None:
    _, element = await added(Shelf(), tick(10 * HOUR_MS), NOTHING._replace(counters={"customer": -1, "orphans": 1}))
    assert read_mark(element[-1].value or b"").counters == {"customer": 2, "orphans": 1}


async def test_a_profile_that_the_tick_changed_is_written_as_it_is_then() -> None:
    changed = Profile(format=1, id=name(0), version=7)
    _, element = await added(Shelf(people=1), tick(34 * HOUR_MS), NOTHING._replace(profiles={name(0): changed}))
    snapshot = whole(name(0), {name(0): read_piece(element[0].value or b"")})
    assert msgspec.msgpack.decode(snapshot.kept.profile, type=Profile) == changed


async def test_a_deletion_leaves_its_tombstone_at_once_and_nothing_of_a_larger_snapshot() -> None:
    shelf, tombstone = Shelf(), Profile(format=1, id=name(3), version=2, changed=2, gone=True)
    shelf.pieces[name(3)] = 40
    arrived = Arrived(name(3), Source("events", 0, 7, 0), 1, 1)
    folded, element = await added(shelf, arrived, NOTHING._replace(profiles={name(3): tombstone}))
    assert keys(element) == [name(3), *(f"{name(3)}/{number}" for number in range(1, 40)), MARK]
    assert all(one.value is None for one in element[1:-1])
    assert folded.pieces == {name(3): 1}
    assert folded.planes is NO_CHANGE
    assert Cut({name(3): whole(name(3), {name(3): read_piece(element[0].value or b"")})}).gone == {name(3)}


async def test_what_does_not_fit_into_one_message_comes_in_pieces_and_is_whole_again() -> None:
    shelf = Shelf(people=1)
    shelf.lists[name(0)] = {"devices": [(100 + n, f"d-{n}" * 100) for n in range(3_000)]}
    folded, element = await added(shelf, tick(34 * HOUR_MS))
    found = {(one.key or b"").decode(): read_piece(one.value) for one in element[:-1] if one.value is not None}
    assert len(found) == folded.pieces[name(0)] > 1
    assert all(len(one.value or b"") < PIECE_BYTES + 100 for one in element)
    assert whole(name(0), found).kept.lists == shelf.lists[name(0)]


@pytest.mark.parametrize(("had", "has"), [(40, 1), (40, 3), (3, 3), (2, 3)])
async def test_of_a_snapshot_that_was_larger_nothing_is_left_over_and_how_large_it_is_now_is_remembered(
    had: int, has: int
) -> None:
    shelf = Shelf(people=1)
    shelf.pieces[name(0)] = had
    if has > 1:
        shelf.lists[name(0)] = {"devices": [(100, "d" * (PIECE_BYTES * has - PIECE_BYTES // 2))]}
    folded, element = await added(shelf, tick(34 * HOUR_MS))
    written = {key: one.value is not None for key, one in zip(keys(element)[:-1], element, strict=False)}
    assert list(written) == [f"{name(0)}/{number}" if number else name(0) for number in range(max(had, has))]
    assert sum(written.values()) == has
    assert folded.pieces == ({} if had == has else {name(0): has})


@pytest.mark.parametrize(
    ("devices", "cleared"),
    [(0, 0), (1, SPARE_PIECES), (PIECE_BYTES * 2, SPARE_PIECES + 2)],
    ids=["small", "with a list", "large"],
)
async def test_who_is_deleted_and_was_written_by_a_version_that_kept_no_account_leaves_nothing_either(
    devices: int, cleared: int
) -> None:
    shelf, tombstone = Shelf(), Profile(format=1, id=name(3), version=2, changed=2, gone=True)
    shelf.lists[name(3)] = {"devices": [(100, "d" * devices)]} if devices else {}
    arrived = Arrived(name(3), Source("events", 0, 7, 0), 1, 1)
    folded, element = await added(shelf, arrived, NOTHING._replace(profiles={name(3): tombstone}))
    assert keys(element) == [name(3), *(f"{name(3)}/{number}" for number in range(1, 1 + cleared)), MARK]
    assert folded.pieces == {}


@pytest.mark.parametrize("days", [0.0, 1.0], ids=["off", "on"])
async def test_what_is_neither_a_tick_nor_a_deletion_costs_nothing(days: float) -> None:
    shelf, arrived = Shelf(), Arrived(name(3), Source("events", 0, 7, 0), 1, 1)
    folded, element = await added(shelf, arrived, days=days)
    assert (folded, element, shelf.asked) == (NOTHING, [], 0)
    assert folded.planes is NO_CHANGE
