"""The figures: medians over the runs, as a table for people and as one JSON object for programs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from tests.bench.latency import Latency
from tests.bench.race import Figures

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
"""The system counts a process's CPU in ticks; what is done within one is counted as one."""


def summary(name: str, runs: Sequence[Figures], latencies: Mapping[str, Latency]) -> dict[str, Any]:
    """One system's figures (contract: `make bench`)."""
    told: dict[str, Any] = {
        "events_per_cpu_second": _median(
            run.records / max(run.worker_seconds + run.store_seconds, TICK_SECONDS) for run in runs
        ),
        "events_per_worker_cpu_second": _median(run.records / max(run.worker_seconds, TICK_SECONDS) for run in runs),
        "events_per_second": _median(run.records / run.wall_seconds for run in runs),
    }
    if name != "read_ceiling":
        told["redis_us_per_event"] = round(median(run.store_seconds / run.records * 1e6 for run in runs), 2)
        told["redis_bytes_per_profile"] = _median(run.store_bytes / run.profiles for run in runs)
    if latencies:
        told["latency_ms"] = {load: latency._asdict() for load, latency in latencies.items()}
    return told


def table(figures: Mapping[str, Mapping[str, Any]]) -> Table:
    """The figures side by side, with what knownas does for the same CPU. CPU is that of the worker and of Valkey; the
    bytes are all that is stored, with timelines, devices and identities."""
    shown = Table(title="the same records, drained from Kafka: events per second, medians", box=SIMPLE, pad_edge=False)
    shown.add_column("system", no_wrap=True)
    for title in (
        "of CPU",
        "knownas\nis",
        "of worker\nCPU",
        "of\ntime",
        "Valkey\nµs each",
        "bytes a\nprofile",
    ):
        shown.add_column(title, justify="right", no_wrap=True)
    ours = figures.get("knownas", {}).get("events_per_cpu_second")
    for name, told in figures.items():
        per_cpu = told["events_per_cpu_second"]
        shown.add_row(
            name,
            f"{per_cpu:,}",
            f"{ours / per_cpu:.1f} x" if ours and name != "knownas" else "",
            f"{told['events_per_worker_cpu_second']:,}",
            f"{told['events_per_second']:,}",
            f"{told['redis_us_per_event']:.1f}" if "redis_us_per_event" in told else "",
            f"{told['redis_bytes_per_profile']:,}" if "redis_bytes_per_profile" in told else "",
        )
    return shown


def latency_lines(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is said about latency below the table."""
    latencies = figures.get("knownas", {}).get("latency_ms", {})
    return [
        f"knownas, producer to committed profile at {told['rate']:,} events a second: "
        f"p50 {told['p50']:g} ms, p95 {told['p95']:g} ms, p99 {told['p99']:g} ms"
        for told in latencies.values()
    ]


def _median(values: Iterable[float]) -> int:
    return round(median(values))
