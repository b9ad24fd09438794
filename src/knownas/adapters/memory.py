"""In-memory twins of Kafka and the store behind the same ports: tests stop, cut and kill between any two steps.

Every call awaits `Weather.step` before its effect, and may fail there or after the effect (a lost answer). What the
scripts do in one piece is one piece here. Values are kept as bytes, so nothing is shared with the caller.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec

from knownas.adapters.reader import read_profile
from knownas.adapters.store import encode, keeps_order
from knownas.errors import Refused, WorldFault
from knownas.find.segments import BEGINNING, Held, Registry, SegmentChange, State
from knownas.find.terms import Directory
from knownas.find.upkeep import IndexChange
from knownas.identity.facts import Facts, trimmed
from knownas.identity.plan import Known, Plan
from knownas.identity.repeats import Counted, oldest_day
from knownas.nouns import Definition, Entry, Fact, Identity, Outcome, Owner, Profile
from knownas.profile.fold import Folded
from knownas.profile.leaving import IDLE_STEP, LEAVING, STEP, is_idle_guest
from knownas.profile.parting import Listed, Parting
from knownas.stages.figures import Figures
from knownas.stages.hold import Hold, ShardHold, SourceHold
from knownas.stages.ports import Batches, Committed, Element, Message, Partition, Shares, Wanted
from knownas.stages.snapshots import WALK, WALKED, Before, Kept, Lists, Stand

_read_entry = msgspec.msgpack.Decoder(Entry).decode
_read_held = msgspec.msgpack.Decoder(Held).decode
_read_facts = msgspec.msgpack.Decoder(tuple[Fact, ...]).decode


class Weather(Protocol):
    """What the world does to one worker."""

    async def step(self, name: str) -> None:
        """Wait until the call may take effect; may raise `WorldFault`: it had none."""

    def answered(self, name: str) -> bool:
        """Whether the answer to a call that took effect arrives."""

    def fate(self) -> str:
        """What becomes of a batch: `sent`, `unanswered` (sent, but the sender learns of a failure), `lost`, `late`."""


@dataclass
class At:
    """What the store holds of one partition or shard beside its data."""

    token: str = ""
    pos: int | None = None
    origins: dict[str, int] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    time: int = 0
    days: dict[int, dict[bytes, Counted]] = field(default_factory=dict)
    watermarks: dict[str, tuple[int, int]] = field(default_factory=dict)
    indexed: bool = False
    ahead: int = 0


@dataclass
class MemoryIndex:
    """The index of a shard: planes as sets of numbers."""

    state: dict[str, int] = field(default_factory=dict)
    codes: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    ids: dict[int, str] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    planes: dict[str, set[int]] = field(default_factory=dict)

    def write(self, change: IndexChange) -> None:
        """What a commit writes."""
        self.state |= change.state
        for of, text, code in change.codes:
            self.codes[of][text] = code
        for number, profile in change.ids.items():
            self.ids[number] = profile
            if not profile:
                del self.ids[number]
        self.free = [*self.free[: len(self.free) - change.taken], *change.freed]
        for plane in change.expired:
            self.planes.pop(plane, None)
        for plane, numbers in change.planes.items():
            here = self.planes.setdefault(plane, set())
            here |= {number for number, way in numbers.items() if way > 0}
            here -= {number for number, way in numbers.items() if way <= 0}

    def directory(self) -> Directory:
        """The directory as it is stored."""
        found = Directory.stored(self.state, list(self.free))
        for of, codes in self.codes.items():
            found.learn(of, dict(codes))
        return found


@dataclass
class MemorySegments:
    """The live segments of a shard, and who is due when."""

    state: State = BEGINNING
    held: dict[str, bytes] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)

    def write(self, change: SegmentChange) -> None:
        """What a commit writes."""
        for profile in change.past:
            self.due.pop(profile, None)
        for profile, at in change.due.items():
            self.due[profile] = min(at, self.due.get(profile, at))
        self.state = change.state or self.state
        self.held |= {held.definition.name: encode(held) for held in change.held}
        for name in change.gone:
            self.held.pop(name, None)

    def registry(self) -> Registry:
        """The segments as they are stored."""
        return Registry(self.state, map(_read_held, self.held.values()))


@dataclass
class MemoryStore:
    """What the store holds."""

    at: dict[Partition, At] = field(default_factory=lambda: defaultdict(At))
    facts: dict[tuple[int, str], bytes] = field(default_factory=dict)
    owners: dict[Identity, Owner] = field(default_factory=dict)
    profiles: dict[str, bytes] = field(default_factory=dict)
    timelines: dict[str, list[bytes]] = field(default_factory=dict)
    overflow: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    leaving: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    idle: dict[int, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    shards: dict[str, int] = field(default_factory=dict)
    """Where each profile lives: in the real store its key says so."""
    index: dict[int, MemoryIndex] = field(default_factory=lambda: defaultdict(MemoryIndex))
    segments: dict[int, MemorySegments] = field(default_factory=lambda: defaultdict(MemorySegments))
    counters: dict[int, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    figures: dict[Partition, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))
    outboxes: dict[int, list[Element]] = field(default_factory=lambda: defaultdict(list))
    snapped: dict[int, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    meta: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"keys": {}, "layout": {}})
    """What the deployment keeps in the store alone."""
    tokens: int = 0

    def holds(self, hold: Hold) -> bool:
        """Whether a hold's token and position are the stored ones."""
        at = self.at[hold.topic, hold.partition]
        return (at.token, at.pos) == (hold.token, hold.position)

    def token(self) -> str:
        """A token that never was."""
        self.tokens += 1
        return f"token {self.tokens}"

    def take(self, partition: Partition, first: int) -> At:
        """Write a fresh token; start at `first` where there is no position."""
        at = self.at[partition]
        at.token = self.token()
        if at.pos is None:
            at.pos = first
        return at


