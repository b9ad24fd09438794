"""What records say beside what they are about: place, system, app, and the channel that brought somebody.

The rules, in words. The newest `ts` that says anything says what there is: it overwrites what it names, null removes.
An older record fills only what nobody said. A place is one: who names another place replaces all of it, and what an
older record says of a place counts only where none is known. The channel is that of the oldest record that names one,
and it is told only where that record came with the first visit. An empty text says nothing. What is of a wrong type,
too long or nowhere on earth is refused by itself.
"""

from __future__ import annotations

from typing import Any, Final

from knownas.nouns import Profile, Timestamp
from knownas.profile.time import SILENCE_SECONDS
from knownas.records.values import TEXT_BYTES, longer_than

PLACE: Final = ("city", "country", "latitude", "longitude")
CHANNEL: Final = ("source", "medium", "campaign", "referrer")
KEPT: Final = (
    "os", "osVersion", "appVersion", "browser", "make", "model", "sdk", "language", "timezone", *PLACE,
)  # fmt: skip
"""What is kept, in the order in which it is kept."""

_KEPT: Final = frozenset(KEPT)
_READ: Final = _KEPT.union(CHANNEL)
_PLACE: Final = frozenset(PLACE)
_DEGREES: Final = {"latitude": 90, "longitude": 180}


def note(profile: Profile, given: dict[str, Any], ts: Timestamp) -> list[tuple[str, str]]:
    """Remember what a record's context says; returns what is refused: key and reason."""
    if is_known(profile, given):
        profile.context_ts = max(profile.context_ts, ts)
        return []
    said: dict[str, Any] = {}
    refused: list[tuple[str, str]] = []
    for key, value in given.items():
        if key in _READ and value != "":
            reason = _refusal(key, value)
            if reason is None:
                said[key] = value
            else:
                refused.append((f"context.{key}", reason))
    if not said:
        return refused
    _note_channel(profile, said, ts)
    if not _KEPT.isdisjoint(said):
        if ts >= profile.context_ts:
            _overwrite(profile, said)
            profile.context_ts = ts
        else:
            _fill(profile, said)
    return refused


def is_known(profile: Profile, given: dict[str, Any]) -> bool:
    """Whether a record says no more of all this than is known, as most do."""
    return bool(given) and given.items() <= profile.context.items() and _DEGREES.keys().isdisjoint(given)


def acquired(profile: Profile) -> dict[str, Any]:
    """When somebody was first seen, and by which channel if the first visit said so."""
    is_first = profile.channel and profile.channel_ts <= profile.first_seen + SILENCE_SECONDS
    return {"at": profile.first_seen, **(profile.channel if is_first else {})}


def place(profile: Profile) -> dict[str, Any]:
    """Where somebody was last."""
    return {key: profile.context[key] for key in PLACE if key in profile.context}


def system(profile: Profile) -> dict[str, Any]:
    """What somebody used last, and what it was set to."""
    return {key: value for key, value in profile.context.items() if key not in _PLACE}


def _refusal(key: str, value: Any) -> str | None:
    if value is None:
        return None
    most = _DEGREES.get(key)
    if most is not None:
        return None if type(value) in (int, float) and -most <= value <= most else "bad_value"
    if type(value) is not str:
        return "bad_value"
    return "too_long" if longer_than(value, TEXT_BYTES) else None


def _note_channel(profile: Profile, said: dict[str, Any], ts: Timestamp) -> None:
    if profile.channel and ts >= profile.channel_ts:
        return
    channel = {key: said[key] for key in CHANNEL if said.get(key) is not None}
    if channel:
        profile.channel, profile.channel_ts = channel, ts


def _overwrite(profile: Profile, said: dict[str, Any]) -> None:
    held = profile.context
    if any(said.get(key) is not None and held.get(key) != said[key] for key in PLACE):
        held = {key: value for key, value in held.items() if key not in _PLACE}
    _keep(profile, {**held, **said})


def _fill(profile: Profile, said: dict[str, Any]) -> None:
    held = profile.context
    told = said if _PLACE.isdisjoint(held) else {key: value for key, value in said.items() if key not in _PLACE}
    _keep(profile, {**told, **held})


def _keep(profile: Profile, values: dict[str, Any]) -> None:
    profile.context = {key: values[key] for key in KEPT if values.get(key) is not None}
