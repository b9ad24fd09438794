"""What people did, from planes: at least so often in a window, and by differences everything else.

An event has a plane a day, and one of those who did it twice or more on that day; ever, there are planes for 1, 2, 4,
8 and more times. Within days that have planes once and twice are exact. More often is counted in unary: a day adds one,
a day of twice another; who did more on one day (`busy_day`) may have reached more than that shows. What lies before the
days kept is known in parts: by what was done ever.

An event keeps its counts by day for 92 days back from its own newest one. Whoever was seen later than clocks explain
may so have lost days of a window, and has days that are not looked at: they (`_ahead`) are never settled by a lack.
"""

from __future__ import annotations

from typing import Final

from knownas.find import planes
from knownas.find.algebra import NOBODY, Algebra, Set
from knownas.find.bounds import Bounds, at_most, exact, some, turned, without
from knownas.find.moment import Moment, Span
from knownas.find.numbers import as_whole, slice_of
from knownas.find.tree import Did, Edge, Test
from knownas.find.view import View
from knownas.profile.time import KEPT_DAYS

IN_UNARY: Final = 8
"""Up to so many times are counted day by day."""

AHEAD: Final = 8
"""A few days after today are looked at as well, the fewest of which a slice is compared with fast: clocks differ."""


class Counting:
    """The events of a query."""

    def __init__(self, algebra: Algebra, view: View, moment: Moment) -> None:
        self._a, self._view, self._moment = algebra, view, moment
        self._last = slice_of(algebra, planes.LAST_SEEN, planes.DAY_BITS)

    def did(self, did: Did) -> Bounds:
        """Whoever did it, as often as asked."""
        event = self._view.event(did.event)
        none_is_fine = did.or_none or _names_zero(did.count)
        if event is None:
            return _unknown(self._view.knows_all_events, matches_none=none_is_fine)
        span = self._moment.span(did.window)
        once = self._at_least(event, span, 1)
        if did.where or did.total is not None:
            found = at_most(once.maybe)
        else:
            found = self._bounded(event, span, did.count, once)
        if not none_is_fine:
            return found
        return some(self._a, (found, turned(once)))

    def edge(self, edge: Edge) -> Bounds:
        """Whoever did it for the first or last time in a window."""
        event = self._view.event(edge.event)
        if event is None:
            return _unknown(self._view.knows_all_events, matches_none=False)
        span = self._moment.span(edge.window)
        inside = self._at_least(event, span, 1)
        if edge.which == "first":
            earlier = NOBODY if span.start is None else self._kept(event, None, span.start - 1)
            return at_most(self._a.without(inside.maybe, earlier))
        if span.end is None:
            return inside
        later = self._kept(event, span.end + 1, None)
        return without(self._a, inside, Bounds(later, self._a.either(later, self._ahead(event, span.end + 1))))

    def _bounded(self, event: int, span: Span, count: Test | None, once: Bounds) -> Bounds:
        """At least once, and within the bound."""
        if count is None:
            return once
        asked = as_whole(count)
        least, most = max(asked[0].low, 1), asked[0].high
        if most is not None and most < least:
            return exact(NOBODY)
        found = once if least == 1 else self._at_least(event, span, least)
        return found if most is None else without(self._a, found, self._at_least(event, span, most + 1))

    def _at_least(self, event: int, span: Span, times: int) -> Bounds:
        if span.start is None and span.end is None:
            return self._ever(event, times)
        if span.start is not None and span.end is not None and span.start > span.end:
            return exact(NOBODY)
        kept = self._often(event, span, times)
        beyond = self._ever(event, times).maybe
        if span.start is not None and span.start >= self._view.oldest:
            beyond = self._a.both(beyond, self._ahead(event, span.start))
        return Bounds(kept.sure, self._a.either(kept.maybe, beyond))

    def _ahead(self, event: int, start: int) -> Set:
        """Whoever did it ever and was seen so late that days from `start` on may be lost, or are not looked at."""
        if self._all_are_seen_before(start):
            return NOBODY
        late = self._last.at_least(self._a, self._late(start)).maybe
        return self._a.both(self._a.plane(planes.ever(event)), late)

    def _all_are_seen_before(self, start: int) -> bool:
        """Whether nobody is ahead: the shard knows the latest day on which anybody was seen."""
        latest = self._view.latest
        return latest is not None and latest < self._last_of_late(start)

    def _last_of_late(self, start: int) -> int:
        return min(self._moment.today + AHEAD + 1, start + KEPT_DAYS)

    def _late(self, start: int) -> int:
        """Whoever was seen then or later is ahead: of the days that would do, the one with the fewest bits."""
        last = self._last_of_late(start)
        return max(range(min(self._moment.today + 2, last), last + 1), key=lambda day: day & -day)

    def _ever(self, event: int, times: int) -> Bounds:
        above = (times - 1).bit_length()
        sure = self._power(event, above) if above <= planes.POWERS else NOBODY
        return Bounds(sure, self._power(event, min(times.bit_length() - 1, planes.POWERS)))

    def _power(self, event: int, exponent: int) -> Set:
        return self._a.plane(planes.power(event, exponent) if exponent else planes.ever(event))

    def _days(self, start: int | None, end: int | None) -> range:
        first = self._view.oldest if start is None else max(start, self._view.oldest)
        last = max(self._late(first) - 1, self._moment.today + 1)
        if self._view.latest is not None:
            last = self._view.latest if self._all_are_seen_before(first) else min(last, self._view.latest)
        return range(first, (last if end is None else min(end, last)) + 1)

    def _kept(self, event: int, start: int | None, end: int | None) -> Set:
        """Whoever did it on a day that has a plane."""
        return self._a.some(self._a.plane(planes.on_day(event, day)) for day in self._days(start, end))

    def _often(self, event: int, span: Span, times: int) -> Bounds:
        if times == 1:
            return exact(self._kept(event, span.start, span.end))
        if times == 2:
            return exact(self._twice(event, span))
        once = self._kept(event, span.start, span.end)
        counted = min(times, IN_UNARY)
        reached = self._in_unary(event, span, counted)
        busy = self._a.both(once, self._a.plane(planes.busy_day(event)))
        if times > counted:
            return at_most(self._a.both(once, self._ever(event, times).maybe, self._a.either(reached, busy)))
        return Bounds(reached, self._a.both(self._a.either(reached, busy), self._ever(event, times).maybe))

    def _twice(self, event: int, span: Span) -> Set:
        """On two days, or twice on one."""
        days = self._days(span.start, span.end)
        twice = (self._a.plane(planes.twice_on_day(event, day)) for day in days)
        return self._a.either(self._a.twice([planes.on_day(event, day) for day in days]), *twice)

    def _in_unary(self, event: int, span: Span, times: int) -> Set:
        a = self._a
        reached = [NOBODY] * times
        for day in self._days(span.start, span.end):
            for more in (a.plane(planes.on_day(event, day)), a.plane(planes.twice_on_day(event, day))):
                for n in range(times - 1, 0, -1):
                    reached[n] = a.either(reached[n], a.both(reached[n - 1], more))
                reached[0] = a.either(reached[0], more)
        return reached[-1]


def _before(day: int | None) -> int:
    return -1 if day is None else day - 1


def _unknown(is_nobodys: bool, matches_none: bool) -> Bounds:
    """What is not in the directory."""
    if not is_nobodys:
        return Bounds(NOBODY, ~NOBODY)
    return exact(~NOBODY if matches_none else NOBODY)


def _names_zero(count: Test | None) -> bool:
    return count is not None and count.operator in ("equals", "atLeast", "between") and count.values[0] == 0
