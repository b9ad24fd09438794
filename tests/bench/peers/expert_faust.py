"""The best that an expert gets out of Faust's own means: batches by `take`, pipelines, raw serializers.

`stream.take` hands over up to 2,000 records; a batch costs one MGET, one pipeline and one wait for all its messages.
Settings were tried one by one and kept where they helped: uvloop; Faust's monitor off; the loggers at WARNING (Faust
leaves the root logger at DEBUG, so every record is formatted for nothing); a large stream buffer; records sent through
the app's producer and awaited together instead of `topic.send`; a linger and larger batches in the producer. Larger
batches of records did not help.

Not done: exactness (at least once: what was written before a crash is written again), fences, ledger, rejected
records, limits. A batch's claims are last-writer-wins among partitions that several workers read.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import faust
import redis.asyncio
import uvloop

from tests.bench.peers import outside
from tests.bench.peers.batches import Materializing, Resolving, Sent, too_long
from tests.bench.peers.outside import KAFKA, REDIS, TIMELINE_ENTRIES

BATCH = 2_000
WITHIN_SECONDS = 0.05

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
for name in ("aiokafka", "faust", "mode"):
    logging.getLogger(name).setLevel(logging.WARNING)
app = faust.App(
    outside.NAMESPACE,
    broker=f"kafka://{KAFKA}",
    web_enabled=False,
    topic_disable_leader=True,
    stream_buffer_maxsize=16_384,
    stream_wait_empty=False,
    broker_max_poll_records=BATCH,
    broker_commit_every=100_000,
    producer_linger=0.005,
    producer_max_batch_size=262_144,
)
incoming = app.topic(outside.EVENTS, outside.UPDATES, value_serializer="raw")
resolved = app.topic(outside.RESOLVED, value_serializer="raw")
store: Any = redis.asyncio.Redis.from_url(REDIS)
progress = outside.Progress()


@app.task  # type: ignore[untyped-decorator]
async def unmeasured() -> None:
    """Faust's own monitor looks at every message in and out, twice a hop."""
    app.sensors.remove(app.monitor)


@app.agent(incoming)
async def resolve(stream: Any) -> None:
    """Whose are they?"""
    async for values in stream.take(BATCH, within=WITHIN_SECONDS):
        batch = Resolving(values)
        sent = batch.decide(await store.mget(batch.keys) if batch.keys else [])
        if batch.writes:
            await store.mset(batch.writes)
        await send(outside.RESOLVED, sent)
        progress.done += batch.bad


@app.agent(resolved)
async def materialize(stream: Any) -> None:
    """Fold them into their profiles."""
    async for values in stream.take(BATCH, within=WITHIN_SECONDS):
        batch = Materializing(values)
        changes = batch.fold(await store.mget(batch.keys))
        async with store.pipeline(transaction=False) as pipeline:
            pipeline.mset(batch.writes)
            for key, entries in batch.timelines.items():
                pipeline.rpush(key, *entries)
            answers = await pipeline.execute()
            for key in too_long(batch.timelines, answers[1:], TIMELINE_ENTRIES):
                pipeline.ltrim(key, -TIMELINE_ENTRIES, -1)
            await pipeline.execute()
        await send(outside.CHANGED, changes)
        progress.done += batch.records


async def send(topic: str, messages: Sent) -> None:
    """Send all of them, then wait for all acknowledgements."""
    producer = app.producer
    sent = [await producer.send(topic, key, value, None, None, None) for key, value in messages]
    if sent:
        await asyncio.gather(*sent)


if __name__ == "__main__":
    faust.Worker(app, loglevel="WARN", quiet=True).execute_from_commandline()
