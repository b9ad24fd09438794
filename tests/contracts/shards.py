"""A shard's store in memory and the real one: taken, and committed to a message at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from knownas.adapters.keys import Keys
from knownas.adapters.memory import MemoryShardStore, MemoryStore
from knownas.adapters.store import RedisShardStore
from knownas.nouns import RESOLVED
from knownas.profile.fold import Folded
from knownas.stages.hold import ShardHold
from knownas.stages.ports import ShardStore
from tests.contracts.fair import Fair
from tests.contracts.linked import STORES, linked

S0 = (RESOLVED, 0)
NOTHING = Folded({}, {}, {}, {}, [], [], [], [], 0)


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ShardStore]:
    """A store in memory, and a real one."""
    if request.param == "memory":
        yield MemoryShardStore(MemoryStore(), Fair(), 500)
        return
    prefix = request.getfixturevalue("namespace") + ":"
    async with linked(request) as link:
        yield RedisShardStore(link, Keys(prefix), 500)


async def taken(store: ShardStore) -> ShardHold:
    """Take the shard."""
    return (await store.take({S0: 0}))[S0][0]


async def committed(store: ShardStore, hold: ShardHold, **parts: Any) -> bool:
    """Commit one message."""
    (accepted,) = await store.commit([(hold, NOTHING._replace(**parts), hold.position + 1, [])])
    return accepted
