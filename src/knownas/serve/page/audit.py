"""Who looked at whom, and who marked, demerged or deleted: kept in the store, bounded, without contents.

A line says when, the key's id and name, what was done and with which profile; the newest `MOST` are kept, for an
administrator to read. The log has the same lines of those who showed a key, for whoever keeps them
longer.
"""

from __future__ import annotations

import time
from typing import Final

import msgspec
import structlog

from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.serve.page.viewer import Viewer

MOST: Final = 10_000

log: Final = structlog.get_logger("knownas")


class Deed(msgspec.Struct, frozen=True, array_like=True):
    """One line: seconds since 1970, the key's id (empty: no key was asked for) and name, what was done, to whom."""

    ts: int
    key: str
    name: str
    what: str
    whom: str = ""


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Deed).decode


class Audit:
    """The list in the store."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link, self._key = link, keys.audit

    async def note(self, viewer: Viewer, what: str, whom: str = "") -> None:
        """Add a line."""
        deed = Deed(int(time.time()), viewer.key, viewer.name, what, whom)
        if viewer.key:
            log.info("audit", key=viewer.key, what=what, whom=whom)
        await self._link.run([("LPUSH", self._key, _encode(deed)), ("LTRIM", self._key, 0, MOST - 1)])

    async def newest(self, first: int, count: int) -> list[Deed]:
        """Some lines, the newest first."""
        (some,) = await self._link.run([("LRANGE", self._key, first, first + count - 1)])
        return [_decode(raw) for raw in some]
