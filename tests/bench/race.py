"""One system, one run: how much CPU and time it takes to drain what is already in Kafka. The same rules for all.

1. The warm-up is put into Kafka and the worker is started. When it is through with that, it is warm and idle.
2. It is stopped where it stands (SIGSTOP), the records to be measured are put into Kafka, and **the clock starts** as
   it goes on (SIGCONT): what waits for it is all there, and neither its start nor the producer are counted.
3. Every 50 ms, how far it has come is read from the store and from the end of its topic of changes. **The clock stops**
   at the first look at which both stood where they then stayed: every record folded, every change published.
4. What it left in the store is compared (see `reference`). No work, no figure.

CPU is that of all threads and children of the worker and that of Valkey; Kafka's is not counted, as it is the same
for all but for how well they batch. Valkey has its append-only file on and `appendfsync always` for everybody.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from tests.bench.meter import Cpu, Meter, Store
from tests.bench.reference import Outcome
from tests.bench.systems import Broken, Services, State, System, end, last_words, set_up
from tests.bench.traffic import Traffic, batches, put

LOOK_SECONDS: Final = 0.05
STILL_SECONDS: Final = 1.0
"""So long nothing may move after the last record before a run is over."""
PATIENCE_SECONDS: Final = 60.0
"""A system that gets nowhere for so long is given up."""


class Figures(NamedTuple):
    """One run of one system."""

    records: int
    wall_seconds: float
    worker_seconds: float
    store_seconds: float
    store_bytes: int
    profiles: int


class Look(NamedTuple):
    """What was seen at one moment; the state first, so that no work is missed in the CPU time read after it."""

    reached: tuple[int, ...]
    at: float
    cpu: Cpu


async def run(name: str, namespace: str, services: Services, traffic: Traffic, wanted: Sequence[Outcome]) -> Figures:
    """Race one system once."""
    async with Store(services.stores) as store:
        await store.empty()
    async with set_up(name, namespace, services) as system, Store(services.stores) as store:
        before = await store.used_memory()
        await put(services.kafka, batches(traffic.warm_up, system.prefix))
        worker = system.start()
        try:
            watch = Watch(name, worker, system, Meter(worker.pid, store), services)
            await watch.until_still(len(traffic.warm_up))
            first, last = await watch.drain(services.kafka, traffic)
        finally:
            await end(worker)
        await system.check(wanted)
        return Figures(
            records=len(traffic.measured),
            wall_seconds=last.at - first.at,
            worker_seconds=last.cpu.worker - first.cpu.worker,
            store_seconds=last.cpu.store - first.cpu.store,
            store_bytes=await store.used_memory() - before,
            profiles=await system.profiles(),
        )


class Watch:
    """Looks at a system while it works."""

    def __init__(
        self, name: str, worker: subprocess.Popen[bytes], system: System, meter: Meter, services: Services
    ) -> None:
        self._name, self._worker, self._system, self._meter, self._services = name, worker, system, meter, services

    async def drain(self, kafka: str, traffic: Traffic) -> tuple[Look, Look]:
        """Have the system drain what is measured: the looks at which the clock starts and stops."""
        waiting = batches(traffic.measured, self._system.prefix)
        self._meter.suspend()
        try:
            await put(kafka, waiting)
            first = Look((), time.monotonic(), await self._meter.read())
        finally:
            self._meter.resume()
        return first, await self.until_still(len(traffic.warm_up) + len(traffic.measured))

    async def until_still(self, sent: int) -> Look:
        """Look until all is done and nothing moves any more; the first look at which it was so."""
        looks: list[Look] = []
        while True:
            if self._worker.poll() is not None:
                raise Broken(f"it ended with {self._worker.returncode}: {self._last_words()}")
            state = await self._system.state(sent)
            now = Look(state.reached, time.monotonic(), await self._meter.read())
            if not looks or looks[-1].reached != now.reached:
                looks.append(now)
            if self._is_over(state, looks[-1], now, sent):
                return looks[-1]
            await asyncio.sleep(LOOK_SECONDS)

    def _is_over(self, state: State, since: Look, now: Look, sent: int) -> bool:
        still = now.at - since.at
        if still > PATIENCE_SECONDS:
            raise Broken(f"it stands still at {state.reached} of {sent} records: {self._last_words()}")
        return state.settled and still > STILL_SECONDS

    def _last_words(self) -> str:
        return last_words(self._name, self._services.folder)


def order(names: Sequence[str], run_number: int) -> list[str]:
    """Another system begins in each run, so that none always has the machine at its best."""
    turn = run_number % len(names)
    return [*names[turn:], *names[:turn]]
