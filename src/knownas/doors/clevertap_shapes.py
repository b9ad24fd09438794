"""How a profile and an event look in CleverTap's server API."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any, Final

import msgspec

from knownas.nouns import Entry, Profile

_SHOWN_APART: Final = frozenset({"Name", "Email", "Phone"})
_CONTEXT: Final = {"osVersion": "os_version", "appVersion": "app_version", "make": "make", "model": "model"}
_read_json: Final = msgspec.json.Decoder().decode


def record_of(profile: Profile, *, events: bool = True) -> dict[str, Any]:
    """A profile as CleverTap shows it."""
    record = _who(profile) | {"profileData": properties_of(profile), "platformInfo": _platforms(profile)}
    if events:
        record["events"] = {
            name: {"count": count.count, "first_seen": count.first, "last_seen": count.last}
            for name, count in profile.events.items()
        }
    return record


def event_record_of(profile: Profile, entry: Entry, zone: tzinfo) -> dict[str, Any]:
    """An event as CleverTap shows it: `ts` is its time in digits, in the zone that days are counted in."""
    moment = datetime.fromtimestamp(entry.ts, zone)
    platform = _platforms(profile)[0]
    return {
        "eventName": entry.name,
        "ts": int(moment.strftime("%Y%m%d%H%M%S")),
        "event_props": data_of(entry),
        "session_props": {},
        "profile": _who(profile) | platform | {"profileData": properties_of(profile)},
    }


def _who(profile: Profile) -> dict[str, Any]:
    """The fields that CleverTap shows beside the others: who it is."""
    values = {key: held.value for key, held in profile.properties.items() if key in _SHOWN_APART}
    first: dict[str, str] = {}
    for kind, value in profile.identities:
        first.setdefault(kind, value)
    who = {
        "identity": first.get("identity"),
        "email": values.get("Email") or first.get("email"),
        "phone": values.get("Phone") or first.get("phone"),
        "name": values.get("Name"),
        "FBID": first.get("facebook"),
        "GPID": first.get("google"),
    }
    return {key: value for key, value in who.items() if value is not None} | {
        "all_identities": [value for _, value in profile.identities]
    }


def properties_of(profile: Profile) -> dict[str, Any]:
    """The properties that are set, by name."""
    return {key: held.value for key, held in profile.properties.items() if held.value is not None}


def _platforms(profile: Profile) -> list[dict[str, Any]]:
    """What is known of each device; a person without one is named by the profile's id."""
    if not profile.devices:
        return [{"platform": "API", "objectId": profile.id}]
    alone = profile.context if len(profile.devices) == 1 else {}
    about = {shown: alone[key] for key, shown in _CONTEXT.items() if key in alone}
    return [
        {"platform": _platform(profile, device), "objectId": device, **about}
        | ({"push_token": profile.tokens[device]} if device in profile.tokens else {})
        for device in profile.devices
    ]


def _platform(profile: Profile, device: str) -> str:
    """Where a device is: what its records said, else what its id looks like."""
    said = profile.context.get("os") if len(profile.devices) == 1 and not profile.context.get("browser") else None
    if isinstance(said, str):
        return said
    return "Android" if device.startswith("__") else "iOS" if device.startswith("-") else "Web"


def data_of(entry: Entry) -> dict[str, Any]:
    """What an event carried."""
    data = _read_json(entry.data) if entry.data else {}
    return data if isinstance(data, dict) else {}
