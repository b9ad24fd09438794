"""What stands somewhere now, read when Prometheus asks: positions, lag, caches, whether the worker is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from knownas.operate.health import Health
from knownas.operate.watch import KafkaWatch, StoreWatch
from knownas.stages.hold import Hold, ShardHold
from knownas.stages.keeper import Keeper
from knownas.stages.ports import Partition
from knownas.stages.publish import Publishers

BY_PARTITION = ("topic", "partition")


class Gauges(Collector):
    """The gauges of one worker; nothing is written down while nobody looks."""

    def __init__(
        self, health: Health, keeper: Keeper, kafka: KafkaWatch, publishers: Publishers, store: StoreWatch
    ) -> None:
        self._health, self._keeper, self._kafka = health, keeper, kafka
        self._publishers, self._store = publishers, store

    def collect(self) -> Iterable[Metric]:
        """Every gauge as it stands."""
        status = self._health.status()
        yield GaugeMetricFamily("knownas_ready", "1 when the worker works, 0 while it waits", int(status["ready"]))
        holds = self._keeper.holds
        yield _family("knownas_position", "offset up to which the store has everything", holds, lambda h: h.position)
        yield from self._of_logs(holds)
        yield from self._of_shards([hold for hold in holds if isinstance(hold, ShardHold)])
        yield from self._of_store()

    def _of_logs(self, holds: Sequence[Hold]) -> Iterator[Metric]:
        ends, reached = self._kafka.ends, self._kafka.reached
        known = [hold for hold in holds if _tp(hold) in ends]
        yield _family("knownas_log_end", "offset after the last record in Kafka", known, lambda h: ends[_tp(h)])
        yield _family(
            "knownas_lag_records", "records in Kafka that are not done yet", known,
            lambda h: max(0, ends[_tp(h)] - max(h.done, reached.get(_tp(h), 0))),
        )  # fmt: skip

    def _of_shards(self, shards: Sequence[ShardHold]) -> Iterator[Metric]:
        cached = sum(len(hold.profiles) for hold in shards)
        yield GaugeMetricFamily("knownas_cached_profiles", "profiles in the worker's cache", cached)
        family = GaugeMetricFamily(
            "knownas_unpublished_commits", "commits whose changes Kafka has not acknowledged yet", labels=["shard"]
        )
        for hold in shards:
            family.add_metric([str(hold.partition)], self._publishers.waiting(hold.partition))
        yield family

    def _of_store(self) -> Iterator[Metric]:
        memory = self._store.memory
        if memory is not None:
            yield GaugeMetricFamily("knownas_store_memory_bytes", "memory that the store takes", memory.used)
            yield GaugeMetricFamily("knownas_store_memory_limit_bytes", "its maxmemory; 0: no limit", memory.limit)


def _family(name: str, says: str, holds: Sequence[Hold], value: Callable[[Hold], float]) -> Metric:
    family = GaugeMetricFamily(name, says, labels=BY_PARTITION)
    for hold in holds:
        family.add_metric([hold.topic, str(hold.partition)], value(hold))
    return family


def _tp(hold: Hold) -> Partition:
    return hold.topic, hold.partition
