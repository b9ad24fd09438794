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
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

from knownas.adapters.kafka import KafkaOutlet
from knownas.adapters.kafka_access import Kafka
from knownas.adapters.redis import Command, Link
from knownas.adapters.redis_cluster import ClusterLink
from knownas.cli.output import quiet_logs
from knownas.cli.waiting import layout_when_there, stopping
from knownas.errors import WorldFault
from knownas.nouns import EVENTS, UPDATES
from knownas.operate.world import World, store_at
from knownas.settings import Settings, load
from knownas.stages.ports import Batches, Gap, Message, Partition, no_gap
from knownas.wiring import Worker
from tests.faults.gaps import CONTROLS_AHEAD, CONTROLS_SENT, CONTROLS_UNCOMMITTED, HALVES, REOPENING, STORE


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
        store = store_at(settings).options.get("port", 6379)
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


class PorousOutlet(KafkaOutlet):
    """Has gaps that only tests have.

    What is no transaction it sends in two halves, so that there is a middle of sending: all of some partitions'
    messages and half of the others' are acknowledged, the rest is not sent yet. A transaction with control records has
    gaps of its own.
    """

    def __init__(self, bootstrap: Kafka, transactional_id: str | None = None, gap: Gap = no_gap) -> None:
        super().__init__(bootstrap, transactional_id, self._within)
        self._halves, self._between = transactional_id is None, gap
        self._controls = False

    async def send(self, batches: Batches) -> None:
        """Send half, then the rest; or a transaction, with what is around it."""
        if self._halves:
            await self._send_halves(batches)
            return
        self._controls = any(topic.endswith((f".{EVENTS}", f".{UPDATES}")) for topic, _ in batches)
        await self._pass(CONTROLS_AHEAD)
        await super().send(batches)
        await self._pass(CONTROLS_SENT)

    async def _within(self, gap: str) -> None:
        await self._between(gap)
        await self._pass(CONTROLS_UNCOMMITTED)

    async def _pass(self, gap: str) -> None:
        if self._controls:
            await self._between(gap)

    async def _send_halves(self, batches: Batches) -> None:
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


class PorousLink(Link):
    """A connection with a gap after every answer."""

    gap: Gap

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Answers, and the gap."""
        answers = await super().run(commands)
        await self.gap(STORE)
        return answers


class PorousClusterLink(PorousLink, ClusterLink):
    """The same to a cluster: a gap after every step that several nodes were asked for together."""


class PorousWorld(World):
    """The world, with porous connections to the store."""

    def __init__(self, settings: Settings, gap: Gap) -> None:
        super().__init__(settings)
        self._gap = gap

    def link(self) -> Link:
        """A connection to the store of one's own; closed with the world."""
        link = (PorousClusterLink if self.store.nodes else PorousLink)(self.store)
        link.gap = self._gap
        self._links.append(link)
        return link


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
    gap = Fates(fates, settings)
    async with stopping() as stop, AsyncExitStack() as stack:
        world = PorousWorld(settings, gap)
        stack.push_async_callback(world.close)
        layout = await layout_when_there(world, stop)
        assert layout is not None
        worker = Worker(world, layout, gap, PorousOutlet)
        await worker.run(stop, lambda port: say(f"worker ready, health on {port}"))


if __name__ == "__main__":
    asyncio.run(main([read_fate(text) for text in sys.argv[1:]]))
