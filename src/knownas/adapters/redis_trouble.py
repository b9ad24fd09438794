"""TLS to a store's port that has none, or none to one that has: both look like a store that does not answer, so the
other way is tried by hand.

What answers there has shown no certificate: whoever is on the way may break TLS off and answer himself. So this is
asked only by a link that has never been connected, and nobody is advised to go on without TLS."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

from redis import exceptions
from redis.asyncio.connection import SSLConnection

from knownas.adapters.redis_address import Address
from knownas.errors import CannotStart

TRY_SECONDS: Final = 1.0


async def mistaken(where: Address, error: Exception) -> CannotStart | None:
    """What to raise instead of an error met while connecting, if that is why; None if it is another matter."""
    host, port = where.options.get("host"), where.options.get("port")
    if type(error) not in (exceptions.ConnectionError, exceptions.TimeoutError) or host is None or port is None:
        return None
    tls = issubclass(where.connection, SSLConnection)
    try:
        async with asyncio.timeout(TRY_SECONDS):
            other_way = await (_answers(host, port) if tls else _speaks_tls(host, port))
    except (OSError, TimeoutError):
        return None
    if not other_way:
        return None
    if tls:
        return CannotStart(f"the store at {where.shown} speaks no TLS there: name its port that does in KNOWNAS_REDIS")
    return CannotStart(f"the store at {where.shown} speaks TLS there: begin KNOWNAS_REDIS with rediss, not redis")


async def _answers(host: str, port: int) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"PING\r\n")
        return (await reader.read(1)) in (b"+", b"-")
    finally:
        writer.close()


async def _speaks_tls(host: str, port: int) -> bool:
    # Nothing is said on this connection, so it does not matter to whom.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(host, port, ssl=context)
    writer.close()
    return True
