"""When a leaf is next turned by the clock alone. Pure.

Windows of days pass at the deployment's midnight, birthdays come at the person's. Between two such moments nothing
turns that no record turned. `turns` may name a moment at which a leaf stays as it is, never one that is too late; it is
asked again then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any, Final

from knownas.find import history
from knownas.find.evaluate import evaluate
from knownas.find.hinges import items
from knownas.find.moment import Moment
from knownas.find.tree import Condition, Did, Edge, Field, PropertyTest, Test
from knownas.find.values import day_named
from knownas.nouns import Count, Profile
from knownas.profile import birthday
from knownas.profile.time import DAY_SECONDS, KEPT_DAYS, Calendar

_QUARTER: Final = 900
_LAST_YEAR: Final = 9_990
"""Nothing turns after that."""


class Midnights:
    """When the days of a time zone begin."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self._begin: dict[int, int] = {}

    def begins(self, day: int) -> int:
        """The first millisecond of a day."""
        found = self._begin.get(day)
        if found is None:
            found = self._begin[day] = self._look_for(day)
        return found

    def _look_for(self, day: int) -> int:
        """Zones are less than a day from UTC, and their days begin with a quarter of an hour."""
        low, high = (day - 1) * DAY_SECONDS // _QUARTER, (day + 1) * DAY_SECONDS // _QUARTER
        while low < high:
            middle = (low + high) // 2
            if self.calendar.day(middle * _QUARTER) >= day:
                high = middle
            else:
                low = middle + 1
        return low * _QUARTER * 1_000

    def at(self, now_ms: int) -> Moment:
        """A moment in this time zone."""
        return Moment(now_ms, self.calendar)


def depends_on_clock(condition: Condition) -> bool:
    """Whether the clock can turn a leaf."""
    match condition:
        case Did(window=window, where=where):
            return window.days is not None or any(test.test.operator in ("inLast", "inNext") for test in where)
        case Edge(window=window):
            return window.days is not None
        case PropertyTest(test=test):
            return test.operator in ("inLast", "inNext")
        case Field(name=name, test=test):
            return name == "age" or test.operator in ("inLast", "inNext", "today")
        case _:
            return False


def turns(condition: Condition, profile: Profile, now_ms: int, midnights: Midnights) -> int | None:
    """The next moment, in milliseconds, at which the clock may turn a leaf; None: never."""
    moment = midnights.at(now_ms)
    match condition:
        case Did():
            day = _did_turns(condition, profile, moment, midnights)
        case Edge(which=which, event=event, window=window):
            day = _edge_turns(profile.events.get(event), which, window.days, moment)
        case PropertyTest(name=name, test=test):
            held = profile.properties.get(name)
            day = _value_turns(held.value if held is not None else None, test, moment.today)
        case Field(name="firstAcquired" | "lastSeen" as name, test=Test(operator="inLast", values=(int(days),))):
            seen = moment.day(profile.first_seen if name == "firstAcquired" else profile.last_seen)
            day = _first_after(moment.today, [seen + days])
        case Field(name="age" | "birthday" as name, test=test):
            return _birthday_turns(name, test, profile, now_ms)
        case _:
            day = None
    return midnights.begins(day) if day is not None else None


def _did_turns(did: Did, profile: Profile, moment: Moment, midnights: Midnights) -> int | None:
    count, days, today = profile.events.get(did.event), did.window.days, moment.today
    if count is None:
        return None
    if any(test.test.operator in ("inLast", "inNext") for test in did.where):
        return today + 1
    if days is None:
        return None
    first = today - days + 1
    if did.where or did.total is not None:
        if days > KEPT_DAYS:
            return today + 1 if moment.day(count.last) >= first else None
        return _first_after(today, (mark + days - 1 for mark in _marks(count, moment)))
    now = evaluate(did, profile, None, moment).holds
    for mark in sorted(_marks(count, moment)):
        day = mark + days - 1
        if day > today and evaluate(did, profile, None, midnights.at(midnights.begins(day))).holds is not now:
            return day
    return None


def _marks(count: Count, moment: Moment) -> set[int]:
    """The days at which a window may begin to say something else than one that begins a day earlier."""
    oldest = history.oldest_kept(count, moment)
    marks = {day + 1 for day in count.days[::2]}
    return marks | {moment.day(count.first) + 1, moment.day(count.last) + 1, oldest, oldest + 1}


def _edge_turns(count: Count | None, which: str, days: int | None, moment: Moment) -> int | None:
    if count is None or days is None:
        return None
    return _first_after(moment.today, [moment.day(count.first if which == "first" else count.last) + days])


def _value_turns(value: Any, test: Test, today: int) -> int | None:
    if test.operator not in ("inLast", "inNext"):
        return None
    days = test.values[0]
    assert isinstance(days, int)
    named = [day for item in items(value) if (day := day_named(item)) is not None]
    if test.operator == "inLast":
        return _first_after(today, (turn for day in named for turn in (day, day + days)))
    return _first_after(today, (turn for day in named for turn in (day - days + 1, day + 1)))


def _first_after(today: int, days: Iterable[int]) -> int | None:
    return min((day for day in days if day > today), default=None)


def _birthday_turns(name: str, test: Test, profile: Profile, now_ms: int) -> int | None:
    born = birthday.born(profile)
    if born is None or (name == "birthday" and test.operator not in ("today", "inNext")):
        return None
    today = birthday.today_of(profile, now_ms)
    if today.year > _LAST_YEAR:
        return None
    midnight = _midnights_of(profile)
    coming = _coming(born, today)
    if name == "age":
        return midnight(coming)
    within = test.values[0] if test.operator == "inNext" else 1
    assert isinstance(within, int)
    turning = [coming - timedelta(days=within - 1), coming + timedelta(days=1), today + timedelta(days=1)]
    if not birthday.falls_on(born, today):
        turning.pop()
    return midnight(min(day for day in turning if day > today))


def _midnights_of(profile: Profile) -> Callable[[date], int]:
    zone = birthday.zone_of(profile)
    return lambda day: int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1_000)


def _coming(born: date, today: date) -> date:
    """The first birthday after today."""
    for year in (today.year, today.year + 1):
        try:
            day = born.replace(year=year)
        except ValueError:
            day = date(year, 3, 1)
        if day > today:
            return day
    raise AssertionError(f"no birthday of {born} follows {today}")
