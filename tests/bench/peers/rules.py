"""The rules in the simple form in which one would first write them: the same for all peers, free of any I/O.

A device speaks for a profile; one that nobody knows gets a guest. A login of a guest with identities that nobody owns
makes the guest that person (claim); where somebody owns one of them the guest is linked to the owner and the device
speaks for the owner from then on. A login by somebody else switches. A logout gives the device a fresh guest. A
record without a device goes to the owner of its identity, or makes one.

What is not here, and knownas has: positions, so a replay or a crash decides anew and counts twice; several owners in
one login, refusals, a ledger, rejected records with their reason, limits of any kind, normalized phones, records
that were sent to the wrong partition, late records that must not overwrite newer values.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

JUNK: Final = frozenset({"", "null", "undefined", "none", "0", "-", "anonymous", "guest", "[object object]", "unknown"})
TYPES: Final = frozenset({"event", "login", "profile", "logout"})
KINDS: Final = ("identity", "email")
PROPERTY_OF_KIND: Final = {"email": "Email"}
MILLISECONDS_FROM: Final = 100_000_000_000
"""A time beyond this was sent in the wrong unit."""

GUEST: Final = "g"
KNOWN: Final = "k"
"""A binding is stored as one of these letters and the profile's id."""


class Decision(NamedTuple):
    """Whose a record is. `binding` is what to store for the device: None for nothing, empty for a device let go."""

    profile: str
    binding: str | None = None
    claims: tuple[str, ...] = ()
    guest: str | None = None


def new_id() -> str:
    """The id of a new profile."""
    return uuid.uuid4().hex


def parse(value: bytes | None) -> dict[str, Any] | None:
    """A record that can be worked with, or None."""
    try:
        record = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(record, dict) or record.get("type") not in TYPES or record.get("ts", 0) > MILLISECONDS_FROM:
        return None
    device = record.get("device")
    if device is None:
        return record if identities(record) else None
    return record if isinstance(device, str) and device.strip().lower() not in JUNK else None


def identities(record: Mapping[str, Any]) -> list[str]:
    """The identities that a record names, as `kind:value`."""
    given = record.get("identities")
    if not given:
        return []
    found = []
    for kind in KINDS:
        value = str(given.get(kind, "")).strip()
        if kind == "email":
            value = value.lower()
        if value.lower() not in JUNK:
            found.append(f"{kind}:{value}")
    return found


def decide(record: Mapping[str, Any], binding: str | None, owners: Mapping[str, str | None]) -> Decision | None:
    """Whose a record is, given whom its device speaks for and who owns its identities; None where it counts nowhere."""
    owner = next((profile for profile in owners.values() if profile), None)
    free = tuple(identity for identity, profile in owners.items() if not profile)
    if record.get("device") is None:
        return Decision(owner or new_id(), None, free)
    kind = record["type"]
    if kind == "logout":
        if not binding:
            return None
        return Decision(binding[1:], "" if binding[0] == KNOWN else None)
    if kind != "login" or not owners:
        return Decision(binding[1:]) if binding else _guest()
    if owner is not None:
        guest = binding[1:] if binding and binding[0] == GUEST else None
        return Decision(owner, KNOWN + owner, free, guest)
    profile = binding[1:] if binding and binding[0] == GUEST else new_id()
    return Decision(profile, KNOWN + profile, free)


def _guest() -> Decision:
    profile = new_id()
    return Decision(profile, GUEST + profile)


def message(raw: bytes, decision: Decision, device: str | None) -> bytes:
    """A record with the profile it belongs to, as it goes to the second stage."""
    told: dict[str, Any] = {"profile": decision.profile, "record": orjson.Fragment(raw)}
    if decision.binding:
        told["binds"] = device
    if decision.claims:
        told["claims"] = decision.claims
    if decision.guest:
        told["guest"] = decision.guest
    return orjson.dumps(told)


