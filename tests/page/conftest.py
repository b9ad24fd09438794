"""A shop with people in it, and who looks at its page; one for each file of tests."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.page.shop import Browser, shop, signed_in
from tests.serve.running import Gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(kafka: str, redis_url: str) -> AsyncIterator[Gateway]:
    """A shop whose page asks for a key."""
    async with shop(kafka, redis_url, f"p{uuid.uuid4().hex[:8]}", is_open=False) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader(gateway: Gateway) -> Browser:
    """Somebody who may look."""
    return await signed_in(gateway, "read")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(gateway: Gateway) -> Browser:
    """Somebody who may do more."""
    return await signed_in(gateway, "admin")
