"""A shop in Chromium, the real gateway behind it, workers behind that: on the shared Kafka and Valkey.

Skipped, with the reason, where Node, Chromium or openssl is missing or npm cannot install the packages.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from knownas.serve.keys import KeyStore
from tests.browser.chromium import Chromium, running
from tests.browser.line import Line, certificate, shop
from tests.browser.packages import BROWSERS, MissingError, installed, program
from tests.browser.pages import pages
from tests.pipeline.deployment import Deployment, deployed
from tests.serve.running import Gateway, gateway

ACCOUNT = "TEST-ACC-000"
TOKEN_KEY = "a key that the server of the shop has too"


class Machine(NamedTuple):
    """What this machine has."""

    node: str
    chromium: str
    openssl: str
    packages: Path


@pytest.fixture(scope="session")
def machine() -> Machine:
    """The programs and packages that these tests run."""
    try:
        return Machine(
            program("node", package="nodejs"),
            program(*BROWSERS, package="chromium"),
            program("openssl", package="openssl"),
            installed(),
        )
    except MissingError as error:
        pytest.skip(str(error))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(machine: Machine) -> AsyncIterator[Chromium]:
    """One browser for all tests; visitors share nothing."""
    async with running(machine.node, machine.chromium, machine.packages) as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tls(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """The certificate of the lines on which browsers insist that they be secure."""
    return await certificate(machine.openssl, tmp_path_factory.mktemp("tls"))


class Shop(NamedTuple):
    """A site whose pages (by name) hold the SDKs, its visitors' browser, the lines to the gateway, and what is behind
    it."""

    url: str
    pages: dict[str, str]
    chromium: Chromium
    tls: Line
    plain: Line
    deployment: Deployment
    gateway: Gateway

    async def api(self, path: str) -> Any:
        """What the gateway's own API says to somebody who may read."""
        heard = await self.gateway.get(path)
        assert heard.status == 200, heard.body
        return heard.json


@pytest_asyncio.fixture(loop_scope="session")
async def site(
    machine: Machine, chromium: Chromium, tls: ssl.SSLContext, kafka: str, redis_url: str, namespace: str
) -> AsyncIterator[Shop]:
    """The shop, open, with a worker that settles what comes."""
    async with AsyncExitStack() as stack:
        written: dict[str, str] = {}
        folders = {
            "clevertap": machine.packages / "node_modules/clevertap-web-sdk",
            "segment": machine.packages / "node_modules/@segment/analytics-next/dist/umd",
        }
        url = await stack.enter_async_context(shop(written, folders))
        deployment = await stack.enter_async_context(
            deployed(kafka, redis_url, namespace, http_origins=url, http_token_keys=TOKEN_KEY)
        )
        await stack.enter_async_context(deployment.worker())
        world = deployment.world
        await KeyStore(world.link(), world.keys, world.names).create("the shop's pages", ["write"], ACCOUNT)
        served = await stack.enter_async_context(gateway(deployment))
        secure = Line(served.url, tls)
        await stack.enter_async_context(secure.open())
        plain = Line(served.url, None)
        await stack.enter_async_context(plain.open())
        written |= pages(ACCOUNT, f"127.0.0.1:{secure.port}", f"127.0.0.1:{plain.port}")
        stack.push_async_callback(chromium.forget)
        yield Shop(url, written, chromium, secure, plain, deployment, served)
