"""Bytewax: the same two hops with the same writes to the store, one dataflow, one worker.

Its sources hand on up to 1,000 records of a partition at a time and `flat_map_batch` gets them as they came: each such
batch costs one MGET and one pipeline. Its own keyed state stays unused, as the profiles are to be in the store.

Not done: exactness (its recovery is off, as are the others': at least once at best), fences, ledger, rejected
records, limits, waiting for Kafka's acknowledgements before the next batch is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main

from tests.bench.peers import outside
from tests.bench.peers.batches import Materializing, Resolving, Sent, too_long
from tests.bench.peers.outside import KAFKA, REDIS, TIMELINE_ENTRIES

store: Any = redis.Redis.from_url(REDIS)
progress = outside.Progress()


def resolve(records: list[Any]) -> Iterable[Any]:
    """Whose are they?"""
    batch = Resolving([record.value for record in records])
    sent = batch.decide(store.mget(batch.keys) if batch.keys else [])
    if batch.writes:
        store.mset(batch.writes)
    progress.done += batch.bad
    return messages(sent)


def materialize(records: list[Any]) -> Iterable[Any]:
    """Fold them into their profiles."""
    batch = Materializing([record.value for record in records])
    changes = batch.fold(store.mget(batch.keys))
    with store.pipeline(transaction=False) as pipeline:
        pipeline.mset(batch.writes)
        for key, entries in batch.timelines.items():
            pipeline.rpush(key, *entries)
        answers = pipeline.execute()
        for key in too_long(batch.timelines, answers[1:], TIMELINE_ENTRIES):
            pipeline.ltrim(key, -TIMELINE_ENTRIES, -1)
        pipeline.execute()
    progress.done += batch.records
    return messages(changes)


def messages(sent: Sent) -> list[Any]:
    """What was decided as Bytewax sends it."""
    return [KafkaSinkMessage(key, value) for key, value in sent]


def flow() -> Dataflow:
    """Both stages."""
    made = Dataflow("profiles")
    incoming = op.input("incoming", made, KafkaSource([KAFKA], [outside.EVENTS, outside.UPDATES]))
    op.output("resolved", op.flat_map_batch("resolve", incoming, resolve), KafkaSink([KAFKA], outside.RESOLVED))
    resolved = op.input("read_resolved", made, KafkaSource([KAFKA], [outside.RESOLVED]))
    op.output("changed", op.flat_map_batch("materialize", resolved, materialize), KafkaSink([KAFKA], outside.CHANGED))
    return made


if __name__ == "__main__":
    run_main(flow())
