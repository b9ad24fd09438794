"""Live segments: what a record costs where there are 1, 100 and 1,000 of them, and how a new one fills itself.

Cost per record is the worker's CPU alone, folding events of people who were judged before, so that what is counted is
the steady state and not their first entering. A new segment is filled in the first shard, tick by tick, by the stage's
own steps and commits.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from knownas.adapters.store import RedisShardStore
from knownas.find.line import from_line
from knownas.find.membership import Watch
from knownas.find.segments import Registry
from knownas.find.turning import Midnights
from knownas.find.writing import to_object
from knownas.nouns import RESOLVED, Definition, Profile, Source
from knownas.profile.fold import USUAL, Arrived, Carried, Fold
from knownas.profile.time import Calendar
from knownas.stages.segments import ANOTHER, Segments, Watched
from tests.bench.crowd import EVENTS, NOW_MS, PLANS, crowd
from tests.find.stored import NOTHING

COUNTS: Final = (0, 1, 100, 1_000)
PEOPLE: Final = 200
RECORDS: Final = 10_000
CHUNK: Final = 500
NEW: Final = "did Charged >= 2 in 30d and Plan = Gold"
_FORMS: Final = (
    'did "{one}" in {days}d and not did "{other}" in 7d',
    'did "{one}" >= {times} in {days}d and Plan in (Gold, Silver)',
    'Plan = {plan} and city = "City {number}"',
    'not did "{one}" in {days}d and lastSeen in {days}d',
    'age {number}..{more} and did "{one}"',
)


class Filling(NamedTuple):
    """How a new segment was filled: over so many people, in so many steps; half of them, and 95 in 100, took so many
    milliseconds; CPU of the worker for each person."""

    people: int
    steps: int
    step_ms: tuple[float, float]
    longest_ms: float
    worker_us_per_profile: float


def microseconds_per_record() -> dict[int, float]:
    """The worker's CPU for an event, by how many segments there are."""
    return {count: round(_cost(count), 1) for count in COUNTS}


def _queries(count: int) -> Iterator[str]:
    dice = random.Random(1)
    for number in range(count):
        form = dice.choice(_FORMS)
        yield form.format(
            one=dice.choice(EVENTS), other=dice.choice(EVENTS), days=dice.choice([1, 3, 7, 14, 30, 60, 90]),
            times=dice.choice([2, 3, 5]), plan=dice.choice(PLANS), number=number % 50, more=number % 50 + 5,
        )  # fmt: skip


def _cost(count: int) -> float:
    registry, midnights = Registry(), Midnights(Calendar())
    for number, line in enumerate(_queries(count)):
        registry.define(Definition(name=f"segment {number}", version=number + 1, query=to_object(from_line(line))))
    registry.clock_ms = NOW_MS
    registry.index()
    people = {somebody.profile.id: somebody.profile for somebody in crowd(PEOPLE)}
    watch = Watch(registry, midnights, lambda _: ())
    for profile in people.values():
        watch.judge(profile, list(registry.by_number), 0)
    _fold(registry, midnights, people, 0)
    started = time.process_time()
    _fold(registry, midnights, people, RECORDS)
    return (time.process_time() - started) / RECORDS * 1e6


def _fold(registry: Registry, midnights: Midnights, people: dict[str, Profile], first: int) -> None:
    dice, ids, watermarks = random.Random(first), list(people), dict[str, tuple[int, int]]()
    for start in range(first, first + RECORDS, CHUNK):
        fold = Fold(people, watermarks)
        folding = Watched(registry, midnights, fold, {}, 500) if registry.by_name else fold
        for offset in range(start, start + CHUNK):
            record = Carried(type="event", device="d", evtName=dice.choice(EVENTS), evtData=msgspec.Raw(b"{}"))
            source = Source("events", 0, offset, 0)
            folding.add(
                Arrived(profile=dice.choice(ids), source=source, at=NOW_MS, ts=NOW_MS // 1000, record=record),
                b"",
                offset,
            )
        watermarks = folding.result().watermarks


async def fill(store: RedisShardStore) -> Filling:
    """Put a segment and let its first shard fill it."""
    ((hold, _),) = (await store.take({(RESOLVED, 0): 0})).values()
    (hold.directory,) = await store.directories([hold])
    (hold.segments,) = await store.registries([hold])
    registry, segments = hold.segments, Segments(store, USUAL)
    assert registry is not None
    assert hold.directory is not None
    definitions = [Definition(name="new", version=1, query=to_object(from_line(NEW)))]
    took, started = list[float](), time.process_time()
    while definitions or registry.walk is not None:
        begun, offset = time.perf_counter(), hold.position
        asked = registry.asked
        source = Source(RESOLVED, 0, offset, 0) if asked is None else Source(RESOLVED, 0, asked, ANOTHER)
        tick = Arrived(profile="", source=source, at=NOW_MS, ts=NOW_MS / 1000, task="tick", segments=definitions)
        folded = await segments.tick(hold, tick, offset, NOTHING._replace(watermarks=hold.watermarks))
        assert await store.commit([(hold, folded, offset + 1, [])]) == [True]
        definitions = []
        took.append((time.perf_counter() - begun) * 1000)
    cpu, people, steps = time.process_time() - started, hold.directory.next, len(took)
    took.sort()
    half, most, longest = (round(took[int((steps - 1) * part)], 1) for part in (0.5, 0.95, 1))
    return Filling(people, steps, (half, most), longest, round(cpu / people * 1e6, 1))