class _Calls:
    """A connection of one worker."""

    def __init__(self, store: MemoryStore, weather: Weather) -> None:
        self._store, self._weather = store, weather

    def _answer(self, name: str) -> None:
        if not self._weather.answered(name):
            raise WorldFault("the store does not answer")

    async def positions(self, partitions: Sequence[Partition]) -> list[int | None]:
        """The stored positions."""
        await self._weather.step("store.positions")
        return [self._store.at[partition].pos for partition in partitions]


class MemorySourceStore(_Calls):
    """`ports.SourceStore` in memory."""

    async def take(self, first: Mapping[Partition, int]) -> dict[Partition, SourceHold]:
        """Write fresh tokens and read."""
        await self._weather.step("source.take")
        holds = {}
        for partition, position in first.items():
            at = self._store.take(partition, position)
            assert at.pos is not None
            holds[partition] = SourceHold(*partition, at.token, at.pos, at.pos)
            holds[partition].origins, holds[partition].outcomes = dict(at.origins), dict(at.outcomes)
            holds[partition].time, holds[partition].days = at.time, tuple(sorted(at.days))
            holds[partition].figures = Figures(self._store.figures[partition], at.pos)
        self._answer("source.take")
        return holds

    async def held(self, holds: Sequence[SourceHold]) -> list[bool]:
        """Whether each hold still holds."""
        await self._weather.step("source.held")
        return [self._store.holds(hold) for hold in holds]

    async def load(self, wanted: Sequence[Wanted]) -> list[Known | None]:
        """Facts, marks and owners as they are now."""
        await self._weather.step("source.load")
        owners = {identity: self._store.owners.get(identity) for want in wanted for identity in want.identities}
        return [self._known(want, owners) if self._store.holds(want.hold) else None for want in wanted]

    def _known(self, want: Wanted, owners: dict[Identity, Owner | None]) -> Known:
        stored, partition = self._store.facts, want.hold.partition
        facts: dict[str, Facts] = {d: _read_facts(stored.get((partition, d), b"\x90")) for d in want.devices}
        days = self._store.at[want.hold.topic, partition].days
        marks = {m: [days[d][m] for d in want.hold.days if m in days[d]] for m in want.marks}
        return Known(facts, owners, want.hold.outcomes, want.hold.origins, marks, want.hold.time)

    async def owners(self, identities: Collection[Identity]) -> dict[Identity, Owner | None]:
        """Owners as they are now."""
        await self._weather.step("source.owners")
        return {identity: self._store.owners.get(identity) for identity in identities}

    async def commit(self, chunks: Sequence[tuple[SourceHold, Plan, int]]) -> Committed:
        """Facts, outcomes, marks and the positions the chunks start at; with owner rows all or nothing."""
        writes = [
            _SourceWrite(
                hold, hold.done, dict(hold.origins), hold.time, dict(plan.facts),
                {o: outcome for o, outcome in hold.outcomes.items() if o >= after} | plan.outcomes, dict(plan.marks),
                _counted(hold.figures),
            )
            for hold, plan, after in chunks
        ]  # fmt: skip
        await self._weather.step("source.commit")
        held = [self._store.holds(write.hold) for write in writes]
        written = True
        if any(plan.takes for _, plan, _ in chunks):
            owners = dict(self._store.owners)
            for _, plan, _ in chunks:
                for identity, found, new in plan.looks:
                    written = written and owners.get(identity) == found
                    if new is not None:
                        owners[identity] = new
            written = written and all(held)
            if written:
                self._store.owners = owners
        if written:
            self._write(writes, held)
        self._answer("source.commit")
        if written:
            _remember(writes, held)
        return Committed(held, written)

    async def advance(self, holds: Sequence[SourceHold]) -> list[bool]:
        """Positions alone."""
        writes = [
            _SourceWrite(
                hold, hold.done, dict(hold.origins), hold.time, {}, dict(hold.outcomes), {}, _counted(hold.figures)
            )
            for hold in holds
        ]
        await self._weather.step("source.advance")
        held = [self._store.holds(hold) for hold in holds]
        self._write(writes, held)
        self._answer("source.advance")
        _remember(writes, held)
        return held

    def _write(self, writes: Sequence[_SourceWrite], held: Sequence[bool]) -> None:
        for write, ok in zip(writes, held, strict=True):
            if not ok:
                continue
            hold, at = write.hold, self._store.at[write.hold.topic, write.hold.partition]
            at.pos, at.origins, at.outcomes, at.time = write.position, write.origins, dict(write.outcomes), write.time
            at.days = {day: marks for day, marks in at.days.items() if day >= oldest_day(write.time)}
            for mark, counted in write.marks.items():
                at.days.setdefault(counted.day, {})[mark] = counted
            for device, its_facts in write.facts.items():
                self._store.facts[hold.partition, device] = encode(trimmed(its_facts, write.position))
            write.figures.write(self._store.figures[hold.topic, hold.partition])


