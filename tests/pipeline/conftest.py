"""A deployment for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.pipeline.deployment import Deployment, deployed


@pytest.fixture
async def deployment(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """Topics and keys of this test's own, on the shared Kafka and Valkey."""
    async with deployed(kafka, redis_url, namespace) as made:
        yield made
