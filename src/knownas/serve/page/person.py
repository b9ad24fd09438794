"""What the page of a profile shows, as values for its templates. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from knownas.nouns import Profile, Timestamp
from knownas.profile.card import Place, card
from knownas.profile.fold import DEFAULT_FIELDS
from knownas.profile.subscriptions import opted_out
from knownas.profile.time import Calendar
from knownas.profile.types import reachable
from knownas.serve.page.activity import Activity, Counted, activity, counts
from knownas.serve.page.shown import date_text

NAME_CHARACTERS: Final = 120
CHANNELS: Final = (("email", "mail"), ("push", "bell"), ("sms", "message-square"))


class Fact(NamedTuple):
    """A line of the card: its icon, what it is, and its text, or else its time (`form` says how it is written)."""

    icon: str
    label: str
    text: str | None = None
    ts: Timestamp | None = None
    form: str = "full"
    more: str = ""


class Channel(NamedTuple):
    """A way to reach somebody, and whether it works now."""

    name: str
    icon: str
    works: bool


class Held(NamedTuple):
    """A property: its value and when it was set."""

    name: str
    value: Any
    ts: Timestamp


class Person(NamedTuple):
    """Somebody at a glance."""

    profile: Profile
    name: str
    known: bool
    channels: list[Channel]
    opted_out: list[str]
    facts: list[Fact]
    default: list[Held]
    custom: list[Held]
    counts: list[Counted]
    activity: Activity
    devices: int
    guests: int
    identities: int


def person(
    profile: Profile, guests: Sequence[Profile], now_ms: int, calendar: Calendar, place: Place | None = None
) -> Person:
    """A profile and its linked guests at a moment."""
    default, custom = _properties(profile)
    works = reachable(profile)
    return Person(
        profile,
        name_of(profile),
        bool(profile.identities) or profile.identified_at is not None,
        [Channel(name, icon, name in works) for name, icon in CHANNELS],
        opted_out(profile),
        _facts(card(profile, now_ms, place)),
        default,
        custom,
        counts(profile, guests),
        activity(profile, guests, calendar.day(now_ms / 1000)),
        len(profile.devices) + profile.devices_more,
        len(profile.guests) + profile.guests_more,
        len(profile.identities) + profile.identities_more,
    )


def name_of(profile: Profile) -> str:
    """What to call somebody: their name, else the first that they are known by, else a guest."""
    held = profile.properties.get("Name")
    if held is not None and isinstance(held.value, str) and held.value.strip():
        return held.value.strip()[:NAME_CHARACTERS]
    if profile.identities:
        return profile.identities[0].value[:NAME_CHARACTERS]
    return "A guest" if profile.identified_at is None else "No name"


def _facts(shown: Mapping[str, Any]) -> list[Fact]:
    acquired = date.fromisoformat(shown["acquired"]["date"])
    where = ", ".join(str(shown[part]) for part in ("city", "country") if shown[part])
    return [
        Fact("map-pin", "Location", where or None),
        Fact("compass", "Coordinates", _coordinates(shown)),
        Fact("mail", "Email", _text(shown["email"])),
        Fact("phone", "Phone", _text(shown["phone"])),
        Fact("calendar-days", "Initially acquired from", date_text(acquired), more=_channel(shown["acquired"])),
        Fact("log-in", "First login", None, shown["firstLogin"]),
        Fact("clock", "Last session", None, shown["lastSession"]),
        Fact("user-round", "Age", _age(shown)),
        Fact("cake", "Birthday", shown["birthday"]),
        Fact("award", "Customer Type", _text(shown["customerType"])),
        Fact("hash", "CustomerID", _text(shown["customerId"])),
        Fact("globe", "Timezone", _text(shown["timezone"])),
        Fact("smartphone", "Device", _text(shown["device"])),
        Fact("monitor", "System", _joined(shown, "os", "osVersion")),
        Fact("app-window", "Browser or app", _joined(shown, "browser") or _app(shown)),
    ]


def _coordinates(shown: Mapping[str, Any]) -> str | None:
    if shown["latitude"] is None or shown["longitude"] is None:
        return None
    return f"{shown['latitude']:g}, {shown['longitude']:g}"


def _channel(acquired: Mapping[str, Any]) -> str:
    parts = (acquired.get(part) for part in ("source", "medium", "campaign", "referrer"))
    return ", ".join(str(part) for part in parts if part)


def _age(shown: Mapping[str, Any]) -> str | None:
    if shown["ageYears"] is None:
        return None
    years, months = shown["ageYears"], shown["ageMonths"]
    return f"{years} {'year' if years == 1 else 'years'}, {months} {'month' if months == 1 else 'months'}"


def _joined(shown: Mapping[str, Any], *parts: str) -> str | None:
    return " ".join(str(shown[part]) for part in parts if shown[part]) or None


def _app(shown: Mapping[str, Any]) -> str | None:
    return f"app {shown['appVersion']}" if shown["appVersion"] else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _properties(profile: Profile) -> tuple[list[Held], list[Held]]:
    held = [Held(key, one.value, one.ts) for key, one in profile.properties.items() if one.value is not None]
    held.sort(key=lambda one: one.name.casefold())
    return [one for one in held if one.name in DEFAULT_FIELDS], [one for one in held if one.name not in DEFAULT_FIELDS]
