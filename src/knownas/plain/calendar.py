"""Days, time zones, birthdays and ages.

A birthday is a day as `YYYY-MM-DD`, as `MM-DD-YYYY` or as `$D_` and its seconds since 1970. Whoever was born on 29
February gets older on 1 March where there is no 29th. A zone counts where the time zone database knows its name.
"""

from __future__ import annotations

import functools
import importlib.resources
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from knownas.nouns import Profile, Timestamp

BIRTHDAYS = ("DOB", "Birthday")
FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(9999, 12, 30)


@functools.cache
def zone_named(name: str) -> tzinfo | None:
    """The time zone of a name, if the database has it."""
    database = importlib.resources.files("tzdata")
    if name not in (database / "zones").read_text().splitlines():
        return None
    path = database / "zoneinfo"
    for part in name.split("/"):
        path /= part
    with path.open("rb") as data:
        return ZoneInfo.from_file(data)


def day_number(ts: Timestamp, zone: tzinfo) -> int:
    """How many days after 1 January 1970 a moment lies; years that Python has no dates for are those of UTC."""
    if ts < 253_370_764_800:
        return (datetime.fromtimestamp(int(ts), zone).date() - FIRST_DAY).days
    return int(ts) // 86_400


def day_of(at: int) -> date:
    """The day in UTC of a Kafka time, or the last there is."""
    days = at // 86_400_000
    return FIRST_DAY + timedelta(days) if days < (LAST_DAY - FIRST_DAY).days else LAST_DAY


def birthday(value: Any) -> date | None:
    """The day that a value of a birthday names."""
    if not isinstance(value, str) or not value.isascii():
        return None
    if value.startswith("$D_"):
        return _day_of_seconds(value.removeprefix("$D_"))
    parts = value.split("-")
    if not all(part.isdigit() for part in parts):
        return None
    lengths = [len(part) for part in parts]
    try:
        if lengths == [4, 2, 2]:
            return date(int(parts[0]), int(parts[1]), int(parts[2]))
        if lengths == [2, 2, 4]:
            return date(int(parts[2]), int(parts[0]), int(parts[1]))
    except ValueError:
        pass
    return None


def _day_of_seconds(text: str) -> date | None:
    digits = text.removeprefix("-")
    if not digits.isdigit() or len(digits) > 12:
        return None
    days = int(text) // 86_400
    if not (date.min - FIRST_DAY).days <= days <= (LAST_DAY - FIRST_DAY).days:
        return None
    return FIRST_DAY + timedelta(days)


def may_be_born(born: date, at: int) -> bool:
    """Whether that is the birthday of somebody alive: not after tomorrow, and no more than 150 years ago."""
    today = day_of(at)
    if born > today + timedelta(1):
        return False
    return today.year - born.year < 150 or (
        today.year - born.year == 150 and (born.month, born.day) >= (today.month, today.day)
    )


def zone_of_person(profile: Profile) -> tuple[str | None, tzinfo]:
    """What is said of a person's time zone, and the first such zone that there is."""
    said = [profile.properties[field].value for field in ("Timezone", "tz") if field in profile.properties]
    said = [name for name in [*said, profile.context.get("timezone")] if isinstance(name, str) and name]
    zones = [zone for zone in map(zone_named, said) if zone is not None]
    return said[0] if said else None, zones[0] if zones else UTC


def newest_birthday(profile: Profile) -> date | None:
    """The birthday that was said last."""
    newest: tuple[Timestamp, date] | None = None
    for field in BIRTHDAYS:
        held = profile.properties.get(field)
        day = birthday(held.value) if held is not None else None
        if held is not None and day is not None and (newest is None or held.ts > newest[0]):
            newest = held.ts, day
    return newest[1] if newest is not None else None


def age(profile: Profile, at: int) -> int | None:
    """How old a person is at a moment: the birthdays there have been on the calendar where they are."""
    born, today = newest_birthday(profile), day_of(at)
    if born is None:
        return None
    if today < LAST_DAY:
        today = datetime.fromtimestamp(at // 1000, zone_of_person(profile)[1]).date()
    had_it = (today.month, today.day) >= (born.month, born.day)
    return max(0, today.year - born.year - (0 if had_it else 1))
