"""Whether a rebuild would find everything."""

from __future__ import annotations

import pytest

from knownas.operate.coverage import DAY_MS, snapshot_gap
from knownas.operate.layout import topics
from knownas.settings import Settings


@pytest.mark.parametrize(
    ("snapshot_days", "kept_days", "lacks"),
    [
        (7, 90, None),
        (7, 14, None),
        (7, 13, "resolved keeps 13 days and each profile comes to the snapshots once in 7"),
        (0, 90, "no snapshots are written"),
    ],
)
def test_snapshots_and_what_is_kept_must_overlap(snapshot_days: float, kept_days: float, lacks: str | None) -> None:
    found = snapshot_gap(snapshot_days, int(kept_days * DAY_MS))
    assert (found or "").startswith(lacks or "")
    assert (found is None) == (lacks is None)


def test_what_is_kept_for_ever_needs_no_snapshots() -> None:
    assert snapshot_gap(0, -1) is None


def test_the_topics_and_settings_of_everybody_leave_no_gap() -> None:
    kept = int(topics()["resolved"]["config"]["retention.ms"])
    assert snapshot_gap(Settings.model_fields["snapshot_days"].default, kept) is None
