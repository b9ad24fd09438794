"""Finding people: by identity, by five queries from selective to broad, beside looking at everybody and beside DuckDB;
then live segments (`living`).

People are written through the stages' own commit, some thousand at a time, with index and timeline. Every count is
compared: with DuckDB's, and with looking at every profile (at the first `LOOKED_AT` of them, where there are more).
Times are those of one caller who waits for each answer; the store, the reader and the bench share the machine.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis

from knownas.adapters.find_store import StoredShards
from knownas.adapters.finder import Finder
from knownas.adapters.keys import Keys
from knownas.adapters.reader import Reader, owner_bytes, read_profile
from knownas.adapters.redis import Command, Link
from knownas.adapters.store import RedisShardStore
from knownas.find.answer import Page
from knownas.find.evaluate import evaluate
from knownas.find.line import from_line
from knownas.find.moment import Moment
from knownas.nouns import Names, Owner, shard_of
from knownas.profile.time import Calendar
from knownas.topics import Layout
from tests.bench import living, yardstick
from tests.bench.crowd import NOW_MS, Somebody, crowd, email
from tests.bench.systems import Broken
from tests.find.stored import put

SHARDS: Final = 8
TIMES: Final = 60
LOOKED_AT: Final = 100_000
SAMPLED: Final = 2_000
BATCH: Final = 2_000
QUERIES: Final = (
    "Plan = Gold and age 25..30 and did Viewed in 30d and not did Charged",
    "city = Mumbai and did Charged >= 2 in 30d",
    'type addressable and not did "App Launched" in 7d',
    "birthday in next 7d and reachable by push",
    "Plan in (Gold, Silver) or tags = vip",
)

Millis = tuple[float, float]
"""Of many times: half, and 95 in 100, were as fast."""


class Asked(NamedTuple):
    """One query: how many match, and how long an answer takes; `first_ms` to whoever is the first to ask."""

    line: str
    people: int
    first_ms: float
    count_ms: Millis
    page_ms: Millis
    everybody_ms: float
    duckdb_count_ms: Millis | None
    duckdb_page_ms: Millis | None


class Finding(NamedTuple):
    """Everything that was measured."""

    profiles: int
    loaded_in_seconds: float
    by_identity_ms: Millis
    bytes_per_profile: dict[str, int]
    queries: list[Asked]
    new_segment: living.Filling
    segments_us_per_record: dict[int, float]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        by_count = {str(count): cost for count, cost in self.segments_us_per_record.items()}
        return self._asdict() | {
            "queries": [asked._asdict() for asked in self.queries],
            "new_segment": self.new_segment._asdict(),
            "segments_us_per_record": by_count,
        }


async def measure(redis_url: str, folder: Path, profiles: int, say: Callable[[str], None]) -> Finding:
    """Everything, one after the other."""
    keys, names, calendar = Keys("find:"), Names(b"the secret of the bench"), Calendar()
    tables = _tables(folder, say)
    async with Link(redis_url) as link:
        started = time.perf_counter()
        await put(RedisShardStore(link, keys, 500), SHARDS, _noted(profiles, tables), NOW_MS, calendar, BATCH)
        loaded = time.perf_counter() - started
        say(f"{profiles:,} profiles loaded in {loaded:.0f} s")
        await _own(link, keys, names, profiles)
        reader = Reader(link, keys, names, Layout("", SHARDS, SHARDS))
        by_identity = await _identities(reader, profiles)
        sizes = await _bytes(redis_url, profiles)
        moment = Moment(NOW_MS, calendar)
        everybody = await _everybody(link, keys, profiles, moment)
        database = tables.load() if tables is not None else None
        asked = []
        for place in range(len(QUERIES)):
            finder = Finder(StoredShards(link, keys, SHARDS))
            asked.append(await _asked(place, finder, moment, everybody[place], database, profiles))
        filling = await living.fill(RedisShardStore(link, keys, 500))
    costs = living.microseconds_per_record()
    return Finding(profiles, round(loaded, 1), by_identity, sizes, asked, filling, costs)


def _tables(folder: Path, say: Callable[[str], None]) -> yardstick.Tables | None:
    try:
        import duckdb  # noqa: F401
    except ImportError:
        say("duckdb is not installed: no yardstick")
        return None
    return yardstick.Tables(folder)


def _noted(profiles: int, tables: yardstick.Tables | None) -> Iterator[Somebody]:
    for number, somebody in enumerate(crowd(profiles)):
        if tables is not None:
            tables.add([(number, somebody)])
        yield somebody


async def _own(link: Link, keys: Keys, names: Names, profiles: int) -> None:
    """Owner rows for some: each costs the same to find."""
    commands: list[Command] = []
    for number, (profile, _) in enumerate(crowd(min(profiles, SAMPLED))):
        owner = owner_bytes(Owner(profile.id, 0, "events", 0, number))
        commands.append(("SET", keys.owner(names.identity(email(number))), owner))
    await link.run(commands)


async def _identities(reader: Reader, profiles: int) -> Millis:
    async def by_email(number: int) -> None:
        owner = await reader.owner(email(number % min(profiles, SAMPLED)))
        assert owner is not None
        assert await reader.profile(owner) is not None

    return await _timed(by_email, 1_000)


async def _timed(work: Callable[[int], Awaitable[object]], times: int) -> Millis:
    await work(0)
    took = []
    for number in range(times):
        started = time.perf_counter()
        await work(number)
        took.append((time.perf_counter() - started) * 1000)
    took.sort()
    return round(took[times // 2], 2), round(took[int(times * 0.95)], 2)


async def _everybody(link: Link, keys: Keys, profiles: int, moment: Moment) -> list[tuple[float, int]]:
    """For each query: milliseconds to read and check everybody, and how many of those looked at match."""
    looked_at = min(profiles, LOOKED_AT)
    reading, checking, found = 0.0, [0.0] * len(QUERIES), [0] * len(QUERIES)
    trees = [from_line(line) for line in QUERIES]
    ids = (somebody.profile.id for somebody in crowd(looked_at, entries=0))
    async for some in _batches(ids):
        started = time.perf_counter()
        answers = await link.run([("GET", f"{keys.shard(shard_of(one, SHARDS))}p:{one}") for one in some])
        people = [read_profile(raw) for raw in answers]
        reading += time.perf_counter() - started
        for place, tree in enumerate(trees):
            started = time.perf_counter()
            found[place] += sum(bool(evaluate(tree, one, None, moment).holds) for one in people)
            checking[place] += time.perf_counter() - started
    more = profiles / looked_at
    return [((reading + check) * 1000 * more, count) for check, count in zip(checking, found, strict=True)]


async def _batches(ids: Iterator[str]) -> AsyncIterator[list[str]]:
    batch: list[str] = []
    for one in ids:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _asked(
    place: int, finder: Finder, moment: Moment, everybody: tuple[float, int], database: Any, profiles: int
) -> Asked:
    line, tree = QUERIES[place], from_line(QUERIES[place])
    started = time.perf_counter()
    found = await finder.find(tree, moment)
    first_ms = (time.perf_counter() - started) * 1000
    if found.capped or (profiles <= LOOKED_AT and found.people != everybody[1]):
        raise Broken(f"{line}: {found.people} were found and {everybody[1]} are right")
    sql = yardstick.QUERIES[place]
    if database is not None and yardstick.count(database, sql) != found.people:
        raise Broken(f"{line}: {found.people} were found, and {yardstick.count(database, sql)} by DuckDB")

    async def duck(ask: Callable[[Any, str], object]) -> Millis | None:
        if database is None:
            return None

        async def once(_: int) -> None:
            ask(database, sql)

        return await _timed(once, TIMES // 3)

    return Asked(
        line,
        found.people,
        round(first_ms, 1),
        await _timed(lambda _: finder.find(tree, moment), TIMES),
        await _timed(lambda _: finder.find(tree, moment, Page(50)), TIMES),
        round(everybody[0], 1),
        await duck(yardstick.count),
        await duck(yardstick.page),
    )


async def _bytes(redis_url: str, profiles: int) -> dict[str, int]:
    """What the store keeps for a profile: keys of an index one by one, profiles and timelines by a sample."""
    async with Redis.from_url(redis_url) as store:
        sizes: dict[str, list[int]] = {"profile": [], "timeline": [], "index": []}
        async for key in store.scan_iter("find:*", 5_000):
            kind = {b":p": "profile", b":t": "timeline", b":q": "index"}.get(key.partition(b"}")[2][:2])
            if kind is not None and (kind == "index" or len(sizes[kind]) < SAMPLED):
                sizes[kind].append(int(await store.memory_usage(key, samples=0) or 0))
        index = sum(sizes.pop("index")) // profiles
        return {kind: sum(some) // max(1, len(some)) for kind, some in sizes.items()} | {"index": index}


def lines(found: Finding) -> Iterator[str]:
    """What was found, for people."""
    sampled = f" (reckoned from {LOOKED_AT:,})" if found.profiles > LOOKED_AT else ""
    size = ", ".join(f"{kind} {count:,}" for kind, count in found.bytes_per_profile.items())
    yield f"{found.profiles:,} profiles; bytes of the store for each: {size}"
    yield f"  by identity  p50 {found.by_identity_ms[0]:g} ms, p95 {found.by_identity_ms[1]:g} ms"
    for one in found.queries:
        yield f"  {one.line}: {one.people:,} people"
        yield f"      count {_shown(one.count_ms)}; with 50 of them {_shown(one.page_ms)}; at first {one.first_ms:g} ms"
        yield f"      looking at everybody {one.everybody_ms:,.0f} ms{sampled}"
        yield f"      DuckDB count {_shown(one.duckdb_count_ms)}; with 50 of them {_shown(one.duckdb_page_ms)}"
    new = found.new_segment
    yield f"  a new segment, in a shard of {new.people:,}: {new.steps:,} steps of {_shown(new.step_ms)}, at most"
    yield f"      {new.longest_ms:g} ms; {new.worker_us_per_profile:g} us of the worker a profile"
    for count, cost in found.segments_us_per_record.items():
        yield f"  {count:,} segments: {cost:g} us of the worker an event"


def _shown(took: Millis | None) -> str:
    return "not measured" if took is None else f"p50 {took[0]:g} ms, p95 {took[1]:g} ms"
