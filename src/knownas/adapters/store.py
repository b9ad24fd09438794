"""The store as the stages speak to it: what they load, claim and commit, in as few round trips as there are steps.

Every load and every commit names token and position of the hold; an answer of None or False means refused.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.index import numbers_in
from knownas.adapters.intents import Commit, Intents, Taken, apart, chained
from knownas.adapters.keys import Keys
from knownas.adapters.reader import owner_bytes, read_entry, read_facts, read_owner, read_profile
from knownas.adapters.redis import Command, Link, pack
from knownas.find.planes import CODED_FIELDS, ID_BYTES, NUMBER_BYTES, capacity, listed, may_be_list
from knownas.find.planes import pack as pack_numbers
from knownas.find.segments import BEGINNING, NO_SEGMENTS, Held, Registry, SegmentChange, State
from knownas.find.terms import Directory
from knownas.find.upkeep import NO_CHANGE, IndexChange
from knownas.identity.facts import Facts, trimmed
from knownas.identity.plan import Known, Look, Plan
from knownas.identity.repeats import Counted, oldest_day
from knownas.nouns import Entry, Identity, Names, Outcome, Owner, Profile
from knownas.profile.fold import Folded
from knownas.profile.leaving import IDLE_STEP, LEAVING, STEP, is_idle_guest
from knownas.profile.parting import Listed, Parting
from knownas.stages.figures import Figures
from knownas.stages.hold import Hold, ShardHold, SourceHold
from knownas.stages.ports import Committed, Element, Outgoing, Partition, Shares, Wanted

SCANNED: Final = 2_000
"""How many profiles are looked at in one go when a shard's idle guests are put in order."""

encode: Final = msgspec.msgpack.Encoder().encode
_read_origins: Final = msgspec.msgpack.Decoder(dict[str, int]).decode
_read_outcomes: Final = msgspec.msgpack.Decoder(dict[int, Outcome]).decode
_read_watermarks: Final = msgspec.msgpack.Decoder(dict[str, tuple[int, int]]).decode
_read_ids: Final = msgspec.msgpack.Decoder(tuple[int, tuple[int, ...]]).decode
_read_counted: Final = msgspec.msgpack.Decoder(Counted).decode
_read_held: Final = msgspec.msgpack.Decoder(Held).decode
_read_state: Final = msgspec.msgpack.Decoder(State).decode
_read_put: Final = msgspec.msgpack.Decoder(list[Taken]).decode
_read_outgoing: Final = msgspec.msgpack.Decoder(list[Outgoing]).decode


class _Write:
    """What one chunk writes for its partition. `days` are those of which there are marks afterwards, `old` those that
    nobody will ask for again."""

    def __init__(
        self,
        hold: SourceHold,
        facts: Mapping[str, Facts],
        outcomes: dict[int, Outcome],
        marks: Mapping[bytes, Counted],
    ) -> None:
        self.hold, self.facts, self.outcomes, self.marks = hold, facts, outcomes, marks
        oldest = oldest_day(hold.time)
        self.old = tuple(day for day in hold.days if day < oldest)
        self.days = hold.days
        if marks or self.old:
            kept = {day for day in hold.days if day >= oldest}
            self.days = tuple(sorted(kept | {counted.day for counted in marks.values()}))

    def remember(self, position: int) -> None:
        """The store has it."""
        self.hold.position, self.hold.outcomes, self.hold.days = position, self.outcomes, self.days
        self.hold.figures.stored()


