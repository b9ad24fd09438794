"""How long knownas takes from a producer's send to the committed profile, at a steady rate.

The producer sends each record when it is due and never waits for an answer; the clock of a record starts when it was
due, so a producer that falls behind makes the figures worse, not better. A thread reads the position of every shard
from the store every two milliseconds: a record is committed at the first look at which its shard's position is beyond
it (the store answers only after what it answers with is on disk). Which place in which shard a record got is read from
`resolved` afterwards. Nothing is asked of the worker, and nothing is switched on in it for this.

Rejected records and those sent to a wrong partition, which are sent on under another position, are left out. The
first seconds at the rate are not counted.
"""

from __future__ import annotations

import asyncio
import threading
import time
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Self, cast

import msgspec
import redis
from aiokafka import AIOKafkaProducer

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.demo.shop import Sending
from knownas.nouns import RESOLVED, murmur2
from tests.bench.meter import Meter, Store
from tests.bench.race import Watch
from tests.bench.systems import Broken, Knownas, Services, end, set_up
from tests.bench.traffic import PARTITIONS, batches, put, shop

WARM_UP: Final = 5_000
SETTLING_SECONDS: Final = 3
LOOK_SECONDS: Final = 0.002
LINGER_MS: Final = 5
LEAST_SHARE: Final = 0.95
"""Of the records sent at the rate, so many must be found committed."""

Place = tuple[str, int, int]
"""Topic by its short name, partition, offset."""


class Latency(NamedTuple):
    """Milliseconds from a record being due to its profile being committed."""

    rate: int
    p50: float
    p95: float
    p99: float


class _Sourced(msgspec.Struct):
    source: tuple[str, int, int, int]


_read_source: Final = msgspec.json.Decoder(_Sourced).decode


async def measure(namespace: str, services: Services, seed: int, rate: int, seconds: int) -> Latency:
    """Send at a rate for so many seconds, and see how long each record takes."""
    traffic = shop(seed, WARM_UP, rate * (SETTLING_SECONDS + seconds))
    async with (
        set_up("knownas", namespace, services) as system,
        Store(services.stores) as store,
    ):
        assert isinstance(system, Knownas)
        await put(services.kafka, batches(traffic.warm_up, system.prefix))
        worker = system.start()
        try:
            watch = Watch("knownas", worker, system, Meter(worker.pid, store), services)
            await watch.until_still(WARM_UP)
            with Positions(services, system.deployment.world.keys) as positions:
                due = await _send(services.kafka, system.prefix, traffic.measured, rate)
                await watch.until_still(WARM_UP + len(traffic.measured))
        finally:
            await end(worker)
        counted_from = min(due.values()) + SETTLING_SECONDS
        counted = {place: at for place, at in due.items() if at >= counted_from}
        return _latency(rate, counted, await _committed(system, counted, positions))


class Positions:
    """Looks at the position of every shard, from a thread of its own, for as long as the block runs."""

    def __init__(self, services: Services, keys: Keys) -> None:
        self._servers = [_Server(url, keys, shards) for url, shards in _homes(services, keys).items()]
        self._seen: list[list[tuple[int, float]]] = [[] for _ in range(PARTITIONS)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="positions")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for server in self._servers:
            server.close()

    def passed(self, shard: int, offset: int) -> float | None:
        """When the shard's position was first seen beyond an offset."""
        seen = self._seen[shard]
        number = bisect_right(seen, (offset, float("inf")))
        return seen[number][1] if number < len(seen) else None

    def _look(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for server in self._servers:
                server.ask()
            answers = [answer for server in self._servers for answer in server.answers()]
            at = time.monotonic()
            for shard, position in answers:
                seen = self._seen[shard]
                if not seen or seen[-1][0] != position:
                    seen.append((position, at))


class _Server:
    """A connection that asks one server for the positions of the shards that are there."""

    def __init__(self, url: str, keys: Keys, shards: Sequence[int]) -> None:
        self._client, self._shards = redis.Redis.from_url(url), shards
        self._connection = cast("Any", self._client.connection_pool.get_connection())
        commands = [("HGET", keys.shard(shard) + k.AT, "pos") for shard in shards]
        self._asked = b"".join(part for command in commands for part in self._connection.pack_command(*command))

    def ask(self) -> None:
        self._connection.send_packed_command([self._asked])

    def answers(self) -> list[tuple[int, int]]:
        return [(shard, int(self._connection.read_response() or 0)) for shard in self._shards]

    def close(self) -> None:
        self._client.close()


def _homes(services: Services, keys: Keys) -> dict[str, list[int]]:
    """Which shards are on which server."""
    if "+cluster" not in services.redis_url:
        return {services.redis_url: list(range(PARTITIONS))}
    found: dict[str, list[int]] = {}
    with redis.RedisCluster.from_url(services.stores[0]) as cluster:
        for shard in range(PARTITIONS):
            node = cast("Any", cluster.get_node_from_key(keys.shard(shard) + k.AT))
            found.setdefault(f"redis://{node.host}:{node.port}", []).append(shard)
    return found


async def _send(kafka: str, prefix: str, records: Sequence[Sending], rate: int) -> dict[Place, float]:
    """Send every record when it is due: where each went, and when it was due."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=LINGER_MS, acks="all")
    await producer.start()
    try:
        sent: list[tuple[Sending, float, Any]] = []
        begin = time.monotonic()
        for number, record in enumerate(records):
            due = begin + number / rate
            while (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            partition = murmur2(record.key) % PARTITIONS
            future = await producer.send(prefix + record.topic, record.value, key=record.key, partition=partition)
            sent.append((record, due, future))
        await producer.flush()
        return {(record.topic, (at := future.result()).partition, at.offset): due for record, due, future in sent}
    finally:
        await producer.stop()


async def _committed(system: Knownas, due: dict[Place, float], positions: Positions) -> dict[Place, float]:
    """When each record's profile was committed."""
    found: dict[Place, float] = {}
    async for record in system.deployment.world.log.read(system.prefix + RESOLVED):
        topic, partition, offset, index = _read_source(record.value).source
        place = (topic, partition, offset)
        if place in due and index == 0:
            at = positions.passed(record.partition, record.offset)
            if at is not None:
                found[place] = at
    return found


def _latency(rate: int, due: dict[Place, float], committed: dict[Place, float]) -> Latency:
    if len(committed) < LEAST_SHARE * len(due):
        raise Broken(f"of {len(due)} records sent at {rate} a second only {len(committed)} were seen committed")
    took = sorted((at - due[place]) * 1000 for place, at in committed.items())
    return Latency(rate, *(round(took[int(len(took) * share)], 1) for share in (0.5, 0.95, 0.99)))
