"""The card: what one wants to see of a person at a glance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from knownas.nouns import Profile
from knownas.profile import birthday
from knownas.profile.context import acquired
from knownas.profile.types import reachable
from knownas.profile.view import test_mark, values

Place = Callable[[float, float], tuple[str, str] | None]
"""The city and country at a latitude and longitude, where there are any."""


def card(profile: Profile, now_ms: int, place: Place | None = None) -> dict[str, Any]:
    """A profile at a moment as a card; what is not known is null. Times are in seconds, dates those of the person.

    `place` is asked where only coordinates are known; what it says is shown and not kept.
    """
    said, properties = profile.context, values(profile)
    city, country = _city_and_country(said, place)
    born, age = birthday.born(profile), birthday.age_of(profile, now_ms)
    return {
        "id": profile.id,
        "type": profile.type,
        "reachable": reachable(profile),
        "city": city,
        "country": country,
        "latitude": said.get("latitude"),
        "longitude": said.get("longitude"),
        "email": properties.get("Email"),
        "phone": _phone(properties.get("Phone")),
        "acquired": {**acquired(profile), "date": _date(profile).isoformat()},
        "firstLogin": profile.identified_at,
        "lastSession": profile.session_last if profile.sessions else profile.last_seen,
        "ageYears": age[0] if age else None,
        "ageMonths": age[1] if age else None,
        "birthday": _month_first(born) if born else None,
        "customerType": properties.get("Customer Type"),
        "customerId": properties.get("CustomerID", _first(profile, "identity")),
        "timezone": birthday.timezone_of(profile),
        "device": _device(said),
        "make": said.get("make"),
        "model": said.get("model"),
        "os": said.get("os"),
        "osVersion": said.get("osVersion"),
        "browser": said.get("browser"),
        "appVersion": said.get("appVersion"),
        "devices": len(profile.devices) + profile.devices_more,
        "guests": len(profile.guests) + profile.guests_more,
        "testUser": test_mark(profile),
        "demerged": profile.demerged,
    }


def _city_and_country(said: dict[str, Any], place: Place | None) -> tuple[Any, Any]:
    city, country = said.get("city"), said.get("country")
    if city is None and country is None and place is not None and "latitude" in said and "longitude" in said:
        return place(said["latitude"], said["longitude"]) or (None, None)
    return city, country


def _phone(shown: Any) -> Any:
    """A phone that is no identity is shown as it came; a bare number starts with its country code all the same."""
    return f"+{shown}" if type(shown) is int else shown


def _date(profile: Profile) -> date:
    """The day on which somebody was first seen, where they are."""
    return birthday.today_of(profile, int(profile.first_seen * 1000))


def _month_first(day: date) -> str:
    return f"{day.month:02}-{day.day:02}-{day.year:04}"


def _first(profile: Profile, kind: str) -> str | None:
    return next((value for of_kind, value in profile.identities if of_kind == kind), None)


def _device(said: dict[str, Any]) -> str | None:
    """What somebody used last, by make and model; many models say their make themselves."""
    make, model = said.get("make"), said.get("model")
    if make is None or model is None:
        return make or model
    return str(model) if model.lower().startswith(make.lower()) else f"{make} {model}"
