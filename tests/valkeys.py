"""Valkeys in company: a cluster of three, a primary with a replica. One alone is `knownas.embedded`'s."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from knownas.embedded import Valkey

SLOTS = 16_384
FORMED_SECONDS = 30


class ConfiguredValkey(Valkey):
    """One with more lines in its configuration."""

    ports_used = 2  # clients, and the cluster's bus

    def __init__(self, state_dir: Path, lines: Sequence[str] = (), port: int | None = None) -> None:
        super().__init__(state_dir, port)
        self._lines = lines

    def _prepare(self) -> list[str]:
        command = super()._prepare()
        text = "\n".join(self._lines).replace("$bus", str(self._ports[1]))
        with (self.home / command[-1]).open("a") as config:
            config.write(text + "\n")
        return command

    @property
    def bus(self) -> int:
        """The port of the cluster's bus."""
        return self._ports[1]

    def say(self, *words: Any) -> Any:
        """The answer to a command."""
        with redis.Redis.from_url(self.url, decode_responses=True, retry=Retry(NoBackoff(), 0)) as client:
            return client.execute_command(*words)


CLUSTERED = ("cluster-enabled yes", "cluster-port $bus", "cluster-node-timeout 2000", "cluster-config-file nodes.conf")


@contextmanager
def cluster(state_dir: Path, size: int = 3) -> Iterator[list[ConfiguredValkey]]:
    """Nodes that share all slots evenly."""
    with ExitStack() as stack:
        nodes = [ConfiguredValkey(state_dir / str(number), CLUSTERED) for number in range(size)]
        for node in nodes:
            stack.callback(node.stop)
            node.launch()
        for node in nodes:
            node.wait_until_ready()
        for number, node in enumerate(nodes):
            node.say("CLUSTER", "ADDSLOTSRANGE", SLOTS * number // size, SLOTS * (number + 1) // size - 1)
            node.say("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, nodes[0].bus)
        until_formed(nodes)
        yield nodes


def until_formed(nodes: Sequence[ConfiguredValkey]) -> None:
    """Wait until every node says that all slots are served."""
    until(lambda: all(_is_formed(node, len(nodes)) for node in nodes), "the cluster did not form")


def url_of(nodes: Sequence[Valkey]) -> str:
    """How the cluster is named to knownas."""
    return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


def _is_formed(node: ConfiguredValkey, size: int) -> bool:
    info = str(node.say("CLUSTER", "INFO"))
    return all(said in info for said in (f"known_nodes:{size}", "cluster_state:ok", f"cluster_slots_ok:{SLOTS}"))


@contextmanager
def primary_and_replica(state_dir: Path) -> Iterator[tuple[ConfiguredValkey, ConfiguredValkey]]:
    """A primary, and a replica that has caught up with it."""
    with ExitStack() as stack:
        primary = ConfiguredValkey(state_dir / "primary", ("repl-diskless-sync-delay 0",))
        replica = ConfiguredValkey(state_dir / "replica")
        for server in (primary, replica):
            stack.callback(server.stop)
            server.start()
        replica.say("REPLICAOF", "127.0.0.1", primary.port)
        until(lambda: _is_on_both_disks(primary), "the replica did not catch up")
        yield primary, replica


def _is_on_both_disks(primary: ConfiguredValkey) -> bool:
    """A replica that has copied everything still writes that to its disk for a while."""
    with redis.Redis.from_url(primary.url, single_connection_client=True) as client:
        client.set("caught-up", "")
        return bool(client.waitaof(1, 1, 100)[1] == 1)


def until(done: Callable[[], bool], trouble: str) -> None:
    """Wait for another process; it has no way to tell us."""
    give_up_at = time.monotonic() + FORMED_SECONDS
    while not done():
        assert time.monotonic() < give_up_at, trouble
        time.sleep(0.02)


async def copy_of(valkey: Valkey, folder: Path) -> Path:
    """What the store has on its disk."""
    await asyncio.to_thread(valkey.kill)
    shutil.copytree(valkey.home / "appendonlydir", folder / "older")
    await asyncio.to_thread(valkey.restart)
    return folder / "older"


async def put_back(valkey: Valkey, older: Path) -> None:
    """Start the store on what it once had."""
    await asyncio.to_thread(valkey.kill)
    shutil.rmtree(valkey.home / "appendonlydir")
    shutil.copytree(older, valkey.home / "appendonlydir")
    await asyncio.to_thread(valkey.restart)
