"""Waiting until everything that is in the topics is in the profiles, and published."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.reader import Reader
from knownas.errors import WorldFault
from knownas.nouns import EVENTS, RESOLVED, UPDATES
from knownas.stages.ports import Partition
from knownas.topics import Layout

LOOK_SECONDS = 0.1
FEW = 100
"""So few offsets may be the marks of transactions alone, which no worker will ever read."""


class Lag(NamedTuple):
    """How far a partition is done, how long it is, and how many offsets are left that may be records."""

    position: int
    end: int
    behind: int


async def lags(log: KafkaLog, reader: Reader, layout: Layout) -> dict[Partition, Lag]:
    """How far each partition of both stages is done, by short topic name."""
    counts = {EVENTS: layout.partitions, UPDATES: layout.partitions, RESOLVED: layout.shards}
    partitions = [(layout.name(topic), number) for topic, count in counts.items() for number in range(count)]
    # Positions first: what a stage has done by then is in the next topic when its end is asked for.
    positions = await reader.positions()
    ends = {tp: end for tp, (_, end) in (await log.bounds(partitions)).items()}
    left = {tp: ends[tp] - positions[layout.short(tp[0]), tp[1]] for tp in ends}
    few = {tp: (ends[tp] - count, ends[tp]) for tp, count in left.items() if 0 < count <= FEW}
    for tp in await log.without_records(few) if few else ():
        left[tp] = 0
    short = {tp: (layout.short(tp[0]), tp[1]) for tp in ends}
    return {short[tp]: Lag(positions[short[tp]], end, max(0, left[tp])) for tp, end in ends.items()}


async def backlog(log: KafkaLog, reader: Reader, layout: Layout) -> int:
    """How many records are not done yet, over both stages, and outbox elements not yet trimmed."""
    behind = (await lags(log, reader, layout)).values()
    return sum(lag.behind for lag in behind) + await reader.unpublished()


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
