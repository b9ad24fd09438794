"""CPU time of a worker with all its threads and children, and of the store: read from outside, at any moment."""

from __future__ import annotations

from typing import NamedTuple

import psutil
from redis.asyncio import Redis


class Cpu(NamedTuple):
    """Seconds of CPU used so far."""

    worker: float
    store: float


class Meter:
    """Reads the CPU time of a process tree and of a store."""

    def __init__(self, pid: int, store: Redis) -> None:
        self._root, self._store = psutil.Process(pid), store

    async def read(self) -> Cpu:
        """What both have used up to now."""
        used = await self._store.info("cpu")
        names = ("used_cpu_sys", "used_cpu_user", "used_cpu_sys_children", "used_cpu_user_children")
        return Cpu(sum(_used(process) for process in self._tree()), sum(float(used[name]) for name in names))

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
