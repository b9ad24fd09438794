"""Deployments with a gateway: of its own for each test that asks, or one that stands for all that leave nothing behind
which others mind. Those run in the session's event loop, for what they share lives in it: `@shared`."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.pipeline.deployment import Deployment, deployed
from tests.serve.running import Gateway, gateway

shared = pytest.mark.asyncio(loop_scope="session")
SHOP = "https://shop.example"


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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standing(kafka: str, redis_url: str) -> AsyncIterator[Gateway]:
    """A gateway with narrow limits that stands all the time, and nobody who works behind it."""
    limits: dict[str, Any] = {
        "http_body_bytes": 20_000,
        "http_records": 10,
        "http_receive_seconds": 0.5,
        "http_wait_seconds": 1.0,
    }
    async with (
        deployed(kafka, redis_url, f"s{uuid.uuid4().hex[:8]}", http_origins=(SHOP,), **limits) as made,
        gateway(made) as running,
    ):
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def unlocked(kafka: str, redis_url: str) -> AsyncIterator[Gateway]:
    """A gateway that asks for no key."""
    async with (
        deployed(kafka, redis_url, f"u{uuid.uuid4().hex[:8]}", http_origins=(SHOP,)) as made,
        gateway(made, is_open=True) as running,
    ):
        yield running
