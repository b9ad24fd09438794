"""Counters of a worker, as Prometheus reads them."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, generate_latest

_COUNTERS: Final = {
    "resolved": "messages sent to knownas.resolved",
    "folded": "messages folded into profiles",
    "published": "messages published from outboxes",
    "moved": "records republished to their home partition",
    "repeats": "messages skipped because they had been counted before",
    "claims_lost": "polls decided again because another worker claimed first",
    "refused_commits": "commits refused because the partition had been taken by another worker",
    "fenced_publishers": "publishers that a newer one of the same shard had fenced",
}


class Metrics:
    """The stages' meter."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {
            name: Counter(f"knownas_{name}", said, registry=self.registry) for name, said in _COUNTERS.items()
        }
        self._rejected = Counter(
            "knownas_rejected", "records that are in knownas.rejected", ["reason"], registry=self.registry
        )

    def count(self, what: str, amount: int = 1, reason: str = "") -> None:
        """Add to a counter."""
        if what == "rejected":
            self._rejected.labels(reason).inc(amount)
        elif amount:
            self._counters[what].inc(amount)

    def page(self) -> bytes:
        """The counters in Prometheus' text format."""
        return generate_latest(self.registry)
