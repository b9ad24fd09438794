"""People as vendors' reads ask for them: by identity, by device, by id, their timeline, everybody page by page."""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.adapters.reader import Reader
from knownas.adapters.redis import Link
from knownas.errors import WrongInput
from knownas.nouns import Profile, shard_of
from knownas.profile.timeline import Page, Wanted, decode_cursor
from knownas.records.identities import IdentityRules, Unusable, normalize

Many = Literal["identities", "devices", "guests"]
READERS: Final = 4
"""Connections to the store: a long timeline on one does not hold up those who read on the others."""


class ProfilePage(NamedTuple):
    """Some profiles, in no order, and where the next ones start; None: that was all. A page may be empty."""

    profiles: Sequence[Profile]
    cursor: str | None


class People(Protocol):
    """What may be asked of people. Deleted profiles (`gone`) are nobody. Raises `WorldFault` when the store is away."""

    async def by_id(self, profile_id: str) -> Profile | None:
        """A profile by its id."""
        ...

    async def by_identity(self, kind: str, value: str | float) -> Profile | None:
        """The profile that owns an identity, given as people write it."""
        ...

    async def by_device(self, device: str) -> Profile | None:
        """The profile that a device speaks for now."""
        ...

    async def timeline(self, profile: Profile, cursor: str | None, limit: int) -> Page:
        """A person's story with linked guests' lines in place. `WrongInput`: the cursor is not one of ours."""
        ...

    async def scan(self, cursor: str | None, limit: int) -> ProfilePage:
        """Everybody, about `limit` at a time; who is changed meanwhile is still met. `WrongInput` as above."""
        ...


class StorePeople:
    """People as the store knows them."""

    def __init__(self, readers: Sequence[Reader], link: Link, keys: Keys, rules: IdentityRules, shards: int) -> None:
        self._readers = itertools.cycle(readers)
        self._link, self._keys, self._rules, self._shards = link, keys, rules, shards

    @property
    def reader(self) -> Reader:
        """A reader; which one changes from question to question."""
        return next(self._readers)

    async def by_id(self, profile_id: str) -> Profile | None:
        """A profile by its id."""
        return await self.reader.profile(profile_id)

    async def by_identity(self, kind: str, value: str | float) -> Profile | None:
        """The profile that owns an identity."""
        identity = normalize(kind, value, self._rules.region)
        if isinstance(identity, Unusable) or kind not in self._rules.kinds:
            return None
        reader = self.reader
        owner = await reader.owner(identity)
        return await reader.profile(owner) if owner else None

    async def by_device(self, device: str) -> Profile | None:
        """The profile that a device speaks for now."""
        reader = self.reader
        facts = await reader.facts(device)
        return await reader.profile(facts[-1].profile) if facts and facts[-1].profile else None

    async def timeline(self, profile: Profile, cursor: str | None, limit: int, wanted: Wanted | None = None) -> Page:
        """A page of a person's story, or of what is wanted of it."""
        after = decode_cursor(cursor) if cursor else None
        if cursor and after is None:
            raise WrongInput("the cursor is not one that a timeline gave")
        return await self.reader.timeline(profile, limit, after, wanted)

    async def listed(self, profile: Profile, what: Many, start: int, count: int) -> list[str]:
        """Some of what a profile has many of, in order of arrival; identities as kind:value."""
        shown = {
            "identities": [f"{identity.kind}:{identity.value}" for identity in profile.identities],
            "devices": profile.devices,
            "guests": profile.guests,
        }[what]
        found = shown[start : start + count]
        if len(found) < count:
            key = self._keys.shard(shard_of(profile.id, self._shards)) + k.overflow(what, profile.id)
            first = max(0, start - len(shown))
            (more,) = await self._link.run([("ZRANGE", key, first, first + count - len(found) - 1)])
            found = found + [item.decode() for item in more]
        return found

    async def scan(self, cursor: str | None, limit: int) -> ProfilePage:
        """Everybody, about `limit` at a time."""
        reader = self.reader
        at, found = _scan_place(cursor), []
        pattern = f"{self._keys.prefix}{{*}}:p:*"
        while True:
            at, some = await self._link.scan(at, pattern, max(10, limit))
            ids = [key.rpartition(b":")[2].decode() for key in some]
            found += await reader.profiles(ids) if ids else []
            if at == 0 or len(found) >= limit:
                return ProfilePage(found, _scan_cursor(at) if at else None)


def _scan_cursor(place: int) -> str:
    return base64.urlsafe_b64encode(b"s%d" % place).rstrip(b"=").decode()


def _scan_place(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        text = b""
    if not text.startswith(b"s") or not text[1:].isdigit() or len(text) > 21:
        raise WrongInput("the cursor is not one that this list gave")
    return int(text[1:])
