"""Days, sessions and times as tables; core and plain model alike."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from knownas.nouns import FORMAT, Profile, Timestamp
from knownas.plain.calendar import day_number
from knownas.plain.noting import visit as plain_visit
from knownas.profile.time import DAY_SECONDS, KEPT_DAYS, Calendar, count_day, visit

EVERY_VISIT = pytest.mark.parametrize("visit_", [pytest.param(visit, id="core"), pytest.param(plain_visit, id="plain")])


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


DAYS: list[tuple[str, Timestamp, str]] = [
    # time zone, moment in UTC, the day it is there
    ("UTC", _seconds("2025-11-21T00:00:00"), "2025-11-21"),
    ("UTC", _seconds("2025-11-21T00:00:00") - 0.001, "2025-11-20"),
    ("UTC", 0, "1970-01-01"),
    ("Europe/Dublin", _seconds("2025-07-01T22:59:59"), "2025-07-01"),
    ("Europe/Dublin", _seconds("2025-07-01T23:00:00"), "2025-07-02"),
    ("Europe/Dublin", _seconds("2025-12-01T23:59:59") + 0.5, "2025-12-01"),
    ("America/St_Johns", _seconds("2025-11-21T03:29:59"), "2025-11-20"),
    ("America/St_Johns", _seconds("2025-11-21T03:30:00"), "2025-11-21"),
    ("Asia/Kathmandu", _seconds("2025-11-20T18:15:00"), "2025-11-21"),
    ("Pacific/Apia", _seconds("2011-12-30T09:59:59"), "2011-12-29"),
    ("Pacific/Apia", _seconds("2011-12-30T10:00:00"), "2011-12-31"),
    ("Africa/Monrovia", _seconds("1971-06-01T00:44:29"), "1971-05-31"),
    ("Africa/Monrovia", _seconds("1971-06-01T00:44:30"), "1971-06-01"),
]


@pytest.mark.parametrize(("timezone", "ts", "day"), DAYS)
def test_a_moment_lies_on_the_day_that_it_is_in_the_time_zone(timezone: str, ts: Timestamp, day: str) -> None:
    calendar, wanted = Calendar(timezone), _seconds(day) // DAY_SECONDS
    assert [calendar.day(ts), calendar.day(ts), day_number(ts, ZoneInfo(timezone))] == [wanted] * 3


def test_a_moment_beyond_all_dates_has_a_day_all_the_same() -> None:
    for timezone in ("UTC", "Pacific/Auckland"):
        assert Calendar(timezone).day(9e15) == int(9e15) // DAY_SECONDS == day_number(9e15, ZoneInfo(timezone))


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="Dublin"):
        Calendar("Dublin")


def test_the_days_of_an_event_are_the_same_in_whatever_order_they_come() -> None:
    rng = random.Random(7)
    for _ in range(300):
        seen = [rng.randint(0, 200) for _ in range(rng.randint(1, 40))]
        days: list[int] = []
        for day in seen:
            count_day(days, day)
        kept = sorted({day for day in seen if day > max(seen) - KEPT_DAYS})
        assert days == [number for day in kept for number in (day, seen.count(day))]


SESSIONS: list[tuple[list[Timestamp], tuple[int, Timestamp, Timestamp, Timestamp]]] = [
    # times in order of arrival, number of the session, its start, its last, the start of the one before
    ([5_000], (1, 5_000, 5_000, 0)),
    ([5_000, 6_200], (1, 5_000, 6_200, 0)),
    ([5_000, 6_200.5], (2, 6_200.5, 6_200.5, 5_000)),
    ([5_000, 6_201], (2, 6_201, 6_201, 5_000)),
    ([5_000, 6_000, 7_000, 8_000], (1, 5_000, 8_000, 0)),
    ([5_000, 5_000], (1, 5_000, 5_000, 0)),
    ([6_000, 5_000], (1, 5_000, 6_000, 0)),
    ([6_000, 4_800], (1, 4_800, 6_000, 0)),
    ([6_000, 4_799], (1, 6_000, 6_000, 0)),
    ([6_000, 5_000, 3_900], (1, 3_900, 6_000, 0)),
    ([1_000, 9_000, 8_000, 1_100], (2, 8_000, 9_000, 1_000)),
    ([1_000, 3_000, 5_000], (3, 5_000, 5_000, 3_000)),
]


@EVERY_VISIT
@pytest.mark.parametrize(("times", "session"), SESSIONS)
def test_twenty_minutes_of_silence_end_a_session(visit_: Any, times: list[Timestamp], session: tuple[Any, ...]) -> None:
    profile = Profile(format=FORMAT, id="p")
    for ts in times:
        visit_(profile, ts)
    assert (profile.sessions, profile.session_start, profile.session_last, profile.session_previous) == session
