"""The store as the stages speak to it: what they load, claim and commit, in as few round trips as there are steps.

Every load and every commit names token and position of the hold; an answer of None or False means refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.adapters.reader import read_facts, read_owner, read_profile
from knownas.adapters.redis import Command, Link, pack
from knownas.identity.decide import Claim, Known, Plan
from knownas.identity.facts import Facts, trimmed
from knownas.nouns import Identity, Names, Outcome, Owner, Profile
from knownas.profile.fold import Folded
from knownas.stages.hold import Hold, ShardHold, SourceHold
from knownas.stages.ports import Element, Outgoing, Partition, Shares, Wanted

encode: Final = msgspec.msgpack.Encoder().encode
_read_origins: Final = msgspec.msgpack.Decoder(dict[str, int]).decode
_read_outcomes: Final = msgspec.msgpack.Decoder(dict[int, Outcome]).decode
_read_watermarks: Final = msgspec.msgpack.Decoder(dict[str, tuple[int, int]]).decode


_read_outgoing: Final = msgspec.msgpack.Decoder(list[Outgoing]).decode


class RedisSourceStore:
    """Stage 1's side of the store."""

    def __init__(self, link: Link, keys: Keys, names: Names) -> None:
        self._link, self._keys, self._names = link, keys, names

    async def positions(self, partitions: Sequence[Partition]) -> list[int | None]:
        """The stored positions."""
        return await _positions(self._link, [self._keys.source(*partition) + k.AT for partition in partitions])

    async def take(self, first: Mapping[Partition, int]) -> dict[Partition, SourceHold]:
        """Write a fresh token to each partition and read it; one without a position starts at the one given."""
        tokens = [secrets.token_hex(8) for _ in first]
        commands: list[Command] = []
        for (partition, position), token in zip(first.items(), tokens, strict=True):
            at = self._keys.source(*partition) + k.AT
            commands += _take(at, token, position, "origins", "outcomes")
        answers = (await self._link.run(commands))[2::3]
        holds = {}
        for partition, token, (pos, origins, outcomes) in zip(first, tokens, answers, strict=True):
            hold = holds[partition] = SourceHold(*partition, token, int(pos), int(pos))
            hold.origins = _read_origins(origins) if origins else {}
            hold.outcomes = _read_outcomes(outcomes) if outcomes else {}
        return holds

    async def load(self, wanted: Sequence[Wanted]) -> list[Known | None]:
        """The facts of each chunk and the owners of the whole poll, in one round trip; None where refused."""
        identities = {identity for want in wanted for identity in want.identities}
        commands = [_held(self._at(want.hold)) for want in wanted]
        for want in wanted:
            if want.devices:
                prefix = self._keys.source(want.hold.topic, want.hold.partition)
                commands.append(("MGET", *[prefix + k.facts(device) for device in want.devices]))
        if identities:
            commands.append(self._get_owners(identities))
        answers = iter(await self._link.run(commands))
        held = [next(answers) for _ in wanted]
        facts = [dict(zip(w.devices, map(_facts, next(answers)), strict=True)) if w.devices else {} for w in wanted]
        owners = dict(zip(identities, map(_owner, next(answers)), strict=True)) if identities else {}
        return [
            Known(known, owners, want.hold.outcomes, want.hold.origins) if _is_held(want.hold, answer) else None
            for want, known, answer in zip(wanted, facts, held, strict=True)
        ]

    async def owners(self, identities: Collection[Identity]) -> dict[Identity, Owner | None]:
        """The owner rows of identities as they are now."""
        (answer,) = await self._link.run([self._get_owners(identities)])
        return dict(zip(identities, map(_owner, answer), strict=True))

    async def claim(self, claims: Sequence[Claim]) -> int:
        """Write the claims of a poll in order, up to the first that does not hold; how many records' were written."""
        (answer,) = await self._link.run([self._link.script("claim", (), pack(self._lines(claims)))])
        return int(answer)

    async def commit(self, chunks: Sequence[tuple[SourceHold, Plan, int]]) -> list[bool]:
        """Facts, outcomes and the position each chunk starts at, with the origins as of there."""
        writes = []
        for hold, plan, after in chunks:
            beyond = {offset: outcome for offset, outcome in hold.outcomes.items() if offset >= after}
            writes.append((hold, plan.facts, beyond | plan.outcomes))
        return await self._write(writes)

    async def advance(self, holds: Sequence[SourceHold]) -> list[bool]:
        """Move positions to what is done, with nothing else to write."""
        return await self._write([(hold, {}, hold.outcomes) for hold in holds])

    async def _write(self, writes: Sequence[tuple[SourceHold, dict[str, Facts], dict[int, Outcome]]]) -> list[bool]:
        done = [hold.done for hold, _, _ in writes]
        answers = [answer == 1 for answer in await self._link.run([self._commit(*write) for write in writes])]
        for (hold, _, outcomes), position, accepted in zip(writes, done, answers, strict=True):
            if accepted:
                hold.position, hold.outcomes = position, outcomes
        return answers

    async def held(self, holds: Sequence[SourceHold]) -> list[bool]:
        """Whether each hold's token and position are what the store has."""
        return [known is not None for known in await self.load([Wanted(hold, (), ()) for hold in holds])]

    def _commit(self, hold: SourceHold, facts: dict[str, Facts], outcomes: dict[int, Outcome]) -> Command:
        prefix = self._keys.source(hold.topic, hold.partition)
        flat: list[Any] = []
        for device, its_facts in facts.items():
            flat += (prefix + k.facts(device), encode(trimmed(its_facts, hold.done)))
        write = (str(hold.done), encode(hold.origins), encode(outcomes), flat)
        return self._link.script("resolve", (prefix + k.AT,), hold.token, hold.position, pack(write))

    def _lines(self, claims: Sequence[Claim]) -> list[list[tuple[str, bytes, bytes]]]:
        return [
            [
                (self._keys.owner(self._names.identity(identity)), _bytes(found), _bytes(new))
                for identity, found, new in claim.identities
            ]
            for claim in claims
        ]

    def _get_owners(self, identities: Iterable[Identity]) -> Command:
        return ("MGET", *[self._keys.owner(self._names.identity(identity)) for identity in identities])

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
            commands += _take(prefix + k.AT, token, position, "watermarks")
            commands.append(("LRANGE", prefix + k.OUTBOX, 0, -1))
        answers = await self._link.run(commands)
        taken = {}
        for partition, token, read, outbox in zip(first, tokens, answers[2::4], answers[3::4], strict=True):
            pos, watermarks = read
            hold = ShardHold(*partition, token, int(pos), int(pos))
            hold.watermarks = _read_watermarks(watermarks) if watermarks else {}
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

    async def devices_beyond(self, asked: Sequence[tuple[ShardHold, str, str]]) -> set[tuple[str, str]]:
        """Which of these (profile, device) pairs are in overflow lists."""
        commands = [
            ("ZSCORE", self._keys.shard(hold.partition) + k.overflow("devices", profile), device)
            for hold, profile, device in asked
        ]
        answers = await self._link.run(commands)
        return {(p, d) for (_, p, d), answer in zip(asked, answers, strict=True) if answer is not None}

    async def commit(self, chunks: Sequence[tuple[ShardHold, Folded, int, Element]]) -> list[bool]:
        """Everything of each chunk with the position after it."""
        trims = [hold.published for hold, _, _, _ in chunks]
        commands = [self._commit(hold, folded, after, element) for hold, folded, after, element in chunks]
        answers = [answer == 1 for answer in await self._link.run(commands)]
        for (hold, folded, after, _), trim, accepted in zip(chunks, trims, answers, strict=True):
            if accepted:
                hold.position = hold.done = after
                hold.watermarks = folded.watermarks
                hold.published -= trim
        return answers

    async def trim(self, holds: Sequence[ShardHold]) -> list[bool]:
        """Let go of published outbox elements, with nothing else to write."""
        nothing = Folded({}, {}, {}, {}, [], [], [], [], 0)
        return await self.commit([(h, nothing._replace(watermarks=h.watermarks), h.position, []) for h in holds])

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
            profiles, timelines, counters, overflow,
        )  # fmt: skip
        return self._link.script("materialize", (prefix + k.AT,), prefix, hold.token, hold.position, pack(write))


def _take(at: str, token: str, position: int, *fields: str) -> list[Command]:
    """The token is written before anything is read: from here on no other hold writes."""
    return [("HSET", at, "token", token), ("HSETNX", at, "pos", position), ("HMGET", at, "pos", *fields)]


async def _positions(link: Link, ats: Sequence[str]) -> list[int | None]:
    answers = await link.run([("HGET", at, "pos") for at in ats])
    return [None if answer is None else int(answer) for answer in answers]


def _held(at: str) -> Command:
    return ("HMGET", at, "token", "pos")


def _is_held(hold: Hold, answer: Any) -> bool:
    token, pos = answer
    return bool(token == hold.token.encode() and pos == b"%d" % hold.position)


def _facts(raw: bytes | None) -> Facts:
    return read_facts(raw) if raw is not None else ()


def _owner(raw: bytes | None) -> Owner | None:
    return read_owner(raw) if raw is not None else None


def _bytes(owner: Owner | None) -> bytes:
    return encode(owner) if owner is not None else b""
