"""What the ledger has about somebody, as an answer."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal

import msgspec

from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.reader import Reader
from knownas.identity.story import Standing, arrived_by, in_order, standing, told
from knownas.nouns import LEDGER, Identity, LedgerRow, Names, murmur2
from knownas.operate.ledger import Naming, rows_about, since_of
from knownas.topics import Layout

AT_ONCE: Final = 2
"""The ledger is read from Kafka for each question: few at a time, the others wait."""


class Ledgers:
    """Answers from the ledger's topic."""

    def __init__(self, log: KafkaLog, reader: Reader, names: Names, layout: Layout) -> None:
        self._log, self._reader, self._names, self._layout = log, reader, names, layout
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def of_profile(self, profile_id: str, at_ms: int | None) -> dict[str, Any] | None:
        """Rows that name a profile; None: there are none."""
        since = since_of(await self._reader.profile(profile_id))
        return self._story("profile", profile_id, await self._rows(profile_id, None, since), at_ms)

    async def of_device(self, device: str, at_ms: int | None) -> dict[str, Any] | None:
        """Rows that name a device: all in its home's partition."""
        home = murmur2(device.encode()) % self._layout.partitions
        digest = self._names.device(device)
        return self._story("device", digest, await self._rows(digest, [home], 0), at_ms)

    async def of_identity(self, identity: Identity, at_ms: int | None) -> dict[str, Any] | None:
        """Rows that name an identity."""
        digest = self._names.identity(identity)
        return self._story("identity", digest, await self._rows(digest, None, 0), at_ms)

    async def _rows(self, name: str, partitions: list[int] | None, since_ms: int) -> list[LedgerRow]:
        async with self._turn:
            return await rows_about(self._log, self._layout.name(LEDGER), Naming(name), partitions, since_ms)

    def _story(
        self, about: Literal["profile", "device", "identity"], who: str, rows: list[LedgerRow], at_ms: int | None
    ) -> dict[str, Any] | None:
        if not rows:
            return None
        shown = in_order(about, rows)
        if at_ms is not None:
            shown = arrived_by(shown, at_ms)
        return {
            "about": about,
            "at": at_ms,
            "standing": _standing(standing(about, who, shown)),
            "rows": [msgspec.to_builtins(row) | {"told": told(row, {})} for row in shown],
        }


def _standing(stood: Standing) -> dict[str, Any]:
    shown: dict[str, Any] = {"state": stood.state, "profile": stood.profile, "suppressed": stood.suppressed}
    return shown if stood.row is None else shown | {"since": stood.row.ts, "position": stood.row.position}
