"""The shop's traffic: what its visitors and servers send in a month, as a stream that is the same for the same seed.

Each visit is written as a whole when it begins and waits until its records are due, so visits overlap and the stream
is in the order of time, while no more is held than the visits under way and the people who may come back. Visits
begin as the records planned so far say: the first a month before `now`, the last so long before it that even the
longest visit is over by then. So the stream ends near `now`, and nothing in it lies beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import islice
from math import pi, sin
from typing import Final

from knownas.demo.characters import OPENING, SELDOM_SEEN, Scene
from knownas.demo.dice import Dice
from knownas.demo.mishaps import FLAWS, MISPLACED, NAMELESS, stumble
from knownas.demo.pen import Pen, Sending
from knownas.demo.people import Device, People, make_device
from knownas.demo.requests import REQUESTS
from knownas.demo.visits import (
    PAUSE_SECONDS,
    arrive,
    come_back,
    import_from_crm,
    order_by_phone,
    share_tablet,
)
from knownas.demo.world import PLACES, TABLET

__all__ = ["Sending", "going_on", "traffic"]

DAY: Final = 24 * 3600
SPAN_SECONDS: Final = 30 * DAY
SECONDS_PER_RECORD: Final = 1200
"""A short stream covers less than the month, or its visits would lie days apart."""

LONGEST_VISIT_SECONDS: Final = 1800
"""No visit lasts longer: at most a minute passes between two records, and no visit has more than 30."""

TABLETS: Final = 40
EVENTS_PER_TABLET: Final = 10_000
TABLET_SHARE: Final = 0.03
"""How many in a hundred visits are those to a store."""


def traffic(seed: int, events: int, now: int, *, requests: bool = True) -> Iterator[Sending]:
    """Exactly `events` records of all kinds, in the order of their time, the last of them shortly before `now`.

    Without `requests` nobody asks for what few ask for: there are no deletions, test marks, opt-outs of one address
    and ids of records.
    """
    return islice((sending for _, sending in _Shop(seed, events, now, requests).open()), events)


def going_on(seed: int, now: int, a_second: int) -> Iterator[tuple[int, Sending]]:
    """What happens from now on, without end and without scenes: records with the second in which each is due, about
    so many a second after some minutes."""
    return _Shop(seed, 1, now, requests=False, scenes=()).open(lambda planned: now + planned // a_second)


class _Shop:
    """The people, the store's tablets and the opening scenes still to be played."""

    def __init__(self, seed: int, events: int, now: int, requests: bool, scenes: Sequence[Scene] | None = None) -> None:
        self._events = max(events, 1)
        self._span = min(SPAN_SECONDS, self._events * SECONDS_PER_RECORD)
        self._end = now - LONGEST_VISIT_SECONDS
        self._dice = Dice(seed)
        self._people = People(self._dice)
        self._tablets = [self._tablet() for _ in range(min(TABLETS, 1 + events // EVENTS_PER_TABLET))]
        played = [*OPENING, *(SELDOM_SEEN if requests else ())] if scenes is None else scenes
        self._scenes = list(reversed(played))
        self._visits = [*_VISITS, *(REQUESTS if requests else ())]
        self._next_scene_from = 0

    def open(self, time_of: Callable[[int], int] | None = None) -> Iterator[tuple[int, Sending]]:
        """All records there will ever be, in the order of their time, which goes first; `time_of` says when the visit
        begins that follows so many records."""
        begins = time_of or self._time_of
        waiting: list[tuple[int, int, Sending]] = []
        planned = 0
        while True:
            begin = begins(planned)
            while waiting and waiting[0][0] < begin:
                ts, _, sending = heappop(waiting)
                yield ts, sending
            pen = Pen(self._dice, begin)
            self._next_visit(pen)
            assert pen.ts - begin <= LONGEST_VISIT_SECONDS, f"a visit of {pen.ts - begin} seconds"
            for ts, sending in pen.written:
                heappush(waiting, (ts, planned, sending))  # the number keeps records of one second in their order
                planned += 1

    def _time_of(self, planned: int) -> int:
        """When the visit begins that follows so many records: evenly over the time, but for the busy hours."""
        before_end = self._span * (1 - planned / self._events)
        rhythm = 0.7 * DAY / (2 * pi) * sin(2 * pi * before_end / DAY)
        return self._end - int(before_end - rhythm)

    def _next_visit(self, pen: Pen) -> None:
        if self._scenes and pen.ts >= self._next_scene_from:
            self._scenes.pop()(pen, self._people)
            self._next_scene_from = pen.ts + PAUSE_SECONDS
            return
        tablet = self._dice.pick(self._tablets)
        if tablet.free_from <= pen.ts and self._dice.chance(TABLET_SHARE):
            share_tablet(pen, tablet, self._people)
        else:
            self._dice.pick(self._visits)(pen, self._people)

    def _tablet(self) -> Device:
        return make_device(f"{TABLET.prefix}-{self._dice.digits(32)}", TABLET, self._dice.pick(PLACES))


_VISITS: Final[list[Callable[[Pen, People], None]]] = [
    *[arrive] * 440,
    *[come_back] * 495,
    *[import_from_crm] * 8,
    *[order_by_phone] * 20,
    *[stumble(FLAWS)] * 14,
    *[stumble(MISPLACED)] * 18,
    *[stumble(NAMELESS)] * 5,
]
"""One entry for each visit in about a thousand."""
