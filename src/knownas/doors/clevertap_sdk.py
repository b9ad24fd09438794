"""What CleverTap's web and mobile SDKs have in common: profiles as they send them, and what they may read back.

**Profiles.** `Identity` is an identity, the other identifiers stay the properties they are (the core reads them). A
phone comes as a bare number, its plus taken off: it gets it back. An object becomes one property for each value in
it, named by its path (`Policy[0].price`), which is how the SDKs name a nested value that they count up or add to.

**Reading back.** A key that lies open in pages and apps must not hand out what is known of a person, and anybody can
claim an e-mail address. So a device is shown a profile only where all of it came from this device: it is the device's
own guest, or each record that was ever applied to it stands where this device's records stand. And it is shown nothing
if its id is not one that nobody can guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from knownas.doors.nested import by_name, unfolded
from knownas.nouns import EVENTS, Entry, Profile

FETCH: Final = "wzrk_fetch"
"""The SDKs' own question for messages: an event in form only."""
EXPIRES_SECONDS: Final = 20 * 60
"""For how long an SDK may take what it read back for current."""
AHEAD_SECONDS: Final = 24 * 3600
"""A clock further ahead than this is wrong: the time of arrival is taken."""

_LONGEST_PHONE: Final = 10**15
_UNGUESSABLE: Final = re.compile(r"(?:__)?[0-9a-f]{32}")


def moment(value: Any, now_ms: int) -> int | None:
    """An SDK's epoch seconds, None if they are missing or cannot be right."""
    try:
        seconds = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= now_ms // 1000 + AHEAD_SECONDS else None


def profile_of(sent: Any) -> dict[str, Any]:
    """The fields of a record that a sent profile fills: `identities` and `profileData`."""
    if not isinstance(sent, dict):
        return {}
    custom = sent.get("_custom")
    fields = {**sent, **custom} if isinstance(custom, dict) else dict(sent)
    fields.pop("_custom", None)
    found: dict[str, Any] = {}
    if type(fields.get("Identity")) in (str, int, float):
        found["identities"] = {"identity": fields.pop("Identity")}
    phone = fields.get("Phone")
    if type(phone) is int and 0 < phone < _LONGEST_PHONE:
        fields["Phone"] = f"+{phone}"
    data = unfolded(fields, _inside)
    if data:
        found["profileData"] = data
    return found


def _inside(value: Any) -> Iterable[tuple[str, Any]] | None:
    """Into objects, and into lists that hold some; operators are whole."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return ((f"[{place}]", inner) for place, inner in enumerate(value))
    return None if isinstance(value, dict) and any(key.startswith("$") for key in value) else by_name(value)


def may_read(device: str) -> bool:
    """Whether a device's id is proof enough to be shown what it has set itself."""
    return _UNGUESSABLE.fullmatch(device) is not None


def is_all_own(profile: Profile, device: str, entries: Sequence[Entry], kept: int) -> bool:
    """Whether everything on a profile came from this device.

    `entries` are its own timeline, read after the profile, so there may be newer ones; `kept` is how many a timeline
    keeps: one that is full may have lost what somebody else did.
    """
    if profile.devices != [device] or profile.devices_more:
        return False
    if not profile.identities and not profile.identities_more and profile.identified_at is None:
        return True
    places = {(entry.topic, entry.partition) for entry in entries if entry.type != "test"}
    return profile.version <= len(entries) < kept and len(places) == 1 and places.pop()[0] == EVENTS


def read_back(profile: Profile | None) -> dict[str, Any]:
    """What an SDK merges into what it knows of its user; nothing where there is nothing to show."""
    if profile is None:
        return {"events": {}, "profile": {}, "expires_in": EXPIRES_SECONDS}
    shown = {field: kept.value for field, kept in profile.properties.items() if kept.value is not None}
    identity = next((value for kind, value in profile.identities if kind == "identity"), None)
    if identity is not None:
        shown["Identity"] = identity
    events = {name: [kept.count, int(kept.first), int(kept.last)] for name, kept in profile.events.items()}
    return {"events": events, "profile": shown, "expires_in": EXPIRES_SECONDS}
