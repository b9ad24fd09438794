"""What somebody tries who means harm: none of it fails the gateway, costs it much, or shows up in its log."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import structlog

from knownas.doors import Asked
from knownas.serve.http import HttpServer
from knownas.serve.routes import About, Route
from tests.builders import event
from tests.doors.sdk import push
from tests.serve.conftest import SHOP, shared
from tests.serve.running import Gateway

pytestmark = shared

ELSEWHERE = "https://elsewhere.example"


async def raw(served: Gateway, *parts: bytes) -> bytes:
    """What comes back for some bytes, sent one part after the other, until the connection closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        for place, part in enumerate(parts):
            if place:
                await asyncio.sleep(0.05)
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def head(line: str, key: str = "", *more: str) -> bytes:
    shown = [f"Authorization: Bearer {key}"] if key else []
    return "\r\n".join([line, "Host: x", "Connection: close", *shown, *more, "", ""]).encode()


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 14", "Content-Length: 5"),
        ("Content-Length: +14",),
        ("Transfer-Encoding: xchunked",),
        ("X-A: b", " folded: c"),
        ("X-A : b",),
        ("X-A: a\0b",),
        ("Host: y",),
        tuple(f"X-{n}: y" for n in range(200)),
    ],
)
async def test_a_head_that_two_programs_might_read_in_two_ways_is_no_request(
    standing: Gateway, fields: tuple[str, ...]
) -> None:
    answer = await raw(standing, head("POST /v1/records HTTP/1.1", standing.keys["write"], *fields) + b'{"records":[]}')
    assert answer.split(b" ")[1] == b"400"
    assert answer.count(b"HTTP/1.") == 1


@pytest.mark.parametrize("key", ["", "nonsense"])
async def test_a_body_is_not_waited_for_from_who_shows_no_key(standing: Gateway, key: str) -> None:
    more = ("Content-Length: 10000", "Expect: 100-continue")
    answer = await raw(standing, head("POST /v1/records HTTP/1.1", key, *more))
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_who_may_show_a_key_in_the_body_sends_little_before_that(unlocked: Gateway) -> None:
    # From elsewhere, so it needs a key; the limit of this gateway is the usual one.
    body = b'{"batch": [' + b" " * 2_000_000 + b'], "writeKey": "' + unlocked.keys["write"].encode() + b'"}'
    sent = {"Origin": ELSEWHERE}
    assert (await unlocked.call("POST", "/v1/batch", headers=sent, data=body)).status == 413
    assert (await unlocked.call("POST", "/v1/batch", "write", headers=sent, data=body)).status == 200
    short = body.replace(b" " * 2_000_000, b"")
    assert (await unlocked.call("POST", "/v1/batch", headers=sent, data=short)).status == 200


@pytest.mark.parametrize("rest", [b"", b"zz\r\n"])
async def test_a_body_that_breaks_off_is_the_senders_matter(standing: Gateway, rest: bytes) -> None:
    coding = "Content-Length: 100" if not rest else "Transfer-Encoding: chunked"
    with structlog.testing.capture_logs() as said:
        start = head("POST /v1/records HTTP/1.1", standing.keys["write"], coding)
        if rest:
            assert (await raw(standing, start + b"1\r\n{\r\n", rest)).startswith(b"HTTP/1.1 40")
        else:
            _, writer = await asyncio.open_connection("127.0.0.1", standing.port)
            writer.write(start + b"{")
            await writer.drain()
            writer.transport.abort()
            await standing.call("GET", "/health")
    assert said == []


async def test_what_fails_is_logged_by_where_it_failed_and_not_by_what_was_sent(standing: Gateway) -> None:
    async def fails(asked: Asked) -> Any:
        raise KeyError(asked.said("email"))

    standing.house.app._table._plain["/fails"] = {"GET": Route("GET", "/fails", fails, None, About("", "Tests"))}
    with structlog.testing.capture_logs() as said:
        got = await standing.call(
            "GET", "/fails?email=ann@x.ie", "admin", headers={"X-CleverTap-Passcode": "very secret"}
        )
    (line,) = said
    assert (got.status, line["what"]) == (500, "KeyError")
    assert line["number"] in got.json["error"]
    assert "test_attacks.py" in line["where"]
    assert not any(word in str(said) + str(got.json) for word in ("ann@x.ie", "very secret", standing.keys["admin"]))


