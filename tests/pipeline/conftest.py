"""A deployment for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.live import Live, segments_of


@pytest.fixture
async def deployment(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """Topics and keys of this test's own, on the shared Kafka and Valkey."""
    async with deployed(kafka, redis_url, namespace) as made:
        yield made


@pytest.fixture
async def live(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Live]:
    """The live segments of a deployment of this test's own, whose days pass as told."""
    async with segments_of(kafka, redis_url, namespace) as made:
        yield made