class _CountedOf(NamedTuple):
    """What a commit writes of figures."""

    changed: dict[str, bytes]
    dropped: set[str]

    def write(self, figures: dict[str, bytes]) -> None:
        figures.update(self.changed)
        for gone in self.dropped:
            figures.pop(gone, None)


def _counted(figures: Figures | None) -> _CountedOf:
    if figures is None:
        return _CountedOf({}, set())
    return _CountedOf({name: encode(value) for name, value in figures.changed.items()}, set(figures.dropped))


class _SourceWrite(NamedTuple):
    """What a commit sends, as it is now: later changes in place are not part of it."""

    hold: SourceHold
    position: int
    origins: dict[str, int]
    time: int
    facts: dict[str, Facts]
    outcomes: dict[int, Outcome]
    marks: dict[bytes, Counted]
    figures: _CountedOf


def _remember(writes: Sequence[_SourceWrite], held: Sequence[bool]) -> None:
    for write, ok in zip(writes, held, strict=True):
        if ok:
            hold = write.hold
            hold.position, hold.outcomes = write.position, write.outcomes
            kept = {day for day in hold.days if day >= oldest_day(write.time)}
            hold.days = tuple(sorted(kept | {counted.day for counted in write.marks.values()}))
            hold.figures.stored()


class MemoryShardStore(_Calls):
    """`ports.ShardStore` in memory."""

    def __init__(self, store: MemoryStore, weather: Weather, timeline_entries: int) -> None:
        super().__init__(store, weather)
        self._cap = timeline_entries

    async def take(self, first: Mapping[Partition, int]) -> dict[Partition, tuple[ShardHold, list[Element]]]:
        """Write fresh tokens, then read, outboxes too."""
        await self._weather.step("shard.take")
        taken = {}
        for partition, position in first.items():
            at = self._store.take(partition, position)
            assert at.pos is not None
            hold = ShardHold(*partition, at.token, at.pos, at.pos)
            hold.watermarks, hold.indexed, hold.ahead = dict(at.watermarks), at.indexed, at.ahead
            taken[partition] = hold, list(self._store.outboxes[partition[1]])
        self._answer("shard.take")
        return taken

    async def held(self, holds: Sequence[ShardHold]) -> list[bool]:
        """Whether each hold still holds."""
        await self._weather.step("shard.held")
        return [self._store.holds(hold) for hold in holds]

    async def has_token(self, hold: ShardHold) -> bool:
        """Whether the token is still the hold's."""
        await self._weather.step("shard.has_token")
        return self._store.at[hold.topic, hold.partition].token == hold.token

    async def load(self, shares: Sequence[Shares]) -> list[dict[str, Profile] | None]:
        """Profiles as they are now."""
        await self._weather.step("shard.load")
        stored = self._store.profiles
        return [
            {p: read_profile(stored[p]) for p in share.profiles if p in stored}
            if self._store.holds(share.hold)
            else None
            for share in shares
        ]

    async def directories(self, holds: Sequence[ShardHold]) -> list[Directory | None]:
        """The directories as they are now."""
        await self._weather.step("shard.directories")
        index = self._store.index
        return [index[hold.partition].directory() if self._store.holds(hold) else None for hold in holds]

    async def some(self, hold: ShardHold, cursor: int) -> tuple[list[Profile], int]:  # noqa: ARG002
        """All of them."""
        await self._weather.step("shard.some")
        store = self._store
        here = [raw for profile, raw in store.profiles.items() if store.shards[profile] == hold.partition]
        return [read_profile(raw) for raw in here], 0

    async def registries(self, holds: Sequence[ShardHold]) -> list[Registry | None]:
        """Live segments as they are now."""
        await self._weather.step("shard.registries")
        kept = self._store.segments
        return [kept[hold.partition].registry() if self._store.holds(hold) else None for hold in holds]

    async def figures(self, holds: Sequence[ShardHold]) -> list[Figures | None]:
        """Figures as they are now."""
        await self._weather.step("shard.figures")
        kept = self._store.figures
        return [
            Figures(kept[hold.topic, hold.partition], hold.position) if self._store.holds(hold) else None
            for hold in holds
        ]

    async def due(self, hold: ShardHold, until_ms: int, most: int) -> dict[str, int]:
        """Whose time has come."""
        await self._weather.step("shard.due")
        due = self._store.segments[hold.partition].due
        return dict(sorted(((p, at) for p, at in due.items() if at <= until_ms), key=lambda one: one[::-1])[:most])

    async def numbered(self, hold: ShardHold, first: int, most: int) -> list[str]:
        """Profiles by number."""
        await self._weather.step("shard.numbered")
        ids = self._store.index[hold.partition].ids
        return [ids.get(number, "") for number in range(first, first + most)]

    async def timelines(self, hold: ShardHold, profiles: Sequence[str]) -> list[list[Entry]]:  # noqa: ARG002
        """What is kept of timelines."""
        await self._weather.step("shard.timelines")
        return [[_read_entry(raw) for raw in self._store.timelines.get(profile, [])] for profile in profiles]

    async def listed(self, asked: Sequence[tuple[ShardHold, Listed]]) -> set[Listed]:
        """Which of these are in overflow lists."""
        await self._weather.step("shard.listed")
        lists = self._store.overflow
        return {one for _, one in asked if one.text in lists.get((one.profile, one.what), {})}

    async def leaving(self, hold: ShardHold, profile: str) -> dict[str, list[str]]:  # noqa: ARG002
        """The beginning of each leaving list."""
        await self._weather.step("shard.leaving")
        lists = {what: self._store.leaving.get((profile, what), {}) for what in LEAVING}
        return {what: sorted(texts, key=lambda text: (texts[text], text))[:STEP] for what, texts in lists.items()}

    async def idle(self, hold: ShardHold, before: float) -> list[str]:
        """Guests without a record since then."""
        await self._weather.step("shard.idle")
        idle = self._store.idle[hold.partition]
        return sorted((p for p, seen in idle.items() if seen < before), key=lambda p: (idle[p], p))[:IDLE_STEP]

    async def index(self, hold: ShardHold) -> bool:
        """Put idle guests in order."""
        await self._weather.step("shard.index")
        store, shard = self._store, hold.partition
        if not store.holds(hold):
            return False
        here = [read_profile(raw) for profile, raw in store.profiles.items() if store.shards[profile] == shard]
        store.idle[shard] = {profile.id: profile.last_seen for profile in here if is_idle_guest(profile)}
        self._answer("shard.index")
        return True

    async def commit(self, chunks: Sequence[tuple[ShardHold, Folded, int, Element]]) -> list[bool]:
        """Everything of each chunk, all or nothing."""
        writes = [
            (hold, _frozen(hold, folded), after, element, hold.published) for hold, folded, after, element in chunks
        ]
        await self._weather.step("shard.commit")
        accepted = [self._write(*write) for write in writes]
        self._answer("shard.commit")
        for (hold, folded, after, _), (_, _, _, _, trim), ok in zip(chunks, writes, accepted, strict=True):
            if ok:
                hold.position = hold.done = after
                hold.watermarks = folded.watermarks
                hold.published -= trim
                hold.indexed = keeps_order(hold, folded.parting)
                if hold.figures is not None:
                    hold.figures.stored()
        return accepted

    async def trim(self, holds: Sequence[tuple[ShardHold, Element]]) -> list[bool]:
        """Published outbox elements, and one more, alone."""
        nothing = Folded({}, {}, {}, {}, [], [], [], [], 0)
        return await self.commit(
            [(hold, nothing._replace(watermarks=hold.watermarks), hold.position, element) for hold, element in holds]
        )

    def _write(self, hold: ShardHold, written: _Frozen, after: int, element: Element, trim: int) -> bool:
        store = self._store
        if not store.holds(hold):
            return False
        store.profiles.update(written.profiles)
        store.shards.update(dict.fromkeys(written.profiles, hold.partition))
        for profile, entries in written.timelines.items():
            store.timelines[profile] = (store.timelines.get(profile, []) + entries)[-self._cap :]
        counters = store.counters[hold.partition]
        for name, amount in written.folded.counters.items():
            counters[name] = counters.get(name, 0) + amount
        for profile, what, place, text in written.folded.overflow:
            store.overflow.setdefault((profile, what), {})[text] = place
        self._let_go(written.folded.parting)
        store.index[hold.partition].write(written.folded.planes)
        store.segments[hold.partition].write(written.folded.segments)
        written.figures.write(store.figures[hold.topic, hold.partition])
        snapped = {**store.snapped[hold.partition], **written.folded.pieces}
        store.snapped[hold.partition] = {profile: number for profile, number in snapped.items() if number > 1}
        self._order(hold, written)
        outbox = store.outboxes[hold.partition]
        outbox[:] = outbox[trim:] + ([element] if element else [])
        at = store.at[hold.topic, hold.partition]
        at.pos, at.watermarks = after, dict(written.folded.watermarks)
        at.indexed = keeps_order(hold, written.folded.parting)
        return True

    def _let_go(self, parting: Parting) -> None:
        store = self._store
        for profile in parting.erased:
            store.timelines.pop(profile, None)
        for key in parting.departing:
            leaving = store.leaving.setdefault(key, {})
            for text, place in store.overflow.pop(key, {}).items():
                leaving[text] = max(place, leaving.get(text, place))
        for lists, gone in ((store.overflow, parting.dropped), (store.leaving, parting.swept)):
            for profile, what, text in gone:
                del lists[profile, what][text]
                if not lists[profile, what]:
                    del lists[profile, what]

    def _order(self, hold: ShardHold, written: _Frozen) -> None:
        idle = self._store.idle[hold.partition]
        if not keeps_order(hold, written.folded.parting):
            idle.clear()
            return
        for profile in map(read_profile, written.profiles.values()):
            idle.pop(profile.id, None)
            if is_idle_guest(profile):
                idle[profile.id] = profile.last_seen


