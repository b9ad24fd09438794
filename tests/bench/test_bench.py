"""The bench itself: a short run does real work, compares it, and says what the contract says it says."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest

from tests.bench.reference import Outcome, differences, expected
from tests.bench.systems import ROOT
from tests.bench.traffic import shop

FIGURES = {"events_per_cpu_second", "events_per_worker_cpu_second", "events_per_second"}


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    """`make bench` with these words."""
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *words],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=280,
        check=False,
    )


@pytest.mark.services
def test_a_short_bench_ends_with_one_line_of_figures() -> None:
    words = ["--records", "1500", "--warm-up", "300", "--systems", "knownas,plain_faust,read_ceiling"]
    done = bench(*words, "--no-latency", "--json")
    assert done.returncode == 0, done.stderr
    told = orjson.loads(done.stdout)
    assert list(told) == ["knownas", "plain_faust", "read_ceiling"]
    stored = {"redis_us_per_event", "redis_bytes_per_profile"}
    assert set(told["knownas"]) == set(told["plain_faust"]) == FIGURES | stored
    assert set(told["read_ceiling"]) == FIGURES
    assert all(figure > 0 for figures in told.values() for figure in figures.values())


@pytest.mark.services
def test_the_cost_of_durability_is_told_beside_one_valkey_whatever_the_store() -> None:
    done = bench("durability", "--records", "1500", "--runs", "1", "--no-latency", "--json")
    assert done.returncode == 0, done.stderr
    told = orjson.loads(done.stdout)
    assert list(told) == ["alone", "waitaof", "cluster"]
    assert told["alone"]["of_alone"] == 1
    assert all(cost[figure] > 0 for cost in told.values() for figure in FIGURES | {"of_alone"})


def test_an_unknown_system_is_named() -> None:
    done = bench("--systems", "knownas,spark")
    assert done.returncode == 2
    assert "spark" in done.stderr


def test_a_system_that_skips_work_gets_no_figure() -> None:
    wanted = expected(shop(seed=7, warm_up=100, measured=900))
    honest = wanted[0]
    assert not differences(honest, wanted)
    assert "events" in differences(honest._replace(events=honest.events - 1), wanted)[0]
    assert len(differences(Outcome(0, 0, 0, 0), wanted)) == 4


def test_the_same_seed_makes_the_same_bytes_and_the_same_sum_in_every_order() -> None:
    assert shop(seed=7, warm_up=10, measured=50) == shop(seed=7, warm_up=10, measured=50)
    assert len({outcome.events for outcome in expected(shop(seed=7, warm_up=100, measured=900))}) == 1
