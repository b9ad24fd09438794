"""What is known of what a person did, and since when it is known exactly.

How often an event was recorded ever, and its first and last time, are exact. Counts by day are kept for the newest
`KEPT_DAYS` days of each event, single events with their properties as long as the timeline keeps them. So an answer
has a lower bound that is certain, and a day from which on it is exact: for counts the oldest day kept, for single
events the first day from which on the timeline has as many as the counts by day say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson

from knownas.find.moment import Moment, Span
from knownas.nouns import Count, Entry, Timestamp
from knownas.profile.time import KEPT_DAYS


class Known(NamedTuple):
    """So often at least; exactly so often where `since` is None, else as far as days from `since` on are concerned."""

    least: int
    since: int | None


class Event(NamedTuple):
    """A single event as the timeline keeps it."""

    day: int
    ts: Timestamp
    data: dict[str, Any]


NEVER: Final = Known(0, None)


def counted(count: Count | None, span: Span, moment: Moment) -> Known:
    """How often an event was recorded in a span of days."""
    if count is None:
        return NEVER
    first, last = moment.day(count.first), moment.day(count.last)
    start = first if span.start is None else max(span.start, first)
    end = last if span.end is None else min(span.end, last)
    if start > end:
        return NEVER
    days, oldest = count.days, oldest_kept(count, moment)
    kept = sum(days[i + 1] for i in range(0, len(days), 2) if start <= days[i] <= end)
    if start >= oldest:
        return Known(kept, None)
    if start == first and end >= oldest - 1:
        # All that happened before the days kept lies in the span: take away what came after it.
        return Known(count.count - sum(days[i + 1] for i in range(0, len(days), 2) if days[i] > end), None)
    return Known(kept + (start == first), oldest)


def counted_since(count: Count, windows: Sequence[int], moment: Moment) -> Iterator[tuple[int, int]]:
    """How often at least (`counted`) in the last days of each window, the shortest first, in one walk."""
    days, first, total = count.days, moment.day(count.first), 0
    place = len(days) - 2
    for window in windows:
        start = moment.today - window + 1
        while place >= 0 and days[place] >= start:
            total += days[place + 1]
            place -= 2
        yield window, count.count if start <= first else total


def oldest_kept(count: Count, moment: Moment) -> int:
    """The day from which on the counts by day of an event are complete."""
    days = count.days
    if sum(days[1::2]) == count.count:
        return moment.day(count.first)
    return days[-2] - KEPT_DAYS + 1 if days else moment.day(count.last) + 1


def events(timeline: Iterable[Entry], name: str, moment: Moment) -> list[Event]:
    """The single events of a name that a timeline keeps."""
    return [
        Event(moment.day(entry.ts), entry.ts, orjson.loads(entry.data) if entry.data is not None else {})
        for entry in timeline
        if entry.name == name and entry.type == "event"
    ]


def complete_since(count: Count, found: Sequence[Event], moment: Moment) -> int | None:
    """The first day from which on every event of a name is among those found; None: all of them are."""
    if len(found) == count.count:
        return None
    kept, days = Counter(event.day for event in found), count.days
    for i in range(len(days) - 2, -1, -2):
        if kept[days[i]] != days[i + 1]:
            return days[i] + 1
    return oldest_kept(count, moment)


def inside(data: Any, path: str) -> list[Any]:
    """What an event says under a name, or under a path through objects and lists; nothing where it says null."""
    if isinstance(data, list):
        return [value for item in data for value in inside(item, path)]
    if not isinstance(data, dict):
        return []
    found = _flat(data.get(path))
    if found:
        return found
    head, _, rest = path.partition(".")
    return inside(data.get(head), rest) if rest else []


def _flat(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]