async def test_a_head_of_a_stream_is_answered_and_opens_none(standing: Gateway) -> None:
    before = standing.house._streams._open
    assert (await standing.call("HEAD", "/v1/changes", "read")).status == 200
    assert standing.house._streams._open == before


@pytest.mark.parametrize("after", ["0@" + "9" * 19, "9" * 19 + "@0", "-1@0", "0@-1", "0@1." * 6_000, "0@²"])
async def test_a_place_in_the_stream_that_cannot_be_is_refused(standing: Gateway, after: str) -> None:
    got = await standing.call("GET", "/v1/changes", "read", headers={"Last-Event-ID": after})
    assert got.status == 400


@pytest.mark.parametrize(
    "path",
    ["//", "/../health", "/%2e%2e/health", "/HEALTH", "/health;x", "/v1/profiles/..%2fx", "/v1/profiles/%00"],
)
async def test_a_path_is_taken_by_the_letter(standing: Gateway, path: str) -> None:
    assert (await raw(standing, head(f"GET {path} HTTP/1.1", standing.keys["read"]))).startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/v1/records", {}, 200),
        ("POST", "/v1/batch", {"Origin": SHOP}, 200),
        ("POST", "/v1/records", {"Origin": SHOP}, 401),
        ("POST", "/1/delete/profiles.json", {"Origin": SHOP}, 401),
        ("POST", "/v1/records", {"Origin": ELSEWHERE}, 401),
        ("POST", "/v1/records", {"Origin": "null"}, 401),
        ("POST", "/v1/records", {"Referer": ELSEWHERE + "/page"}, 401),
        ("POST", "/v1/records", {"Referer": "http://[bad"}, 401),
        ("POST", "/v1/records", {"Sec-Fetch-Site": "cross-site"}, 401),
        ("POST", "/v1/records", {"Sec-Fetch-Site": "same-site"}, 401),
        ("POST", "/v1/records", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("POST", "/v1/records", {"Host": "elsewhere.example"}, 401),
        ("POST", "/v1/records", {"Host": "127.0.0.1.elsewhere.example"}, 401),
        ("POST", "/v1/records", {"Host": "["}, 401),
    ],
)
async def test_without_keys_only_programs_on_this_machine_are_let_in(
    unlocked: Gateway, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    body = {"records": [event("d-1", "A")], "batch": []}
    if path == "/v1/records":
        del body["batch"]
    assert (await unlocked.call(method, path, headers=headers, json=body)).status == status


async def test_a_pages_words_come_back_as_data_and_never_as_script(standing: Gateway) -> None:
    words = "</script><script>alert(1)//\u2028\"');"
    asked = push({"type": "event", "evtName": "A", "evtData": {}, "id": standing.keys["write"]}, gc=words)
    heard = await standing.call("GET", "/a", params=list(asked.query))
    assert heard.headers["Content-Type"].startswith("text/javascript")
    assert heard.headers["X-Content-Type-Options"] == "nosniff"
    text = heard.body.decode()
    assert "<" not in text
    assert "\u2028" not in text
    assert text.startswith("$WZRK_WR.tr(")


async def test_many_who_wait_leave_the_store_alone(standing: Gateway) -> None:
    looks = 0
    fresh = standing.house._fresh
    seen = fresh._seen

    async def counted() -> Any:
        nonlocal looks
        looks += 1
        return await seen()

    fresh._seen = counted  # type: ignore[method-assign]
    try:
        started = time.monotonic()
        path = "/v1/profiles/x?wait=events/1@999"
        got = await asyncio.gather(*(standing.call("GET", path, "read") for _ in range(10)))
    finally:
        fresh._seen = seen  # type: ignore[method-assign]
    assert {each.status for each in got} == {504}
    assert looks <= 10 * 30, f"{looks} looks in {time.monotonic() - started:.1f} s"


async def test_connections_beyond_the_limit_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr("knownas.serve.http.CONNECTIONS", 1)
    server = HttpServer(never)
    port = await server.start("127.0.0.1", 0)
    first = await asyncio.open_connection("127.0.0.1", port)
    first[1].write(b"GET / HTTP/1.1\r\n")
    await first[1].drain()
    second, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await second.read() == b""
    for each in (writer, first[1]):
        each.close()
    await server.stop(1)
