"""What the gateway costs: uploads beside a bare server of its library, profile fetches with and without traffic.

The load comes from this process over plain connections that are kept open, each with one request under way. CPU is
that of the server's process alone; Kafka, Valkey and the load share the machine's cores with it, so wall-clock figures
are those of everything together. Latencies with one connection are those of an otherwise idle system.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import orjson
import psutil
from redis.asyncio import Redis

from tests.bench.page import Paged, look
from tests.bench.systems import ROOT, Knownas, Services, end, launch, set_up
from tests.bench.traffic import NOW

BATCH: Final = 1_000
SECONDS: Final = 6.0
WARM_UP_SECONDS: Final = 1.5
PEOPLE: Final = 5_000
CAPACITY_RECORDS: Final = 60_000
FETCHES_PER_SECOND: Final = 100


class Load(NamedTuple):
    """What was answered while something was asked again and again."""

    records_per_cpu_second: int
    records_per_second: int
    p50_ms: float
    p99_ms: float


class Serving(NamedTuple):
    """Uploads by what was asked of whom; milliseconds of a profile fetch; the traffic that flowed meanwhile."""

    uploads: dict[str, Load]
    fetch_idle_ms: tuple[float, float]
    fetch_loaded_ms: tuple[float, float]
    fetch_loaded_with_rate: int
    page: Paged

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "uploads": {name: load._asdict() for name, load in self.uploads.items()},
            "profile_fetch_ms": {
                "idle": dict(zip(("p50", "p99"), self.fetch_idle_ms, strict=True)),
                "while_events_flow": dict(zip(("p50", "p99"), self.fetch_loaded_ms, strict=True)),
                "events_per_second": self.fetch_loaded_with_rate,
            },
            "page": self.page.as_json(),
        }


async def measure(namespace: str, services: Services) -> Serving:
    """Everything, one after the other."""
    uploads: dict[str, Load] = {}
    port = _free_port()
    bare = launch("bare", ["-m", "tests.bench.bare", str(port)], {"PYTHONPATH": str(ROOT)}, services.folder)
    try:
        await _until_listening(port)
        uploads["bare, 1,000 records"] = await load(port, bare, uploaded("/1/upload", "d", BATCH), BATCH, 4)
        uploads["bare, one record"] = await load(port, bare, uploaded("/1/upload", "d", 1), 1, 32)
    finally:
        await end(bare)
    async with set_up("knownas", namespace, services) as system:
        assert isinstance(system, Knownas)
        async with _gateway(system, services) as (port, process):
            for name, path, member, count, connections in (
                ("CleverTap upload, 1,000 records", "/1/upload", "d", BATCH, 4),
                ("own upload, 1,000 records", "/v1/records", "records", BATCH, 4),
                ("CleverTap upload, one record", "/1/upload", "d", 1, 32),
                ("own upload, one record", "/v1/records", "records", 1, 32),
                ("own upload, one record, one caller", "/v1/records", "records", 1, 1),
            ):
                uploads[name] = await load(port, process, uploaded(path, member, count), count, connections)
    async with Redis.from_url(services.redis_url) as store:
        # A rewrite of the append-only file would fall into what is measured.
        await store.config_set("auto-aof-rewrite-percentage", 0)
    async with set_up("knownas", f"{namespace}r", services) as system:
        assert isinstance(system, Knownas)
        async with _gateway(system, services) as (port, _):
            return Serving(uploads, *await _fetches(port, system))


async def _fetches(port: int, system: Knownas) -> tuple[tuple[float, float], tuple[float, float], int, Paged]:
    """Profile fetches, idle and at half of what worker and gateway manage together; pages, idle."""
    worker = system.start()
    try:
        asking = [_head("GET", f"/v1/profiles/by/identity/c-{number}") for number in range(PEOPLE)]
        people = uploaded("/v1/records", "records", BATCH, people=PEOPLE)
        for _ in range(PEOPLE // BATCH):
            await _once(port, next(people))
        await system.deployment.settled()
        idle = await _paced(port, asking)
        page = await look(port, [f"c-{number}" for number in range(50)])
        started = time.monotonic()
        await asyncio.gather(*(_send(port, CAPACITY_RECORDS // BATCH // 4) for _ in range(4)))
        await system.deployment.settled()
        rate = int(CAPACITY_RECORDS / (time.monotonic() - started) / 2)
        flowing = asyncio.create_task(_flow(port, rate))
        try:
            await asyncio.sleep(2)
            return idle, await _paced(port, asking), rate, page
        finally:
            flowing.cancel()
            await asyncio.gather(flowing, return_exceptions=True)
    finally:
        await end(worker)


async def load(
    port: int, process: subprocess.Popen[bytes], requests: Iterator[bytes], records: int, connections: int
) -> Load:
    """Ask over so many connections for a while."""
    server = psutil.Process(process.pid)
    await _ask(port, requests, connections, WARM_UP_SECONDS)
    before = server.cpu_times()
    took = sorted(await _ask(port, requests, connections, SECONDS))
    after = server.cpu_times()
    used = after.user + after.system - before.user - before.system
    done = len(took) * records
    return Load(int(done / used), int(done / SECONDS), *_percentiles(took))


async def _ask(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> list[float]:
    until = time.monotonic() + seconds
    took: list[float] = []

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.monotonic() < until:
            started = time.perf_counter()
            await _exchange(reader, writer, next(requests))
            took.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(ask() for _ in range(connections)))
    return took


async def _paced(port: int, requests: list[bytes]) -> tuple[float, float]:
    """Fetches at a steady pace; the clock of each starts when it is due."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    begin = time.perf_counter()
    for number, request in zip(range(int(FETCHES_PER_SECOND * SECONDS)), itertools.cycle(requests), strict=False):
        due = begin + number / FETCHES_PER_SECOND
        while (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        await _exchange(reader, writer, request)
        took.append(time.perf_counter() - due)
    writer.close()
    return _percentiles(sorted(took))


async def _flow(port: int, rate: int) -> None:
    """Events at a rate, in uploads of a tenth of a second's worth."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = max(1, min(BATCH, rate // 10))
    begin = time.monotonic()
    for number, request in enumerate(uploaded("/v1/records", "records", count)):
        due = begin + number * count / rate
        while (early := due - time.monotonic()) > 0:
            await asyncio.sleep(early)
        await _exchange(reader, writer, request)


async def _send(port: int, uploads: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in itertools.islice(uploaded("/v1/records", "records", BATCH), uploads):
        await _exchange(reader, writer, request)
    writer.close()


async def _once(port: int, request: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _exchange(reader, writer, request)
    writer.close()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    assert b" 200 " in head, (head, body[:500])


def uploaded(path: str, member: str, count: int, people: int = PEOPLE) -> Iterator[bytes]:
    """Uploads without end, ten different ones over and over: events of people, each an own `evtData`."""
    made: Callable[[int, int], dict[str, Any]] = _clevertap if member == "d" else _own
    bodies = [
        orjson.dumps({member: [made((start * count + number) % people, number) for number in range(count)]})
        for start in range(max(10, people // count if count > 1 else 10))
    ]
    return itertools.cycle([_head("POST", path, body) for body in bodies])


def _clevertap(person: int, number: int) -> dict[str, Any]:
    return {
        "identity": f"c-{person}",
        "type": "event",
        "ts": NOW,
        "evtName": "Product viewed",
        "evtData": _data(number),
    }


def _own(person: int, number: int) -> dict[str, Any]:
    return {
        "type": "event", "identities": {"identity": f"c-{person}"}, "ts": NOW, "evtName": "Product viewed",
        "evtData": _data(number),
    }  # fmt: skip


def _data(number: int) -> dict[str, Any]:
    return {"Product name": "Casio Chronograph Watch", "Category": "Mens Watch", "Price": number / 4, "Currency": "USD"}


def _head(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _percentiles(took: list[float]) -> tuple[float, float]:
    return round(took[len(took) // 2] * 1000, 2), round(took[int(len(took) * 0.99)] * 1000, 2)


@asynccontextmanager
async def _gateway(system: Knownas, services: Services) -> AsyncIterator[tuple[int, subprocess.Popen[bytes]]]:
    port = _free_port()
    environment = {**system.deployment.environment(), "KNOWNAS_HTTP_KEY_RATE": "0"}
    process = launch("gateway", ["-m", "knownas", "serve", "--open", "--port", str(port)], environment, services.folder)
    try:
        await _until_listening(port)
        yield port, process
    finally:
        await end(process)


async def _until_listening(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def lines(found: Serving) -> Iterator[str]:
    """What was found, for people."""
    for name, upload in found.uploads.items():
        yield (
            f"  {name:<36} {upload.records_per_cpu_second:>9,} records per CPU second  "
            f"{upload.records_per_second:>9,} a second  p50 {upload.p50_ms:g} ms, p99 {upload.p99_ms:g} ms"
        )
    yield f"  profile fetch, idle                  p50 {found.fetch_idle_ms[0]:g} ms, p99 {found.fetch_idle_ms[1]:g} ms"
    p50, p99 = found.fetch_loaded_ms
    page_p50, page_p99 = found.page.profile_ms
    weights = f"first look {found.page.profile_bytes:,} bytes, at the overview {found.page.overview_bytes:,}"
    yield f"  page of a profile, idle              p50 {page_p50:g} ms, p99 {page_p99:g} ms; {weights}"
    yield f"  profile fetch, {found.fetch_loaded_with_rate:,} events a second  p50 {p50:g} ms, p99 {p99:g} ms"
