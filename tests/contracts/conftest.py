"""The stores that contracts are told of."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from knownas.adapters.keys import Keys
from knownas.adapters.memory import MemoryShardStore, MemorySourceStore, MemoryStore
from knownas.adapters.store import RedisShardStore, RedisSourceStore
from tests.builders import NAMES
from tests.contracts.both import TIMELINE, Stores
from tests.contracts.fair import Fair
from tests.contracts.linked import STORES, linked


@pytest.fixture(params=STORES)
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    """A store in memory, and a real one."""
    if request.param == "memory":
        memory = MemoryStore()
        yield Stores(MemorySourceStore(memory, Fair()), MemoryShardStore(memory, Fair(), TIMELINE))
        return
    prefix = request.getfixturevalue("namespace") + ":"
    async with linked(request) as link:
        yield Stores(RedisSourceStore(link, Keys(prefix), NAMES), RedisShardStore(link, Keys(prefix), TIMELINE))
