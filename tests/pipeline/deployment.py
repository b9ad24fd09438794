"""A deployment of one's own on the shared services: topics, keys and a consumer group of its own name."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pydantic import SecretStr

from knownas.adapters.kafka_access import Kafka, client_options
from knownas.adapters.reader import Reader
from knownas.nouns import EVENTS, LEDGER, REJECTED, UPDATES, Identity, Profile, murmur2
from knownas.operate.layout import create_topics
from knownas.operate.ledger import rows_about
from knownas.operate.settle import until_settled
from knownas.operate.verify import Report, verify_store
from knownas.operate.world import World
from knownas.settings import Settings, load
from knownas.settings_access import AccessSettings
from knownas.stages.ports import Gap, no_gap
from knownas.topics import Layout
from knownas.wiring import Worker

SECRET = "a secret for tests"


class Deployment:
    """Topics, workers and what they made."""

    def __init__(self, settings: Settings, layout: Layout) -> None:
        self.settings, self.layout = settings, layout
        self.world = World(settings)
        self.reader = Reader(self.world.link(), self.world.keys, self.world.names, layout)
        self.processes: list[subprocess.Popen[str]] = []
        self.health_ports: dict[int, int] = {}
        """Of worker processes, by process id."""
        self.errors: int | None = None
        """Where worker processes write what they log; None: where this process does."""
        self._producer: AIOKafkaProducer | None = None

    async def send(self, *records: dict[str, Any] | bytes | None, partition: int | None = None) -> None:
        """Put records into `events`, each acknowledged before the next: where its device belongs, or where told."""
        for record in records:
            value = orjson.dumps(record) if isinstance(record, dict) else record
            key = str(record.get("device", "")).encode() if isinstance(record, dict) else b""
            where = murmur2(key) % self.layout.partitions if partition is None else partition
            await self.produce(EVENTS, where, key, value)

    async def produce(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, at: int | None = None
    ) -> int:
        """Put one record into a partition; its offset."""
        sent = await (await self.producer()).send_and_wait(
            self.layout.name(topic), value, key=key, partition=partition, timestamp_ms=at
        )
        return int(sent.offset)

    async def producer(self) -> AIOKafkaProducer:
        """A plain producer, opened at first use."""
        if self._producer is None:
            self._producer = AIOKafkaProducer(**client_options(self.world.kafka))
            await self._producer.start()
        return self._producer

    @asynccontextmanager
    async def worker(self, gap: Gap = no_gap) -> AsyncIterator[Worker]:
        """A worker in this process, ready."""
        stop, ready = asyncio.Event(), asyncio.Event()
        worker = Worker(self.world, self.layout, gap)
        running = asyncio.create_task(worker.run(stop, lambda _: ready.set()))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if running.done():
            running.result()
        try:
            yield worker
        finally:
            stop.set()
            await running

    def environment(self) -> dict[str, str]:
        """What a process needs to find this deployment."""
        s = self.settings
        named = {
            "KAFKA": s.kafka,
            "REDIS": s.redis.get_secret_value(),
            "SECRET": SECRET,
            "GROUP": s.group,
            "TOPIC_PREFIX": s.topic_prefix,
            "REDIS_PREFIX": s.redis_prefix,
            "IDLE_CHECK_MS": str(s.idle_check_ms),
            "SESSION_TIMEOUT_MS": str(s.session_timeout_ms),
            "IDENTITY_KINDS": ",".join(s.identity_kinds),
            "DAY_TIMEZONE": s.day_timezone,
            "POLL_MAX_RECORDS": str(s.poll_max_records),
            "TICK_SECONDS": str(s.tick_seconds),
            "TIMELINE_ENTRIES": str(s.timeline_entries),
        }
        if s.phone_region is not None:
            named["PHONE_REGION"] = s.phone_region
        named |= access_of(s)
        outside = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return outside | {f"KNOWNAS_{name}": value for name, value in named.items()}

    def command(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run `knownas` with this deployment's environment."""
        return subprocess.run(
            [sys.executable, "-m", "knownas", *words], env=self.environment(), text=True, capture_output=True,
            timeout=60, check=False, **more,
        )  # fmt: skip

    async def start_worker(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """A worker process; returns when it is ready."""
        process = self._popen("worker", *words, **environment)
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        assert line.startswith("worker ready"), f"the worker said {line!r}"
        self.health_ports[process.pid] = int(line.rpartition(":")[2].removesuffix("/health\n"))
        return process

    async def start_gateway(self, **environment: str) -> subprocess.Popen[str]:
        """A gateway process, which asks for no key; returns when it is ready."""
        process = self._popen("serve", "--open", "--port", "0", **environment)
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        assert line.startswith("gateway ready"), f"the gateway said {line!r}"
        return process

    def _popen(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "knownas", *words]
        process = subprocess.Popen(
            command, env=self.environment() | environment, text=True, stdout=subprocess.PIPE, stderr=self.errors
        )
        self.processes.append(process)
        return process

    async def settled(self) -> None:
        """Wait until everything that was sent is in the profiles and published."""
        await until_settled(self.world.log, self.reader, self.layout)

    async def of_identity(self, kind: str, value: str) -> Profile:
        """The profile that owns an identity."""
        profile_id = await self.reader.owner(Identity(kind, value))
        assert profile_id, f"nobody owns {kind}:{value}"
        return await self.profile(profile_id)

    async def profile(self, profile_id: str) -> Profile:
        """A profile that must be there."""
        found = await self.reader.profile(profile_id)
        assert found is not None, f"there is no profile {profile_id}"
        return found

    async def rejected(self) -> dict[tuple[str, int], tuple[str, bytes | None]]:
        """Reason and bytes of each rejected record, by partition and offset of `events`."""
        found = {}
        async for record in self.world.log.read(self.layout.name(REJECTED), committed_only=True):
            said = dict(record.headers)
            found[said["partition"].decode(), int(said["offset"])] = said["reason"].decode(), record.value
        return found

    async def ledger(self) -> list[Any]:
        """Every ledger row, each once."""
        return await rows_about(self.world.log, self.layout.name(LEDGER), lambda _: True)

    async def verify(self) -> Report:
        """What `knownas verify` finds."""
        return await verify_store(self.world, self.layout)

    async def close(self) -> None:
        """End what was started here."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if self._producer is not None:
            await self._producer.stop()
        await self.world.close()


def access_of(settings: Settings) -> dict[str, str]:
    """The settings that let a process in, where they are not the usual ones; what stands in a file stays there."""
    fields = AccessSettings.model_fields
    said = {name: getattr(settings, name) for name in fields if getattr(settings, name) != fields[name].default}
    from_file = {name.removesuffix("_file") for name in said if name.endswith("_file")}
    return {
        name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in said.items()
        if name not in from_file
    }


@asynccontextmanager
async def deployed(
    kafka: str, redis_url: str, namespace: str, partitions: int = 4, shards: int = 4, **settings: Any
) -> AsyncIterator[Deployment]:
    """A deployment with its topics made."""
    given: dict[str, Any] = {
        "kafka": kafka, "redis": redis_url, "secret": SECRET, "group": namespace, "topic_prefix": f"{namespace}.",
        "redis_prefix": f"{namespace}:", "idle_check_ms": 100, "session_timeout_ms": 6_000,
    }  # fmt: skip
    loaded = load(**(given | settings))
    layout = Layout(loaded.topic_prefix, partitions, shards)
    deployment = Deployment(loaded, layout)
    try:
        await create_topics(deployment.world.log, layout, 1)
        await keep_everything(deployment.world.kafka, layout)
        await deployment.world.layout()
        yield deployment
    finally:
        await deployment.close()


async def keep_everything(kafka: Kafka, layout: Layout) -> None:
    """Let no record go: stories happen at fixed times, which are past the topics' retention."""
    topics = [layout.name(short) for short in (EVENTS, UPDATES)]
    configs = {"retention.ms": "-1", "message.timestamp.type": "CreateTime"}
    admin = AIOKafkaAdminClient(**client_options(kafka))
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs) for topic in topics])
    finally:
        await admin.close()


async def page_of(port: int, until: str = "") -> str:
    """What a worker's `/metrics` says, once it says this too."""

    def ask() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
            return text

    while until not in (page := await asyncio.to_thread(ask)):
        await asyncio.sleep(0.05)
    return page


def lines_of(records: Iterable[dict[str, Any]], key: Callable[[dict[str, Any]], str]) -> str:
    """Records as `key<TAB>value` lines, as kcat reads them."""
    return "".join(f"{key(record)}\t{orjson.dumps(record).decode()}\n" for record in records)


def names(events: Sequence[Any]) -> list[str]:
    """The event names of timeline lines."""
    return [line.entry.name or line.entry.type for line in events]
