"""The store as a cluster: every command goes to the node that has its key, over one pinned connection a node.

Commands of one call travel side by side, those for one node in one round trip and in order. Where a node says that it
has a key no more, or does not answer, the map of slots is forgotten and the caller starts over (`WorldFault`): what
part of the call was carried out nobody can tell, so nothing is repeated behind anybody's back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from redis.crc import key_slot
from redis.exceptions import ResponseError

from knownas.adapters.redis import Command, Link
from knownas.adapters.redis_address import Address, Node
from knownas.errors import CannotStart, WorldFault

SLOTS: Final = 16_384
MOST_NODES: Final = 1_024
NO_KEYS: Final = (b"SCRIPT", b"PING", b"INFO", b"CONFIG", b"TIME", b"ACL", b"CLUSTER", b"RANDOMKEY")
"""Commands without a key, which any node answers for itself."""
MARK: Final = "w"
"""A key that is written and removed at once, so that there is a write to wait for."""


class _NodeLink(Link):
    _is_node = True


class _Part(NamedTuple):
    """Where the answer to a command, or to some of its keys, will be found: the node, the number among what it is
    asked, and which of the command's keys those are (None: all of them)."""

    node: Node
    number: int
    keys: Sequence[int] | None = None


class ClusterLink(Link):
    """A link to all nodes of a cluster."""

    is_cluster = True

    def __init__(self, where: Address) -> None:
        super().__init__(where)
        self._links: dict[Node, _NodeLink] = {}
        self._slots: list[Node | None] = []
        self._touched: dict[Node, bytes] = {}
        self._learning = asyncio.Lock()

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Send all commands, each where its key is; return all answers in order."""
        await self._know()
        asked: dict[Node, list[Command]] = {}
        parts = [self._ask(command, asked) for command in commands]
        answers = await self._answers(asked)
        return [_whole(some, answers) for some in parts]

    async def run_durably(self, commands: Sequence[Command]) -> list[Any]:
        """The same; with the answers everything that was read or written since the last such call is on the disks of
        as many replicas as asked for, of every node."""
        answers = await self.run(commands)
        if self._address.replicas.needed and self._touched:
            touched, self._touched = self._touched, {}
            # The wait is for one's own last write: so there is one after everything that was read.
            await self._answers({node: [("SET", key, ""), ("UNLINK", key)] for node, key in touched.items()})
            await asyncio.gather(*(self._link(node).confirm() for node in touched))
        return answers

    async def scan(self, cursor: int, pattern: str, count: int) -> tuple[int, list[bytes]]:
        """Some of all keys, node after node: a cursor says which node, and where there. Slots that move meanwhile may
        be seen twice or not at all."""
        nodes = await self.nodes()
        at, number = divmod(cursor, MOST_NODES)
        if number >= len(nodes):
            return 0, []
        at, keys = await nodes[number].scan(at, pattern, count)
        if at == 0:
            number += 1
        return (0 if number == len(nodes) else at * MOST_NODES + number), keys

    async def nodes(self) -> Sequence[Link]:
        """A link to each primary."""
        await self._know()
        return [self._link(node) for node in dict.fromkeys(self._slots) if node is not None]

    async def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        links, self._links, self._slots = self._links, {}, []
        for link in links.values():
            await link.close()

    # -- who has what

    async def _know(self) -> None:
        async with self._learning:
            if not self._slots:
                self._slots = await self._learn()

    async def _learn(self) -> list[Node | None]:
        for node in dict.fromkeys([*self._links, *self._address.nodes]):
            try:
                (ranges,) = await self._link(node).run([("CLUSTER", "SLOTS")])
            except WorldFault:
                continue
            except ResponseError as error:
                raise CannotStart(
                    f"the store at {node} is no cluster ({error}): write redis:// (or rediss://) in KNOWNAS_REDIS"
                ) from error
            slots = _slots_in(ranges, node)
            await self._let_go_but({node for node in slots if node is not None})
            self._has_been_there = True
            return slots
        raise WorldFault(f"no node of the store's cluster answers at {self._address.shown}")

    async def _let_go_but(self, wanted: set[Node]) -> None:
        for node in [node for node in self._links if node not in wanted]:
            await self._links.pop(node).close()

    def _link(self, node: Node) -> Link:
        if node not in self._links:
            self._links[node] = _NodeLink(self._address.at(node))
            self._links[node]._has_been_there = self._has_been_there
        return self._links[node]

    # -- who is asked what

    def _ask(self, command: Command, asked: dict[Node, list[Command]]) -> list[_Part]:
        name = _bytes(command[0])
        if name in NO_KEYS:
            return [self._add(next(node for node in self._slots if node is not None), command, asked)]
        if name == b"MGET" and len({slot_of(key) for key in command[1:]}) > 1:
            return self._ask_some(command[1:], asked)
        key = command[3] if name == b"EVALSHA" else command[3] if name == b"SCAN" else command[1]
        return [self._add(self._node_of(key), command, asked)]

    def _ask_some(self, keys: Sequence[str | bytes | int], asked: dict[Node, list[Command]]) -> list[_Part]:
        """Keys of several slots: one command a slot."""
        by_slot: dict[int, list[int]] = {}
        for place, key in enumerate(keys):
            by_slot.setdefault(slot_of(key), []).append(place)
        parts = []
        for places in by_slot.values():
            some = [keys[place] for place in places]
            parts.append(self._add(self._node_of(some[0]), ("MGET", *some), asked)._replace(keys=places))
        return parts

    def _add(self, node: Node, command: Command, asked: dict[Node, list[Command]]) -> _Part:
        commands = asked.setdefault(node, [])
        commands.append(command)
        return _Part(node, len(commands) - 1)

    def _node_of(self, key: str | bytes | int) -> Node:
        node = self._slots[slot_of(key)]
        if node is None:
            self._slots = []
            raise WorldFault(f"the store's cluster at {self._address.shown} has slots that no node serves")
        if self._address.replicas.needed:
            self._touched.setdefault(node, _bytes(key).partition(b"}")[0] + b"}:" + MARK.encode())
        return node

    async def _answers(self, asked: dict[Node, list[Command]]) -> dict[Node, list[Any]]:
        runs = [self._link(node).run(commands) for node, commands in asked.items()]
        told = await asyncio.gather(*runs, return_exceptions=True)
        failures = [one for one in told if isinstance(one, BaseException)]
        if failures:
            self._slots = []
            raise next((one for one in failures if not isinstance(one, WorldFault)), failures[0])
        return {
            node: answers for node, answers in zip(asked, told, strict=True) if not isinstance(answers, BaseException)
        }


def link_to(where: Address) -> Link:
    """The link that an address asks for."""
    return ClusterLink(where) if where.nodes else Link(where)


def slot_of(key: str | bytes | int) -> int:
    """The slot of a key, by its hash tag."""
    raw = _bytes(key)
    start = raw.find(b"{")
    end = raw.find(b"}", start + 1)
    return _slot(raw if start < 0 or end <= start + 1 else raw[start + 1 : end])


@lru_cache(4_096)
def _slot(tag: bytes) -> int:
    return int(key_slot(tag))


def _bytes(text: str | bytes | int) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


def _whole(parts: list[_Part], answers: dict[Node, list[Any]]) -> Any:
    first = parts[0]
    if first.keys is None:
        return answers[first.node][first.number]
    found: dict[int, Any] = {}
    for node, number, keys in parts:
        assert keys is not None
        found |= dict(zip(keys, answers[node][number], strict=True))
    return [found[place] for place in range(len(found))]


def _slots_in(ranges: Sequence[Any], asked: Node) -> list[Node | None]:
    """Each slot's primary; a node that does not know its own address is the one that was asked."""
    slots: list[Node | None] = [None] * SLOTS
    for first, last, (host, port, *_), *_ in ranges:
        node = Node(host.decode() if host else asked.host, int(port))
        slots[first : last + 1] = [node] * (last - first + 1)
    return slots
