"""Segment's traits and context in our words: known fields by their names here, nested objects with dotted names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from knownas.doors.nested import TEXT, by_name, unfolded

FIELD_OF_TRAIT: Final = {
    "name": "Name", "email": "Email", "phone": "Phone", "gender": "Gender", "birthday": "Birthday", "avatar": "Photo",
    "age": "Age", "language": "Language", "timezone": "Timezone",
}  # fmt: skip
DEPTH: Final = 4
LONGEST_TOKEN: Final = 4_096

_PLAIN: Final = {"ip": "ip", "locale": "language", "timezone": "timezone"}
_INSIDE: Final = {
    "os": {"name": "os", "version": "osVersion"},
    "app": {"version": "appVersion"},
    "device": {"manufacturer": "make", "model": "model"},
    "browser": {"name": "browser"},
    "location": {"city": "city", "country": "country", "latitude": "latitude", "longitude": "longitude"},
    "campaign": {"name": "campaign", "source": "source", "medium": "medium"},
    "page": {"referrer": "referrer"},
    "library": {"name": "sdk"},
}
SHARED: Final = (*_PLAIN, *_INSIDE)
"""What of a context may be a batch's."""
_NUMBERS: Final = frozenset({"latitude", "longitude"})


def properties_of(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Traits as properties of the profile."""
    found = unfolded(traits, by_name, DEPTH)
    first, last = found.get("firstName"), found.get("lastName")
    names = [name for name in (first, last) if isinstance(name, str) and name]
    if names and not found.get("name"):
        found["name"] = " ".join(names)
    if isinstance(found.get("birthday"), str):
        found["birthday"] = _day(found["birthday"])
    return {FIELD_OF_TRAIT.get(key, key): value for key, value in found.items()}


def group_properties_of(group: str | float, traits: Mapping[str, Any]) -> dict[str, Any]:
    """A group as properties of its member."""
    return {"groupId": group} | unfolded({f"group.{key}": value for key, value in traits.items()}, by_name, DEPTH)


def context_of(said: Mapping[str, Any], *, with_token: bool) -> dict[str, Any]:
    """What a message says of where it came from; the push token only where there is a device that it belongs to."""
    found = _picked(said, _PLAIN)
    for name, fields in _INSIDE.items():
        if isinstance(said.get(name), dict):
            found |= _picked(said[name], fields)
    device = said.get("device")
    token = device.get("token") if with_token and isinstance(device, dict) else None
    if isinstance(token, str) and 0 < len(token) <= LONGEST_TOKEN:
        found["pushToken"] = token
    return found


def _picked(said: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """The fields that are there, texts and numbers each where they belong, by their names here."""
    picked = {}
    for name, field in fields.items():
        value = said.get(name)
        if type(value) in (int, float) if field in _NUMBERS else isinstance(value, str) and value != "":
            picked[field] = value[:TEXT] if isinstance(value, str) else value
    return picked


def _day(text: str) -> str:
    """The day of a birthday that came as a time."""
    if "T" not in text:
        return text
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        return text
