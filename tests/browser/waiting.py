"""Waiting for what is under way, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from knownas.nouns import Profile
from tests.browser.conftest import Shop


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.02)


async def speaks_for(site: Shop, device: str) -> Profile:
    """The profile that a device speaks for, when all is settled."""
    await site.deployment.settled()
    facts = await site.deployment.reader.facts(device)
    assert facts, f"nothing is known of {device}"
    return await site.deployment.profile(facts[-1].profile)


async def becomes(
    site: Shop, device: str, is_so: Callable[[Profile], bool], again: Callable[[], Awaitable[None]]
) -> Profile:
    """The same once it is so, after something was done again as often as it takes."""
    async with asyncio.timeout(60):
        await again()
        while not is_so(person := await speaks_for(site, device)):
            await again()
    return person