class RedisSourceStore:
    """Stage 1's side of the store."""

    def __init__(self, link: Link, keys: Keys, names: Names) -> None:
        self._link, self._keys, self._names = link, keys, names
        self._intents = Intents(link)
        self._numbers = itertools.count(1)

    async def positions(self, partitions: Sequence[Partition]) -> list[int | None]:
        """The stored positions."""
        return await _positions(self._link, [self._keys.source(*partition) + k.AT for partition in partitions])

    async def take(self, first: Mapping[Partition, int]) -> dict[Partition, SourceHold]:
        """Write a fresh token to each partition and read it; one without a position starts at the one given."""
        tokens = [secrets.token_hex(8) for _ in first]
        commands: list[Command] = []
        for (partition, position), token in zip(first.items(), tokens, strict=True):
            at = self._keys.source(*partition) + k.AT
            commands += _take(at, token, position, "origins", "outcomes", "ids", "intents")
            commands.append(("HGETALL", self._keys.source(*partition) + k.FIGURES))
        answers = await self._link.run_durably(commands)
        holds = {}
        for partition, token, read, figures in zip(first, tokens, answers[2::4], answers[3::4], strict=True):
            pos, origins, outcomes, ids, put = read
            if put:
                await self._intents.carry_out(_read_put(put))
            hold = holds[partition] = SourceHold(*partition, token, int(pos), int(pos))
            hold.origins = _read_origins(origins) if origins else {}
            hold.outcomes = _read_outcomes(outcomes) if outcomes else {}
            hold.time, hold.days = _read_ids(ids) if ids else (0, ())
            hold.figures = Figures(fields_in(figures), hold.position)
        return holds

    async def load(self, wanted: Sequence[Wanted]) -> list[Known | None]:
        """The facts and marks of each chunk and the owners of the whole poll, in one round trip; None where refused."""
        identities = {identity for want in wanted for identity in want.identities}
        commands = [_held(self._at(want.hold)) for want in wanted]
        for want in wanted:
            prefix = self._keys.source(want.hold.topic, want.hold.partition)
            if want.devices:
                commands.append(("MGET", *[prefix + k.facts(device) for device in want.devices]))
            if want.marks:
                commands += [("HMGET", prefix + k.marks(day), *want.marks) for day in want.hold.days]
        if identities:
            commands.append(self._get_owners(identities))
        answers = iter(await self._link.run(commands))
        held = [next(answers) for _ in wanted]
        found = [
            (
                dict(zip(want.devices, map(_facts, next(answers)), strict=True)) if want.devices else {},
                _counted(want.marks, [next(answers) for _ in want.hold.days]) if want.marks else {},
            )
            for want in wanted
        ]
        owners = await self._owners(identities, next(answers)) if identities else {}
        return [
            Known(facts, owners, want.hold.outcomes, want.hold.origins, marks, want.hold.time)
            if _is_held(want.hold, answer)
            else None
            for want, (facts, marks), answer in zip(wanted, found, held, strict=True)
        ]

    async def owners(self, identities: Collection[Identity]) -> dict[Identity, Owner | None]:
        """The owner rows of identities as they are now."""
        (answer,) = await self._link.run([self._get_owners(identities)])
        return await self._owners(identities, answer)

    async def _owners(
        self, identities: Collection[Identity], raws: Sequence[bytes | None]
    ) -> dict[Identity, Owner | None]:
        if self._link.is_cluster:
            raws = await self._intents.settled([self._owner_key(identity) for identity in identities], raws)
        return dict(zip(identities, map(_owner, raws), strict=True))

    async def commit(self, chunks: Sequence[tuple[SourceHold, Plan, int]]) -> Committed:
        """Facts, outcomes, marks and the position each chunk starts at, with origins and time as of there; with them,
        if any chunk takes or frees an identity, the owner rows: all in one piece or nothing. In a cluster that is so
        for each chunk; those before one that is lost stand."""
        writes = []
        for hold, plan, after in chunks:
            beyond = {offset: outcome for offset, outcome in hold.outcomes.items() if offset >= after}
            writes.append(_Write(hold, plan.facts, beyond | plan.outcomes, plan.marks))
        if self._link.is_cluster:
            return await self._write_across(writes, [plan.looks for _, plan, _ in chunks])
        if any(plan.takes for _, plan, _ in chunks):
            looks = [look for _, plan, _ in chunks for look in plan.looks]
            return await self._write_at_once(writes, looks)
        return Committed(await self._write(writes), written=True)

    async def advance(self, holds: Sequence[SourceHold]) -> list[bool]:
        """Move positions to what is done, with nothing else to write."""
        return await self._write([_Write(hold, {}, hold.outcomes, {}) for hold in holds])

    async def _write(self, writes: Sequence[_Write]) -> list[bool]:
        done = [write.hold.done for write in writes]
        answers = await self._link.run_durably([self._script([write], ()) for write in writes])
        accepted = [answer[0] == 1 for answer in answers]
        for write, position, ok in zip(writes, done, accepted, strict=True):
            if ok:
                write.remember(position)
        return accepted

    async def _write_at_once(self, writes: Sequence[_Write], looks: Sequence[Look]) -> Committed:
        done = [write.hold.done for write in writes]
        (answer,) = await self._link.run_durably([self._script(writes, looks)])
        committed = Committed([held == 1 for held in answer[1:]], written=answer[0] == 1)
        for write, position in zip(writes, done, strict=True):
            if committed.written:
                write.remember(position)
        return committed

    async def _write_across(self, writes: Sequence[_Write], looks: Sequence[Sequence[Look]]) -> Committed:
        """Chunks that have rows in common one after the other, for each may rest on what those before it took."""
        if not any(looks):
            return Committed(await self._write(writes), written=True)
        answers = await self._link.run([_held(self._at(write.hold)) for write in writes])
        held = [_is_held(write.hold, answer) for write, answer in zip(writes, answers, strict=True)]
        chunks = [chained(map(self._taken, its_looks)) for its_looks in looks]
        rows = [chunk for chunk in chunks if chunk is not None]
        if not all(held) or len(rows) < len(chunks):
            return Committed(held, written=False)
        for group in apart(rows):
            written = await self._write_group([writes[n] for n in group], [rows[n] for n in group])
            for number, (is_held, _) in zip(group, written, strict=True):
                held[number] = is_held
            if not all(is_written for _, is_written in written):
                return Committed(held, written=False)
        await self._link.run_durably(())
        return Committed(held, written=True)

    async def _write_group(self, writes: Sequence[_Write], rows: Sequence[Sequence[Taken]]) -> list[tuple[bool, bool]]:
        """Commit chunks that have no row in common: of each whether it is still held, and whether it is written."""
        commits = [
            Commit(some, self._at(write.hold), write.hold.token, next(self._numbers))
            for write, some in zip(writes, rows, strict=True)
        ]
        puts = await self._intents.put(commits)
        ready = [n for n, put in enumerate(puts) if put is not None]
        done = [write.hold.done for write in writes]
        commands = [self._script([writes[n]], (), commits[n].number if puts[n] else 0, encode(puts[n])) for n in ready]
        answers = dict(zip(ready, await self._link.run(commands), strict=True))
        committed = {n for n, answer in answers.items() if answer[0] == 1}
        await self._intents.take_back(_all(puts[n] for n in ready if n not in committed))
        await self._intents.carry_out(_all(puts[n] for n in committed))
        for n in committed:
            writes[n].remember(done[n])
        return [(n not in answers or answers[n][1] == 1, n in committed) for n in range(len(writes))]

    def _taken(self, look: Look) -> Taken:
        return Taken(self._owner_key(look.identity), _row(look.found), _row(look.new))

    async def held(self, holds: Sequence[SourceHold]) -> list[bool]:
        """Whether each hold's token and position are what the store has."""
        return [known is not None for known in await self.load([Wanted(hold, (), ()) for hold in holds])]

    def _script(
        self, writes: Sequence[_Write], looks: Iterable[Look], number: int = 0, intents: bytes = b""
    ) -> Command:
        flat = [part for look in looks for part in self._taken(look)]
        chunks = [self._chunk(write) for write in writes]
        ats = [self._at(write.hold) for write in writes]
        return self._link.script("resolve", ats, pack((flat, chunks, number, intents)))

    def _chunk(self, write: _Write) -> Sequence[Any]:
        hold = write.hold
        prefix = self._keys.source(hold.topic, hold.partition)
        facts: list[Any] = []
        for device, its_facts in write.facts.items():
            facts += (prefix + k.facts(device), encode(trimmed(its_facts, hold.done)))
        marks: dict[str, list[bytes]] = {}
        for mark, counted in write.marks.items():
            marks.setdefault(prefix + k.marks(counted.day), []).extend((mark, encode(counted)))
        return (
            hold.token, str(hold.position), str(hold.done), encode(hold.origins), encode(write.outcomes),
            encode((hold.time, write.days)), facts, [part for pair in marks.items() for part in pair],
            [prefix + k.marks(day) for day in write.old], prefix + k.FIGURES, _changed(hold.figures),
        )  # fmt: skip

    def _get_owners(self, identities: Iterable[Identity]) -> Command:
        return ("MGET", *map(self._owner_key, identities))

    def _owner_key(self, identity: Identity) -> str:
        return self._keys.owner(self._names.identity(identity))

    def _at(self, hold: SourceHold) -> str:
        return self._keys.source(hold.topic, hold.partition) + k.AT