class MemorySnapshotStore(_Calls):
    """`snapshots.SnapshotStore` in memory."""

    async def stand(self, hold: ShardHold) -> Stand:
        """What is there beside profiles."""
        await self._weather.step("snapshots.stand")
        store, shard = self._store, hold.partition
        walk, walked_ms = (store.index[shard].state.get(name, 0) for name in (WALK, WALKED))
        meta = {name: dict(fields) for name, fields in store.meta.items()} if shard == 0 else {}
        return Stand(dict(store.counters[shard]), dict(store.figures[hold.topic, shard]), walk, walked_ms, meta)

    async def kept(self, hold: ShardHold, profiles: Sequence[str]) -> dict[str, Before]:
        """Those of these profiles that are stored, with their overflow lists."""
        await self._weather.step("snapshots.kept")
        pieces, stored = self._store.snapped[hold.partition], self._store.profiles
        return {
            profile: Before(Kept(stored[profile], self._lists(profile)), pieces.get(profile))
            for profile in profiles
            if profile in stored
        }

    def _lists(self, profile: str) -> Lists:
        held = {what: self._store.overflow.get((profile, what), {}) for what in LEAVING}
        return {what: sorted((place, text) for text, place in items.items()) for what, items in held.items() if items}


class _Frozen(NamedTuple):
    folded: Folded
    profiles: dict[str, bytes]
    timelines: dict[str, list[bytes]]
    figures: _CountedOf


