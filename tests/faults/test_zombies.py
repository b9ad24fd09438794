"""Workers that are stopped beyond their session and go on while another has taken over."""

from __future__ import annotations

import asyncio
import random
import signal
import time

from tests.faults.conftest import Logbook
from tests.faults.crew import WAIT_SECONDS, Crew, Sailor
from tests.faults.records import shop
from tests.faults.streams import Stream, streaming
from tests.faults.worker import Fate
from tests.pipeline.deployment import Deployment

WHERE_IT_HURTS = (
    "resolve.loaded",
    "resolve.committed",
    "resolve.ledger_sent",
    "materialize.loaded",
    "publish.before",
)
ALL_PARTITIONS = 3 * 8
MEANWHILE = 300
"""So many records come while the stopped worker's successor has everything."""


async def test_a_worker_that_wakes_up_after_its_successor_took_over_changes_nothing(
    deployment: Deployment, crew: Crew, rng: random.Random, thorough: bool, logbook: Logbook
) -> None:
    began = time.monotonic()
    gaps = WHERE_IT_HURTS if thorough else rng.sample(WHERE_IT_HURTS, 1)
    async with streaming(deployment, shop(rng.randrange(1_000), 8)) as stream:
        successor = await (await crew.start()).ready()
        for gap in gaps:
            await stop_and_wake(crew, Fate("stop", gap, rng.randint(1, 4)), successor, stream)
    assert (await crew.verify()).differences == []
    logbook.lines.append(
        f"a worker stopped at {', '.join(gaps)} and woken up when another had taken over, {len(stream.sent)} records, "
        f"{time.monotonic() - began:.0f} s"
    )


async def stop_and_wake(crew: Crew, fate: Fate, successor: Sailor, stream: Stream) -> None:
    """A worker stops in a gap, misses its session, and goes on when its successor has done what it had begun."""
    zombie = await crew.start(fate)
    await zombie.at(1)
    await until_shared(successor)
    await stream.more(MEANWHILE)
    zombie.signal(signal.SIGCONT)
    await until_shared(zombie, successor)
    await zombie.leave()


async def until_shared(*sailors: Sailor) -> None:
    """Wait until these hold everything, each some of it, nobody the same."""
    held: list[set[str]] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while not (held and all(held) and sum(map(len, held)) == len(set().union(*held)) == ALL_PARTITIONS):
            held = [await sailor.partitions() for sailor in sailors]
            await asyncio.sleep(0.05)