class RedisShardStore:
    """Stage 2's side of the store."""

    def __init__(self, link: Link, keys: Keys, timeline_entries: int) -> None:
        self._link, self._keys, self._cap = link, keys, timeline_entries

    async def positions(self, partitions: Sequence[Partition]) -> list[int | None]:
        """The stored positions."""
        return await _positions(self._link, [self._keys.shard(shard) + k.AT for _, shard in partitions])

    async def take(self, first: Mapping[Partition, int]) -> dict[Partition, tuple[ShardHold, list[Element]]]:
        """Write a fresh token to each shard, then read it and what is still to be published."""
        tokens = [secrets.token_hex(8) for _ in first]
        commands: list[Command] = []
        for ((_, shard), position), token in zip(first.items(), tokens, strict=True):
            prefix = self._keys.shard(shard)
            commands += _take(prefix + k.AT, token, position, "watermarks", "indexed", k.AHEAD)
            commands.append(("LRANGE", prefix + k.OUTBOX, 0, -1))
        answers = await self._link.run_durably(commands)
        taken = {}
        for partition, token, read, outbox in zip(first, tokens, answers[2::4], answers[3::4], strict=True):
            pos, watermarks, indexed, ahead = read
            hold = ShardHold(*partition, token, int(pos), int(pos), indexed=indexed is not None)
            hold.watermarks, hold.ahead = _read_watermarks(watermarks) if watermarks else {}, int(ahead or 0)
            taken[partition] = hold, [_read_outgoing(element) for element in outbox]
        return taken

    async def load(self, shares: Sequence[Shares]) -> list[dict[str, Profile] | None]:
        """The profiles that exist, of all chunks of a poll, in one round trip; None where the hold is refused."""
        commands = []
        for share in shares:
            prefix = self._keys.shard(share.hold.partition)
            commands.append(_held(prefix + k.AT))
            if share.profiles:
                commands.append(("MGET", *[prefix + k.profile(profile) for profile in share.profiles]))
        answers = iter(await self._link.run(commands))
        loaded: list[dict[str, Profile] | None] = []
        for share in shares:
            held = next(answers)
            found = next(answers) if share.profiles else []
            profiles = {p: read_profile(raw) for p, raw in zip(share.profiles, found, strict=True) if raw is not None}
            loaded.append(profiles if _is_held(share.hold, held) else None)
        return loaded

    async def directories(self, holds: Sequence[ShardHold]) -> list[Directory | None]:
        """The directories of the shards' indexes; None where the hold is refused."""
        prefixes = [self._keys.shard(hold.partition) for hold in holds]
        commands: list[Command] = []
        for prefix in prefixes:
            commands += (_held(prefix + k.AT), ("HGETALL", prefix + k.INDEX), ("LRANGE", prefix + k.INDEX_FREE, 0, -1))
        answers = await self._link.run(commands)
        found: list[Directory | None] = []
        for hold, held, state, free in zip(holds, answers[::3], answers[1::3], answers[2::3], strict=True):
            directory = Directory.stored(numbers_in(state), [int(number) for number in free])
            found.append(directory if _is_held(hold, held) else None)
        await self._learn([(p, one) for p, one in zip(prefixes, found, strict=True) if one is not None])
        return found

    async def _learn(self, directories: Sequence[tuple[str, Directory]]) -> None:
        asked = [
            (directory, prefix, of)
            for prefix, directory in directories
            for of in (*map(str, directory.properties.values()), *CODED_FIELDS)
        ]
        answers = await self._link.run([("HGETALL", prefix + k.codes(of)) for _, prefix, of in asked])
        for (directory, _, of), flat in zip(asked, answers, strict=True):
            directory.learn(of, numbers_in(flat))

    async def some(self, hold: ShardHold, cursor: int) -> tuple[list[Profile], int]:
        """Some of a shard's profiles, and where to go on."""
        scan = ("SCAN", cursor, "MATCH", self._keys.shard(hold.partition) + k.profile("*"), "COUNT", SCANNED)
        ((at, keys),) = await self._link.run([scan])
        found = (await self._link.run([("MGET", *keys)]))[0] if keys else []
        return [read_profile(raw) for raw in found if raw is not None], int(at)

    async def registries(self, holds: Sequence[ShardHold]) -> list[Registry | None]:
        """The live segments of the shards; None where the hold is refused."""
        commands: list[Command] = []
        for hold in holds:
            prefix = self._keys.shard(hold.partition)
            commands += (_held(prefix + k.AT), ("HGETALL", prefix + k.SEGMENTS))
        answers = await self._link.run(commands)
        pairs = zip(holds, answers[::2], answers[1::2], strict=True)
        return [registry_in(flat) if _is_held(hold, held) else None for hold, held, flat in pairs]

    async def figures(self, holds: Sequence[ShardHold]) -> list[Figures | None]:
        """The figures of the shards; None where the hold is refused."""
        commands: list[Command] = []
        for hold in holds:
            prefix = self._keys.shard(hold.partition)
            commands += (_held(prefix + k.AT), ("HGETALL", prefix + k.FIGURES))
        answers = await self._link.run(commands)
        return [
            Figures(fields_in(flat), hold.position) if _is_held(hold, held) else None
            for hold, held, flat in zip(holds, answers[::2], answers[1::2], strict=True)
        ]

    async def due(self, hold: ShardHold, until_ms: int, most: int) -> dict[str, int]:
        """Profiles whose time has come for segments, with that time, the earliest first."""
        key = self._keys.shard(hold.partition) + k.SEGMENTS_DUE
        command = ("ZRANGEBYSCORE", key, "-inf", until_ms, "WITHSCORES", "LIMIT", 0, most)
        (flat,) = await self._link.run([command])
        return {flat[n].decode(): int(float(flat[n + 1])) for n in range(0, len(flat), 2)}

    async def numbered(self, hold: ShardHold, first: int, most: int) -> list[str]:
        """The profiles that have these numbers; empty where nobody has."""
        key = self._keys.shard(hold.partition) + k.INDEX_IDS
        (raw,) = await self._link.run([("GETRANGE", key, first * ID_BYTES, (first + most) * ID_BYTES - 1)])
        ids = [raw[n : n + ID_BYTES] for n in range(0, len(raw), ID_BYTES)]
        return [one.hex() if any(one) else "" for one in ids]

    async def timelines(self, hold: ShardHold, profiles: Sequence[str]) -> list[list[Entry]]:
        """What is kept of timelines."""
        prefix = self._keys.shard(hold.partition)
        answers = await self._link.run([("LRANGE", prefix + k.timeline(profile), 0, -1) for profile in profiles])
        return [[read_entry(raw) for raw in answer] for answer in answers]

    async def listed(self, asked: Sequence[tuple[ShardHold, Listed]]) -> set[Listed]:
        """Which of these are in overflow lists."""
        commands = [
            ("ZSCORE", self._keys.shard(hold.partition) + k.overflow(what, profile), text)
            for hold, (profile, what, text) in asked
        ]
        answers = await self._link.run(commands)
        return {one for (_, one), answer in zip(asked, answers, strict=True) if answer is not None}

    async def leaving(self, hold: ShardHold, profile: str) -> dict[str, list[str]]:
        """The first `STEP` items of each list that a profile is still to let go of, in order of place and text."""
        prefix = self._keys.shard(hold.partition)
        commands = [("ZRANGE", prefix + k.leaving(what, profile), 0, STEP - 1) for what in LEAVING]
        answers = await self._link.run(commands)
        return {what: [text.decode() for text in texts] for what, texts in zip(LEAVING, answers, strict=True)}

    async def idle(self, hold: ShardHold, before: float) -> list[str]:
        """The guests whose last record came before then, the longest idle first, at most `IDLE_STEP`."""
        key = self._keys.shard(hold.partition) + k.IDLE
        command = ("ZRANGEBYSCORE", key, "-inf", f"({before!r}", "LIMIT", 0, IDLE_STEP)
        (ids,) = await self._link.run([command])
        return [profile.decode() for profile in ids]

    async def index(self, hold: ShardHold) -> bool:
        """Put a shard's idle guests in order. Each step is fenced like a commit and moves nothing else; what a step of
        somebody before us left is cleared first."""
        cursor = 0
        held = await self._order(hold, "0", {})
        while held:
            profiles, cursor = await self.some(hold, cursor)
            held = await self._order(hold, "", {p.id: p for p in profiles if is_idle_guest(p)})
            if not cursor:
                break
        return held

    async def _order(self, hold: ShardHold, indexed: str, guests: Mapping[str, Profile]) -> bool:
        scored = [item for guest in guests.values() for item in (repr(guest.last_seen), guest.id)]
        nothing: Sequence[Any] = ("", "", 0, "", self._cap, [], [], [], [], [], [], [], indexed, scored, [])
        (answer,) = await self._link.run(
            [self._script(hold, (*nothing, *_UNCHANGED, *_segments(NO_SEGMENTS), [], [], [], []))]
        )
        return bool(answer == 1)

    async def commit(self, chunks: Sequence[tuple[ShardHold, Folded, int, Element]]) -> list[bool]:
        """Everything of each chunk with the position after it."""
        trims = [hold.published for hold, _, _, _ in chunks]
        commands = [self._commit(hold, folded, after, element) for hold, folded, after, element in chunks]
        answers = [answer == 1 for answer in await self._link.run_durably(commands)]
        for (hold, folded, after, _), trim, accepted in zip(chunks, trims, answers, strict=True):
            if accepted:
                hold.position = hold.done = after
                hold.watermarks = folded.watermarks
                hold.published -= trim
                hold.indexed = keeps_order(hold, folded.parting)
                if hold.figures is not None:
                    hold.figures.stored()
        return answers

    async def trim(self, holds: Sequence[tuple[ShardHold, Element]]) -> list[bool]:
        """Let go of published outbox elements and add one, if it says anything, with nothing else to write."""
        nothing = Folded({}, {}, {}, {}, [], [], [], [], 0)
        return await self.commit(
            [(hold, nothing._replace(watermarks=hold.watermarks), hold.position, element) for hold, element in holds]
        )

    async def has_token(self, hold: ShardHold) -> bool:
        """Whether the shard is still this hold's, wherever its position stands."""
        (token,) = await self._link.run([("HGET", self._keys.shard(hold.partition) + k.AT, "token")])
        return bool(token == hold.token.encode())

    async def held(self, holds: Sequence[ShardHold]) -> list[bool]:
        """Whether each hold's token and position are what the store has."""
        return [share is not None for share in await self.load([Shares(hold, ()) for hold in holds])]

    def _commit(self, hold: ShardHold, folded: Folded, after: int, element: Element) -> Command:
        prefix = self._keys.shard(hold.partition)
        profiles: list[Any] = []
        for profile_id, profile in folded.profiles.items():
            profiles += (prefix + k.profile(profile_id), encode(profile))
        timelines: list[Any] = []
        for profile_id, entries in folded.timelines.items():
            timelines += (prefix + k.timeline(profile_id), [encode(entry) for entry in entries[-self._cap :]])
        counters = [item for pair in folded.counters.items() for item in pair]
        overflow: list[Any] = []
        for profile_id, what, place, text in folded.overflow:
            overflow += (prefix + k.overflow(what, profile_id), place, text)
        outbox = encode(element) if element else b""
        write = (
            str(after), encode(folded.watermarks), hold.published, outbox, self._cap,
            profiles, timelines, counters, overflow, *_parting(prefix, folded.parting), *_idle(hold, folded),
            *_index(folded.planes, hold), *_segments(folded.segments), *_figures(hold.figures),
            *_snapped(folded.pieces),
        )  # fmt: skip
        return self._script(hold, write)

    def _script(self, hold: ShardHold, write: Sequence[Any]) -> Command:
        prefix = self._keys.shard(hold.partition)
        return self._link.script("materialize", (prefix + k.AT,), prefix, hold.token, hold.position, pack(write))


