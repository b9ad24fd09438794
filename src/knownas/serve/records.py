"""What became of a record, and what it says, as answers: topics are read for each question."""

from __future__ import annotations

import asyncio
from typing import Final

from knownas.adapters.reader import Reader
from knownas.nouns import Position
from knownas.operate.inquiry import Inquiry, inquire
from knownas.operate.rejects import rejected_of
from knownas.operate.world import World
from knownas.topics import Layout

AT_ONCE: Final = 2
"""Few at a time, the others wait."""


class Records:
    """Answers from Kafka's topics."""

    def __init__(self, world: World, layout: Layout, reader: Reader) -> None:
        self._world, self._layout, self._reader = world, layout, reader
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def fate(self, position: Position) -> Inquiry:
        """What became of the record at a position of `events` or `updates`."""
        async with self._turn:
            return await inquire(self._world, self._layout, self._reader, position)

    async def value(self, found: Inquiry) -> bytes | None:
        """Its bytes, while Kafka holds them: where it stood, or where it was rejected to. None of a suppressed one."""
        if found.reason == "suppressed":
            return None
        topic, partition, offset = found.position
        async with self._turn:
            record = await self._world.log.record(self._layout.name(topic), partition, offset)
            if record is not None or found.state != "rejected":
                return None if record is None else record.value
            kept = await rejected_of(self._world.log, self._layout, found.position, found.at or 0)
            return None if kept is None else kept.value
