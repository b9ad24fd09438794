"""One worker a name. Kafka lets whoever joins with a name take the place of who has it, and the one that was there
takes it back at its next heartbeat, and so on. So the name is also written into the store, each time with a fresh
token: whoever finds another's token there has been replaced, and ends.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

import structlog

from knownas.adapters.kafka_leaving import leave_to_others
from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.errors import CannotStart, KnownasError, WorldFault
from knownas.stages.patience import Patience

LOOK_SECONDS: Final = 1.0
LEAVE_SECONDS: Final = 3.0
"""How long giving up one's place may take, of the time there is to leave."""

log = structlog.get_logger()


def replaced() -> CannotStart:
    """What the one that was there ends with."""
    return CannotStart(
        "another worker with the same name has taken this one's place: give each a KNOWNAS_WORKER_NAME of its own, or "
        "none"
    )


class Named:
    """This worker's name in the store; without a name there is nothing to do."""

    def __init__(self, link: Link, keys: Keys, name: str | None) -> None:
        self._link, self._key, self._name = link, keys.workers, name
        self._token = secrets.token_hex(8)
        self._patience = Patience("name")

    async def take(self) -> None:
        """Take the name, before joining the group."""
        name = self._name
        if name is None:
            return

        async def write() -> None:
            await self._link.run([("HSET", self._key, name, self._token)])

        await self._patience.until_done(write, lambda: True)

    async def leave(self, kafka: KafkaLog, group: str, member: str) -> None:
        """Give up this name's place in the group, once nothing of the work is left; `member` is what Kafka called this
        worker. Where that fails Kafka waits for the worker's return, as for one that died."""
        if self._name is None:
            return
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await leave_to_others(kafka, group, member, self._name)
        except (KnownasError, TimeoutError) as error:
            # Whatever Kafka says by now, what this worker had to do is done.
            log.info("place_is_kept", reason=str(error) or "Kafka does not answer")

    async def look(self) -> None:
        """Look every moment; ends by `CannotStart` alone."""
        while self._name is not None:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look_once(self._name)
        await asyncio.Event().wait()

    async def look_once(self, name: str) -> None:
        """One look. A store that has forgotten the name is another matter, which others see."""
        try:
            (token,) = await self._link.run([("HGET", self._key, name)])
        except WorldFault:
            return
        if token not in (None, self._token.encode()):
            raise replaced()
