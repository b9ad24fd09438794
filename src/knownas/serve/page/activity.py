"""How much somebody did, with what linked guests did beside it, never among it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from knownas.nouns import Count, Profile, Timestamp
from knownas.profile.time import DAY_SECONDS

DAYS: Final = 90
"""Days of the chart."""


class Counted(NamedTuple):
    """How often an event was recorded; `gray`: by linked guests, which counts for them."""

    name: str
    own: int
    gray: int
    first: Timestamp | None
    last: Timestamp | None


class Activity(NamedTuple):
    """Events a day, of the person and of linked guests; days are seconds since 1970 of their midnight in UTC."""

    days: list[int]
    own: list[int]
    gray: list[int]

    @property
    def chart(self) -> dict[str, Any]:
        """What the chart is drawn from."""
        own = {"label": "events", "colour": "--accent", "values": self.own}
        gray = {"label": "as a guest", "colour": "--rule", "values": self.gray}
        return {"at": self.days, "every": "day", "parts": [own, gray]}

    @property
    def told(self) -> list[tuple[int, int, int]]:
        """The days on which something happened, the newest first."""
        rows = zip(self.days, self.own, self.gray, strict=True)
        return [row for row in rows if row[1] or row[2]][::-1]


def counts(profile: Profile, guests: Iterable[Profile]) -> list[Counted]:
    """What somebody did, the most frequent first, with what their guests did beside it."""
    gray: dict[str, int] = {}
    for guest in guests:
        for name, count in guest.events.items():
            gray[name] = gray.get(name, 0) + count.count
    own = [_counted(name, count, gray.pop(name, 0)) for name, count in profile.events.items()]
    own += [Counted(name, 0, count, None, None) for name, count in gray.items()]
    return sorted(own, key=lambda one: (-one.own, -one.gray, one.name))


def _counted(name: str, count: Count, gray: int) -> Counted:
    return Counted(name, count.count, gray, count.first, count.last)


def activity(profile: Profile, guests: Iterable[Profile], today: int) -> Activity:
    """The last days, up to today."""
    first = today - DAYS + 1
    own, gray = [0] * DAYS, [0] * DAYS
    _add_days(own, profile, first)
    for guest in guests:
        _add_days(gray, guest, first)
    return Activity([(first + n) * DAY_SECONDS for n in range(DAYS)], own, gray)


def _add_days(to: list[int], profile: Profile, first: int) -> None:
    for count in profile.events.values():
        for day, times in zip(count.days[::2], count.days[1::2], strict=True):
            if 0 <= day - first < len(to):
                to[day - first] += times
