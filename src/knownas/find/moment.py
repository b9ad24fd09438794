"""Days and windows as of a given time.

A window of the last N days is today and the days before it, N in all, in the deployment's time zone. It has no upper
end: what a clock that is ahead already calls tomorrow was done in the last days as well.
"""

from __future__ import annotations

from typing import NamedTuple

from knownas.find.tree import Window
from knownas.find.values import number_of
from knownas.nouns import Timestamp
from knownas.profile.time import Calendar


class Span(NamedTuple):
    """The days from `start` to `end`, both included; None: open."""

    start: int | None
    end: int | None

    def holds(self, day: int) -> bool:
        """Whether a day lies in it."""
        return (self.start is None or day >= self.start) and (self.end is None or day <= self.end)


class Moment:
    """The time a query is asked at."""

    def __init__(self, now_ms: int, calendar: Calendar) -> None:
        self.now_ms = now_ms
        self.today = calendar.day(now_ms // 1000)
        self._calendar = calendar

    def day(self, ts: Timestamp) -> int:
        """The day a record was made on."""
        return self._calendar.day(ts)

    def span(self, window: Window) -> Span:
        """The days of a window as of now."""
        if window.days is not None:
            return Span(self.today - window.days + 1, None)
        start, end = window.start, window.end
        return Span(number_of(start) if start is not None else None, number_of(end) if end is not None else None)
