"""Owner rows in a cluster: what one script does on one server, done across slots, all or nothing.

A commit first puts an intent in the place of every row that it takes: what is there, what shall be there, and of which
commit it is. Then it looks whether the rows that it only looked at are what they were: so there was a moment at which
everything it rests on held. Then the partition's own commit, one script in one slot, makes all of it true at once; and
the intents are carried out.

Whoever meets an intent waits for a moment, and then asks the partition that it is of (`verdict.lua`): if that commit
took place the intent is carried out, else it is taken back, and the commit cannot take place any more. So nobody
waits for a worker that died, and nobody acts on a claim whose record may yet be decided otherwise. A commit that took
place lists its intents beside the position: who takes the partition carries them out before anything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from knownas.adapters.redis import Command, Link

NO_ROW: Final = b"\xc1"
"""What an intent begins with: no MessagePack does, so no row can."""

LOOKS: Final = 12
PAUSE_SECONDS: Final = 0.002
"""How often, and after how long a first pause, one looks whether a commit under way has ended."""


class Taken(NamedTuple):
    """A row that a commit rests on: what was found, and what shall be there (b"" where it only looked)."""

    key: str
    found: bytes
    new: bytes


class Intent(msgspec.Struct, frozen=True, array_like=True):
    """What stands in the place of a row while a commit is under way."""

    old: bytes
    new: bytes
    at: str
    token: str
    number: int


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Intent).decode


def intent(raw: bytes | None) -> Intent | None:
    """The intent in the place of a row, if there is one."""
    return _decode(raw[1:]) if raw is not None and raw[:1] == NO_ROW else None


def row_in(raw: bytes | None) -> bytes | None:
    """The row as it was before a commit that may be under way."""
    held = intent(raw)
    return raw if held is None else held.old or None


def chained(looks: Iterable[Taken]) -> list[Taken] | None:
    """One of each row: what the first look found and what the last one puts; None where they do not follow from each
    other."""
    rows: dict[str, Taken] = {}
    for key, found, new in looks:
        held = rows.get(key)
        if held is None:
            rows[key] = Taken(key, found, new)
        elif (held.new or held.found) != found:
            return None
        elif new:
            rows[key] = held._replace(new=new)
    return list(rows.values())


class Commit(NamedTuple):
    """A commit that takes rows: of which partition, under which token, and which of those it is."""

    rows: Sequence[Taken]
    at: str
    token: str
    number: int


def apart(chunks: Sequence[Sequence[Taken]]) -> list[list[int]]:
    """Chunks by number in groups, the first first: those of a group have no row in common."""
    groups: list[list[int]] = []
    keys: set[str] = set()
    for number, rows in enumerate(chunks):
        mine = {row.key for row in rows}
        if not groups or keys & mine:
            groups.append([])
            keys = set()
        groups[-1].append(number)
        keys |= mine
    return groups


def _intent_of(commit: Commit, row: Taken) -> Taken:
    raw = _encode(Intent(row.found, row.new, commit.at, commit.token, commit.number))
    return Taken(row.key, NO_ROW + raw, row.new)


class Intents:
    """Owner rows across slots."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def settled(self, keys: Sequence[str], raws: Sequence[bytes | None]) -> list[bytes | None]:
        """Rows that were read, those with a commit under way as they are when it has ended."""
        rows = list(raws)
        pause = PAUSE_SECONDS
        for look in range(LOOKS + 1):
            met = [place for place, raw in enumerate(rows) if intent(raw) is not None]
            if not met:
                break
            if look < LOOKS // 2:
                await asyncio.sleep(pause)
                pause *= 2
            else:
                await self._end({keys[place]: rows[place] for place in met})
            (again,) = await self._link.run([("MGET", *[keys[place] for place in met])])
            for place, raw in zip(met, again, strict=True):
                rows[place] = raw
        return rows

    async def _end(self, met: dict[str, bytes | None]) -> None:
        """Carry out what is committed and take back the rest."""
        held = {key: (raw, found) for key, raw in met.items() if raw is not None and (found := intent(raw)) is not None}
        asked = [self._link.script("verdict", (one.at,), one.token, one.number) for _, one in held.values()]
        verdicts = await self._link.run(asked)
        ends = [one.new if yes else one.old for (_, one), yes in zip(held.values(), verdicts, strict=True)]
        await self._swap([(key, raw, end) for (key, (raw, _)), end in zip(held.items(), ends, strict=True)])

    async def put(self, commits: Sequence[Commit]) -> list[list[Taken] | None]:
        """Put an intent in the place of every row that these commits take, none of which another of them rests on.
        None, and everything as it was, for one that rests on a row that is not what was found; a row of the answer is
        the intent and what comes after it. One row alone that is not taken is what it was when it was read; several may
        not have been so at one moment."""
        placed = [[(row, _intent_of(commit, row)) for row in commit.rows if row.new] for commit in commits]
        swaps = [(row.key, row.found, one.found) for some in placed for row, one in some]
        done = iter(await self._swap(swaps))
        won = [[(row, one) for row, one in some if next(done)] for some in placed]
        looked = [[row for row in commit.rows if not row.new and len(commit.rows) > 1] for commit in commits]
        held = await self._unchanged([row for some in looked for row in some])
        lost = [
            len(mine) < len(some) or not all(row.key in held for row in rows)
            for rows, some, mine in zip(looked, placed, won, strict=True)
        ]
        await self._swap(
            [(one.key, one.found, row.found) for mine, gone in zip(won, lost, strict=True) if gone for row, one in mine]
        )
        return [None if gone else [one for _, one in some] for some, gone in zip(placed, lost, strict=True)]

    async def take_back(self, put: Sequence[Taken]) -> None:
        """The commit did not take place."""
        await self._swap([(key, raw, held.old) for key, raw, _ in put if (held := intent(raw)) is not None])

    async def carry_out(self, put: Sequence[Taken]) -> None:
        """The commit took place; rows for which this was done before are left alone."""
        await self._swap(put)

    async def _unchanged(self, rows: Sequence[Taken]) -> set[str]:
        if not rows:
            return set()
        (raws,) = await self._link.run([("MGET", *[row.key for row in rows])])
        return {row.key for raw, row in zip(raws, rows, strict=True) if (raw or b"") == row.found}

    async def _swap(self, swaps: Sequence[tuple[str, bytes, bytes]]) -> list[bool]:
        commands: list[Command] = [self._link.script("swap", (key,), found, new) for key, found, new in swaps]
        return [answer == 1 for answer in await self._link.run(commands)] if commands else []
