"""What a worker counts: under names that Prometheus' users expect, and cheaply."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from knownas.operate.metrics import COUNTERS, HISTOGRAMS, Metrics

SECONDS = {"poll_seconds", "step_seconds", "event_to_decision_seconds", "event_to_profile_seconds"}


def lines(metrics: Metrics) -> dict[str, float]:
    """The page, by series."""
    page = metrics.page().decode()
    return {
        series: float(value)
        for series, _, value in (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
    }


def test_what_is_counted_stands_on_the_page_under_its_labels() -> None:
    metrics = Metrics()
    metrics.count("records", 3, "resolve", "done")
    metrics.count("records", 2, "resolve", "done")
    metrics.count("rejected", 1, "materialize", "deleted")
    metrics.count("claims_lost")
    told = lines(metrics)
    assert told['knownas_records_total{outcome="done",stage="resolve"}'] == 5
    assert told['knownas_rejected_total{reason="deleted",stage="materialize"}'] == 1
    assert told["knownas_claims_lost_total"] == 1


def test_what_has_not_happened_yet_is_0_so_that_its_first_time_is_a_rise() -> None:
    told = lines(Metrics())
    for stage in ("resolve", "materialize"):
        assert told[f'knownas_fenced_commits_total{{stage="{stage}"}}'] == 0
        assert told[f'knownas_records_total{{outcome="done",stage="{stage}"}}'] == 0
    assert told["knownas_fenced_publishers_total"] == 0


def test_laps_are_the_time_of_each_step_and_the_poll_is_all_of_them() -> None:
    metrics = Metrics()
    lap = metrics.laps("resolve")
    lap("load")
    lap("commit")
    lap("poll")
    told = lines(metrics)
    steps = sum(told[f'knownas_step_seconds_sum{{stage="resolve",step="{step}"}}'] for step in ("load", "commit"))
    assert 0 < steps <= told['knownas_poll_seconds_sum{stage="resolve"}']
    assert told['knownas_poll_seconds_count{stage="resolve"}'] == 1


def test_the_age_of_what_comes_from_the_future_is_0() -> None:
    metrics = Metrics()
    metrics.age("event_to_profile_seconds", 10**14)
    assert lines(metrics)["knownas_event_to_profile_seconds_sum"] == 0


@pytest.mark.parametrize("name", [*COUNTERS, *HISTOGRAMS])
def test_names_follow_the_conventions(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert not name.endswith(("_total", "_count", "_sum", "_ms", "_created"))
    assert name.endswith("_seconds") is (name in SECONDS)


def test_prometheus_own_check_of_the_page_finds_nothing() -> None:
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    metrics = Metrics()
    metrics.laps("resolve")("load")
    metrics.age("event_to_profile_seconds", 0)
    checked = subprocess.run([promtool, "check", "metrics"], input=metrics.page(), capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


def test_memory_and_processor_time_are_told_as_everywhere() -> None:
    told = lines(Metrics())
    assert told["process_resident_memory_bytes"] > 0
    assert told["process_cpu_seconds_total"] > 0
