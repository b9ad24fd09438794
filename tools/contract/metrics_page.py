"""The reference page of what workers and gateways say on `/metrics`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from prometheus_client import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from tools.contract.markdown import page, table

from knownas.operate.gauges import Gauges
from knownas.operate.metrics import COUNTERS, HISTOGRAMS, Metrics
from knownas.serve.metrics import GatewayMetrics


class Row(NamedTuple):
    """A metric as it is asked for."""

    name: str
    kind: str
    labels: Sequence[str]
    says: str


def metrics() -> str:
    """What workers and gateways say on `/metrics`."""
    worker = [
        *(Row(f"knownas_{name}_total", "counter", about.labels, about.says) for name, about in COUNTERS.items()),
        *(Row(f"knownas_{name}", "histogram", about.labels, about.says) for name, about in HISTOGRAMS.items()),
        *map(_row, _gauges()),
    ]
    # Histograms' labels are not told while nothing was observed; the collector has them.
    gateway = [_of_collector(collector) for collector in _own(GatewayMetrics().registry)]
    head = ("metric", "kind", "labels", "")
    return page(
        "Metrics",
        "Counted once a poll, never once a record; no label holds anything of a person. `stage` is `resolve` or "
        "`materialize`. Beside these there are `knownas_build_info` and Prometheus' own of the process.",
        "## A worker\n\n" + table(head, map(_cells, worker)),
        "## A gateway\n\n" + table(head, map(_cells, gateway)),
    )


def _cells(row: Row) -> tuple[str, str, str, str]:
    return f"`{row.name}`", row.kind, ", ".join(f"`{label}`" for label in row.labels), row.says


def _gauges() -> Iterable[Metric]:
    """The gauges of a worker that holds nothing."""
    nothing = SimpleNamespace(
        status=lambda: {"ready": True}, holds=[], ends={}, reached={}, memory=SimpleNamespace(used=0, limit=0)
    )
    stub = cast("Any", nothing)
    return Gauges(stub, stub, stub, stub, stub).collect()


def _row(metric: Metric) -> Row:
    return Row(metric.name, metric.type, getattr(metric, "_labelnames", ()), metric.documentation)


def _own(registry: CollectorRegistry) -> Iterator[Any]:
    """The collectors of a registry that are knownas' own and no mere information."""
    seen = {id(collector): collector for collector in registry._collector_to_names}
    base = {id(collector) for collector in Metrics().registry._collector_to_names}
    for collector in seen.values():
        name = getattr(collector, "_name", "")
        if id(collector) not in base and name.startswith("knownas_") and name != "knownas_build":
            yield collector


def _of_collector(collector: Collector) -> Row:
    (metric,) = collector.collect()
    suffix = "_total" if metric.type == "counter" else ""
    return Row(metric.name + suffix, metric.type, cast("Any", collector)._labelnames, metric.documentation)