def _frozen(hold: ShardHold, folded: Folded) -> _Frozen:
    """What a commit sends, as it is now: later changes in place are not part of it."""
    profiles = {key: encode(profile) for key, profile in folded.profiles.items()}
    timelines = {key: [encode(entry) for entry in entries] for key, entries in folded.timelines.items()}
    return _Frozen(folded._replace(counters=dict(folded.counters)), profiles, timelines, _counted(hold.figures))


class LogEntry(NamedTuple):
    """A record as aiokafka gives it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass
class MemoryKafka:
    """Topics, the epochs of transactional ids, and the offsets a group has committed."""

    logs: dict[Partition, list[LogEntry]] = field(default_factory=lambda: defaultdict(list))
    epochs: dict[str, int] = field(default_factory=dict)
    offsets: dict[Partition, int] = field(default_factory=dict)
    now: int = 0
    on_its_way: list[tuple[Partition, list[Message]]] = field(default_factory=list)
    """Batches that their sender has given up and that arrive late."""

    def append(self, target: Partition, messages: Sequence[Message]) -> None:
        """Put messages at the end of a partition."""
        log = self.logs[target]
        for message in messages:
            at = self.now if message.at is None else message.at
            log.append(LogEntry(len(log), at, message.key, message.value, tuple(message.headers)))

    def arrive(self) -> None:
        """Let the oldest late batch arrive."""
        if self.on_its_way:
            self.append(*self.on_its_way.pop(0))


class MemoryDefinitions:
    """`ports.Definitions` in memory."""

    def __init__(self, definitions: Sequence[Definition], weather: Weather) -> None:
        self._definitions, self._weather = definitions, weather

    async def newer(self, than: int) -> list[Definition]:
        """Those with a higher version."""
        await self._weather.step("definitions.newer")
        return [definition for definition in self._definitions if definition.version > than]


class MemoryLog:
    """`ports.Log` in memory."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self._kafka = kafka

    async def committed(self, group: str, partitions: Sequence[Partition]) -> dict[Partition, int]:  # noqa: ARG002
        """The committed offsets."""
        return {tp: self._kafka.offsets[tp] for tp in partitions if tp in self._kafka.offsets}

    async def bounds(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, int]]:
        """Everything is kept."""
        return {tp: (0, len(self._kafka.logs[tp])) for tp in partitions}


