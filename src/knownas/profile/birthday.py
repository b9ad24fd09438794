"""Birthdays and ages.

A birthday is `YYYY-MM-DD`, `MM-DD-YYYY` or `$D_<seconds since 1970>` (its day in UTC; before 1970 negative), under
`DOB` or `Birthday`. Who was born on 29 February has the birthday on 1 March in years without one. Ages are computed
when they are read, as of a moment, on the day it is then where the person is.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final

from knownas.nouns import Profile
from knownas.profile.time import DAY_SECONDS, EPOCH
from knownas.profile.zones import zone

FIELDS: Final = ("DOB", "Birthday")
OLDEST_YEARS: Final = 150

_YEAR_FIRST: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_YEAR_LAST: Final = re.compile(r"(\d{2})-(\d{2})-(\d{4})", re.ASCII)
_SECONDS: Final = re.compile(r"\$D_(-?\d{1,12})", re.ASCII)
_LAST_DAY: Final = date.max.toordinal() - 1


def parse(value: Any) -> date | None:
    """The day that a birthday in one of its forms names; None where there is no such day."""
    if type(value) is not str:
        return None
    if said := _YEAR_FIRST.fullmatch(value):
        return _date(said[1], said[2], said[3])
    if said := _YEAR_LAST.fullmatch(value):
        return _date(said[3], said[1], said[2])
    if said := _SECONDS.fullmatch(value):
        ordinal = int(said[1]) // DAY_SECONDS + EPOCH
        return date.fromordinal(ordinal) if 1 <= ordinal <= _LAST_DAY else None
    return None


def is_possible(born: date, at_ms: int) -> bool:
    """Whether somebody who is alive at this moment can have been born on that day; zones are a day apart."""
    today = _day_of(at_ms)
    return born.toordinal() <= today.toordinal() + 1 and not _is_before(born, OLDEST_YEARS, today)


def born(profile: Profile) -> date | None:
    """The birthday of a person: of `DOB` and `Birthday` the one that was said last."""
    found = [
        (held.ts, day)
        for field in FIELDS
        if (held := profile.properties.get(field)) is not None and (day := parse(held.value)) is not None
    ]
    return max(found, key=lambda one: one[0])[1] if found else None


def age(born: date, today: date) -> tuple[int, int]:
    """Whole years and months; a child that is not born yet where the person is has none."""
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    return divmod(max(months, 0), 12)


def falls_on(born: date, today: date) -> bool:
    """Whether a birthday is today, whatever the year."""
    if (born.month, born.day) == (2, 29) and not _is_leap(today.year):
        return (today.month, today.day) == (3, 1)
    return (today.month, today.day) == (born.month, born.day)


def zone_of(profile: Profile) -> tzinfo:
    """The person's time zone as far as it is known: the first that is said and exists; else UTC."""
    for said in _zones_said(profile):
        if (known := zone(said)) is not None:
            return known
    return UTC


def has_zone(profile: Profile) -> bool:
    """Whether somebody said a time zone that exists."""
    return zone_of(profile) is not UTC


def timezone_of(profile: Profile) -> str | None:
    """The person's time zone as it was said."""
    return next(iter(_zones_said(profile)), None)


def today_of(profile: Profile, now_ms: int) -> date:
    """Which day it is where the person is."""
    day = _day_of(now_ms)
    if not date.min < day < date.fromordinal(_LAST_DAY):
        return day
    return datetime.fromtimestamp(now_ms // 1000, zone_of(profile)).date()


def age_of(profile: Profile, now_ms: int) -> tuple[int, int] | None:
    """A person's age at a moment, in whole years and months."""
    day = born(profile)
    return age(day, today_of(profile, now_ms)) if day is not None else None


def _zones_said(profile: Profile) -> list[str]:
    held = [profile.properties.get(field) for field in ("Timezone", "tz")]
    said = [*(one.value for one in held if one is not None), profile.context.get("timezone")]
    return [name for name in said if type(name) is str and name]


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _day_of(at_ms: int) -> date:
    return date.fromordinal(min(max(at_ms // 1000 // DAY_SECONDS + EPOCH, 1), _LAST_DAY))


def _is_before(born: date, years: int, today: date) -> bool:
    return (born.year + years, born.month, born.day) < (today.year, today.month, today.day)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
