"""What each field of the language is, of a profile and as of a moment; None where it is not known."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from knownas.find.moment import Moment
from knownas.find.tree import Near, Test
from knownas.find.values import number_of, passes, version
from knownas.find.vocabulary import FIELDS
from knownas.nouns import Profile
from knownas.profile import birthday
from knownas.profile.context import acquired
from knownas.profile.types import reachable

EARTH_KM: Final = 6371.0088


def value_of(field: str, profile: Profile, moment: Moment) -> Any:
    """The value of a field; several are a list."""
    read = _READ.get(field)
    return profile.context.get(field) if read is None else read(profile, moment)


def field_passes(field: str, value: Any, test: Test, profile: Profile, moment: Moment) -> bool:
    """Whether a field's value passes a test."""
    kind = FIELDS[field].kind
    if kind == "birthday" and test.operator not in ("exists", "missing"):
        return value is not None and _comes(date.fromisoformat(value), test, birthday.today_of(profile, moment.now_ms))
    if kind == "time":
        return passes(value, _by_days(test, moment.today), moment.today)
    return passes(value, test, moment.today, version if kind == "version" else None)


def distance_km(profile: Profile, near: Near) -> float | None:
    """How far a person was last known to be from a place, along the surface of the earth."""
    latitude, longitude = profile.context.get("latitude"), profile.context.get("longitude")
    if latitude is None or longitude is None:
        return None
    here, there = math.radians(latitude), math.radians(near.latitude)
    across = math.radians(longitude - near.longitude)
    chord = math.sin((here - there) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(across / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))


def _comes(born: date, test: Test, today: date) -> bool:
    """A birthday, whatever the year: `on` and `month` name the day of birth, the others days to come."""
    if test.operator == "on":
        return f"{born.month:02d}-{born.day:02d}" == test.values[0]
    if test.operator == "month":
        return born.month == test.values[0]
    within = test.values[0] if test.operator == "inNext" else 1
    assert isinstance(within, int)
    return _days_until(born, today) < within


def _days_until(born: date, today: date) -> int:
    if birthday.falls_on(born, today):
        return 0
    coming = _birthday_in(today.year, born)
    if coming < today:
        coming = _birthday_in(today.year + 1, born)
    return (coming - today).days


def _birthday_in(year: int, born: date) -> date:
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def _by_days(test: Test, today: int) -> Test:
    """A test of a time as one of its day's number; the last days have no upper end."""
    if test.operator == "inLast":
        days = test.values[0]
        assert isinstance(days, int)
        return Test("atLeast", (today - days + 1,))
    return Test(test.operator, tuple(number_of(value) for value in test.values if isinstance(value, date)))


def _device(profile: Profile, _: Moment) -> list[str] | None:
    """What a person's device may be called: its make, its model, both."""
    names = [name for key in ("make", "model") if (name := profile.context.get(key)) is not None]
    return [*names, " ".join(names)] if len(names) > 1 else names or None


def _age(profile: Profile, moment: Moment) -> int | None:
    found = birthday.age_of(profile, moment.now_ms)
    return found[0] if found is not None else None


def _born(profile: Profile, _: Moment) -> str | None:
    day = birthday.born(profile)
    return day.isoformat() if day is not None else None


def _channel(name: str) -> Callable[[Profile, Moment], Any]:
    return lambda profile, _: acquired(profile).get(name)


_READ: Final[dict[str, Callable[[Profile, Moment], Any]]] = {
    "type": lambda profile, _: profile.type,
    "reachable": lambda profile, _: reachable(profile),
    "age": _age,
    "birthday": _born,
    "test": lambda profile, _: profile.test,
    "firstAcquired": lambda profile, moment: moment.day(profile.first_seen),
    "lastSeen": lambda profile, moment: moment.day(profile.last_seen),
    "linkedGuests": lambda profile, _: len(profile.guests) + profile.guests_more,
    "device": _device,
    **{name: _channel(name) for name in ("source", "medium", "campaign", "referrer")},
}
