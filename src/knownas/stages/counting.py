"""What a chunk adds to the figures of its partition or shard."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final

from knownas.identity.plan import Arrival, Plan
from knownas.nouns import Position
from knownas.profile.fold import Arrived, Folded
from knownas.profile.time import Calendar
from knownas.stages.hold import ShardHold, SourceHold

_offset: Final = attrgetter("offset")


def count_resolved(hold: SourceHold, arrivals: Sequence[Arrival], plan: Plan) -> None:
    """A chunk of stage 1 is done: its rejections."""
    for rejection in plan.rejections:
        place = bisect_left(arrivals, rejection.position.offset, key=_offset)
        hold.figures.rejected(rejection.reason, rejection.position, arrivals[place].at)


def count_folded(hold: ShardHold, messages: Iterable[Arrived], folded: Folded, calendar: Calendar) -> None:
    """A chunk of stage 2 is about to be committed: records by their minute, links, who entered and left segments by the
    day of the shard's clock, rejections."""
    figures, registry = hold.figures, hold.segments
    assert figures is not None
    for minute, records in folded.minutes.items():
        figures.folded(minute, records)
    for link in folded.links:
        figures.linked(link, calendar.day(link.at / 1000))
    if folded.segments.transitions:
        assert registry is not None
        today = calendar.day(registry.clock_ms / 1000)
        for moved in folded.segments.transitions:
            figures.moved(moved.segment, today, entered=moved.entered)
    for name in folded.segments.gone:
        figures.forget(name)
    if folded.rejections:
        at = {Position(*arrived.source[:3]): arrived.at for arrived in messages}
        for rejection in folded.rejections:
            figures.rejected(rejection.reason, rejection.position, at[rejection.position])
