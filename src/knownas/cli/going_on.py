"""The demo's shop after its month was played: its doors stay open, and its page says what to look at first."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Final

from knownas.adapters.kafka import KafkaOutlet
from knownas.adapters.segments import SegmentStore
from knownas.demo.characters import ANN, STORE_TABLET
from knownas.demo.pen import Sending
from knownas.demo.shop import going_on
from knownas.find.line import from_line
from knownas.find.writing import to_object
from knownas.nouns import murmur2
from knownas.operate.world import World
from knownas.serve.page.guide import Guide, Suggestion
from knownas.stages.ports import Message
from knownas.topics import Layout

A_SECOND: Final = 6
SEGMENT: Final = "bought-today"
SEGMENT_QUERY: Final = "did Charged in 1d"

GUIDE: Final = Guide((
    Suggestion(
        "The guest in gray",
        "Ann looked around on her phone before she logged in there. Those lines are gray: they count for the guest, "
        "not for her.",
        f"/people/by/email/{ANN.email}",
    ),
    Suggestion(
        "The shared tablet",
        "Ben and Chloe used one tablet in a store. Nothing of his became hers, and the ledger says why.",
        f"/why/device/{STORE_TABLET}",
    ),
    Suggestion(
        "A live segment",
        "Who buys comes in while you look; who has not bought for a day leaves by the clock.",
        f"/segments/{SEGMENT}",
    ),
))  # fmt: skip


async def put_segment(world: World) -> None:
    """The segment that the page suggests to look at."""
    store = SegmentStore(world.link(), world.keys)
    await store.put(SEGMENT, to_object(from_line(SEGMENT_QUERY)), replace=True)


async def keep_open(world: World, layout: Layout, seed: int, stop: asyncio.Event) -> None:
    """Send what happens in the shop, when it happens, until it is told to stop."""
    outlet = KafkaOutlet(world.kafka)
    try:
        for due, sending in going_on(seed, int(time.time()), A_SECOND):
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - time.time())):
                    await stop.wait()
            if stop.is_set():
                return
            await outlet.send(batches([sending], layout))
    finally:
        await outlet.close()


def batches(records: list[Sending], layout: Layout) -> dict[tuple[str, int], list[Message]]:
    """Records by where they belong."""
    found: dict[tuple[str, int], list[Message]] = {}
    for topic, key, value, _ in records:
        target = (layout.name(topic), murmur2(key) % layout.partitions)
        found.setdefault(target, []).append(Message(key, value))
    return found
