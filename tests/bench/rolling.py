"""What a rolling restart costs: three workers under steady traffic are restarted one after the other, and for each
partition the longest time is taken in which its stored position did not move, though its records kept coming. Workers
leave when they are told to stop, with names and without; or they keep their places, and all wait for their return.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import orjson

from knownas.nouns import EVENTS, murmur2
from tests.bench.systems import Services
from tests.builders import event
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.health import until_health

WORKERS: Final = 3
PARTITIONS: Final = 6
RATE: Final = 600
LOOK_SECONDS: Final = 0.02
CALM_SECONDS: Final = 5.0
SESSION_MS: Final = 90_000
"""Longer than a restart takes on a busy machine: beyond it Kafka deals a named worker's partitions to others."""


WAYS: Final = {
    "named": {"KNOWNAS_WORKER_NAME": "worker-{place}"},
    "unnamed": {},
    "places_kept": {"KNOWNAS_WORKER_NAME": "worker-{place}", "KNOWNAS_KEEP_PLACE": "true"},
}
"""Settings of a worker; the first are those of the manifests."""


class Rolled(NamedTuple):
    """Seconds. `calm`: the longest pause of any partition while nothing happens. Of each restart: how long until the
    worker was ready again, and the longest pause of its own partitions and of the others'."""

    way: str
    calm: float
    restarts: list[float]
    own: list[float]
    others: list[float]


class Pauses:
    """The longest time without a move, by partition, since the last `reset`."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._at: dict[tuple[str, int], tuple[int, float]] = {}
        self.longest: dict[tuple[str, int], float] = {}

    async def watch(self) -> None:
        """Look again and again; `updates` has no traffic."""
        while True:
            now = time.monotonic()
            for tp, position in (await self._deployment.reader.positions()).items():
                if tp[0] != "updates":
                    self._see(tp, position, now)
            await asyncio.sleep(LOOK_SECONDS)

    def _see(self, tp: tuple[str, int], position: int, now: float) -> None:
        before, since = self._at.get(tp, (-1, now))
        self.longest[tp] = max(self.longest.get(tp, 0.0), now - since)
        if position != before:
            self._at[tp] = position, now

    def reset(self) -> None:
        """Forget what was."""
        self.longest.clear()


async def measure(namespace: str, services: Services) -> AsyncIterator[Rolled]:
    """Each way, one after the other."""
    for way in WAYS:
        async with deployed(
            services.kafka, services.redis_url, f"{namespace}{way}", PARTITIONS, PARTITIONS,
            session_timeout_ms=SESSION_MS,
        ) as deployment:  # fmt: skip
            yield await _roll(deployment, way)


async def _roll(deployment: Deployment, way: str) -> Rolled:
    workers = [await deployment.start_worker(**_settings(way, place)) for place in range(WORKERS)]
    for worker in workers:
        await until_health(deployment.health_ports[worker.pid], ready=True)
    pauses, rolled = Pauses(deployment), Rolled(way, 0.0, [], [], [])
    async with _beside(_traffic(deployment)), _beside(pauses.watch()):
        await asyncio.sleep(CALM_SECONDS)
        pauses.reset()
        await asyncio.sleep(CALM_SECONDS)
        calm = max(pauses.longest.values())
        pauses.reset()
        for place in range(WORKERS):
            own, started = await _partitions(deployment, workers[place]), time.monotonic()
            workers[place].send_signal(signal.SIGTERM)
            await asyncio.to_thread(workers[place].wait)
            workers[place] = await deployment.start_worker(**_settings(way, place))
            await _partitions(deployment, workers[place])
            rolled.restarts.append(time.monotonic() - started)
            await asyncio.sleep(CALM_SECONDS)
            rolled.own.append(max(pauses.longest[tp] for tp in own))
            rolled.others.append(max(longest for tp, longest in pauses.longest.items() if tp not in own))
            pauses.reset()
    await deployment.settled()
    report = await deployment.verify()
    assert not report.differences, report.differences[:3]
    return rolled._replace(calm=calm)


async def _partitions(deployment: Deployment, worker: subprocess.Popen[str]) -> set[tuple[str, int]]:
    """What a worker holds that has traffic, once it is ready."""
    held = (await until_health(deployment.health_ports[worker.pid], ready=True))["partitions"]
    named = (name.split("/") for name in held)
    return {(topic, int(number)) for topic, number in named if topic != "updates"}


def _settings(way: str, place: int) -> dict[str, str]:
    return {name: value.format(place=place) for name, value in WAYS[way].items()}


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _traffic(deployment: Deployment) -> None:
    """Events of a thousand devices, evenly over time and partitions."""
    producer = await deployment.producer()
    number, started = 0, time.monotonic()
    while True:
        for _ in range(RATE // 50):
            device = f"d-{number % 1_000}"
            partition = murmur2(device.encode()) % PARTITIONS
            await producer.send(
                deployment.layout.name(EVENTS), orjson.dumps(event(device)), key=device.encode(), partition=partition
            )
            number += 1
        await asyncio.sleep(max(0.0, started + number / RATE - time.monotonic()))


def lines(rolled: Rolled) -> list[str]:
    """A run, for people."""

    def told(seconds: list[float]) -> str:
        return ", ".join(f"{each:.1f}" for each in seconds)

    return [
        f"{rolled.way.replace('_', ' ')}: restarts took {told(rolled.restarts)} s",
        f"  longest pause of the worker's own partitions {told(rolled.own)} s, of the others' {told(rolled.others)} s "
        f"(while nothing happens {rolled.calm:.1f} s)",
    ]
