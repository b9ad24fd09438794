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
from redis import exceptions
from redis.asyncio.connection import Connection, parse_url
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from knownas.errors import CannotStart, WorldFault

SCRIPTS: Final = ("resolve", "materialize", "find", "people", "segments")
TIMEOUT_SECONDS: Final = 30.0

_PASSING: Final = (
    exceptions.BusyLoadingError, exceptions.ClusterDownError, exceptions.MasterDownError, exceptions.NoScriptError,
    exceptions.OutOfMemoryError, exceptions.ReadOnlyError, exceptions.TryAgainError,
)  # fmt: skip
_PASSING_CODES: Final = ("BUSY", "MISCONF", "NOREPLICAS")
"""Errors of the store that pass without us: by class where the client knows them (it strips the code then), else by
their first word."""

Command = Sequence[str | bytes | int]

_pack_command: Callable[[Any], bytes] = hiredis.pack_command

pack: Final = msgpack.Packer(use_bin_type=False, autoreset=True).pack
"""MessagePack as the store's scripts read it: byte strings as the old raw type."""


class Link:
    """A connection that answers many commands in one round trip."""

    def __init__(self, url: str) -> None:
        options: dict[str, Any] = dict(parse_url(url))
        self._class: type[Connection] = options.pop("connection_class", Connection)
        self._options = options | {"protocol": 2, "socket_timeout": None, "socket_connect_timeout": 5}
        self._connection: Connection | None = None
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
        if isinstance(error, AuthenticationError):
            return CannotStart(f"the store refuses our name or password ({error}); check KNOWNAS_REDIS")
        passes = isinstance(error, _PASSING) or str(error).startswith(_PASSING_CODES)
        if isinstance(error, ResponseError) and not passes:
            return error
        where = f"{self._options.get('host', 'localhost')}:{self._options.get('port', 6379)}"
        if isinstance(error, OSError | exceptions.ConnectionError):
            return WorldFault(f"the store does not answer at {where}")
        return WorldFault(f"the store at {where}: {str(error) or type(error).__name__}")

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
        connection = self._class(**self._options)
        await connection.connect()  # type: ignore[no-untyped-call]
        for name in SCRIPTS:
            await connection.send_command("SCRIPT", "LOAD", _source(name))
            await connection.read_response()
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
