"""One connection to the store, on which nothing is retried behind one's back.

A stage's load, claims and commit go over one `Link`. If it breaks, or an answer does not come, the stage learns of it
(`WorldFault`) and starts its poll over on a new connection; a client that reconnects and repeats by itself could
carry out a write twice, or read from a store that has lost what the first half had seen.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final, Self

import hiredis
import msgpack
from redis.asyncio.connection import Connection
from redis.exceptions import MovedError, RedisError

from knownas.adapters.redis_address import Address, address
from knownas.adapters.redis_faults import fault
from knownas.adapters.redis_trouble import mistaken
from knownas.errors import CannotStart, WorldFault

SCRIPTS: Final = ("resolve", "materialize", "find", "people", "planes", "segments", "swap", "verdict")
TIMEOUT_SECONDS: Final = 30.0
FIRST_TURN_MS: Final = 4
LONGEST_TURN_MS: Final = 64

Command = Sequence[str | bytes | int]

_pack_command: Callable[[Any], bytes] = hiredis.pack_command

pack: Final = msgpack.Packer(use_bin_type=False, autoreset=True).pack
"""MessagePack as the store's scripts read it: byte strings as the old raw type."""


class Link:
    """A connection that answers many commands in one round trip."""

    is_cluster = False
    _is_node = False

    def __init__(self, where: str | Address) -> None:
        self._address = address(where) if isinstance(where, str) else where
        self._connection: Connection | None = None
        self._has_been_there = False
        """Whether it was ever connected: what answers otherwise from then on says nothing of the settings."""
        self._lock = asyncio.Lock()

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Send all commands, return all answers in order. Any failure breaks the link: the next call connects anew."""
        async with self._lock:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    return await self._run(commands)
            except (RedisError, OSError, TimeoutError) as error:
                await self._break()
                raise self._fault(error) from error
            except BaseException:
                # Answers that were not read would be taken for those of the next commands.
                await self._break()
                raise

    async def run_durably(self, commands: Sequence[Command]) -> list[Any]:
        """The same; with the answers everything that they rest on is on the disks of as many replicas as asked for."""
        answers = await self.run(commands)
        if self._address.replicas.needed and commands:
            await self.confirm()
        return answers

    async def confirm(self) -> None:
        """Wait until what was last written here is on the disks of the replicas.

        A replica tells how far it is when it is asked, which may be just before its disk has the rest, and else once
        a second: so it is asked again and again.
        """
        needed, wait_ms = self._address.replicas
        waited, turn = 0, FIRST_TURN_MS
        while True:
            ((here, there),) = await self.run([("WAITAOF", 1, needed, turn)])
            if here and there >= needed:
                return
            waited, turn = waited + turn, min(2 * turn, LONGEST_TURN_MS)
            if waited >= wait_ms:
                raise WorldFault(
                    f"the store at {self._address.shown}: within {wait_ms} ms {there} of {needed} replicas "
                    "(KNOWNAS_REDIS_WAIT_REPLICAS) had what it wrote on their disks. Nothing is lost, this goes on "
                    "when they have"
                )

    async def scan(self, cursor: int, pattern: str, count: int) -> tuple[int, list[bytes]]:
        """Some of all keys that match, from a cursor on (at first 0), and where to go on; 0: those were the last."""
        ((at, keys),) = await self.run([("SCAN", cursor, "MATCH", pattern, "COUNT", count)])
        return int(at), keys

    async def nodes(self) -> Sequence[Link]:
        """A link to each server that has keys of its own."""
        return (self,)

    def script(self, name: str, keys: Sequence[str], *arguments: str | bytes | int) -> Command:
        """The command that runs one of `SCRIPTS`."""
        return ("EVALSHA", _sha(name), len(keys), *keys, *arguments)

    async def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        async with self._lock:
            await self._break()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _fault(self, error: Exception) -> Exception:
        if isinstance(error, MovedError) and not self._is_node:
            return CannotStart(
                f"the store at {self._address.shown} is a node of a cluster: write redis+cluster:// (or "
                "rediss+cluster://) in KNOWNAS_REDIS"
            )
        return fault(error, self._address.shown)

    async def _run(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        if connection is None:
            connection = self._connection = await self._connect()
        if not connection.is_connected:
            raise ConnectionResetError("the connection to the store is closed")
        data = b"".join([_pack_command(tuple(command)) for command in commands])
        await connection.send_packed_command(data, check_health=False)
        return [await connection.read_response(disable_decoding=True) for _ in commands]

    async def _connect(self) -> Connection:
        connection = self._address.connection(**self._address.options)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            for name in SCRIPTS:
                await connection.send_command("SCRIPT", "LOAD", _source(name))
                await connection.read_response()
        except RedisError as error:
            if not self._has_been_there and (mistake := await mistaken(self._address, error)) is not None:
                raise mistake from error
            raise
        self._has_been_there = True
        return connection

    async def _break(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)


@cache
def _source(name: str) -> str:
    return files("knownas.adapters").joinpath(f"{name}.lua").read_text(encoding="utf-8")


@cache
def _sha(name: str) -> str:
    return hashlib.sha1(_source(name).encode(), usedforsecurity=False).hexdigest()
