"""How much memory a worker takes, and the store, as devices and profiles come that were never seen before.

Every record is a new device's first, so every record makes a profile: what a worker remembers of each would show as
a figure that keeps rising. Each tenth is put into Kafka at once, and measured when all of it is folded and published.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final, NamedTuple

import orjson
import psutil

from knownas.demo.shop import Sending
from knownas.nouns import EVENTS
from tests.bench.meter import Meter, Store
from tests.bench.race import Watch
from tests.bench.systems import Services, end, set_up
from tests.bench.traffic import NOW, batches, put

STEPS: Final = 10
MIB: Final = 1024 * 1024


class Memory(NamedTuple):
    """What was in use once so many devices had come: resident memory of the worker, used memory of the store."""

    devices: int
    worker_mib: int
    store_mib: int


async def measure(namespace: str, services: Services, devices: int) -> AsyncIterator[Memory]:
    """Send the first record of so many devices, and look at each tenth of the way."""
    async with set_up("knownas", namespace, services) as system, Store(services.stores) as store:
        worker = system.start()
        try:
            watch = Watch("knownas", worker, system, Meter(worker.pid, store), services)
            for step in range(STEPS):
                first, last = devices * step // STEPS, devices * (step + 1) // STEPS
                await put(services.kafka, batches(_first_records(first, last), system.prefix))
                await watch.until_still(last)
                used = await store.used_memory()
                yield Memory(last, psutil.Process(worker.pid).memory_info().rss // MIB, used // MIB)
        finally:
            await end(worker)


def _first_records(first: int, last: int) -> Iterator[Sending]:
    for number in range(first, last):
        device = f"device-{number:08}"
        event = {
            "type": "event",
            "device": device,
            "ts": NOW + number // 1000,
            "evtName": "App Launched",
            "evtData": {"screen": number % 50, "build": "7.1.0"},
        }
        yield Sending(EVENTS, device.encode(), orjson.dumps(event), device)
