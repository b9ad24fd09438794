"""What a worker counts and times, as Prometheus reads it. Names follow Prometheus' conventions: base units, `_total`
for what only rises, one metric for one thing with labels that are few and known beforehand.

The stages tell of it once a poll, a chunk or a step, never once a record: see `stages.ports.Meter`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from knownas import __version__
from knownas.stages.ports import Laps


class About(NamedTuple):
    """What a metric says, by which labels, and for a histogram where its buckets end."""

    says: str
    labels: Sequence[str] = ()
    buckets: Sequence[float] = ()


SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
AGES: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200)
RECORDS: Final = (1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000, 4_000)

COUNTERS: Final = {
    "records": About("records that a stage is done with, by what became of them", ("stage", "outcome")),
    "rejected": About("records that are in knownas.rejected", ("stage", "reason")),
    "decisions": About("rows of the ledger, by what was decided", ("kind",)),
    "messages": About("messages that Kafka has acknowledged", ("topic",)),
    "claims_lost": About("polls decided again because another worker claimed first"),
    "fenced_commits": About("commits refused because another worker has taken the partition", ("stage",)),
    "fenced_publishers": About("publishers fenced by a newer one of the same shard"),
    "cache_lookups": About("profiles that a stage needed, found in its cache or not", ("result",)),
    "partitions_taken": About("partitions taken, at a start, after a rebalance or after a refusal", ("topic",)),
}
HISTOGRAMS: Final = {
    "chunk_records": About("records of one partition in one poll", ("stage",), RECORDS),
    "poll_seconds": About("time a poll takes through its stage, waiting included", ("stage",), SECONDS),
    "step_seconds": About(
        "time of each step of a poll; load and commit are the store's, send is Kafka's", ("stage", "step"), SECONDS
    ),
    "event_to_decision_seconds": About(
        "age of a chunk's first record, by its time in Kafka, once it is decided and sent on", (), AGES
    ),
    "event_to_profile_seconds": About(
        "age of a chunk's first record, by its time in Kafka, once it is in its profile", (), AGES
    ),
}


def new_registry() -> CollectorRegistry:
    """Where metrics are kept, with those that every process has: version, memory, processor time."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series and tell nobody anything
    registry = CollectorRegistry()
    Info("knownas_build", "the version that runs", registry=registry).info({"version": __version__})
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


class Metrics:
    """The stages' meter, and the page that Prometheus reads. Collectors of other things register with `registry`."""

    def __init__(self) -> None:
        self.registry = registry = new_registry()
        self._counters = {
            name: Counter(f"knownas_{name}", about.says, about.labels, registry=registry)
            for name, about in COUNTERS.items()
        }
        self._histograms = {
            name: Histogram(f"knownas_{name}", about.says, about.labels, registry=registry, buckets=about.buckets)
            for name, about in HISTOGRAMS.items()
        }
        self._labelled: dict[tuple[str, ...], Counter | Histogram] = {}
        self._set_out()

    def count(self, what: str, amount: int = 1, *labels: str) -> None:
        """Add to a counter."""
        if amount:
            counter = self._of(self._counters[what], what, labels)
            assert isinstance(counter, Counter)
            counter.inc(amount)

    def observe(self, what: str, value: float, *labels: str) -> None:
        """Add a value to a histogram."""
        histogram = self._of(self._histograms[what], what, labels)
        assert isinstance(histogram, Histogram)
        histogram.observe(value)

    def age(self, what: str, at_ms: int, *labels: str) -> None:
        """Add to a histogram how long ago something was."""
        self.observe(what, max(0.0, time.time() - at_ms / 1000), *labels)

    def laps(self, stage: str) -> Laps:
        """A stop-watch for the steps of a poll; the step `poll` is all of it."""
        last = started = time.perf_counter()

        def lap(step: str) -> None:
            nonlocal last
            now = time.perf_counter()
            if step == "poll":
                self.observe("poll_seconds", now - started, stage)
            else:
                self.observe("step_seconds", now - last, stage, step)
            last = now

        return lap

    def page(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _of(self, parent: Counter | Histogram, what: str, labels: tuple[str, ...]) -> Counter | Histogram:
        """The child of a metric for these labels, remembered: to look it up anew costs as much as all else."""
        if not labels:
            return parent
        found = self._labelled.get((what, *labels))
        if found is None:
            found = self._labelled[what, *labels] = parent.labels(*labels)
        return found

    def _set_out(self) -> None:
        """What has not happened yet is 0, not missing: a rate or an alert over it must see its first time."""
        for stage in ("resolve", "materialize"):
            for outcome in ("done", "rejected", "repeated", "rehomed")[: 4 if stage == "resolve" else 3]:
                self._of(self._counters["records"], "records", (stage, outcome))
            self._of(self._counters["fenced_commits"], "fenced_commits", (stage,))
        for result in ("hit", "miss"):
            self._of(self._counters["cache_lookups"], "cache_lookups", (result,))