def keeps_order(hold: ShardHold, parting: Parting) -> bool:
    """Whether a shard's idle guests are kept in order with this commit."""
    return hold.indexed if parting.indexed is None else parting.indexed


def _parting(prefix: str, parting: Parting) -> tuple[list[Any], list[Any], list[Any]]:
    """What goes: whole keys; lists that become leaving lists; texts out of lists, as key and texts."""
    gone = [prefix + k.timeline(profile) for profile in parting.erased]
    departing: list[Any] = []
    for profile, what in parting.departing:
        departing += (prefix + k.overflow(what, profile), prefix + k.leaving(what, profile))
    dropped: dict[str, list[str]] = {}
    for profile, what, text in parting.dropped:
        dropped.setdefault(prefix + k.overflow(what, profile), []).append(text)
    for profile, what, text in parting.swept:
        dropped.setdefault(prefix + k.leaving(what, profile), []).append(text)
    return gone, departing, [item for pair in dropped.items() for item in pair]


def _idle(hold: ShardHold, folded: Folded) -> tuple[str, list[Any], list[str]]:
    """Where idle guests are kept in order: the guests of a chunk with their last record, and those that are none."""
    begins = folded.parting.indexed
    said = "" if begins is None or begins == hold.indexed else str(int(begins))
    if not keeps_order(hold, folded.parting):
        return said, [], []
    profiles = folded.profiles.values()
    guests = [item for p in profiles if is_idle_guest(p) for item in (repr(p.last_seen), p.id)]
    return said, guests, [profile.id for profile in profiles if not is_idle_guest(profile)]


