"""Waiting for the world to come back: the same work again, with pauses that grow, until it is done or not ours."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from knownas.errors import WorldFault

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
SLOW_SECONDS: Final = 5.0

log = structlog.get_logger()


class Patience:
    """Repeats an attempt while the world fails it; `trouble` says what is being waited for, None when all is well."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.trouble: str | None = None

    async def until_done(self, attempt: Callable[[], Awaitable[None]], wanted: Callable[[], bool]) -> None:
        """Run `attempt` until it returns; give up only when nobody wants the outcome any more."""
        slow = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._is_slow)
        try:
            await self._until_done(attempt, wanted)
        finally:
            slow.cancel()
            if self.trouble is not None:
                log.info("waits no more", stage=self._what)
            self.trouble = None

    def _is_slow(self) -> None:
        """An attempt that neither ends nor fails: Kafka's client waits for a broker without an end."""
        if self.trouble is None:
            self.trouble = f"{self._what}: no answer for {SLOW_SECONDS:.0f} s"
            log.warning("waiting", stage=self._what, reason=self.trouble)

    async def _until_done(self, attempt: Callable[[], Awaitable[None]], wanted: Callable[[], bool]) -> None:
        pause = FIRST_PAUSE_SECONDS
        while wanted():
            try:
                await attempt()
            except WorldFault as fault:
                if self.trouble is None:
                    log.warning("waiting", stage=self._what, reason=str(fault))
                self.trouble = str(fault)
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            if self.trouble is not None:
                log.info("resumed", stage=self._what)
                self.trouble = None
            return
