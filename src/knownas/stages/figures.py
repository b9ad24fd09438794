"""Figures: what the stages count beside their work, so that one can see how things go.

A partition or shard keeps its figures in one hash, a field each. A field holds a number or a short list, never a
record's bytes or anything about a person but profile ids:

| field         | holds                                                                       | kept                |
|---------------|-----------------------------------------------------------------------------|---------------------|
| `from`        | the offset of the partition or shard at which counting began                |                     |
| `m:<minute>`  | records folded, by the minute of their Kafka time, since 1970               | the newest 130      |
| `h:<hour>`    | the same by hour                                                            | the newest 50       |
| `l:<day>`     | links, by day of the deployment's time zone                                 | the newest 92       |
| `links`       | the newest links (`Linked`), the oldest first                               | 20                  |
| `s:<day>:<n>` | who entered and left the segment of name n, by the day of the shard's clock | the newest 92       |
| `r:<reason>`  | rejections: how many, first and last Kafka time, the newest examples        | 5 examples a reason |

What is kept is the greatest of what there ever was, so it hinges on the records alone and not on how they were cut into
chunks. A record of a wrong clock takes a field of the list, no more; Kafka lets records be an hour ahead.

The worker that holds a partition knows its figures and writes what changed with the commit that moves the position past
the records: they are as exact as the position. Values are written as they are then, so a second time writes the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from knownas.nouns import Linked, Position

FROM: Final = "from"
LINKS: Final = "links"
MINUTES: Final = "m"
HOURS: Final = "h"
LINK_DAYS: Final = "l"
SEGMENT_DAYS: Final = "s"
REJECTED: Final = "r"

HOUR_MINUTES: Final = 60
KEPT: Final = {MINUTES: 130, HOURS: 50, LINK_DAYS: 92, SEGMENT_DAYS: 92}
KEPT_LINKS: Final = 20
KEPT_EXAMPLES: Final = 5


class Turnover(NamedTuple):
    """Who entered and who left."""

    entered: int = 0
    left: int = 0


class Example(NamedTuple):
    """A rejected record: its Kafka time in milliseconds, where it stands."""

    at: int
    topic: str
    partition: int
    offset: int


class Rejections(NamedTuple):
    """What was rejected for one reason: how often, the first and the last Kafka time, the newest, the oldest first."""

    times: int
    first: int
    last: int
    examples: list[Example]


_read_number: Final = msgspec.msgpack.Decoder(int).decode
_read_links: Final = msgspec.msgpack.Decoder(list[Linked]).decode
_read_turnover: Final = msgspec.msgpack.Decoder(Turnover).decode
_read_rejections: Final = msgspec.msgpack.Decoder(Rejections).decode


class Figures:
    """The figures of a partition or shard. They are changed in place: a change that is not committed spoils them.

    `changed` are fields with their new values and `dropped` fields that go, both since the last commit. `start` is the
    offset at which counting begins where nothing was counted yet.
    """

    def __init__(self, stored: Mapping[str, bytes], start: int = 0) -> None:
        self.start = _read_number(stored[FROM]) if FROM in stored else start
        self.is_new = FROM not in stored
        self.numbers: dict[str, dict[int, int]] = {MINUTES: {}, HOURS: {}, LINK_DAYS: {}}
        self.links: list[Linked] = []
        self.segments: dict[str, dict[int, Turnover]] = {}
        self.rejections: dict[str, Rejections] = {}
        self.changed: dict[str, Any] = {}
        self.dropped: set[str] = set()
        for field, raw in stored.items():
            self._take(field, raw)

    def _take(self, field: str, raw: bytes) -> None:
        family, _, rest = field.partition(":")
        if family in self.numbers:
            self.numbers[family][int(rest)] = _read_number(raw)
        elif family == LINKS:
            self.links = _read_links(raw)
        elif family == SEGMENT_DAYS:
            day, _, name = rest.partition(":")
            self.segments.setdefault(name, {})[int(day)] = _read_turnover(raw)
        elif family == REJECTED:
            self.rejections[rest] = _read_rejections(raw)

    def folded(self, minute: int, records: int) -> None:
        """Records of a minute were folded."""
        self._count(MINUTES, minute, records)
        self._count(HOURS, minute // HOUR_MINUTES, records)

    def linked(self, link: Linked, day: int) -> None:
        """A guest was linked, on a day."""
        self._count(LINK_DAYS, day, 1)
        self.links = sorted([*self.links, link])[-KEPT_LINKS:]
        self._change(LINKS, self.links)

    def moved(self, segment: str, day: int, *, entered: bool) -> None:
        """Somebody entered or left a segment."""
        days = self.segments.setdefault(segment, {})
        before = days.get(day, Turnover())
        days[day] = Turnover(before.entered + entered, before.left + (not entered))
        self._change(f"{SEGMENT_DAYS}:{day}:{segment}", days[day])
        if len(days) > KEPT[SEGMENT_DAYS]:
            self._drop_day(segment, min(days))

    def forget(self, segment: str) -> None:
        """A segment is gone."""
        for day in list(self.segments.get(segment, ())):
            self._drop_day(segment, day)
        self.segments.pop(segment, None)

    def rejected(self, reason: str, position: Position, at: int) -> None:
        """A record was rejected."""
        example, known = Example(at, *position), self.rejections.get(reason)
        if known is None:
            known = Rejections(0, at, at, [])
        self.rejections[reason] = Rejections(
            known.times + 1, min(known.first, at), max(known.last, at), [*known.examples, example][-KEPT_EXAMPLES:]
        )
        self._change(f"{REJECTED}:{reason}", self.rejections[reason])

    def stored(self) -> None:
        """The store has what was changed."""
        self.changed, self.dropped = {}, set()

    def _count(self, family: str, key: int, amount: int) -> None:
        numbers = self.numbers[family]
        numbers[key] = numbers.get(key, 0) + amount
        self._change(f"{family}:{key}", numbers[key])
        if len(numbers) > KEPT[family]:
            oldest = min(numbers)
            del numbers[oldest]
            self._drop(f"{family}:{oldest}")

    def _drop_day(self, segment: str, day: int) -> None:
        del self.segments[segment][day]
        self._drop(f"{SEGMENT_DAYS}:{day}:{segment}")

    def _change(self, field: str, value: Any) -> None:
        if self.is_new:
            self.is_new = False
            self.changed[FROM] = self.start
        self.changed[field] = value
        self.dropped.discard(field)

    def _drop(self, field: str) -> None:
        self.changed.pop(field, None)
        self.dropped.add(field)
