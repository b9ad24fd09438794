"""A Kafka record as stage 1 meets it: where it is from, what it says, where its device belongs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from knownas.identity.plan import Arrival
from knownas.identity.repeats import mark
from knownas.nouns import Names, murmur2, shard_of
from knownas.records import control
from knownas.records.identities import IdentityRules
from knownas.records.intake import Intake, take_in
from knownas.records.origin import HEADER, Origin, unseal
from knownas.topics import Layout

REMEMBERED: Final = 200_000
"""How many devices' and profiles' hashes a worker remembers."""


class Places:
    """Where devices and profiles belong, remembered: hashing a key costs more than all else about a known device."""

    def __init__(self, names: Names, layout: Layout) -> None:
        self._names, self._layout = names, layout
        self._devices: dict[str, tuple[str, int]] = {}
        self._shards: dict[str, int] = {}

    def device(self, device: str) -> tuple[str, int]:
        """A device's hashed name and its partition of `events`."""
        found = self._devices.get(device)
        if found is None:
            if len(self._devices) >= REMEMBERED:
                self._devices.clear()
            found = self._names.device(device), murmur2(device.encode()) % self._layout.partitions
            self._devices[device] = found
        return found

    def shard(self, profile: str) -> int:
        """The shard a profile lives in."""
        found = self._shards.get(profile)
        if found is None:
            if len(self._shards) >= REMEMBERED:
                self._shards.clear()
            found = self._shards[profile] = shard_of(profile, self._layout.shards)
        return found


class Arrivals:
    """Reads Kafka records, with the names and rules of a deployment."""

    def __init__(self, names: Names, rules: IdentityRules, layout: Layout) -> None:
        self._names, self._rules = names, rules
        self.places = Places(names, layout)

    def read(self, topic: str, partition: int, record: Any) -> Arrival:
        """A Kafka record of a partition of `events` or `updates`."""
        value, at, headers, key = record.value, max(record.timestamp, 0), record.headers, record.key
        origin: Origin | None = None
        if headers and value is not None:
            for name, sealed in headers:
                if name != HEADER or sealed is None:
                    continue
                if (origin := unseal(self._names, sealed, partition, value, topic)) is not None:
                    at, headers = origin.at, [header for header in headers if header[0] != HEADER]
                    break
        asked = control.read(value, origin) if origin is not None else None
        if asked is not None:
            device, home = self.places.device(asked.device) if isinstance(asked, control.Detach) else (None, None)
            return Arrival(record.offset, at, key, value, headers, asked, device, home, origin)
        intake = take_in(value, at, self._rules, _size(key, headers))
        device = home = seen = None
        if isinstance(intake, Intake):
            said = intake.record
            if said.device is not None:
                device, home = self.places.device(said.device)
            if said.id is not None:
                seen = mark(self._names, (key or b"") if said.device is None else said.device.encode(), said.id)
        return Arrival(record.offset, at, key, value, headers, intake, device, home, origin, seen)


def _size(key: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> int:
    return len(key or b"") + sum(len(name) + len(value or b"") for name, value in headers)
