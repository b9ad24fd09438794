"""The systems that are compared: how each is set up and started, how far it has come, what it has left in the store.

Every system is one worker process with topics of its own, eight partitions each, and keys of its own in the same
Kafka and the same Valkey.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewTopic
from redis.asyncio import Redis

from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.reader import read_profile
from knownas.nouns import CHANGED, EVENTS, RESOLVED, UPDATES
from knownas.operate.settle import backlog
from tests.bench.reference import Outcome, differences, outcome
from tests.bench.traffic import PARTITIONS
from tests.pipeline.deployment import Deployment, deployed

ROOT: Final = Path(__file__).parents[2]
PEERS: Final = {
    "plain_faust": "plain_faust",
    "expert_faust": "expert_faust",
    "quix": "quix",
    "bytewax": "bytewax_flow",
    "read_ceiling": "read_ceiling",
}
SYSTEMS: Final = ("knownas", *PEERS)


class Broken(Exception):
    """A system that did not do its work; the message says in what way."""


NOTHING: Final[Mapping[str, Any]] = {}


class Services(NamedTuple):
    """Where everything runs, and a place for logs and what frameworks leave in their working directory. `servers` are
    those of a store that has several, `settings` what knownas is told of them."""

    kafka: str
    redis_url: str
    folder: Path
    servers: tuple[str, ...] = ()
    settings: Mapping[str, Any] = NOTHING

    @property
    def stores(self) -> tuple[str, ...]:
        """Every server of the store."""
        return self.servers or (self.redis_url,)


class State(NamedTuple):
    """How far a system has come. `reached` no longer changes once all work is done; `settled` is when nothing is left
    to do, which a system may notice later."""

    reached: tuple[int, ...]
    settled: bool


class System(Protocol):
    """What is raced: a worker process and what it works on."""

    prefix: str

    def start(self) -> subprocess.Popen[bytes]:
        """Start the worker."""

    async def state(self, sent: int) -> State:
        """How far it has come with the records sent so far."""

    async def profiles(self) -> int:
        """How many profiles there are."""

    async def check(self, wanted: Sequence[Outcome]) -> None:
        """Raise `Broken` if it has not done its work."""


class Ends:
    """Where topics end, asked again and again over one connection."""

    def __init__(self, consumer: AIOKafkaConsumer, *topics: str) -> None:
        self._consumer = consumer
        self._tps = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]

    async def total(self) -> int:
        """The sum of the end offsets."""
        ends = await self._consumer.end_offsets(self._tps)
        return sum(ends.values())


class Knownas:
    """`knownas worker` with its default settings: validation, fences, ledger, rejects and publishing, all of it."""

    def __init__(self, deployment: Deployment, services: Services, consumer: AIOKafkaConsumer) -> None:
        self.deployment, self._services = deployment, services
        self.prefix = deployment.layout.prefix
        self._published = Ends(consumer, self.prefix + CHANGED)

    def start(self) -> subprocess.Popen[bytes]:
        """One worker."""
        return launch("knownas", ["-m", "knownas", "worker"], self.deployment.environment(), self._services.folder)

    async def state(self, sent: int) -> State:
        """All records are folded when every shard stands at its end; it says so of the sources a moment later."""
        reader, layout = self.deployment.reader, self.deployment.layout
        positions = await reader.positions()
        folded = sum(position for (topic, _), position in positions.items() if topic == RESOLVED)
        taken = sum(position for (topic, _), position in positions.items() if topic in (EVENTS, UPDATES))
        settled = taken >= sent and not await backlog(self.deployment.world.log, reader, layout)
        return State((folded, await self._published.total()), settled)

    async def profiles(self) -> int:
        """How many profiles there are."""
        counters = await self.deployment.reader.counters()
        return sum(counters[kind] for kind in ("anonymous", "addressable", "customer", "orphans"))

    async def check(self, wanted: Sequence[Outcome]) -> None:
        """The counts of the traffic, and every profile byte for byte what the plain model makes of the same log."""
        reader, link = self.deployment.reader, self.deployment.world.link()
        prefix = self.deployment.settings.redis_prefix
        stored = await link.run([("GET", key) for key in await reader.keys_like(f"{prefix}*:p:*")])
        events = sum(count.count for raw in stored for count in read_profile(raw).events.values())
        entries = sum(await link.run([("LLEN", key) for key in await reader.keys_like(f"{prefix}*:t:*")]))
        links = (await reader.counters())["links"]
        said = differences(Outcome(events, await self.profiles(), links, entries), wanted)
        said += (await self.deployment.verify()).differences
        if said:
            raise Broken("; ".join(said[:3]))


class Peer:
    """One of the others."""

    def __init__(self, name: str, namespace: str, services: Services, consumer: AIOKafkaConsumer, store: Redis) -> None:
        self.name, self._namespace, self._services, self._store = name, namespace, services, store
        self.prefix = f"{namespace}."
        self._published = Ends(consumer, self.prefix + CHANGED)

    def start(self) -> subprocess.Popen[bytes]:
        """One worker."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._services.folder),
            "PYTHONPATH": str(ROOT),
            "BENCH_KAFKA": self._services.kafka,
            "BENCH_REDIS": self._services.redis_url,
            "BENCH_NAMESPACE": self._namespace,
        }
        words = ["-m", f"tests.bench.peers.{PEERS[self.name]}"]
        return launch(self.name, words, environment, self._services.folder)

    async def state(self, sent: int) -> State:
        """All records are folded when it has counted them; that all is published shows by its standing still."""
        done = int(await self._store.get(f"{self._namespace}:done") or 0)
        return State((done, await self._published.total()), done >= sent)

    async def profiles(self) -> int:
        """How many profiles there are."""
        return len(await self._keys("p"))

    async def check(self, wanted: Sequence[Outcome]) -> None:
        """The counts of the traffic; the ceiling leaves nothing behind but the number of records it has read."""
        if self.name == "read_ceiling":
            return
        async with self._store.pipeline(transaction=False) as pipeline:
            pipeline.mget(await self._keys("p"))
            for key in await self._keys("t"):
                pipeline.llen(key)
            profiles, *lengths = await pipeline.execute()
        if said := differences(outcome(profiles, lengths), wanted):
            raise Broken("; ".join(said))

    async def _keys(self, what: str) -> list[bytes]:
        return [key async for key in self._store.scan_iter(f"{self._namespace}:{what}:*", count=5_000)]


