"""The real gateway with a worker behind it, on the shared Kafka and Valkey, and published clients that talk to it.

Skipped, with the reason, where Node is missing or the clients cannot be installed.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from knownas.nouns import CHANGED
from knownas.serve.keys import RIGHTS, KeyStore
from tests.browser.packages import MissingError, program
from tests.clients.packages import node_packages, python_with_clients
from tests.clients.wire import Wire
from tests.pipeline.deployment import Deployment, deployed
from tests.serve.running import Gateway, gateway

HERE: Final = Path(__file__).parent
PATIENCE_SECONDS: Final = 60
ACCOUNT: Final = "TEST-ACC-000"


class Program(NamedTuple):
    """A published client with the few lines that call it."""

    command: list[str]
    environment: dict[str, str]

    async def run(self, asked: dict[str, Any]) -> Any:
        """Let it do what is asked; what it printed."""
        process = await asyncio.create_subprocess_exec(
            *self.command, env={"PATH": os.environ.get("PATH", "")} | self.environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_SECONDS):
            said, complained = await process.communicate(json.dumps(asked).encode())
        assert process.returncode == 0, complained.decode()
        return json.loads(said)


@pytest.fixture(scope="session")
def node() -> tuple[str, Path]:
    """Node, and the folder of the Node clients."""
    try:
        return program("node", package="nodejs"), node_packages()
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def clevertap(node: tuple[str, Path]) -> Program:
    """npm `clevertap`."""
    return Program([node[0], str(HERE / "clevertap.cjs")], {"NODE_PATH": str(node[1] / "node_modules")})


@pytest.fixture(scope="session")
def segment_node(node: tuple[str, Path]) -> Program:
    """npm `@segment/analytics-node`."""
    return Program([node[0], str(HERE / "segment.cjs")], {"NODE_PATH": str(node[1] / "node_modules")})


@pytest.fixture(scope="session")
def segment_python() -> Program:
    """PyPI `segment-analytics-python`."""
    try:
        return Program([python_with_clients(), str(HERE / "segment_client.py")], {})
    except MissingError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["segment_node", "segment_python"])
def segment(request: pytest.FixtureRequest) -> Program:
    """Each of Segment's clients."""
    found: Program = request.getfixturevalue(request.param)
    return found


class Town:
    """A gateway, the wire that leads to it, a key that may do everything, and what is behind it."""

    def __init__(self, deployment: Deployment, served: Gateway, wire: Wire, key: str) -> None:
        self.deployment, self._served, self.wire, self.key = deployment, served, wire, key
        self.url = f"http://127.0.0.1:{wire.port}"

    async def call(self, client: Program, *calls: Any) -> list[Any]:
        """Let npm `clevertap` make these calls; what each came to."""
        asked = {"endpoint": f"{self.url}/1", "account": ACCOUNT, "passcode": self.key, "calls": calls}
        answers: list[Any] = await client.run(asked)
        return answers

    async def track(self, client: Program, *calls: Any) -> dict[str, Any]:
        """Let a Segment client make these calls."""
        said: dict[str, Any] = await client.run({"host": self.url, "key": self.key, "calls": calls})
        return said

    async def read(self, path: str) -> Any:
        """What the profile API says."""
        return (await self._served.get(path)).json

    async def person(self, kind: str, value: str) -> dict[str, Any]:
        """Somebody's profile out of the API, once everything is settled; `profile-changed` must say the same."""
        await self.deployment.settled()
        shown: dict[str, Any] = await self.read(f"/v1/profiles/by/{kind}/{value}")
        assert "id" in shown, shown
        changed = await self.changed(shown["id"])
        for field in ("type", "reachable", "identities", "devices", "guests", "properties"):
            assert changed[field] == shown[field], field
        return shown

    async def changed(self, profile_id: str) -> Any:
        """The newest profile that was published of somebody, None where that was a tombstone."""
        newest: Any = None
        log, topic = self.deployment.world.log, self.deployment.layout.name(CHANGED)
        async for record in log.read(topic, committed_only=True):
            if record.key == profile_id.encode():
                newest = msgspec.json.decode(record.value)["profile"] if record.value else None
        return newest


@pytest.fixture
async def town(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Town]:
    """A gateway of a test's own, with a worker that settles what comes."""
    async with AsyncExitStack() as stack:
        deployment = await stack.enter_async_context(deployed(kafka, redis_url, namespace))
        await stack.enter_async_context(deployment.worker())
        world = deployment.world
        key, _ = await KeyStore(world.link(), world.keys, world.names).create("everything", RIGHTS)
        served = await stack.enter_async_context(gateway(deployment))
        wire = await stack.enter_async_context(Wire(served.port))
        yield Town(deployment, served, wire, key)
