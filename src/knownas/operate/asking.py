"""Asking the ledger about somebody, for a terminal and over HTTP alike: as few of its rows as can hold the answer are
read, and come in the order of the story."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import msgspec

from knownas.adapters.kafka_log import KafkaLog, Progress, no_progress
from knownas.adapters.reader import Reader
from knownas.identity.story import Standing, in_order, told
from knownas.nouns import LEDGER, Identity, LedgerRow, Names, murmur2
from knownas.operate.ledger import Naming, rows_about, since_of
from knownas.topics import Layout


class Asking:
    """What a question about a profile, a device or an identity is answered from."""

    def __init__(self, log: KafkaLog, reader: Reader, names: Names, layout: Layout) -> None:
        self._log, self._reader, self._names, self._layout = log, reader, names, layout

    async def of_profile(
        self, profile_id: str, progress: Progress = no_progress, *, whole: bool = False
    ) -> list[LedgerRow]:
        """Rows that name a profile; `whole` looks for them from the ledger's start, not from its first record on."""
        since = 0 if whole else since_of(await self._reader.profile(profile_id))
        return in_order("profile", await self._rows(Naming(profile_id), None, since, progress))

    async def of_device(self, device: str, progress: Progress = no_progress) -> list[LedgerRow]:
        """Rows that name a device: all are in its home's partition."""
        home = murmur2(device.encode()) % self._layout.partitions
        return in_order("device", await self._rows(Naming(self._names.device(device)), [home], 0, progress))

    async def of_identity(self, identity: Identity, progress: Progress = no_progress) -> list[LedgerRow]:
        """Rows that name an identity."""
        return in_order("identity", await self._rows(Naming(self._names.identity(identity)), None, 0, progress))

    async def _rows(
        self,
        wanted: Callable[[LedgerRow], bool],
        partitions: Collection[int] | None,
        since_ms: int,
        progress: Progress,
    ) -> list[LedgerRow]:
        return await rows_about(self._log, self._layout.name(LEDGER), wanted, partitions, since_ms, progress)


def rows_as_data(rows: Iterable[LedgerRow]) -> list[dict[str, Any]]:
    """Rows with their sentences, in which devices and identities stay hashes."""
    return [msgspec.to_builtins(row) | {"told": told(row, {})} for row in rows]


def standing_as_data(stood: Standing) -> dict[str, Any]:
    """What something was after some rows, and which record made it so."""
    shown: dict[str, Any] = {"state": stood.state, "profile": stood.profile, "suppressed": stood.suppressed}
    if stood.row is None:
        return shown
    return shown | {"since": stood.row.ts, "at": stood.row.at, "position": stood.row.position._asdict()}
