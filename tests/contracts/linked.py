"""The stores that the suites run against: in memory, one server, a cluster of three."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest

from knownas.adapters.redis import Link
from knownas.adapters.redis_address import address
from knownas.adapters.redis_cluster import link_to

STORES: Final = ("memory", "valkey", "cluster")


@asynccontextmanager
async def linked(request: pytest.FixtureRequest) -> AsyncIterator[Link]:
    """A connection to the real store that the test's parameter names."""
    url = request.getfixturevalue("cluster_url" if request.param == "cluster" else "redis_url")
    async with link_to(address(url)) as link:
        yield link
