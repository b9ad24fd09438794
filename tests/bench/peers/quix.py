"""Quix Streams: the same two hops with the same writes to the store, one application, one process.

Its sinks are its means to write in batches: a sink gathers records and is flushed with each checkpoint, before the
offsets are committed. Each stage is such a sink. Tried and kept: one flush for all partitions instead of one for each
(`BaseSink`, not `BatchingSink`), a checkpoint every 2,000 records or 100 ms, raw bytes parsed once with orjson, one
producer for both stages whose linger fills its batches. Its own state (RocksDB and a changelog topic) stays unused:
owners of identities belong to no one partition, and the profiles are to be in the store.

Not done: exactness (at least once: what was written before a crash is written again), fences, ledger, rejected
records, limits. A batch's claims are last-writer-wins among partitions that several workers read.
"""

from __future__ import annotations

from typing import Any

import redis
from quixstreams import Application
from quixstreams.sinks.base import BaseSink

from tests.bench.peers import outside
from tests.bench.peers.batches import Materializing, Resolving, Sent, too_long
from tests.bench.peers.outside import KAFKA, REDIS, TIMELINE_ENTRIES

CHECKPOINT_RECORDS = 2_000
CHECKPOINT_SECONDS = 0.1

app = Application(
    broker_address=KAFKA,
    consumer_group=outside.NAMESPACE,
    auto_offset_reset="earliest",
    commit_every=CHECKPOINT_RECORDS,
    commit_interval=CHECKPOINT_SECONDS,
    consumer_poll_timeout=CHECKPOINT_SECONDS,
    producer_extra_config={"linger.ms": 5},
    use_changelog_topics=False,
    auto_create_topics=False,
    loglevel="ERROR",
)
producer = app.get_producer()
store: Any = redis.Redis.from_url(REDIS)
progress = outside.Progress()


class Stage(BaseSink):  # type: ignore[misc]  # the bench's packages are not installed where types are checked
    """Gathers the values of a checkpoint."""

    def __init__(self) -> None:
        super().__init__(on_client_connect_success=lambda: None)
        self.values: list[bytes] = []

    def add(self, value: Any, *_: Any, **__: Any) -> None:
        """Take one record; key, time, headers and place are of no use here."""
        self.values.append(value)

    def flush(self) -> None:
        """Work on what was gathered."""
        values, self.values = self.values, []
        if values:
            self.work(values)

    def work(self, values: list[bytes]) -> None:
        """What the stage does."""
        raise NotImplementedError


class Resolve(Stage):
    """Whose are they?"""

    def work(self, values: list[bytes]) -> None:
        """Read, decide, write, send."""
        batch = Resolving(values)
        sent = batch.decide(store.mget(batch.keys) if batch.keys else [])
        if batch.writes:
            store.mset(batch.writes)
        send(outside.RESOLVED, sent)
        progress.done += batch.bad


class Materialize(Stage):
    """Fold them into their profiles."""

    def work(self, values: list[bytes]) -> None:
        """Read, fold, write, publish."""
        batch = Materializing(values)
        changes = batch.fold(store.mget(batch.keys))
        with store.pipeline(transaction=False) as pipeline:
            pipeline.mset(batch.writes)
            for key, entries in batch.timelines.items():
                pipeline.rpush(key, *entries)
            answers = pipeline.execute()
            for key in too_long(batch.timelines, answers[1:], TIMELINE_ENTRIES):
                pipeline.ltrim(key, -TIMELINE_ENTRIES, -1)
            pipeline.execute()
        send(outside.CHANGED, changes)
        progress.done += batch.records


def send(topic: str, messages: Sent) -> None:
    """Send all of them, then wait for all acknowledgements."""
    for key, value in messages:
        producer.produce(topic, value, key)
    producer.flush()


def read(topic: str) -> Any:
    """A stream of a topic's raw values."""
    return app.dataframe(app.topic(topic, value_deserializer="bytes"))


if __name__ == "__main__":
    resolve = Resolve()
    read(outside.EVENTS).sink(resolve)
    read(outside.UPDATES).sink(resolve)
    read(outside.RESOLVED).sink(Materialize())
    with producer:
        app.run()
