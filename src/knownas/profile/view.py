"""A profile as everybody outside sees it: API, command line, and the `profile` of a change."""

from __future__ import annotations

from typing import Any

from knownas.nouns import Profile
from knownas.profile.types import reachable


def view(
    profile: Profile, facts: dict[str, Any] | None = None, properties: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The profile as a JSON object (contract: "The profile, wherever it is shown"); who has its parts gives them."""
    shown = {"id": profile.id, "version": profile.version, **(facts or facts_about(profile))}
    shown["properties"] = values(profile) if properties is None else properties
    shown["events"] = {
        name: {"count": count.count, "first": count.first, "last": count.last} for name, count in profile.events.items()
    }
    shown["firstSeen"] = profile.first_seen
    shown["lastSeen"] = profile.last_seen
    shown["identifiedAt"] = profile.identified_at
    return shown


def facts_about(profile: Profile) -> dict[str, Any]:
    """Who a profile is, without version, properties, counts and times. Lists are the first 100, with a count."""
    identities: dict[str, list[str]] = {}
    for kind, value in profile.identities:
        identities.setdefault(kind, []).append(value)
    shown: dict[str, Any] = {
        "type": profile.type,
        "reachable": reachable(profile),
        "identities": identities,
        "devices": list(profile.devices),
        "guests": list(profile.guests),
        "guestOf": profile.guest_of,
    }
    counts = {
        "identityCount": profile.identities_more and len(profile.identities) + profile.identities_more,
        "deviceCount": profile.devices_more and len(profile.devices) + profile.devices_more,
        "guestCount": profile.guests_more and len(profile.guests) + profile.guests_more,
    }
    return shown | {field: count for field, count in counts.items() if count}


def values(profile: Profile) -> dict[str, Any]:
    """The properties that are set, by name."""
    return {key: held.value for key, held in profile.properties.items() if held.value is not None}
