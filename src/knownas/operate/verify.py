"""`knownas verify`: the log replayed through the plain model, in the order the log recorded, against the store.

What is compared, byte for byte: facts, owners, profiles with their versions, tombstones, timelines, overflow lists,
what is still to be let go of, idle guests, counters, figures (`verify_figures`), the ledger, the rejected records, the
control records, the newest published state of every profile, and who was published to be in which live segment
(`verify_segments`). The index of each shard is compared with what its profiles are: whoever is in a plane too many or
too few is a difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from knownas.adapters import keys as k
from knownas.adapters.index import StoredIndex, read_index
from knownas.adapters.intents import row_in
from knownas.adapters.reader import Reader, owner_bytes, read_profile
from knownas.find.turning import Midnights
from knownas.identity.facts import KEPT
from knownas.nouns import (
    CHANGED,
    EVENTS,
    LEDGER,
    REJECTED,
    RESOLVED,
    UPDATES,
    LedgerRow,
    Position,
)
from knownas.operate.ledger import rows_about
from knownas.operate.settle import backlog
from knownas.operate.verify_figures import uncounted
from knownas.operate.verify_segments import Expected, Heard, due, filling, heard, registries
from knownas.operate.world import World
from knownas.plain import Answer, LogRecord, Setting, Told, find_order
from knownas.plain import run as run_plain
from knownas.plain.folding import Shard
from knownas.plain.indexing import Book, Index, differences
from knownas.plain.leaving import idle_guests, told_of
from knownas.plain.order import Said, said_in, what_was_said
from knownas.profile.time import Calendar
from knownas.stages.resolve import LONGEST_VALUE
from knownas.topics import Layout

encode: Final = msgspec.msgpack.Encoder().encode
_encode_json: Final = msgspec.json.Encoder().encode


class Report(NamedTuple):
    """What a verification found. `waiting` are records that the workers have not done yet; tombstones are compared and
    no profiles. `filling` are live segments that not everybody was judged by yet."""

    records: int
    profiles: int
    equal_profiles: int
    waiting: int
    differences: list[str]
    filling: list[str]

    @property
    def equal(self) -> bool:
        """Whether the store holds what the log says."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "records": self.records,
            "profiles": self.profiles,
            "verified": self.equal_profiles,
            "waiting": self.waiting,
            "filling": self.filling,
            "differences": self.differences,
        }


async def verify_store(world: World, layout: Layout) -> Report:
    """Compare what the store holds with what the log says it must hold."""
    reader = Reader(world.link(), world.keys, world.names, layout)
    waiting = await backlog(world.log, reader, layout)
    logs = {
        (topic, partition): records
        for topic in (EVENTS, UPDATES)
        for partition, records in (await _records(world, layout, topic)).items()
    }
    rows = await rows_about(world.log, layout.name(LEDGER), lambda _: True)
    rules = world.settings.identity_rules()
    days = world.settings.day_timezone
    setting = Setting(world.names, layout.partitions, layout.shards, rules.kinds, rules.region, days)
    rejected = await _rejected(world, layout)
    said = {position: one.said for position, one in rejected.items()}
    messages = await _message_order(world, layout, said)
    answer = run_plain(logs, setting, find_order(logs, rows, setting, said), messages)
    known = await registries(world, layout)
    stored = await _Stored.read(world, reader)
    segments = [Expected(shard, registry) for shard, registry in zip(answer.shards, known, strict=True)]
    comparing = _Comparing(answer, stored, segments, layout, world)
    comparing.stage_1(rows)
    comparing.stage_2()
    comparing.rejections({position: (one.said.reason, one.value) for position, one in rejected.items()})
    comparing.published(await _newest_changes(world, layout))
    comparing.heard(await heard(world, layout), await due(world, layout))
    comparing.differences += await uncounted(world, layout, answer, logs, setting)
    total = sum(map(len, logs.values()))
    profiles = sum(not profile.gone for shard in answer.shards for profile in shard.profiles.values())
    return Report(total, profiles, comparing.equal_profiles, waiting, comparing.differences, filling(segments))