_UNCHANGED: Final[Sequence[Any]] = ([], [], [], 0, [], [], [], 0)


def _index(change: IndexChange, hold: ShardHold) -> Sequence[Any]:
    """What a commit writes of the index: names and state, codes by property, runs of ids, numbers that are taken and
    freed, planes that expire, planes with who enters and who leaves, how many bits a new plane has and how many bytes a
    list."""
    if change is NO_CHANGE or hold.directory is None:
        return _UNCHANGED
    codes: dict[str, list[Any]] = {}
    for of, text, code in change.codes:
        codes.setdefault(of, []).extend((text, code))
    turned: list[Any] = []
    bits = capacity(hold.directory.next)
    for plane, numbers in change.planes.items():
        on = [number for number, way in numbers.items() if way > 0]
        off = [] if len(on) == len(numbers) else [number for number, way in numbers.items() if way <= 0]
        fields: list[str] = []
        if may_be_list(plane):
            turned += (plane, 1, pack_numbers(on), pack_numbers(off), fields)
            continue
        if len(on) > 1 and max(on) >= change.unused:
            fields = _fields([number - change.unused for number in on if number >= change.unused], change.unused)
            on = [number for number in on if number < change.unused]
        turned += (plane, 0, pack_numbers(on), pack_numbers(off), fields)
    return (
        [item for pair in change.state.items() for item in pair], [item for pair in codes.items() for item in pair],
        _runs(change.ids), change.taken, list(change.freed), list(change.expired), turned,
        (bits, listed(bits) * NUMBER_BYTES),
    )  # fmt: skip


