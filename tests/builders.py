"""Records in one short expression each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from knownas.nouns import RESOLVED, Definition, Names
from knownas.plain import Setting

NAMES = Names(b"a secret for tests")
NOON = 1_763_700_000
"""The time at which stories start, in seconds."""


def event(device: str | None, name: str = "Viewed", data: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An event of a device, or of a server where there is no device."""
    return _record("event", device=device, evtName=name, evtData=data, **more)


def login(device: str | None, properties: dict[str, Any] | None = None, **identities: Any) -> dict[str, Any]:
    """A login; identities by kind."""
    return _record("login", device=device, identities=identities or None, profileData=properties)


def profile(device: str | None, properties: dict[str, Any] | None = None, **identities: Any) -> dict[str, Any]:
    """An update of a profile."""
    return _record("profile", device=device, identities=identities or None, profileData=properties)


def logout(device: str) -> dict[str, Any]:
    """A logout."""
    return _record("logout", device=device)


def tick(shard: int, offset: int, definitions: Iterable[Definition] = ()) -> bytes:
    """A tick, with definitions of segments, as a message of a shard whose next offset is this."""
    said = msgspec.to_builtins(list(definitions))
    told = {"profile": "", "source": [RESOLVED, shard, offset, 0], "at": 0, "ts": 0, "task": "tick", "segments": said}
    return msgspec.json.encode(told)


def _record(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind} | {name: value for name, value in fields.items() if value is not None}


def setting(
    partitions: int = 2,
    shards: int = 2,
    kinds: tuple[str, ...] = ("identity", "email", "facebook", "google"),
    region: str | None = None,
    day_timezone: str = "UTC",
) -> Setting:
    """A deployment."""
    return Setting(NAMES, partitions, shards, kinds, region, day_timezone)
