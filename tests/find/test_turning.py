"""When the clock next turns a condition: the first moment of a day, where the deployment or the person is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from knownas.find.line import from_line
from knownas.find.turning import Midnights, depends_on_clock, turns
from knownas.nouns import FORMAT, Count, Profile, Property
from knownas.profile.time import EPOCH, Calendar

NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)


def day(text: str) -> int:
    return datetime.fromisoformat(text).toordinal() - EPOCH


def counted(*days: str) -> Count:
    """An event, once on each of these days."""
    numbers = sorted(map(day, days))
    return Count(len(days), numbers[0] * 86_400, numbers[-1] * 86_400, [one for n in numbers for one in (n, 1)])


def person(**properties: Any) -> Profile:
    seen = day("2026-11-20") * 86_400
    return Profile(
        format=FORMAT, id="p", version=1, first_seen=seen, last_seen=seen,
        events={"Viewed": counted("2026-11-18", "2026-11-20")},
        properties={name: Property(value, 1) for name, value in properties.items()},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "properties", "when"),
    [
        ("did Viewed in 7d", {}, "2026-11-27T00:00:00+00:00"),
        ("did Viewed >= 2 in 7d", {}, "2026-11-25T00:00:00+00:00"),
        ("did Viewed >= 3 in 7d", {}, None),
        ("did Viewed = 1 in 7d", {}, "2026-11-25T00:00:00+00:00"),
        ("did Viewed", {}, None),
        ("did Called in 7d", {}, None),
        ("last Viewed in 3d", {}, "2026-11-23T00:00:00+00:00"),
        ("first Viewed in 3d", {}, None),
        ("lastSeen in 3d", {}, "2026-11-23T00:00:00+00:00"),
        ("lastSeen in 2d", {}, None),
        ("renewal in next 7d", {"renewal": "2026-12-01"}, "2026-11-25T00:00:00+00:00"),
        ("renewal in next 7d", {"renewal": "2026-11-24"}, "2026-11-25T00:00:00+00:00"),
        ("renewal in 7d", {"renewal": "2026-11-20"}, "2026-11-27T00:00:00+00:00"),
        ("age 25..30", {"DOB": "1996-11-23"}, "2026-11-23T00:00:00+00:00"),
        ("age 25..30", {"DOB": "1996-11-23", "tz": "Pacific/Auckland"}, "2027-11-22T11:00:00+00:00"),
        ("age 25..30", {"DOB": "1996-02-29"}, "2027-03-01T00:00:00+00:00"),
        ("birthday today", {"DOB": "1996-11-25"}, "2026-11-25T00:00:00+00:00"),
        ("birthday today", {"DOB": "1996-11-22"}, "2026-11-23T00:00:00+00:00"),
        ("birthday in next 7d", {"DOB": "1996-12-01"}, "2026-11-25T00:00:00+00:00"),
        ("birthday month 11", {"DOB": "1996-12-01"}, None),
        ("age 25..30", {}, None),
    ],
)
def test_the_clock_turns_a_condition_at(line: str, properties: dict[str, Any], when: str | None) -> None:
    condition, midnights = from_line(line), Midnights(Calendar())
    found = turns(condition, person(**properties), int(NOW.timestamp() * 1_000), midnights)
    assert (found and datetime.fromtimestamp(found / 1_000, UTC).isoformat()) == when
    assert depends_on_clock(condition) or when is None


@pytest.mark.parametrize(
    ("zone", "begins"),
    [
        ("UTC", "2026-11-22T00:00:00+00:00"),
        ("Pacific/Auckland", "2026-11-21T11:00:00+00:00"),
        ("Pacific/Chatham", "2026-11-21T10:15:00+00:00"),
        ("America/Los_Angeles", "2026-11-22T08:00:00+00:00"),
    ],
)
def test_a_day_begins_where_the_deployment_is(zone: str, begins: str) -> None:
    found = Midnights(Calendar(zone)).begins(day("2026-11-22"))
    assert datetime.fromtimestamp(found / 1_000, UTC).isoformat() == begins
