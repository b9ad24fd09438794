"""CPU time of a worker with all its threads and children, and of the store: read from outside, at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple, Self

import psutil
from redis.asyncio import Redis


class Cpu(NamedTuple):
    """Seconds of CPU used so far."""

    worker: float
    store: float


class Store:
    """A store with all its servers: one, the nodes of a cluster, a primary and who copies it."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._servers = [Redis.from_url(url) for url in urls]
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for server in self._servers:
            await self._open.enter_async_context(server)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def empty(self) -> None:
        """Empty it, so that nobody works in a store that others have filled. A rewrite of the append-only file would
        fall into the run of whoever happens to be next, so there is none."""
        for server in self._servers:
            if (await server.info("replication"))["role"] == "master":
                await server.flushall()
            await server.config_set("auto-aof-rewrite-percentage", 0)

    async def used_memory(self) -> int:
        """Bytes that the servers have in use."""
        return sum([int((await server.info("memory"))["used_memory"]) for server in self._servers])

    async def cpu(self) -> float:
        """Seconds of CPU that the servers have used."""
        names = ("used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_children")
        found = [await server.info("cpu") for server in self._servers]
        return sum(float(used[name]) for used in found for name in names)


class Meter:
    """Reads the CPU time of a process tree and of a store."""

    def __init__(self, pid: int, store: Store) -> None:
        self._root, self._store = psutil.Process(pid), store

    async def read(self) -> Cpu:
        """What both have used up to now."""
        return Cpu(sum(_used(process) for process in self._tree()), await self._store.cpu())

    def suspend(self) -> None:
        """Stop the worker where it is."""
        for process in self._tree():
            process.suspend()

    def resume(self) -> None:
        """Let the worker go on."""
        for process in self._tree():
            process.resume()

    def _tree(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