@asynccontextmanager
async def set_up(name: str, namespace: str, services: Services) -> AsyncIterator[System]:
    """A system with empty topics."""
    consumer = AIOKafkaConsumer(bootstrap_servers=services.kafka)
    store = Redis.from_url(services.stores[0])
    await consumer.start()
    try:
        if name == "knownas":
            usual = {"idle_check_ms": 2_000, "session_timeout_ms": 10_000} | dict(services.settings)
            async with deployed(
                services.kafka, services.redis_url, namespace, PARTITIONS, PARTITIONS, **usual
            ) as deployment:
                yield Knownas(deployment, services, consumer)
        else:
            topics = [f"{namespace}.{topic}" for topic in (EVENTS, UPDATES, RESOLVED, CHANGED)]
            await KafkaLog(services.kafka).create([NewTopic(topic, PARTITIONS, 1) for topic in topics])
            yield Peer(name, namespace, services, consumer, store)
    finally:
        await consumer.stop()
        await store.aclose()


def launch(name: str, words: list[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a worker; what it says goes to a file, for when it fails."""
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *words], env=environment, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )


async def end(worker: subprocess.Popen[bytes]) -> None:
    """Ask a worker to end, and make it."""
    worker.terminate()
    try:
        await asyncio.to_thread(worker.wait, 10)
    except subprocess.TimeoutExpired:
        worker.kill()
        await asyncio.to_thread(worker.wait)


def last_words(name: str, folder: Path) -> str:
    """The last line of what a worker said."""
    lines = [line for line in (folder / f"{name}.log").read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