FIELD_BITS: Final = 48
"""Lua's numbers hold whole ones of so many bits, and `BITFIELD` writes them at once."""


def _fields(places: Sequence[int], first: int) -> list[str]:
    """New numbers' bits, many in one piece: all bits around them are theirs, so what is written is known."""
    words: dict[int, int] = {}
    for place in places:
        word, bit = divmod(place, FIELD_BITS)
        words[word] = words.get(word, 0) | 1 << FIELD_BITS - 1 - bit
    return [
        item for word, value in words.items()
        for item in ("SET", f"u{FIELD_BITS}", str(first + word * FIELD_BITS), str(value))
    ]  # fmt: skip


def _segments(change: SegmentChange) -> Sequence[Any]:
    """What a commit writes of live segments: whose time has come, when others are due, fields of state and segments
    that are others, fields of those that are gone."""
    fields: list[Any] = []
    if change.state is not None:
        fields += (k.SEGMENTS_STATE, encode(change.state))
    for held in change.held:
        fields += (k.SEGMENT + held.definition.name, encode(held))
    due = [item for profile, at in change.due.items() for item in (at, profile)]
    return list(change.past), due, fields, [k.SEGMENT + name for name in change.gone]


def _figures(figures: Figures | None) -> tuple[list[Any], list[str]]:
    """What a commit writes of a shard's figures: fields with their values, fields that go."""
    return ([], []) if figures is None else (_changed(figures), sorted(figures.dropped))


