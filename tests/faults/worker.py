"""A worker that meets its fate at chosen gaps: `python -m tests.faults.worker FATE ...`.

A fate is `ACT@GAP#N`: at the Nth passage of the gap from now on, do ACT. Fates are met one after the other; the next is
armed when the one before is met. What the worker does it says first, on a line of its standard output: `at GAP`.

    kill        kill itself, as a crash or the kernel would
    stop        stop itself (SIGSTOP) until somebody continues it
    wait        wait there for a line on standard input; the rest of the worker goes on
    cut         cut all its connections
    cut-store   cut those to the store
    cut-kafka   cut those to Kafka
    fail        fail the sending that the gap lies in

Some gaps are passed only after a transaction failed: while one of them is next, every transaction fails.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from knownas.adapters.kafka import KafkaOutlet
from knownas.cli.output import quiet_logs
from knownas.cli.waiting import layout_when_there, stopping
from knownas.errors import WorldFault
from knownas.operate.world import open_world
from knownas.settings import Settings, load
from knownas.stages.ports import Batches, Gap, Message, Partition, no_gap
from knownas.wiring import Worker
from tests.faults.gaps import HALVES, REOPENING


class Fate(NamedTuple):
    """What happens where, at which passage."""

    act: str
    gap: str
    passage: int = 1

    def __str__(self) -> str:
        return f"{self.act}@{self.gap}#{self.passage}"


def read_fate(text: str) -> Fate:
    """A fate as `str` writes it."""
    act, _, where = text.partition("@")
    gap, _, passage = where.partition("#")
    return Fate(act, gap, int(passage))


class Fates:
    """The gap function."""

    def __init__(self, fates: Sequence[Fate], settings: Settings) -> None:
        self._left = list(fates)
        self._passages = 0
        kafka = int(settings.kafka.rpartition(":")[2])
        store = urlsplit(settings.redis.get_secret_value()).port or 6379
        self._cut = {"cut": (kafka, store), "cut-kafka": (kafka,), "cut-store": (store,)}

    async def __call__(self, gap: str) -> None:
        """Meet the next fate if this is its place."""
        if not self._left:
            return
        if self._left[0].gap in REOPENING and gap == "publish.uncommitted":
            raise WorldFault("transactions fail until one is begun on a new producer")
        if self._left[0].gap != gap:
            return
        self._passages += 1
        if self._passages < self._left[0].passage:
            return
        fate = self._left.pop(0)
        self._passages = 0
        say(f"at {gap}")
        await self._meet(fate)

    async def _meet(self, fate: Fate) -> None:
        if fate.act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fate.act == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        elif fate.act == "wait":
            await asyncio.to_thread(sys.stdin.readline)
        elif fate.act == "fail":
            raise WorldFault(f"the sending fails at {fate.gap}")
        else:
            for port in self._cut[fate.act]:
                cut_connections(port)


class HalvingOutlet(KafkaOutlet):
    """Sends what is not a transaction in two halves, so that there is a middle of sending: all of some partitions'
    messages and half of the others' are acknowledged, the rest is not sent yet."""

    def __init__(self, bootstrap: str, transactional_id: str | None = None, gap: Gap = no_gap) -> None:
        super().__init__(bootstrap, transactional_id, gap)
        self._halves, self._between = transactional_id is None, gap

    async def send(self, batches: Batches) -> None:
        """Send half, then the rest."""
        if not self._halves:
            await super().send(batches)
            return
        first: dict[Partition, list[Message]] = {}
        rest: dict[Partition, list[Message]] = {}
        for place, (target, messages) in enumerate(batches.items()):
            every = list(messages)
            middle = len(every) if place % 2 else len(every) // 2
            first[target], rest[target] = every[:middle], every[middle:]
        await super().send(_not_empty(first))
        if rest:
            await self._between(HALVES)
        await super().send(_not_empty(rest))


def _not_empty(batches: dict[Partition, list[Message]]) -> dict[Partition, list[Message]]:
    return {target: messages for target, messages in batches.items() if messages}


def cut_connections(port: int) -> int:
    """End every connection of this process to that port, as a broken network would; how many there were."""
    cut = 0
    for entry in list(Path("/proc/self/fd").iterdir()):
        try:
            duplicate = os.dup(int(entry.name))
        except OSError:
            continue
        try:
            cut += _shut(duplicate, port)
        finally:
            os.close(duplicate)
    return cut


def _shut(descriptor: int, port: int) -> bool:
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return False
    connection = socket.socket(fileno=os.dup(descriptor))
    with connection:
        try:
            if connection.family != socket.AF_INET or connection.getpeername()[1] != port:
                return False
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False
    return True


def say(line: str) -> None:
    """Tell whoever started this process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(fates: Sequence[Fate]) -> None:
    """Work until told to stop, or until fate says otherwise."""
    quiet_logs()
    settings = load()
    async with stopping() as stop, open_world(settings) as world:
        layout = await layout_when_there(world, stop)
        assert layout is not None
        worker = Worker(world, layout, Fates(fates, settings), HalvingOutlet)
        await worker.run(stop, lambda port: say(f"worker ready, health on {port}"))


if __name__ == "__main__":
    asyncio.run(main([read_fate(text) for text in sys.argv[1:]]))
