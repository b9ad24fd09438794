"""Live segments over HTTP, on real services."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from knownas.serve.routes_segments import MembersShown, PutShown, SegmentsShown, SizedShown
from tests.builders import event, login
from tests.serve.conftest import shared
from tests.serve.running import Gateway, Heard

ONE = "/v1/segments/buyers"
CHARGED = {"did": "Charged"}


async def put(gateway: Gateway, query: Any, path: str = ONE, key: str = "admin", **more: Any) -> Heard:
    """Put a segment."""
    return await gateway.call("PUT", path, key, json={"query": query, **more})


async def filled(gateway: Gateway, path: str, version: int) -> SizedShown:
    """The segment once everybody is judged by this version of it."""
    async with asyncio.timeout(60):
        while True:
            shown = msgspec.convert((await gateway.get(path)).json, SizedShown)
            if shown["version"] >= version and not shown["filling"]:
                return shown
            await asyncio.sleep(0.05)


async def pages(gateway: Gateway, limit: int) -> list[list[str]]:
    """Who is in the segment, page by page."""
    found, cursor = [], ""
    while True:
        got = await gateway.get(f"{ONE}/members", params={"limit": str(limit), "cursor": cursor})
        page = msgspec.convert(got.json, MembersShown)
        found.append(page["profiles"])
        if page["cursor"] is None:
            return found
        cursor = page["cursor"]


async def test_a_segment_is_put_listed_sized_paged_replaced_and_removed(served: Gateway) -> None:
    buyers = [f"p{n}@x.ie" for n in range(7)]
    logins = [login(f"d{n}", email=email) for n, email in enumerate([*buyers, "ben@x.ie"])]
    heard = await served.put(*logins, *[event(f"d{n}", "Charged") for n in range(7)])
    ids = {
        (await served.get(f"/v1/profiles/by/email/{one}", params={"wait": heard.json["position"]})).json["id"]
        for one in buyers
    }
    answer = await put(served, "did Charged")
    assert answer.status == 202
    first = {"segment": "buyers", "version": 1, "query": CHARGED, "line": "did Charged"}
    assert msgspec.convert(answer.json, PutShown) == {**first, "unknown": []}
    assert await filled(served, ONE, 1) == {**first, "people": 7, "filling": 0}
    found = await pages(served, 3)
    assert sorted(map(len, found), reverse=True)[:2] == [3, 3]
    assert sorted(one for page in found for one in page) == sorted(ids)
    assert await pages(served, 1_000) == [[one for page in found for one in page]]

    second = await put(served, {"not": CHARGED}, replace=True)
    shown = {name: second.json[name] for name in first}
    assert shown["version"] == 2
    assert (await filled(served, ONE, 2))["people"] == 1
    assert msgspec.convert((await served.get("/v1/segments")).json, SegmentsShown) == {"segments": [shown]}

    gone = await served.call("DELETE", ONE, "admin")
    assert (gone.status, gone.json) == (202, {"segment": "buyers", "version": 3})
    assert (await served.get("/v1/segments")).json == {"segments": []}
    for path in (ONE, f"{ONE}/members"):
        assert (await served.get(path)).status == 404


REFUSED = [
    ({"query": "Plan like Gold"}, "gold", "bad_query", "at 6: an operator is wanted, not 'like'"),
    ({"query": "Plan ="}, "gold", "bad_query", "a value is wanted"),
    ({"query": {"all": [{"did": "A", "count": {"near": 1}}]}}, "gold", "bad_query", "all[0].count"),
    ({"query": "not " * 15 + "a = 1"}, "gold", "bad_query", "at most 10 deep"),
    ({"query": " and ".join(["a = 1"] * 101)}, "gold", "bad_query", "at most 100 conditions"),
    ({"query": {"property": "x", "equals": {"date": "soon"}}}, "gold", "bad_query", "not a date"),
    ({"query": 5}, "gold", "bad_query", "a condition is an object"),
    ({}, "gold", "bad_body", "missing required field `query`"),
    ({"query": "did Charged", "replaces": True}, "gold", "bad_body", "unknown field `replaces`"),
    ({"query": "did Charged"}, "g" * 201, "bad_request", "1 to 200 printable characters"),
    ({"query": "did Charged"}, "a%07b", "bad_request", "1 to 200 printable characters"),
]


@shared
async def test_what_cannot_be_a_segment_is_refused_at_its_place(standing: Gateway) -> None:
    for body, name, reason, says in REFUSED:
        refused = await standing.call("PUT", f"/v1/segments/{name}", "admin", json=body)
        assert (refused.status, refused.json["reason"]) == (400, reason), (body, refused.body)
        assert says in refused.json["error"]
    assert "gold" not in [one["segment"] for one in (await standing.get("/v1/segments")).json["segments"]]


@shared
async def test_a_name_that_exists_is_replaced_only_where_that_is_said(standing: Gateway) -> None:
    path = "/v1/segments/late: ü"
    assert (await put(standing, "did Charged", path)).status == 202
    refused = await put(standing, "did Viewed", path)
    assert (refused.status, refused.json["reason"]) == (409, "exists")
    assert (await standing.get(path)).json["line"] == "did Charged"
    replaced = await put(standing, "did Viewed or Paln = Gold", path, replace=True)
    assert (replaced.status, replaced.json["unknown"]) == (202, ["Viewed", "Paln"])
    shown = (await standing.get(path)).json
    assert (shown["segment"], shown["line"], shown["filling"]) == ("late: ü", "did Viewed or Paln = Gold", 4)


@shared
@pytest.mark.parametrize("cursor", ["x", "1", "1-", "-1-1", "1-x", "9" * 50 + "-1"])
async def test_a_cursor_is_one_that_a_page_gave(standing: Gateway, cursor: str) -> None:
    await put(standing, "did Charged", "/v1/segments/paged")
    refused = await standing.get("/v1/segments/paged/members", params={"cursor": cursor})
    assert (refused.status, refused.json["reason"]) == (400, "bad_cursor")
    assert (await standing.get("/v1/segments/paged/members", params={"limit": "0"})).status == 400


@shared
async def test_a_segment_that_is_not_there_is_not_found_and_who_only_reads_changes_none(standing: Gateway) -> None:
    for method, path in (("GET", ""), ("GET", "/members"), ("DELETE", "")):
        answer = await standing.call(method, f"/v1/segments/nobody{path}", "read" if method == "GET" else "admin")
        assert (answer.status, answer.json["reason"]) == (404, "no_such_segment")
    for key in ("read", "write"):
        assert (await put(standing, "did Charged", "/v1/segments/mine", key)).status == 403
        assert (await standing.call("DELETE", ONE, key)).status == 403
