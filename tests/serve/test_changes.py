"""Changes as server-sent events, on real services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp
import orjson

from tests.builders import event, login
from tests.serve.running import Gateway


@asynccontextmanager
async def listening(served: Gateway, after: str | None = None, **query: str) -> AsyncIterator[AsyncIterator[Any]]:
    """The events of a stream as (id, kind, data), once it is open; the first has an id alone."""
    headers = {"Authorization": f"Bearer {served.keys['read']}"} | ({"Last-Event-ID": after} if after else {})
    async with (
        aiohttp.ClientSession() as session,
        session.get(served.url + "/v1/changes", headers=headers, params=query) as got,
    ):
        assert got.status == 200, await got.read()
        async with aclosing(_events(got)) as events:
            yield events


async def _events(got: aiohttp.ClientResponse) -> Any:
    fields: dict[str, str] = {}
    async for line in got.content:
        name, _, text = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = text
        else:
            yield fields.get("id"), fields.get("event"), orjson.loads(fields.get("data", "null"))
            fields = {}


async def test_a_change_comes_while_one_listens_and_who_comes_back_misses_nothing(served: Gateway) -> None:
    async with asyncio.timeout(60):
        async with listening(served) as events:
            start, _, _ = await anext(events)
            await served.put(login("d-1", {"Name": "Ann"}, email="ann@x.ie"))
            seen, kind, change = await anext(events)
            assert (kind, change["profile"]["properties"]["Name"]) == ("changed", "Ann")
        put = await served.put(login("d-2", {"Name": "Bob"}, email="bob@x.ie"))
        bob = (await served.get("/v1/profiles/by/email/bob@x.ie", params={"wait": put.json["position"]})).json
        async with listening(served, after=seen) as events:
            await anext(events)
            assert (await anext(events))[2]["id"] == bob["id"]
        async with listening(served, after=start, profile=bob["id"]) as events:
            await anext(events)
            assert (await anext(events))[2]["id"] == bob["id"]


async def test_counting_alone_is_no_change_and_an_id_that_is_none_is_refused(served: Gateway) -> None:
    bad = await served.get("/v1/changes", headers={"Last-Event-ID": "nonsense"})
    assert (bad.status, bad.json["reason"]) == (400, "bad_event_id")
    async with asyncio.timeout(60), listening(served) as events:
        await anext(events)
        await served.put(event("d-1", "A"))
        await anext(events)
        await served.put(event("d-1", "A"), event("d-1", "A"), login("d-1", email="x@x.ie"))
        _, _, change = await anext(events)
        assert (change["version"], change["type"]) == (4, "addressable")
