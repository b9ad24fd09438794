"""What commands that run until they are stopped have in common: being told to stop, waiting for the world."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from cyclopts import Parameter, validators

from knownas.operate.world import World
from knownas.stages.patience import Patience
from knownas.topics import Layout

Port = Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=65535))]
AnyPort = Annotated[int | None, Parameter(validator=validators.Number(gte=0, lte=65535))]
"""0 takes a free one."""


@asynccontextmanager
async def stopping() -> AsyncIterator[asyncio.Event]:
    """An event that Ctrl-C and SIGTERM set; a second Ctrl-C ends at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def layout_when_there(world: World, stop: asyncio.Event) -> Layout | None:
    """The layout, once Kafka and the store are there; None if told to stop before."""
    found: list[Layout] = []

    async def attempt() -> None:
        found.append(await world.layout())

    waiting = asyncio.create_task(Patience("start").until_done(attempt, lambda: True))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not waiting.done():
        waiting.cancel()
        return None
    waiting.result()
    return found[0]
