"""A deployment with a worker and a gateway for each test that asks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.pipeline.deployment import Deployment, deployed
from tests.serve.running import Gateway, gateway


@pytest.fixture
async def deployment(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """Topics and keys of this test's own."""
    async with deployed(kafka, redis_url, namespace, http_wait_seconds=30.0) as made:
        yield made


@pytest.fixture
async def served(deployment: Deployment) -> AsyncIterator[Gateway]:
    """A gateway, and a worker behind it."""
    async with deployment.worker(), gateway(deployment) as running:
        yield running
