"""What figures come to in an overview."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from knownas.adapters.figures import Sums, added_up
from knownas.adapters.segments import Size
from knownas.nouns import EVENTS, Definition, Linked, Position
from knownas.operate.glance import Overview, SegmentDay, Worker
from knownas.operate.overview import lag, links, rejected, segment, traffic
from knownas.operate.settle import Lag
from knownas.stages.figures import Figures, Turnover

NOTHING = Sums({}, {}, {}, [], {}, {})
MINUTE = 29_395_000
GOLD = Definition(name="gold", version=3, query={"property": "Plan", "equals": "Gold"})


@pytest.mark.parametrize(
    ("counted", "seconds", "rate"),
    [
        ({}, 0, 0),
        ({0: 60}, 30, 1),
        ({-1: 60}, 0, 1),
        ({-1: 60}, 30, 0.5),
        ({0: 30, -1: 60, -2: 999}, 30, 1),
        ({1: 999}, 30, 0),
    ],
)
def test_the_rate_is_that_of_the_last_sixty_seconds(counted: dict[int, int], seconds: int, rate: float) -> None:
    minutes = {MINUTE + n: records for n, records in counted.items()}
    assert traffic(NOTHING._replace(minutes=minutes), (MINUTE * 60 + seconds) * 1000).per_second == rate


def test_minutes_and_hours_are_gapless_and_end_now() -> None:
    sums = NOTHING._replace(minutes={MINUTE - 59: 4, MINUTE - 60: 9, MINUTE: 1}, hours={MINUTE // 60: 14})
    seen = traffic(sums, MINUTE * 60_000)
    assert (seen.per_minute[0].records, seen.per_minute[-1].records, seen.last_at) == (4, 1, MINUTE * 60)
    assert [point.at for point in seen.per_minute] == [(MINUTE - n) * 60 for n in range(59, -1, -1)]
    assert (len(seen.per_hour), seen.per_hour[-1].records) == (48, 14)


def test_a_segments_sizes_are_told_back_from_now_by_who_came_and_went() -> None:
    turnover = {98: Turnover(5, 0), 99: Turnover(2, 3), 101: Turnover(0, 1)}
    seen = segment(GOLD, Size(3, 0), turnover, 101)
    assert (seen.name, seen.query, seen.people) == ("gold", "Plan = Gold", 3)
    assert seen.days == [
        SegmentDay("1970-04-09", 5, 0, 5),
        SegmentDay("1970-04-10", 2, 3, 4),
        SegmentDay("1970-04-11", 0, 0, 4),
        SegmentDay("1970-04-12", 0, 1, 3),
    ]


def test_a_segment_shows_ninety_days_at_most_and_today_at_least() -> None:
    assert [day.people for day in segment(GOLD, Size(7, 1), {}, 5).days] == [7]
    assert len(segment(GOLD, Size(7, 1), {0: Turnover(7, 0)}, 1_000).days) == 90
    assert segment(GOLD, Size(7, 1), {6: Turnover(7, 0)}, 5).days == [SegmentDay("1970-01-07", 7, 0, 7)]


def test_figures_of_many_are_added_up() -> None:
    one, other = Figures({}), Figures({})
    for figures, at, offset in ((one, 5_000, 1), (other, 3_000, 2)):
        figures.folded(7, 2)
        figures.linked(Linked(at, EVENTS, 0, offset, "p", f"g{offset}", at / 1000), 20)
        figures.moved("gold", 20, entered=True)
        for extra in range(4):
            figures.rejected("empty", Position(EVENTS, offset, extra), at + extra)
    sums = added_up([one, other])
    assert (sums.minutes, sums.hours, sums.segments) == ({7: 4}, {0: 4}, {"gold": {20: Turnover(2, 0)}})
    assert [link.guest for link in links(sums, 9, 20).newest] == ["g1", "g2"]
    assert (links(sums, 9, 20).total, links(sums, 9, 20).per_day[-1].count) == (9, 2)
    (reason,) = rejected(sums)
    assert (reason.reason, reason.count, reason.first, reason.last) == ("empty", 8, 3, 5.003)
    assert [example.at for example in reason.examples] == [5.003, 5.002, 5.001, 5, 3.003]
    assert reason.sentence == "The record has no value."


def test_a_partition_says_who_holds_it() -> None:
    worker = Worker("w-1", "host-7", "127.0.0.1", {"events": [0]})
    seen = lag({("events", 0): Lag(5, 9, 4), ("events", 1): Lag(1, 1, 0)}, [worker])
    assert [(one.partition, one.behind, one.worker) for one in seen] == [(0, 4, "w-1"), (1, 0, None)]


def test_the_overview_is_json_in_camel_case() -> None:
    schema: dict[str, Any] = msgspec.json.schema(Overview)["$defs"]
    assert {"perSecond", "perMinute", "perHour", "lastAt"} == set(schema["Traffic"]["properties"])
