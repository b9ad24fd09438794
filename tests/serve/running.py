"""A gateway in this process, with its keys, on a deployment of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import orjson

from knownas.serve.house import House
from knownas.serve.keys import KeyStore, Right
from tests.pipeline.deployment import Deployment


class Heard(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which is JSON."""
        return orjson.loads(self.body)


class Gateway:
    """A running gateway: where it is, and its keys by right."""

    def __init__(self, house: House, port: int, keys: dict[str, str], session: aiohttp.ClientSession) -> None:
        self.house, self.port, self.keys, self._session = house, port, keys, session
        self.url = f"http://127.0.0.1:{port}"

    async def call(
        self, method: str, path: str, key: str | None = None, headers: dict[str, str] | None = None, **more: Any
    ) -> Heard:
        """Call it with the key of a right, or with none."""
        shown = {"Authorization": f"Bearer {self.keys[key]}"} if key is not None else {}
        async with self._session.request(method, self.url + path, headers={**shown, **(headers or {})}, **more) as got:
            return Heard(got.status, got.headers, await got.read())

    async def put(self, *records: Mapping[str, Any]) -> Heard:
        """Put records on their topics."""
        return await self.call("POST", "/v1/records", "write", json={"records": list(records)})

    async def get(self, path: str, **more: Any) -> Heard:
        """Read something."""
        return await self.call("GET", path, "read", **more)


@asynccontextmanager
async def gateway(
    deployment: Deployment, is_open: bool = False, rights: Sequence[Right] = ("write", "read", "admin")
) -> AsyncIterator[Gateway]:
    """A gateway with a key for each right."""
    world = deployment.world
    store = KeyStore(world.link(), world.keys, world.names)
    keys: dict[str, str] = {right: (await store.create(right, [right]))[0] for right in rights}
    house = House(world, deployment.layout, is_open)
    async with aiohttp.ClientSession() as session, house.running():
        yield Gateway(house, await house.listen("127.0.0.1", 0), keys, session)
