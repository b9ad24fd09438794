"""Uploads on real services: what is taken, what is not and why, who may, and how much."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import orjson
import pytest

from tests.builders import event, login
from tests.pipeline.deployment import deployed
from tests.serve.conftest import shared
from tests.serve.running import Gateway, gateway

JSON = {"Content-Type": "application/json"}


async def test_records_that_are_wrong_do_not_hold_up_those_that_are_right(served: Gateway) -> None:
    put = await served.put(
        event("d-1", "A"), event("null", "B"), {"type": "event", "evtName": "C"}, login("d-1", identity="x"),
        {"type": "event", "device": "d-1", "evtName": "D", "evtData": {"n": 2**70}}, {"type": "nothing"},
    )  # fmt: skip
    assert (put.status, put.json["status"], put.json["processed"]) == (200, "partial", 2)
    refused = {each["index"]: each["reason"] for each in put.json["unprocessed"]}
    assert refused == {1: "bad_device", 2: "no_identity", 4: "number_out_of_range", 5: "unknown_type"}
    shown = await served.get("/v1/profiles/by/identity/x", params={"wait": put.json["position"]})
    assert shown.json["events"]["A"]["count"] == 1


@shared
async def test_records_go_where_a_producer_would_put_them(standing: Gateway) -> None:
    records = [event("d-1", "A"), event(None, "B", identities={"email": " Ann@X.ie"}), event("d-2", "C")]
    put = await standing.put(*records)
    topics = {part.partition("/")[0] for part in put.json["position"].split(",")}
    assert (put.json["processed"], topics) == (3, {"events", "updates"})


@shared
@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
async def test_packed_bodies_are_unpacked_within_the_limit(standing: Gateway, pack: object) -> None:
    encoding = {"Content-Encoding": "gzip" if pack is gzip.compress else "deflate", **JSON}
    body = orjson.dumps({"records": [event("d-1", "A")]})
    packed, bomb = (zlib.compress(b, wbits=31 if pack is gzip.compress else 15) for b in (body, b" " * 50_000_000))
    assert (await standing.call("POST", "/v1/records", "write", encoding, data=packed)).status == 200
    assert (await standing.call("POST", "/v1/records", "write", encoding, data=bomb)).status == 413
    assert (await standing.call("POST", "/v1/records", "write", encoding, data=b"not packed")).status == 400


@shared
@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "bad_body"),
        (b"{", 400, "bad_body"),
        (b'{"records": 1}', 400, "bad_body"),
        (b'{"records": [], "more": 1}', 400, "bad_body"),
        (b'{"records": [' + b"[" * 5_000 + b"]" * 5_000 + b"]}", 400, None),
        (b"[" * 9_000, 400, None),
        (orjson.dumps({"records": [event("d-1", "A")] * 11}), 413, "too_many_records"),
        (b" " * 20_001, 413, "too_large"),
        (b"\xff\xfe", 400, "bad_body"),
    ],
)
async def test_a_body_that_cannot_be_taken_is_refused_in_json(
    standing: Gateway, body: bytes, status: int, reason: str | None
) -> None:
    got = await standing.call("POST", "/v1/records", "write", JSON, data=body)
    assert got.status == status
    assert got.json["status"] == "fail"
    if reason is not None:
        assert got.json["reason"] == reason


@shared
@pytest.mark.parametrize(
    ("method", "path", "right", "status"),
    [
        ("POST", "/v1/records", None, 401),
        ("POST", "/v1/records", "read", 403),
        ("GET", "/v1/profiles/x", "write", 403),
        ("GET", "/v1/profiles/x", "admin", 403),
        ("PUT", "/v1/profiles/x/test-user", "read", 403),
        ("DELETE", "/v1/records", "write", 405),
        ("GET", "/health", None, 200),
        ("HEAD", "/health", None, 200),
        ("GET", "/health/live", None, 200),
        ("GET", "/health/ready", None, 200),
        ("GET", "/metrics", None, 200),
        ("GET", "/docs", None, 200),
    ],
)
async def test_each_right_needs_its_own_key(
    standing: Gateway, method: str, path: str, right: str | None, status: int
) -> None:
    assert (await standing.call(method, path, right)).status == status


@shared
async def test_a_key_is_refused_once_it_is_revoked_and_an_unknown_one_always(standing: Gateway) -> None:
    held = standing.house.app._keys
    key, _ = await held._store.create("a page", ["write"])
    await held.look()
    shown = {"Authorization": f"Bearer {key}"}
    assert (await standing.call("POST", "/v1/records", headers=shown, json={"records": []})).status == 200
    assert await held._store.revoke(key) is not None
    await held.look()
    assert (await standing.call("POST", "/v1/records", headers=shown, json={"records": []})).status == 401
    assert (await standing.call("GET", "/v1/profiles/x", headers={"Authorization": "Bearer nonsense"})).status == 401


async def test_who_asks_too_much_is_told_when_to_come_back(kafka: str, redis_url: str, namespace: str) -> None:
    async with deployed(kafka, redis_url, namespace, http_key_rate=20) as made, gateway(made) as running:
        got = [await running.put() for _ in range(80)]
    refused = [each for each in got if each.status == 429]
    assert refused
    assert all(each.headers["Retry-After"] == "1" and each.json["reason"] == "too_many_requests" for each in refused)


@shared
async def test_a_slow_body_is_given_up(standing: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", standing.port)
    key = standing.keys["write"].encode()
    writer.write(b"POST /v1/records HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key)
    writer.write(b"\r\nContent-Length: 100\r\n\r\n{")
    assert b" 408 " in await reader.readline()
    assert b"too_slow" in await reader.read()
    writer.close()


@shared
@pytest.mark.parametrize("head", [b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n"])
async def test_what_is_no_request_is_refused_in_json(standing: Gateway, head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", standing.port)
    writer.write(head)
    answer = await reader.read()
    assert b" 400 Bad Request" in answer
    assert b'"reason":"bad_request"' in answer
    writer.close()


@shared
async def test_a_page_of_a_listed_origin_may_call_what_is_meant_for_pages_and_no_other_may(standing: Gateway) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    listed, other = {"Origin": "https://shop.example"}, {"Origin": "https://elsewhere.example"}
    allowed = await standing.call("OPTIONS", "/v1/batch", headers={**asks, **listed})
    assert (allowed.status, allowed.headers["Access-Control-Allow-Origin"]) == (204, "https://shop.example")
    assert allowed.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    for path, headers in (("/v1/batch", other), ("/v1/profiles/x", listed)):
        refused = await standing.call("OPTIONS", path, headers={**asks, **headers})
        assert "Access-Control-Allow-Origin" not in refused.headers


async def test_a_mark_as_test_user_is_an_administrators(served: Gateway) -> None:
    put = await served.put(event("d-1", "A"))
    shown = (await served.get("/v1/profiles/by/device/d-1", params={"wait": put.json["position"]})).json
    marked = await served.call("PUT", f"/v1/profiles/{shown['id']}/test-user", "admin", json={"test": True})
    assert (marked.status, marked.json) == (202, {"status": "success", "test": True})
    seen = await served.get(f"/v1/profiles/{shown['id']}", params={"wait": marked.headers["Knownas-Position"]})
    assert seen.json["system"]["ct_is_test_user"] == "Yes"