async def _records(world: World, layout: Layout, topic: str) -> dict[int, list[LogRecord]]:
    found: dict[int, list[LogRecord]] = {partition: [] for partition in range(layout.partitions)}
    async for record in world.log.read(layout.name(topic), committed_only=True):
        at = max(record.timestamp, 0)
        found[record.partition].append(LogRecord(record.offset, at, record.key, record.value, record.headers))
    return found


async def _message_order(world: World, layout: Layout, said: dict[Position, Said]) -> dict[int, list[Told]]:
    """The messages of each shard in order; what they say of their records is added to what rejections say."""
    order: dict[int, list[Told]] = {shard: [] for shard in range(layout.shards)}
    async for record in world.log.read(layout.name(RESOLVED), committed_only=True):
        order[record.partition].append(told_of(record.offset, record.timestamp, record.value))
        for position, one in what_was_said([record.value], {}).items():
            if one.generations or position in said:
                said[position] = one
    return order


class _Rejected(NamedTuple):
    """A rejected record as it was sent."""

    said: Said
    value: bytes | None


async def _rejected(world: World, layout: Layout) -> dict[Position, _Rejected]:
    found = {}
    async for record in world.log.read(layout.name(REJECTED), committed_only=True):
        where = {name: value.decode() for name, value in record.headers}
        position = Position(layout.short(where["topic"]), int(where["partition"]), int(where["offset"]))
        found[position] = _Rejected(said_in(record.headers), record.value)
    return found


async def _newest_changes(world: World, layout: Layout) -> dict[str, dict[str, Any]]:
    newest = {}
    async for record in world.log.read(layout.name(CHANGED), committed_only=True):
        newest[record.key.decode()] = orjson.loads(record.value) if record.value is not None else {}
    return newest


class _Stored(NamedTuple):
    """Everything the stages have stored, by key without prefix and hash tag's braces."""

    facts: dict[str, bytes]
    owners: dict[str, bytes]
    profiles: dict[str, bytes]
    timelines: dict[str, list[bytes]]
    overflow: dict[tuple[str, str], list[bytes]]
    leaving: dict[tuple[str, str], list[bytes]]
    idle: dict[str, float]
    counters: dict[str, int]
    indexes: dict[int, StoredIndex]

    @classmethod
    async def read(cls, world: World, reader: Reader) -> _Stored:
        prefix, link = world.keys.prefix, world.link()
        facts: dict[str, Any] = {}
        owners: dict[str, Any] = {}
        profiles: dict[str, Any] = {}
        timelines: dict[str, Any] = {}
        overflow: dict[tuple[str, str], Any] = {}
        leaving: dict[tuple[str, str], Any] = {}
        idle: dict[str, float] = {}
        indexes: dict[int, StoredIndex] = defaultdict(StoredIndex)
        for some in _slices(await reader.keys_like(prefix + "{*")):
            names = [key.decode().removeprefix(prefix) for key in some]
            commands = [_read_command(name, key) for name, key in zip(names, some, strict=True)]
            for name, answer in zip(names, await link.run(commands), strict=True):
                tag, rest = name.split("}:", 1)
                what, _, ident = rest.partition(":")
                if tag.startswith("{o"):
                    owners[rest] = row_in(answer)
                elif what == "f":
                    facts[ident] = answer
                elif what == "p":
                    profiles[ident] = answer
                elif what == "t":
                    timelines[ident] = answer
                elif what in ("x", "l"):
                    kind, _, profile = ident.partition(":")
                    (overflow if what == "x" else leaving)[profile, kind] = answer
                elif what == "q":
                    indexes[int(tag.removeprefix("{"))].take(rest, answer)
                elif what == k.IDLE:
                    idle |= {answer[n].decode(): float(answer[n + 1]) for n in range(0, len(answer), 2)}
        return cls(facts, owners, profiles, timelines, overflow, leaving, idle, await reader.counters(), indexes)