def _snapped(pieces: Mapping[str, int]) -> tuple[list[Any], list[str]]:
    """What a commit writes of how large snapshots are: those of several messages with their number, those of one."""
    several = [item for profile, number in pieces.items() if number > 1 for item in (profile, number)]
    return several, [profile for profile, number in pieces.items() if number == 1]


def _changed(figures: Figures) -> list[Any]:
    return [item for field, value in figures.changed.items() for item in (field, encode(value))]


def fields_in(flat: Sequence[bytes]) -> dict[str, bytes]:
    """A hash as the store answers it, by field."""
    return {flat[n].decode(): flat[n + 1] for n in range(0, len(flat), 2)}


def registry_in(flat: Sequence[bytes]) -> Registry:
    """The live segments of a shard, from its hash."""
    fields = fields_in(flat)
    state = fields.pop(k.SEGMENTS_STATE, None)
    return Registry(_read_state(state) if state is not None else BEGINNING, map(_read_held, fields.values()))


def _runs(ids: Mapping[int, str]) -> list[Any]:
    """Where ids are written, those of consecutive numbers at once: first number, the ids' bytes."""
    runs: list[Any] = []
    before = -2
    for number, profile in sorted(ids.items()):
        raw = bytes.fromhex(profile) if profile else bytes(ID_BYTES)
        if number == before + 1:
            runs[-1] += raw
        else:
            runs += (number, raw)
        before = number
    return runs


