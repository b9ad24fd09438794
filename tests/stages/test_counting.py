"""What a chunk adds to figures."""

from __future__ import annotations

import pytest

from knownas.find.segments import Registry, SegmentChange, State, Transition
from knownas.nouns import EVENTS, RESOLVED, UPDATES, Linked, Position, Rejection, Source
from knownas.profile.fold import Arrived, Folded
from knownas.profile.time import Calendar
from knownas.stages.counting import count_folded
from knownas.stages.figures import Example, Figures, Rejections, Turnover
from knownas.stages.hold import ShardHold

NOTHING = Folded({}, {}, {}, {}, [], [], [], [], 0)
DAY_MS = 86_400_000


@pytest.fixture
def hold() -> ShardHold:
    """A shard whose clock stands at a quarter to midnight, in UTC, of day 20."""
    registry = Registry(State(clock_ms=21 * DAY_MS - 900_000))
    return ShardHold(RESOLVED, 0, "t", 0, 0, figures=Figures({}), segments=registry)


def figures_of(hold: ShardHold) -> Figures:
    """The figures, which are there."""
    assert hold.figures is not None
    return hold.figures


def moved(entered: bool, segment: str = "gold", ts: float = 5.0) -> Transition:
    """Somebody enters or leaves."""
    return Transition(segment, 1, "p", entered, ts, 1)


@pytest.mark.parametrize(("zone", "day"), [("UTC", 20), ("Europe/Berlin", 21)])
def test_who_enters_and_leaves_counts_on_the_day_of_the_shards_clock_in_the_deployments_zone(
    hold: ShardHold, zone: str, day: int
) -> None:
    change = SegmentChange([moved(True), moved(False, ts=9e9), moved(True, "other")])
    count_folded(hold, (), NOTHING._replace(segments=change), Calendar(zone))
    assert figures_of(hold).segments == {"gold": {day: Turnover(1, 1)}, "other": {day: Turnover(1, 0)}}


def test_a_segment_that_is_gone_has_no_figures(hold: ShardHold) -> None:
    count_folded(hold, (), NOTHING._replace(segments=SegmentChange([moved(True)])), Calendar())
    change = SegmentChange([moved(False), moved(True, "other")], gone=["gold", "never counted"])
    count_folded(hold, (), NOTHING._replace(segments=change), Calendar())
    assert figures_of(hold).segments == {"other": {20: Turnover(1, 0)}}


def test_records_and_links_count_at_the_time_at_which_they_came_to_kafka(hold: ShardHold) -> None:
    link = Linked(3 * DAY_MS, EVENTS, 0, 1, "p", "g", 9e9)
    count_folded(hold, (), NOTHING._replace(minutes={61: 2, 59: 1}, links=[link]), Calendar())
    figures = figures_of(hold)
    assert figures.numbers == {"m": {61: 2, 59: 1}, "h": {1: 2, 0: 1}, "l": {3: 1}}
    assert figures.links == [link]


def test_a_rejection_counts_at_the_time_at_which_its_record_came_to_kafka(hold: ShardHold) -> None:
    messages = [Arrived("p", Source(topic, 2, 7, 0), at, 0) for topic, at in ((EVENTS, 50), (UPDATES, 60))]
    rejection = Rejection(position=Position(UPDATES, 2, 7), reason="deleted", detail="", key=None, value=None)
    count_folded(hold, messages, NOTHING._replace(rejections=[rejection]), Calendar())
    assert figures_of(hold).rejections == {"deleted": Rejections(1, 60, 60, [Example(60, UPDATES, 2, 7)])}
