"""What a record says beside its subject: a visit, the place and the system, the channel, opt-outs of addresses.

Visits: a device's record within 20 minutes of a session belongs to it, a later one begins the next, an earlier one
says nothing. Context: the newest record says what there is and null removes, an older one fills gaps; a place holds
together. Channel: the oldest record that names one. Addresses: the newest record that names one, at most 100 of them.
"""

from __future__ import annotations

from typing import Any

from knownas.nouns import Profile, Property, Timestamp
from knownas.plain.naming import normal_form

PLACE = ("city", "country", "latitude", "longitude")
CHANNEL = ("source", "medium", "campaign", "referrer")
CONTEXT = ("os", "osVersion", "appVersion", "browser", "make", "model", "sdk", "language", "timezone", *PLACE)
RANGES = {"latitude": 90, "longitude": 180}
SILENCE = 1200


def visit(profile: Profile, ts: Timestamp) -> None:
    """A record of a device."""
    start, last = profile.session_start, profile.session_last
    if profile.sessions == 0:
        profile.sessions, profile.session_start, profile.session_last = 1, ts, ts
    elif ts > last + SILENCE:
        profile.sessions, profile.session_start, profile.session_last = profile.sessions + 1, ts, ts
        profile.session_previous = start
    elif ts >= start - SILENCE:
        profile.session_start, profile.session_last = min(start, ts), max(last, ts)


def session(profile: Profile) -> dict[str, Any] | None:
    """The session as it is shown."""
    if profile.sessions == 0:
        return None
    shown = {"count": profile.sessions, "start": profile.session_start, "last": profile.session_last}
    if profile.sessions > 1:
        shown["previousStart"] = profile.session_previous
    return shown


def acquired(profile: Profile) -> dict[str, Any]:
    """First seen, and the channel if the record that named it was of the first visit."""
    shown: dict[str, Any] = {"at": profile.first_seen}
    if profile.channel_ts <= profile.first_seen + SILENCE:
        shown.update(profile.channel)
    return shown


def note_context(profile: Profile, given: dict[str, Any], ts: Timestamp) -> list[tuple[str, str]]:
    """Keep what is said; returns what cannot be: key and reason."""
    said: dict[str, Any] = {}
    refused = []
    for key, value in given.items():
        if key not in CONTEXT + CHANNEL or value == "":
            continue
        reason = _refusal(key, value)
        if reason is None:
            said[key] = value
        else:
            refused.append((f"context.{key}", reason))
    channel = {key: said[key] for key in CHANNEL if said.get(key) is not None}
    if channel and (not profile.channel or ts < profile.channel_ts):
        profile.channel, profile.channel_ts = channel, ts
    told = {key: value for key, value in said.items() if key in CONTEXT}
    if told:
        profile.context = _newer(profile.context, told) if ts >= profile.context_ts else _older(profile.context, told)
        profile.context_ts = max(profile.context_ts, ts)
    return refused


def _refusal(key: str, value: Any) -> str | None:
    if value is None:
        return None
    if key in RANGES:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return None if is_number and abs(value) <= RANGES[key] else "bad_value"
    if not isinstance(value, str):
        return "bad_value"
    return "too_long" if len(value.encode()) > 512 else None


def _newer(held: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    now = dict(held)
    place = {key: told[key] for key in PLACE if told.get(key) is not None}
    if place and any(held.get(key) != value for key, value in place.items()):
        now = {key: value for key, value in held.items() if key not in PLACE}
    return _in_order(now | told)


def _older(held: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    if any(key in held for key in PLACE):
        told = {key: value for key, value in told.items() if key not in PLACE}
    return _in_order(told | held)


def _in_order(values: dict[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in CONTEXT if key in values and values[key] is not None}


def note_subscriptions(
    profile: Profile, given: dict[str, dict[str, bool]], ts: Timestamp, region: str | None
) -> list[tuple[str, str]]:
    """Keep opt-ins and opt-outs; returns what is no address: key and reason."""
    refused = []
    held = profile.subscriptions
    for kind, answers in given.items():
        for text, answer in answers.items():
            address = normal_form(kind, text, region)
            if isinstance(address, str):
                refused.append((f"subscriptions.{kind}", address))
                continue
            name = f"{kind}:{address.value}"
            if name not in held or ts >= held[name].ts:
                held[name] = Property(answer, ts)
            if len(held) > 100:
                _, oldest = min((one.ts, name) for name, one in held.items())
                del held[oldest]
    return refused


def address_of(kind: str, shown: str | int) -> str:
    """The address that a shown e-mail or phone number is."""
    text = str(shown).strip()
    if kind == "phone":
        return "phone:+" + "".join(one for one in text if one.isdigit()).lstrip("0")
    return f"email:{text.lower()}"
