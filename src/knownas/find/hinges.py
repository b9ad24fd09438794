"""What a condition hinges on: which of them a record may have turned, found without asking each. Pure.

The rules, in words. A leaf (a condition without conditions in it) is held once, whoever asks for it, and stands where
what it hinges on stands: under its event, its property, its field. A record turns few of them, and it is told from what
was and what is:

- *Did it in N days*, at least once: turned by a record only for whom the last time was before those days. *Ever*: only
  by the first.
- *So often* (at least, at most, ...): turned where the count in its window passes a bound. It is looked up by that
  count, so a thousand bounds cost as much as one.
- *Equals* and *in*: looked up by the value that was and the value that is.
- What is compared otherwise is compared, once for all who ask the same.
- Everything else about an event (what single events say, windows between dates, an exact count in days, windows longer
  than the days that are kept) is taken for turned by every such event, if that event passes its `where`.

A leaf that is named and did not turn costs an evaluation; one that turned and is not named would be an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, Final, NamedTuple

from knownas.find import history
from knownas.find.moment import Moment
from knownas.find.tree import Condition, Did, Edge, Field, Near, PropertyTest, Test
from knownas.find.values import passes_one_of
from knownas.nouns import Count, Timestamp
from knownas.profile.time import KEPT_DAYS

EVER: Final = 0
"""A window without an end, where windows are told by their days."""


class Leaf:
    """A condition without conditions in it, and the segments that ask for it, by number."""

    __slots__ = ("condition", "segments")

    def __init__(self, condition: Did | Edge | PropertyTest | Field | Near) -> None:
        self.condition = condition
        self.segments: set[int] = set()

    @property
    def reads_events(self) -> bool:
        """Whether it hinges on what single events say."""
        return isinstance(self.condition, Did) and bool(self.condition.where or self.condition.total is not None)


class Counted(NamedTuple):
    """What was known of an event before a record: how often, the last time, the oldest day that is kept."""

    times: int
    last: Timestamp
    oldest: int | None


def counted(count: Count) -> Counted:
    """What is known of an event."""
    return Counted(count.count, count.last, count.days[0] if count.days else None)


class OfEvent:
    """The leaves that hinge on one event."""

    def __init__(self) -> None:
        self.all: list[Leaf] = []
        self._once: dict[int, list[Leaf]] = {}
        self._bounded: dict[int, dict[int, list[Leaf]]] = {}
        self._windows: list[int] = []
        self._always: list[Leaf] = []
        self.reading: list[Leaf] = []
        """Those that hinge on what single events say."""

    def add(self, leaf: Leaf) -> None:
        """Put a leaf where it is found."""
        self.all.append(leaf)
        days = _days(leaf.condition)
        if leaf.reads_events:
            self.reading.append(leaf)
        elif days is None:
            self._always.append(leaf)
        elif _is_once(leaf.condition):
            self._once.setdefault(days, []).append(leaf)
        elif isinstance(leaf.condition, Did) and leaf.condition.count is not None:
            if days != EVER and leaf.condition.count.operator in ("equals", "between"):
                self._always.append(leaf)  # more events can let it turn sooner by the clock
                return
            for bound in _bounds(leaf.condition.count):
                self._bounded.setdefault(days, {}).setdefault(bound, []).append(leaf)
            self._windows = sorted(self._bounded.keys() - {EVER})

    def turned(
        self, was: Counted | None, now: Count, day: int, data: Callable[[], Any], moment: Moment
    ) -> Iterable[Leaf]:
        """Those that one more event, on this day, may have turned; `data` gives what it says."""
        days_kept = now.days
        if was is None or not days_kept or was.oldest != days_kept[0] or day < days_kept[0]:
            return self.all
        found = list(self._always)
        last = moment.day(was.last)
        for days, leaves in self._once.items():
            if days != EVER and last < moment.today - days + 1:
                found += leaves
        if self._bounded:
            for days, times in history.counted_since(now, self._windows, moment):
                found += self._bounded[days].get(times, ())
            if EVER in self._bounded:
                found += self._bounded[EVER].get(now.count, ())
        if self.reading:
            said = data()
            found += [leaf for leaf in self.reading if _passes(leaf.condition, said, moment.today)]
        return found


def _days(condition: Condition) -> int | None:
    """The days of a window that ends today, `EVER`; None: it is another window, or longer than days are kept."""
    assert isinstance(condition, Did | Edge)
    window = condition.window
    if (
        window.start is not None
        or window.end is not None
        or (isinstance(condition, Edge) and condition.which == "first")
    ):
        return None
    if window.days is None:
        return EVER
    return window.days if window.days <= KEPT_DAYS else None


def _is_once(condition: Condition) -> bool:
    if isinstance(condition, Edge):
        return True
    assert isinstance(condition, Did)
    return condition.count is None and not condition.or_none


def _bounds(test: Test) -> set[int]:
    """The counts that let a bound turn when they are reached from one less."""
    low, high = test.values[0], test.values[-1]
    assert isinstance(low, int)
    assert isinstance(high, int)
    match test.operator:
        case "atLeast" | "less":
            return {1, low}
        case "greater" | "atMost":
            return {1, low + 1}
        case _:
            return {1, low, high + 1}


def _passes(condition: Condition, said: Any, today: int) -> bool:
    assert isinstance(condition, Did)
    return all(passes_one_of(history.inside(said, test.name), test.test, today) for test in condition.where)


class OfValue:
    """The leaves that compare one value: a property's or a field's."""

    def __init__(self) -> None:
        self.all: list[Leaf] = []
        self._equal: dict[tuple[bool, Any], list[Leaf]] = {}
        self._compared: list[tuple[Leaf, Test]] = []
        self._clocked: list[Leaf] = []

    def add(self, leaf: Leaf, test: Test) -> None:
        """Put a leaf where it is found."""
        self.all.append(leaf)
        if test.operator in ("inLast", "inNext"):
            self._clocked.append(leaf)
        elif test.operator in ("equals", "in", "not") and not any(isinstance(value, date) for value in test.values):
            for key in set(map(_key, test.values)):
                self._equal.setdefault(key, []).append(leaf)
        else:
            self._compared.append((leaf, test))

    def turned(self, was: list[Any], now: list[Any], holds: Callable[[list[Any], Test], bool]) -> Iterator[Leaf]:
        """Those that another value may have turned."""
        yield from self._clocked
        if self._equal:
            for key in set(map(_key, was)) ^ set(map(_key, now)):
                yield from self._equal.get(key, ())
        for leaf, test in self._compared:
            if holds(was, test) != holds(now, test):
                yield leaf


def _key(value: Any) -> tuple[bool, Any]:
    """Values are one where they are equal; yes and no are no numbers."""
    return type(value) is bool, value


def items(value: Any) -> list[Any]:
    """The values of a property or field; a list has several. What comes of it stays as it is."""
    return list(value) if type(value) is list else [] if value is None else [value]
