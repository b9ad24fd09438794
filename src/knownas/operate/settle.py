"""Waiting until everything that is in the topics is in the profiles, and published."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.reader import Reader
from knownas.errors import WorldFault
from knownas.nouns import EVENTS, RESOLVED, UPDATES
from knownas.topics import Layout

LOOK_SECONDS = 0.1
FEW = 100
"""So few offsets may be the marks of transactions alone, which no worker will ever read."""


async def backlog(log: KafkaLog, reader: Reader, layout: Layout) -> int:
    """How many records are not done yet, over both stages, and outbox elements not yet trimmed."""
    counts = {EVENTS: layout.partitions, UPDATES: layout.partitions, RESOLVED: layout.shards}
    partitions = [(layout.name(topic), number) for topic, count in counts.items() for number in range(count)]
    # Positions first: what a stage has done by then is in the next topic when its end is asked for.
    positions = await reader.positions()
    ends = {tp: end for tp, (_, end) in (await log.bounds(partitions)).items()}
    left = {tp: ends[tp] - positions[layout.short(tp[0]), tp[1]] for tp in ends}
    few = {tp: (ends[tp] - count, ends[tp]) for tp, count in left.items() if 0 < count <= FEW}
    for tp in await log.without_records(few) if few else ():
        left[tp] = 0
    return sum(max(0, count) for count in left.values()) + await reader.unpublished()


async def until_settled(
    log: KafkaLog, reader: Reader, layout: Layout, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Return when nothing is left to do; `progress` is told how much is left. Kafka or store away: it waits."""
    left = 1
    while left:
        with suppress(WorldFault):
            left = await backlog(log, reader, layout)
            progress(left)
        if left:
            await asyncio.sleep(LOOK_SECONDS)
