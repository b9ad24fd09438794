"""A deployment with a little story in it: Ann on her laptop, then on her phone, where she was a guest first."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed


@pytest.fixture
async def deployment(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """A deployment; its worker has done everything, and left."""
    async with deployed(kafka, redis_url, namespace) as made:
        async with made.worker():
            await made.send(event("laptop", "Viewed"), login("laptop", {"Name": "Ann [bold]"}, email="ann@x.ie"))
            await made.send(event("laptop", "Charged", {"Amount": 3}))
            await made.settled()
            await made.send(event("phone", "Viewed"), login("phone", email="ann@x.ie"))
            await made.settled()
        yield made
