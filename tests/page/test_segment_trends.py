"""The trend of a segment is a small line and the same in words."""

from __future__ import annotations

from knownas.operate.glance import SegmentDay
from knownas.serve.page.segments import Trend, path_of, trend


def days(*sizes: int) -> list[SegmentDay]:
    """Days that end with so many people."""
    return [SegmentDay(f"2026-01-{day:02}", 0, 0, size) for day, size in enumerate(sizes, 1)]


def test_a_trend_goes_from_the_first_day_to_the_last() -> None:
    assert trend(days(10, 30, 20)) == Trend("0.0,23.0 50.0,1.0 100.0,12.0", "10 to 20 in 3 days, 30 at most")


def test_where_nothing_changes_the_line_is_flat() -> None:
    assert trend(days(1500, 1500)) == Trend("0.0,12.0 100.0,12.0", "1,500 to 1,500 in 2 days, 1,500 at most")


def test_one_day_is_no_trend() -> None:
    assert trend(days(5)) is None


def test_any_name_has_a_path() -> None:
    assert path_of('a/b?"c"') == "/segments/a%2Fb%3F%22c%22"
