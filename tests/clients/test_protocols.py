"""Requests as other clients of the two protocols make them: each is told from the next by a small habit."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from typing import Any

from aiohttp import ClientSession
from yarl import URL

from tests.clients.conftest import ACCOUNT, Town

TS = 1_763_791_200


async def ask(
    town: Town, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    async with (
        ClientSession() as session,
        session.request(method, URL(town.url + path, encoded=True), data=raw, headers=headers or {}) as answer,
    ):
        return answer.status, await answer.json()


def track(user: str, number: int, **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": user, "event": "Bought", "messageId": f"m-{number}"} | more


async def test_clients_of_segments_protocol_are_understood_whatever_their_habits(town: Town) -> None:
    basic = {"Authorization": "Basic " + b64encode(f"{town.key}:".encode()).decode()}
    key = {"writeKey": town.key}
    packed = gzip.compress(json.dumps({"batch": [track("u1", 6)]}).encode())
    asked: list[tuple[str, Any, dict[str, str]]] = [
        # Java: a slash at the end, the key in the body alone
        ("/v1/import/", {"batch": [track("u1", 1)], "sentAt": "2026-11-22T06:00:00.000Z", **key}, {}),
        # in pages: JSON that says it is text, short paths, one message each
        ("/v1/t", track("u1", 2, writeKey=town.key), {"Content-Type": "text/plain"}),
        ("/v1/t", track("u1", 3), {"Content-Type": "text/plain", **basic}),
        # in pages, gathered
        ("/v1/b", {"batch": [track("u1", 4, **key)]}, {"Content-Type": "text/plain"}),
        # RudderStack: the channel, traits twice, the anonymous id in a header
        (
            "/v1/identify",
            {
                "channel": "web", "userId": "u1", "anonymousId": "d-1", "messageId": "m-5", "type": "identify",
                "originalTimestamp": "2026-11-22T06:00:00.000Z", "context": {"traits": {"plan": "gold"}},
            },
            {"AnonymousId": b64encode(b"d-1").decode(), **basic},
        ),
        # packed
        ("/v1/batch", packed, {"Content-Encoding": "gzip", **basic}),
        # HTTP by hand: a bearer, a number for an id, seconds for a time
        ("/v1/track", track("u1", 7, timestamp=TS, userId="u1"), {"Authorization": f"Bearer {town.key}"}),
        ("/v1/track?writeKey=" + town.key, track("u1", 8), {}),
    ]  # fmt: skip
    for path, body, headers in asked:
        assert await ask(town, "POST", path, body, headers) == (200, {"success": True}), path
    jack = await town.person("identity", "u1")
    assert jack["events"]["Bought"]["count"] == 7
    assert (jack["properties"], jack["devices"]) == ({"plan": "gold"}, ["d-1"])

    status, said = await ask(town, "POST", "/v1/batch", {"batch": [{"type": "dance"}, track("u1", 9)]}, basic)
    assert (status, said["success"], [one["index"] for one in said["rejected"]]) == (200, True, [0])
    assert (await ask(town, "POST", "/v1/track", {"event": "E"}, basic))[0] == 400
    assert (await ask(town, "POST", "/v1/track", track("u1", 10)))[0] == 401
    assert (await ask(town, "POST", "/v1/batch", b"{", basic))[0] == 400


async def test_browsers_libraries_are_configured_to_send_here(town: Town) -> None:
    status, said = await ask(town, "GET", "/v1/projects/wk/settings")
    host = town.url.removeprefix("http://")
    here = {"apiKey": "wk", "apiHost": f"{host}/v1", "protocol": "http"}
    assert (status, said["integrations"]["Segment.io"]) == (200, here)
    status, said = await ask(town, "GET", "/sourceConfig/?writeKey=wk&p=npm")
    assert (status, said["source"]["enabled"], said["source"]["destinations"]) == (200, True, [])


async def test_calls_are_understood_as_the_documents_of_clevertap_have_them(town: Town) -> None:
    account = {"X-CleverTap-Account-Id": ACCOUNT, "X-CleverTap-Passcode": town.key}
    profile = {"Email": "Ann+x@Gmail.com", "Phone": 14155551234}
    batch = [
        {"identity": "u1", "type": "profile", "ts": str(TS), "profileData": profile},
        *({"identity": f"u{n}", "type": "event", "ts": TS, "evtName": "Bought", "evtData": {"n": n}} for n in range(5)),
    ]
    checked = await ask(town, "POST", "/1/upload?dryRun=1", {"d": [*batch, {"type": "x"}]}, account)
    assert (checked[1]["status"], checked[1]["processed"]) == ("partial", 6)
    good = {"status": "success", "processed": 6, "unprocessed": []}
    assert await ask(town, "POST", "/1/upload", {"d": batch}, account) == (200, good)
    ann = await town.person("identity", "u1")
    assert ann["events"]["Bought"]["count"] == 1, "what was only checked is counted"
    assert ann["properties"] == {"Email": "ann+x@gmail.com", "Phone": "+14155551234"}

    for email in ("ann+x@gmail.com", "ann%2Bx%40gmail.com", "Ann+x@Gmail.com"):
        status, said = await ask(town, "GET", f"/1/profile.json?email={email}", headers=account)
        assert (status, said["record"]["identity"]) == (200, "u1"), email

    query = {"event_name": "Bought", "from": "20251122", "to": "20251122"}
    met: list[Any] = []
    _, page = await ask(town, "POST", "/1/events.json?batch_size=2", query, account)
    while cursor := page.get("next_cursor", page.get("cursor")):
        status, page = await ask(town, "GET", f"/1/events.json?cursor={cursor}", headers=account)
        assert (status, len(page["records"]) <= 2) == (200, True)
        met += [record["event_props"]["n"] for record in page["records"]]
    assert sorted(met) == [0, 1, 2, 3, 4]
    assert (await ask(town, "POST", "/1/counts/events.json", query, account))[1]["count"] == 5
    for path in ("/1/events.json?cursor=nonsense", "/1/profiles.json?cursor=" + "A" * 3_000, "/1/profile.json"):
        status, said = await ask(town, "GET", path, headers=account)
        assert (status, said["status"]) == (400, "fail")