class MemoryOutlet:
    """`ports.Outlet` in memory: batches of a round go out in turn; nothing follows a failed one to its partition."""

    def __init__(self, kafka: MemoryKafka, weather: Weather, transactional_id: str | None = None) -> None:
        self._kafka, self._weather, self._id = kafka, weather, transactional_id
        self._epoch: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a producer."""
        return self._epoch is not None

    async def open(self) -> None:
        """Fence all earlier outlets of the id."""
        if self._epoch is not None:
            return
        await self._weather.step("outlet.open")
        self._epoch = 0
        if self._id is not None:
            self._epoch = self._kafka.epochs[self._id] = self._kafka.epochs.get(self._id, 0) + 1

    async def close(self) -> None:
        """Forget the producer."""
        self._epoch = None

    async def send(self, batches: Batches) -> None:
        """Send everything; a failure closes the outlet."""
        if not batches:
            return
        await self.open()
        try:
            if self._id is None:
                await self._send_in_turn({target: list(messages) for target, messages in batches.items()})
            else:
                await self._transact(batches)
        except (WorldFault, Refused):
            self._epoch = None
            raise

    async def _send_in_turn(self, batches: dict[Partition, list[Message]]) -> None:
        failed = False
        for target, messages in batches.items():
            for half in (messages[: len(messages) // 2], messages[len(messages) // 2 :]):
                if not half:
                    continue
                await self._weather.step(f"outlet.send {target[0]}")
                fate = self._weather.fate()
                if fate == "late":
                    self._kafka.on_its_way.append((target, half))
                elif fate != "lost":
                    self._kafka.append(target, half)
                if fate != "sent":
                    failed = True
                    break
        if failed:
            raise WorldFault("Kafka does not answer")

    async def _transact(self, batches: Batches) -> None:
        await self._weather.step("outlet.transact")
        if self._epoch != self._kafka.epochs[self._id or ""]:
            raise Refused("a newer producer of this shard is at work")
        fate = self._weather.fate()
        if fate in ("sent", "unanswered"):
            for target, messages in batches.items():
                self._kafka.append(target, list(messages))
        if fate != "sent":
            raise WorldFault("Kafka does not answer")
