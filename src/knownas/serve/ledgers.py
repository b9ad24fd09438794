"""What the ledger has about somebody, as an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from knownas.identity.story import About, arrived_by, standing
from knownas.nouns import Identity, LedgerRow
from knownas.operate.asking import Asking, rows_as_data, standing_as_data

AT_ONCE: Final = 2
"""The ledger is read from Kafka for each question: few at a time, the others wait."""


class Ledgers:
    """Answers from the ledger's topic; None where it has nothing to tell."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def rows_of_profile(self, profile_id: str) -> list[LedgerRow]:
        """Rows that name a profile, in the order of its story."""
        async with self._turn:
            return await self._asking.of_profile(profile_id)

    async def rows_of_device(self, device: str) -> list[LedgerRow]:
        """Rows that name a device, in the order of its story."""
        async with self._turn:
            return await self._asking.of_device(device)

    async def rows_of_identity(self, identity: Identity) -> list[LedgerRow]:
        """Rows that name an identity, in the order of its story."""
        async with self._turn:
            return await self._asking.of_identity(identity)

    async def of_profile(self, profile_id: str, at_ms: int | None) -> dict[str, Any] | None:
        """Rows that name a profile."""
        return await self._story("profile", profile_id, partial(self._asking.of_profile, profile_id), at_ms)

    async def of_device(self, device: str, at_ms: int | None) -> dict[str, Any] | None:
        """Rows that name a device."""
        return await self._story("device", device, partial(self._asking.of_device, device), at_ms)

    async def of_identity(self, identity: Identity, at_ms: int | None) -> dict[str, Any] | None:
        """Rows that name an identity."""
        return await self._story("identity", identity.value, partial(self._asking.of_identity, identity), at_ms)

    async def _story(
        self, about: About, who: str, ask: Callable[[], Awaitable[list[LedgerRow]]], at_ms: int | None
    ) -> dict[str, Any] | None:
        async with self._turn:
            rows = await ask()
        if not rows:
            return None
        shown = rows if at_ms is None else arrived_by(rows, at_ms)
        stood = standing_as_data(standing(about, who, shown))
        return {"about": about, "at": at_ms, "standing": stood, "rows": rows_as_data(shown)}
