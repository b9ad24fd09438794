"""A shop for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.pipeline.deployment import Deployment
from tests.rebuild.playing import shop_of


@pytest.fixture
async def shopping(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """A shop that was open for a while."""
    async with shop_of(kafka, redis_url, namespace) as deployment:
        yield deployment
