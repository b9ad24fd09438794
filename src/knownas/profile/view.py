"""A profile as everybody outside sees it: API, command line, and the `profile` of a change."""

from __future__ import annotations

from typing import Any

from knownas.nouns import Profile
from knownas.profile.birthday import age_of, timezone_of
from knownas.profile.context import acquired, place, system
from knownas.profile.subscriptions import opted_out
from knownas.profile.types import reachable


def view(
    profile: Profile, at_ms: int, facts: dict[str, Any] | None = None, properties: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The profile at a moment as a JSON object (contract: "The profile, wherever it is shown"); who has its parts
    gives them."""
    shown = {"id": profile.id, "version": profile.version, **(facts or facts_about(profile))}
    shown["properties"] = values(profile) if properties is None else properties
    years_and_months = age_of(profile, at_ms)
    shown["system"] = {
        "age": years_and_months[0] if years_and_months else None,
        "ct_is_test_user": test_mark(profile),
    }
    shown["events"] = {
        name: {"count": count.count, "first": count.first, "last": count.last} for name, count in profile.events.items()
    }
    shown["firstSeen"] = profile.first_seen
    shown["lastSeen"] = profile.last_seen
    shown["identifiedAt"] = profile.identified_at
    shown["acquired"] = acquired(profile)
    shown["session"] = _session(profile)
    shown["context"] = system(profile)
    shown["location"] = place(profile)
    shown["timezone"] = timezone_of(profile)
    return shown


def test_mark(profile: Profile) -> str:
    """Whether somebody is a test user, as it is said everywhere."""
    return "Yes" if profile.test else "No"


def _session(profile: Profile) -> dict[str, Any] | None:
    if not profile.sessions:
        return None
    shown = {"count": profile.sessions, "start": profile.session_start, "last": profile.session_last}
    return shown | ({"previousStart": profile.session_previous} if profile.sessions > 1 else {})


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
    rare = {
        "optedOut": opted_out(profile),
        "demerged": profile.demerged,
        "identityCount": profile.identities_more and len(profile.identities) + profile.identities_more,
        "deviceCount": profile.devices_more and len(profile.devices) + profile.devices_more,
        "guestCount": profile.guests_more and len(profile.guests) + profile.guests_more,
    }
    return shown | {field: value for field, value in rare.items() if value}


def values(profile: Profile) -> dict[str, Any]:
    """The properties that are set, by name."""
    return {key: held.value for key, held in profile.properties.items() if held.value is not None}
