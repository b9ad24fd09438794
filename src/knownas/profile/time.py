"""When things were done: counts by day, sessions, first and last seen. Only records tell the time.

The rules, in words. A day is a day of the deployment's time zone, as a number since 1970-01-01. Of each event the
counts of its newest `KEPT_DAYS` days are kept: a late record counts on its own day, or, older than that, in the count
and the first time alone; so the list is the same in whatever order records came. Records of a device are activity,
those of servers are not. A session is a run of activity without `SILENCE_SECONDS` of silence: what comes later than
that begins a new one, what belongs before its start (and not to an earlier one) moves the start.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from knownas.nouns import Profile, Timestamp
from knownas.profile.zones import UTC, zone

SILENCE_SECONDS: Final = 20 * 60
KEPT_DAYS: Final = 92
"""A window of 90 days, seen from a clock that is up to a day behind the newest record or ahead of it."""

DAY_SECONDS: Final = 86_400
EPOCH: Final = datetime(1970, 1, 1).toordinal()  # noqa: DTZ001 (a day, not a moment)

_QUARTER_SECONDS: Final = 900
"""In every zone of today a day begins with a quarter of an hour."""

_LATEST_SECONDS: Final = 253_370_764_800
"""The year 9999. Kafka times may lie beyond it, Python's dates may not."""


class Calendar:
    """Which day a moment lies in, in one time zone."""

    def __init__(self, timezone: str = UTC) -> None:
        found = zone(timezone)
        if found is None:
            raise ValueError(f"{timezone!r} is no time zone")
        self._zone: ZoneInfo | None = None if timezone == UTC else found
        self._quarters: dict[float, int] = {}

    def day(self, ts: Timestamp) -> int:
        """The day as a number since 1970-01-01."""
        if self._zone is None or ts >= _LATEST_SECONDS:
            return int(ts // DAY_SECONDS)
        quarter = ts // _QUARTER_SECONDS
        day = self._quarters.get(quarter)
        return self._look_up(quarter, ts, self._zone) if day is None else day

    def _look_up(self, quarter: float, ts: Timestamp, zone: ZoneInfo) -> int:
        start = int(quarter) * _QUARTER_SECONDS
        first, last = _day_in(zone, start), _day_in(zone, start + _QUARTER_SECONDS - 1)
        if first != last:
            return _day_in(zone, int(ts))
        if len(self._quarters) >= 20_000:
            self._quarters.clear()
        self._quarters[quarter] = first
        return first


def _day_in(zone: ZoneInfo, seconds: int) -> int:
    return datetime.fromtimestamp(seconds, zone).toordinal() - EPOCH


def count_day(days: list[int], day: int) -> int:
    """Count an event on a day; `days` is day, count, day, count, ..., ascending. How often it is on that day now, 0
    where the day is not kept."""
    if not days or day > days[-2]:
        days += (day, 1)
        while days[0] <= day - KEPT_DAYS:
            del days[:2]
        return 1
    if day == days[-2]:
        days[-1] = count = days[-1] + 1
        return count
    if day > days[-2] - KEPT_DAYS:
        return _count_late(days, day)
    return 0


def _count_late(days: list[int], day: int) -> int:
    place = len(days) - 4
    while place >= 0 and days[place] > day:
        place -= 2
    if place >= 0 and days[place] == day:
        days[place + 1] += 1
        return days[place + 1]
    days[place + 2 : place + 2] = (day, 1)
    return 1


def see(profile: Profile, ts: Timestamp) -> None:
    """A record of the person, from wherever."""
    if ts > profile.last_seen:
        profile.last_seen = ts
    elif ts < profile.first_seen:
        profile.first_seen = ts


def visit(profile: Profile, ts: Timestamp) -> None:
    """A record of one of the person's devices."""
    if not profile.sessions:
        profile.sessions, profile.session_start, profile.session_last = 1, ts, ts
    elif ts > profile.session_last + SILENCE_SECONDS:
        profile.sessions += 1
        profile.session_previous = profile.session_start
        profile.session_start = profile.session_last = ts
    elif ts > profile.session_last:
        profile.session_last = ts
    elif profile.session_start - SILENCE_SECONDS <= ts < profile.session_start:
        profile.session_start = ts
