"""Counters of a gateway, as Prometheus reads them: by route and status, never by who called."""

from __future__ import annotations

from functools import cache
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, generate_latest

from knownas.operate.metrics import new_registry

BUCKETS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class GatewayMetrics:
    """The gateway's meter."""

    def __init__(self) -> None:
        self.registry = registry = new_registry()
        self._taken = Counter("knownas_taken_in", "records that Kafka has acknowledged", registry=registry)
        self._turned_away = Counter(
            "knownas_turned_away", "records of uploads that were not taken, by reason", ["reason"], registry=registry
        )
        self._answers = Counter(
            "knownas_http_answers", "answers by route and status", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "knownas_http_seconds", "time from a request's head to its answer", ["route"], registry=registry,
            buckets=BUCKETS_SECONDS,
        )  # fmt: skip
        self._of = cache(lambda route, status: (self._answers.labels(route, str(status)), self._seconds.labels(route)))
        self.at_work = Gauge("knownas_http_at_work", "requests in work", registry=registry)
        self.streams = Gauge("knownas_http_streams", "open streams of changes", registry=registry)

    def taken(self, amount: int) -> None:
        """Records were acknowledged."""
        if amount:
            self._taken.inc(amount)

    def turned_away(self, reason: str, amount: int = 1) -> None:
        """Records were not taken."""
        self._turned_away.labels(reason).inc(amount)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        counter, histogram = self._of(route, status)
        counter.inc()
        histogram.observe(seconds)

    def page(self) -> bytes:
        """The counters in Prometheus' text format."""
        return generate_latest(self.registry)
