"""A batch of records at a time: everything that is needed read in one call, everything that changed written in one.

This is what an expert writes once a call per access turns out to be too slow, and it is the same for the three peers
that get batches from their framework. Within a batch later records see what earlier ones decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from tests.bench.peers import rules
from tests.bench.peers.outside import device_key, owner_key, profile_key, timeline_key

Sent = list[tuple[bytes, bytes]]
"""Messages as key and value."""


class Resolving:
    """A batch on its way through the first stage: `keys` are to be read, then `decide` says what to write and send."""

    def __init__(self, values: Iterable[bytes | None]) -> None:
        self.bad = 0
        self._records: list[tuple[bytes, dict[str, Any], list[str]]] = []
        wanted: dict[str, None] = {}
        for value in values:
            record = rules.parse(value)
            if record is None or value is None:
                self.bad += 1
                continue
            named = rules.identities(record)
            self._records.append((value, record, named))
            if record.get("device") is not None:
                wanted[device_key(record["device"])] = None
            for identity in named:
                wanted[owner_key(identity)] = None
        self.keys = list(wanted)
        self.writes: dict[str, str] = {}

    def decide(self, found: Sequence[bytes | None]) -> Sent:
        """Decide with what was found under `keys`; `writes` are to be written before the messages are sent."""
        state = {key: raw.decode() if raw else "" for key, raw in zip(self.keys, found, strict=True)}
        sent: Sent = []
        for raw, record, named in self._records:
            device = record.get("device")
            binding = state[device_key(device)] if device is not None else ""
            decision = rules.decide(record, binding, {identity: state[owner_key(identity)] for identity in named})
            if decision is None:
                self.bad += 1
                continue
            written = {owner_key(identity): decision.profile for identity in decision.claims}
            if device is not None and decision.binding is not None:
                written[device_key(device)] = decision.binding
            state |= written
            self.writes |= written
            sent.append((decision.profile.encode(), rules.message(raw, decision, device)))
            if decision.guest:
                sent.append((decision.guest.encode(), rules.link(decision)))
        return sent


class Materializing:
    """A batch on its way through the second stage: `keys` are to be read, then `fold` says what to write and send."""

    def __init__(self, values: Iterable[bytes]) -> None:
        self._told: list[dict[str, Any]] = [orjson.loads(value) for value in values]
        self._profiles = list(dict.fromkeys(told["profile"] for told in self._told))
        self.keys = [profile_key(profile) for profile in self._profiles]
        self.records = sum("record" in told for told in self._told)
        self.writes: dict[str, bytes] = {}
        self.timelines: dict[str, list[bytes]] = {}

    def fold(self, found: Sequence[bytes | None]) -> Sent:
        """Fold into what was found under `keys`: what is to be published, once a profile."""
        profiles = {
            profile: orjson.loads(raw) if raw else rules.new_profile(profile)
            for profile, raw in zip(self._profiles, found, strict=True)
        }
        changes: dict[str, list[str]] = {}
        for told in self._told:
            profile = profiles[told["profile"]]
            changed = rules.fold(profile, told)
            if changed:
                changes.setdefault(profile["id"], []).extend(changed)
            if "record" in told:
                self.timelines.setdefault(timeline_key(profile["id"]), []).append(rules.entry(told["record"]))
        self.writes = {profile_key(profile_id): orjson.dumps(profile) for profile_id, profile in profiles.items()}
        return [(profile.encode(), rules.change(profiles[profile], names)) for profile, names in changes.items()]


def too_long(timelines: Mapping[str, Any], lengths: Iterable[int], most: int) -> list[str]:
    """The timelines that have grown beyond what is kept; `lengths` are the answers to their pushes."""
    return [key for key, length in zip(timelines, lengths, strict=True) if length > most]
