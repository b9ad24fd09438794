"""A store put back to an older state: every worker notices and ends with the line that says what to do."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import suppress
from pathlib import Path

import pytest

from knownas.adapters import keys as k
from knownas.embedded import start_valkey
from knownas.errors import StoreLostWrites, WorldFault
from knownas.nouns import EVENTS
from knownas.wiring import Worker
from tests.builders import event
from tests.faults.conftest import Logbook, faulty
from tests.faults.crew import Sailor, crew_of
from tests.faults.records import shop
from tests.faults.streams import MOST_IN_FLIGHT, Stream, streaming
from tests.pipeline.deployment import Deployment
from tests.valkeys import copy_of, put_back

LINE = "knownas: the store lost acknowledged writes: "
WHAT_TO_DO = "Stop all workers, bring back the store that has everything"


@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
async def test_workers_notice_a_store_that_was_put_back(
    kafka: str, tmp_path: Path, namespace: str, rng: random.Random, logbook: Logbook, *, busy: bool
) -> None:
    began = time.monotonic()
    with start_valkey(tmp_path / "valkey") as valkey:
        async with faulty(kafka, valkey.url, namespace) as deployment, crew_of(deployment, tmp_path) as crew:
            workers = [await crew.start(module="knownas") for _ in range(2)]
            async with streaming(deployment, shop(rng.randrange(1_000), 8)) as stream:
                await asyncio.gather(*(worker.ready() for worker in workers))
                await stream.more(MOST_IN_FLIGHT + 300)
                older = await copy_of(valkey, tmp_path)
                await go_on(deployment, stream)
                if busy:
                    await put_back(valkey, older)
                    await all_end(workers)
            if not busy:
                await crew.settled()
                await put_back(valkey, older)
                await all_end(workers)
            await all_end([await crew.start(module="knownas")])
    logbook.lines.append(
        f"{'busy' if busy else 'idle'} workers ended on a store put back by some of {len(stream.sent)} records, "
        f"{time.monotonic() - began:.0f} s"
    )


async def test_a_worker_goes_by_what_it_has_seen_itself_before_the_group_was_told(deployment: Deployment) -> None:
    ready = asyncio.Event()
    worker = Worker(deployment.world, deployment.layout)
    running = asyncio.create_task(worker.run(asyncio.Event(), lambda _: ready.set()))
    await ready.wait()
    await deployment.send(event("d-1"))
    await deployment.settled()
    moved = next(tp for tp, at in (await deployment.reader.positions()).items() if tp[0] == EVENTS and at)
    at = deployment.world.keys.source(*moved) + k.AT
    await deployment.world.link().run([("HSET", at, "pos", 0)])
    with pytest.raises(StoreLostWrites, match="was at 1 before"):
        await running


async def go_on(deployment: Deployment, stream: Stream) -> None:
    """Let the workers get further, until the group's offsets say so: a worker that is new has nothing else to go by."""
    positions = await stored_positions(deployment)
    partitions = {(deployment.layout.name(EVENTS), number): positions[EVENTS, number] for number in range(8)}
    await stream.more(300)
    while True:
        offsets = await deployment.world.log.committed(deployment.settings.group, list(partitions))
        if any(offsets.get(tp, 0) > at for tp, at in partitions.items()):
            return
        await asyncio.sleep(0.1)


async def stored_positions(deployment: Deployment) -> dict[tuple[str, int], int]:
    """How far everything is; the store was just started again, and a connection learns so by its first failure."""
    with suppress(WorldFault):
        return await deployment.reader.positions()
    return await deployment.reader.positions()


async def all_end(workers: list[Sailor]) -> None:
    """Each of them ends with the line."""
    for worker in workers:
        assert await worker.ended() == 1, worker.last_words()
        lines = [line for line in worker.last_words().splitlines() if line.startswith("knownas: ")]
        assert len(lines) == 1, worker.last_words()
        assert lines[0].startswith(LINE), lines
        assert WHAT_TO_DO in lines[0]
