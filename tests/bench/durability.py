"""What a store that survives more costs: the same bytes drained by knownas from the same Kafka, with one Valkey, with
one that has a replica whose disk is waited for (`WAITAOF`), and with a cluster of three; and how long a record takes at
a steady rate. By turns, and each run is compared with that of one Valkey next to it: a machine that grows slower is
slow for all.

CPU of the store is that of all its servers. Each has its append-only file on and `appendfsync always`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from typing import Any, Final, NamedTuple

from tests.bench.latency import Latency
from tests.bench.latency import measure as measure_latency
from tests.bench.race import Figures, order, run
from tests.bench.reference import expected
from tests.bench.report import TICK_SECONDS
from tests.bench.systems import Services
from tests.bench.traffic import shop
from tests.valkeys import cluster, primary_and_replica, url_of

ALONE: Final = "alone"
RATE: Final = 2_000
SECONDS: Final = 10
SEED: Final = 7


class Cost(NamedTuple):
    """One store's figures, medians of the runs: events per CPU second of worker and store, how that compares with one
    Valkey, events per CPU second of the worker, per second; and milliseconds from a record being due to its commit."""

    events_per_cpu_second: int
    of_alone: float
    events_per_worker_cpu_second: int
    events_per_second: int
    latency: Latency | None


@contextmanager
def stores(services: Services) -> Iterator[dict[str, Services]]:
    """The stores by name."""
    with ExitStack() as stack:
        primary, replica = stack.enter_context(primary_and_replica(services.folder / "pair"))
        nodes = stack.enter_context(cluster(services.folder / "cluster"))
        waiting = {"redis_wait_replicas": 1}
        yield {
            ALONE: services,
            "waitaof": services._replace(redis_url=primary.url, servers=(primary.url, replica.url), settings=waiting),
            "cluster": services._replace(redis_url=url_of(nodes), servers=tuple(node.url for node in nodes)),
        }


async def measure(
    name: Callable[[], str], services: Services, records: int, runs: int, latency: bool, say: Callable[[str], None]
) -> dict[str, Cost]:
    """All stores, by turns; `name` makes a fresh one for each deployment."""
    traffic = shop(SEED, max(1, records // 10), records)
    wanted = expected(traffic)
    with stores(services) as there:
        found: dict[str, list[Figures]] = {store: [] for store in there}
        latencies: dict[str, Latency] = {}
        for number in range(runs):
            for store in order(list(there), number):
                say(f"{store}, run {number + 1} of {runs} ...")
                found[store].append(await run("knownas", name(), there[store], traffic, wanted))
        for store, where in there.items() if latency else ():
            say(f"{store}, latency at {RATE:,} events a second ...")
            latencies[store] = await measure_latency(name(), where, SEED, RATE, SECONDS)
    return {store: _cost(figures, found[ALONE], latencies.get(store)) for store, figures in found.items()}


def _cost(runs: list[Figures], alone: list[Figures], latency: Latency | None) -> Cost:
    return Cost(
        round(median(map(_per_cpu_second, runs))),
        round(median(_per_cpu_second(one) / _per_cpu_second(other) for one, other in zip(runs, alone, strict=True)), 2),
        round(median(run.records / max(run.worker_seconds, TICK_SECONDS) for run in runs)),
        round(median(run.records / run.wall_seconds for run in runs)),
        latency,
    )


def _per_cpu_second(run: Figures) -> float:
    return run.records / max(run.worker_seconds + run.store_seconds, TICK_SECONDS)


def as_json(found: dict[str, Cost]) -> dict[str, Any]:
    """All figures by store."""
    return {
        store: cost._asdict() | {"latency": cost.latency._asdict() if cost.latency else None}
        for store, cost in found.items()
    }


def lines(found: dict[str, Cost]) -> Iterator[str]:
    """The same for people."""
    for store, cost in found.items():
        late = cost.latency
        yield (
            f"{store:<8} {cost.events_per_cpu_second:>7,} events per CPU second ({cost.of_alone:.2f} of {ALONE}), "
            f"{cost.events_per_worker_cpu_second:,} of the worker's; {cost.events_per_second:,} a second"
            + (f"; at {late.rate:,} a second p50 {late.p50:g} ms, p99 {late.p99:g} ms" if late else "")
        )