def _take(at: str, token: str, position: int, *fields: str) -> list[Command]:
    """The token is written before anything is read: from here on no other hold writes."""
    return [
        ("HSET", at, "token", token, "aborted", "0"),
        ("HSETNX", at, "pos", position),
        ("HMGET", at, "pos", *fields),
    ]


async def _positions(link: Link, ats: Sequence[str]) -> list[int | None]:
    answers = await link.run([("HGET", at, "pos") for at in ats])
    return [None if answer is None else int(answer) for answer in answers]


def _held(at: str) -> Command:
    return ("HMGET", at, "token", "pos")


def _is_held(hold: Hold, answer: Any) -> bool:
    token, pos = answer
    return bool(token == hold.token.encode() and pos == b"%d" % hold.position)


def _all(puts: Iterable[Sequence[Taken] | None]) -> list[Taken]:
    return [one for put in puts for one in put or ()]


def _facts(raw: bytes | None) -> Facts:
    return read_facts(raw) if raw is not None else ()


def _owner(raw: bytes | None) -> Owner | None:
    return read_owner(raw) if raw is not None else None


def _row(owner: Owner | None) -> bytes:
    return owner_bytes(owner) if owner is not None else b""


def _counted(marks: Collection[bytes], days: Sequence[Sequence[bytes | None]]) -> dict[bytes, list[Counted]]:
    """What the days hold of the marks."""
    found: dict[bytes, list[Counted]] = {}
    for day in days:
        for mark, raw in zip(marks, day, strict=True):
            if raw is not None:
                found.setdefault(mark, []).append(_read_counted(raw))
    return found