def _read_command(name: str, key: bytes) -> Sequence[str | bytes | int]:
    rest = name.split("}:", 1)[1]
    if rest.startswith("t:"):
        return ("LRANGE", key, 0, -1)
    if rest.startswith(("x:", "l:")):
        return ("ZRANGE", key, 0, -1)
    if rest == k.IDLE:
        return ("ZRANGE", key, 0, -1, "WITHSCORES")
    if rest.startswith("q:"):
        return read_index(rest, key)
    if name.startswith("{meta}:") or rest.startswith("i:") or rest in _PASSED_OVER:
        return ("TYPE", key)
    return ("GET", key)


_PASSED_OVER: Final = (k.AT, k.COUNTERS, k.FIGURES, k.OUTBOX, k.SEGMENTS, k.SEGMENTS_DUE)


def _slices(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), 2_000):
        yield keys[start : start + 2_000]


class _Comparing:
    """Collects differences, each one line that names what differs."""

    def __init__(
        self, answer: Answer, stored: _Stored, segments: Sequence[Expected], layout: Layout, world: World
    ) -> None:
        self.segments = segments
        self.answer, self.stored, self.layout, self.world = answer, stored, layout, world
        self.differences: list[str] = []
        self.equal_profiles = 0

    def differ(self, line: str) -> None:
        self.differences.append(line)

    def stage_1(self, rows: Sequence[LedgerRow]) -> None:
        decisions = self.answer.decisions
        for copy in decisions.missing():
            self.differ(f"{_at(copy.origin)} belongs in {EVENTS}/{copy.partition} and was not sent there")
        owners = {key: owner_bytes(owner) for key, owner in decisions.owners.items()}
        self.mapping("owner of", owners, self.stored.owners)
        for device in decisions.facts.keys() | self.stored.facts.keys():
            self.facts(device)
        shard_rows = [row for shard in self.answer.shards for row in shard.rows]
        wanted = {(row.position, row.index): _encode_json(row) for row in [*decisions.rows, *shard_rows]}
        found = {(row.position, row.index): _encode_json(row) for row in rows}
        self.mapping("ledger row", wanted, found)

    def facts(self, device: str) -> None:
        """The store keeps the newest facts of a device, the model all."""
        wanted = [encode(fact) for fact in self.answer.decisions.facts.get(device, [])]
        found = [encode(fact) for fact in msgspec.msgpack.decode(self.stored.facts.get(device, b"\x90"))]
        if len(found) < min(len(wanted), KEPT) or found != wanted[len(wanted) - len(found) :]:
            self.differ(f"bindings of device {device}: {len(wanted)} facts wanted, {len(found)} found")

    def stage_2(self) -> None:
        for source in self.answer.unknown:
            self.differ(f"{RESOLVED} holds a message of {_at(source)} that the model does not send there")
        for source in self.answer.absent:
            self.differ(f"{RESOLVED} lacks a message of {_at(source)}")
        for origin in self.answer.unasked:
            self.differ(f"the control record of {_at(origin)} is not what the model sends")
        for origin in self.answer.unsent:
            self.differ(f"the control record of {_at(origin)} is missing")
        profiles: dict[str, bytes] = {}
        timelines: dict[str, list[bytes]] = {}
        overflow: dict[tuple[str, str], list[bytes]] = {}
        leaving: dict[tuple[str, str], list[bytes]] = {}
        idle: dict[str, float] = {}
        totals: dict[str, int] = defaultdict(int)
        stored = {key: read_profile(raw) for key, raw in self.stored.profiles.items()}
        for shard, expected in zip(self.answer.shards, self.segments, strict=True):
            self.mapping(f"live segment in shard {shard.number}", *expected.definitions())
            expected.put_in(stored, self.world.settings.timeline_entries)
            profiles |= {key: encode(profile) for key, profile in shard.profiles.items()}
            cap = self.world.settings.timeline_entries
            timelines |= {key: [encode(entry) for entry in es[-cap:]] for key, es in shard.timelines.items()}
            overflow |= {key: _in_place(texts) for key, texts in shard.overflow.items()}
            leaving |= {key: _in_place(texts) for key, texts in shard.leaving.items()}
            idle |= idle_guests(shard)
            for name, count in shard.counters().items():
                totals[name] += count
        unnumbered = {key: encode(msgspec.structs.replace(one, number=-1)) for key, one in stored.items()}
        equal = self.mapping("profile", profiles, unnumbered)
        gone = [key for shard in self.answer.shards for key, profile in shard.profiles.items() if profile.gone]
        self.equal_profiles = equal - sum(profiles[key] == unnumbered.get(key) for key in gone)
        for shard in self.answer.shards:
            here = {key: stored[key].number for key, one in shard.profiles.items() if key in stored and not one.gone}
            self.index(shard, here)
        self.mapping("timeline of", timelines, self.stored.timelines)
        self.mapping("overflow list", overflow, self.stored.overflow)
        self.mapping("leaving list", leaving, self.stored.leaving)
        self.mapping("idle guest", idle, self.stored.idle)
        self.mapping("counter", totals, self.stored.counters)

    def index(self, shard: Shard, numbers: Mapping[str, int]) -> None:
        """The index of a shard against what its profiles are."""
        stored = self.stored.indexes[shard.number]
        directory = stored.directory()
        days = self.world.settings.day_timezone
        book = Book(directory.events, directory.properties, directory.codes, directory.oldest, days, directory.latest)
        index = Index(book, stored.ids, stored.free, directory.next, numbers, stored.planes)
        for line in differences(shard, index):
            self.differ(line)

    def rejections(self, found: Mapping[Position, tuple[str, bytes | None]]) -> None:
        shard_rejections = [rejection for shard in self.answer.shards for rejection in shard.rejections]
        every = [*self.answer.decisions.rejections, *shard_rejections]
        # What is larger than a message may be was cut.
        wanted = {Position(*r.position): (r.reason, r.value and r.value[:LONGEST_VALUE]) for r in every}
        self.mapping("rejection of", wanted, found)

    def published(self, found: Mapping[str, dict[str, Any]]) -> None:
        wanted = {key: told for shard in self.answer.shards for key, told in shard.published.items()}
        shown = {
            key: {field: told[field] for field in ("profile", "version", "type") if told} for key, told in found.items()
        }
        for key in [key for key, told in found.items() if told.get("truncated") and key in wanted]:
            # Too large for a message: it says who that is, not what they did.
            shown[key]["profile"] = wanted[key]["profile"]
        self.mapping("published state of", wanted, shown)

    def heard(self, told: Sequence[Heard], noted: Sequence[Mapping[str, int]]) -> None:
        """Who only listens knows who is in which segment, and whom the clock may move is looked at in time."""
        midnights = Midnights(Calendar(self.world.settings.day_timezone))
        for expected, one, times in zip(self.segments, told, noted, strict=True):
            for line in (*expected.differences(one), *expected.overlooked(times, midnights)):
                self.differ(line)

    def mapping(self, what: str, wanted: Mapping[Any, Any], found: Mapping[Any, Any]) -> int:
        """Compare two mappings; returns how many items are equal."""
        equal = 0
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            if key not in found:
                self.differ(f"{what} {_said(key)} is missing")
            elif key not in wanted:
                self.differ(f"{what} {_said(key)} should not be there")
            elif wanted[key] != found[key]:
                self.differ(f"{what} {_said(key)} is {_readable(found[key])}, not {_readable(wanted[key])}")
            else:
                equal += 1
        return equal


def _in_place(texts: Mapping[str, int]) -> list[bytes]:
    return [text.encode() for text in sorted(texts, key=lambda text: (texts[text], text))]


def _at(position: Sequence[Any]) -> str:
    return f"{position[0]}/{position[1]}@{position[2]}"


def _said(key: Any) -> str:
    return key if isinstance(key, str) else " ".join(map(str, key))


def _readable(value: Any) -> str:
    if isinstance(value, bytes):
        with suppress(msgspec.DecodeError):
            value = msgspec.msgpack.decode(value)
    return str(value)[:300]