def link(decision: Decision) -> bytes:
    """What is told to the guest's profile when it turns out whose it was."""
    return orjson.dumps({"profile": decision.guest, "guestOf": decision.profile})


def new_profile(profile_id: str) -> dict[str, Any]:
    """A profile of which nothing is known."""
    return {
        "id": profile_id, "version": 0, "type": "anonymous", "identities": [], "devices": [], "guests": [],
        "guestOf": None, "properties": {}, "events": {}, "tokens": {}, "firstSeen": None, "lastSeen": None,
    }  # fmt: skip


def fold(profile: dict[str, Any], told: Mapping[str, Any]) -> list[str]:
    """Apply one message to a profile; the names of what changed besides counts and times."""
    changed = []
    profile["version"] += 1
    if guest_of := told.get("guestOf"):
        profile["guestOf"] = guest_of
        return ["guestOf"]
    record = told["record"]
    for field, one in (("devices", told.get("binds")), ("guests", told.get("guest"))):
        if one and one not in profile[field]:
            profile[field].append(one)
            changed.append(field)
    for identity in told.get("claims", ()):
        profile["identities"].append(identity)
        kind, _, value = identity.partition(":")
        if kind in PROPERTY_OF_KIND:
            profile["properties"][PROPERTY_OF_KIND[kind]] = value
        changed.append("identities")
    _count(profile, record)
    changed += [key for key, value in (record.get("profileData") or {}).items() if _set(profile, key, value)]
    token = (record.get("context") or {}).get("pushToken")
    if token and profile["tokens"].get(record.get("device")) != token:
        profile["tokens"][record.get("device")] = token
        changed.append("tokens")
    return changed + _retype(profile)


def entry(record: Mapping[str, Any]) -> bytes:
    """A line of the timeline."""
    return orjson.dumps({field: record[field] for field in ("ts", "type", "evtName", "evtData") if field in record})


def change(profile: Mapping[str, Any], changed: list[str]) -> bytes:
    """What is published about a profile that changed."""
    return orjson.dumps({"id": profile["id"], "version": profile["version"], "changed": changed, "profile": profile})


def _count(profile: dict[str, Any], record: Mapping[str, Any]) -> None:
    ts = record["ts"]
    profile["firstSeen"] = ts if profile["firstSeen"] is None else min(ts, profile["firstSeen"])
    profile["lastSeen"] = ts if profile["lastSeen"] is None else max(ts, profile["lastSeen"])
    if record["type"] != "event":
        return
    count = profile["events"].get(record["evtName"])
    if count is None:
        profile["events"][record["evtName"]] = {"count": 1, "first": ts, "last": ts}
    else:
        count["count"] += 1
        count["first"] = min(ts, count["first"])
        count["last"] = max(ts, count["last"])


def _set(profile: dict[str, Any], key: str, value: Any) -> bool:
    """Set one property, or apply an operator to it; whether that changed it."""
    properties = profile["properties"]
    before = properties.get(key)
    operator, operand = next(iter(value.items())) if isinstance(value, dict) else ("$set", value)
    after = _operate(operator, before, operand)
    if after is None:
        properties.pop(key, None)
    else:
        properties[key] = after
    return bool(before != after)


def _operate(operator: str, before: Any, operand: Any) -> Any:
    match operator:
        case "$set":
            return operand
        case "$setOnce":
            return operand if before is None else before
        case "$incr":
            return (before or 0) + operand
        case "$decr":
            return (before or 0) - operand
        case "$add":
            return list(dict.fromkeys([*(before or ()), *operand]))[-100:]
        case "$remove":
            return [item for item in before or () if item not in operand] or None
        case _:
            return None


def _retype(profile: dict[str, Any]) -> list[str]:
    now = profile["type"]
    if "Charged" in profile["events"]:
        now = "customer"
    elif profile["identities"] or (profile["tokens"] and profile["properties"].get("MSG-push") is not False):
        now = "addressable"
    if now == profile["type"]:
        return []
    profile["type"] = now
    return ["type"]
