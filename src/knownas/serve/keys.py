"""Keys that callers show: who may write, read, administer. Stored as keyed hashes, never in clear.

A key has one or more rights. A write key may sit in a public page; so it can do nothing but write. A key is made by
`knownas keys create` and shown once. Some clients have an account's name where others have a key (a page that says
`clevertap.init('ACCOUNT')`): `--key` makes that name a key.

The gateway holds all rows in memory and looks for changes every few seconds, so a revoked key stops working within
`LOOK_SECONDS`, and uploads go on while the store is away. They go on as well where the store lost everything and until
it is rebuilt: that it has no keys then says nothing. Comparing costs the same time whatever is shown: what is compared
is its hash under the deployment's secret, with every stored one, each in constant time.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections.abc import Collection, Sequence
from typing import Final, Literal

import msgspec
import structlog

from knownas.adapters.keys import AT, Keys
from knownas.adapters.redis import Link
from knownas.errors import WorldFault, WrongInput
from knownas.nouns import EVENTS, UPDATES, Names
from knownas.operate.layout import UNFINISHED, StoredLayout

Right = Literal["write", "read", "admin"]
RIGHTS: Final[tuple[Right, ...]] = ("write", "read", "admin")
LOOK_SECONDS: Final = 2.0
SHORTEST: Final = 8
LONGEST: Final = 256

log: Final = structlog.get_logger("knownas")


class KeyRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored of a key, under its hash: its short id, what it is called, what it may do, since when."""

    id: str
    name: str
    rights: tuple[Right, ...]
    created: int


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(KeyRow).decode


def check_chosen(key: str, rights: Collection[Right]) -> None:
    """`WrongInput` where a key that somebody chose cannot be one."""
    if not SHORTEST <= len(key) <= LONGEST or not key.isprintable() or " " in key:
        raise WrongInput(f"a key has {SHORTEST} to {LONGEST} printable characters and no spaces")
    if set(rights) != {"write"}:
        raise WrongInput("a key that somebody chose may only write: it can be guessed or read in a page")


class KeyStore:
    """The rows in the store."""

    def __init__(self, link: Link, keys: Keys, names: Names) -> None:
        self._link, self._keys, self._where, self._names = link, keys, keys.gateway_keys, names

    def digest(self, key: str) -> str:
        """What a key is stored under."""
        return self._names.digest("key", key)

    async def rows(self) -> dict[str, KeyRow]:
        """All keys, by their hashes."""
        (flat,) = await self._link.run([("HGETALL", self._where)])
        return {flat[i].decode(): _decode(flat[i + 1]) for i in range(0, len(flat), 2)}

    async def is_worked_on(self) -> bool | None:
        """Whether stage 1 is anywhere in this store; None: the store is empty, or half rebuilt."""
        remembered = await StoredLayout(self._link, self._keys).layout()
        if not remembered or UNFINISHED in remembered:
            return None
        partitions = range(int(remembered["partitions"]))
        ats = [self._keys.source(topic, number) + AT for topic in (EVENTS, UPDATES) for number in partitions]
        return any(position is not None for position in await self._link.run([("HGET", at, "pos") for at in ats]))

    async def create(self, name: str, rights: Sequence[Right], key: str | None = None) -> tuple[str, KeyRow]:
        """Make a key; it is returned this once."""
        if key is not None:
            check_chosen(key, rights)
        held = tuple(right for right in RIGHTS if right in rights)
        text = key or f"{''.join(right[0] for right in held)}k_{secrets.token_urlsafe(24)}"
        digest = self.digest(text)
        row = KeyRow(digest[:8], name, held, int(time.time()))
        (made,) = await self._link.run([("HSETNX", self._where, digest, _encode(row))])
        if not made:
            raise WrongInput("there is such a key already")
        return text, row

    async def revoke(self, which: str) -> KeyRow | None:
        """Take a key back, by its id or by itself."""
        for digest, row in (await self.rows()).items():
            if row.id == which or hmac.compare_digest(digest, self.digest(which)):
                await self._link.run([("HDEL", self._where, digest)])
                return row
        return None


class Held:
    """The keys as a gateway holds them."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._rows: dict[str, KeyRow] | None = None
        self._was_worked_on = False

    @property
    def known(self) -> bool:
        """Whether the keys have been read at least once."""
        return self._rows is not None

    async def look(self) -> None:
        """Read the keys again; `WorldFault` where there are none because the store has lost everything."""
        rows = await self._store.rows()
        if not rows or not self._was_worked_on:
            is_worked_on = await self._store.is_worked_on()
            # One that starts again on a lost store remembers the layout, but takes no partition.
            if not rows and (is_worked_on is None or (self._was_worked_on and not is_worked_on)):
                raise WorldFault("the store has lost its keys, or is being rebuilt")
            self._was_worked_on = bool(is_worked_on)
            rows = rows or await self._store.rows()  # a rebuild may have ended in between
        self._rows = rows

    async def look_after(self) -> None:
        """Read them every few seconds; while the store is away those of before hold."""
        while True:
            try:
                await self.look()
            except WorldFault as error:
                log.warning("keys cannot be read, those known so far hold", why=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    def find(self, shown: Collection[str]) -> list[KeyRow]:
        """The rows of those shown keys that are keys."""
        if not self._rows:
            return []
        rows = self._rows
        return [found for text in list(shown)[:4] if (found := self._match(rows, text)) is not None]

    def row(self, key_id: str, created: int) -> KeyRow | None:
        """The key with this id that was made then, if it was not revoked."""
        rows = (self._rows or {}).values()
        return next((row for row in rows if row.id == key_id and row.created == created), None)

    def _match(self, rows: dict[str, KeyRow], text: str) -> KeyRow | None:
        if not 0 < len(text) <= LONGEST or not text.isprintable():
            return None
        digest = self._store.digest(text)
        found: KeyRow | None = None
        for stored, row in rows.items():  # all of them, so that the time says nothing
            if hmac.compare_digest(stored, digest):
                found = row
        return found
