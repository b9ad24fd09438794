"""The SDKs' ways in, without a browser or an app: their requests as they were captured."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from knownas.doors import Asked
from tests.doors.sdk import GUID, batch, push
from tests.pipeline.deployment import Deployment
from tests.serve.conftest import shared
from tests.serve.running import Gateway, Heard

G = "__a6f5545051624e2cab7079c7e9cd5424"


async def sends(served: Gateway, asked: Asked, key: str | None = "write") -> Heard:
    """Send what an SDK sends; its account is a key, as in a page or an app."""
    if asked.method == "POST":
        headers = {"X-CleverTap-Account-ID": "ACC", "X-CleverTap-Token": served.keys[key] if key else "nobody-knows-it"}
        return await served.call("POST", "/a1?os=Android&z=ACC", headers=headers, data=asked.body)
    return await served.call("GET", asked.path, params=list(asked.query))


def event(served: Gateway, name: str = "A", **more: Any) -> Asked:
    said = {"type": "event", "evtName": name, "evtData": {}, "g": GUID, "id": served.keys["write"]}
    return push(said | more, i=str(int(time.time())))


async def test_a_push_and_its_repetition_are_one_event(served: Gateway, deployment: Deployment) -> None:
    asked = event(served)
    heard = [await sends(served, again) for again in (asked, asked)]
    assert [answer.status for answer in heard] == [200, 200]
    assert heard[0].body.startswith(b"$WZRK_WR.tr(")
    assert "Knownas-Position" in heard[0].headers
    await deployment.settled()
    shown = (await served.get(f"/v1/profiles/by/device/{GUID}")).json
    assert shown["events"]["A"]["count"] == 1


async def test_a_batch_and_its_repetition_are_one_person_and_one_launch(
    served: Gateway, deployment: Deployment
) -> None:
    now = int(time.time())
    asked = batch(
        {"type": "event", "evtName": "App Launched", "evtData": {}, "ep": now},
        {"type": "profile", "profile": {"Identity": 61026032, "Email": "Jack@gmail.com"}, "ep": now},
        {"type": "data", "data": {"action": "register", "id": "tok", "type": "fcm"}, "ep": now},
        meta={"af": {"OS": "Android", "OS Version": "14"}},
    )
    assert [(await sends(served, again)).json["dnd"] for again in (asked, asked)] == [False, False]
    await deployment.settled()
    shown = (await served.get("/v1/profiles/by/identity/61026032")).json
    assert shown["devices"] == [G]
    assert shown["events"]["App Launched"]["count"] == 1
    assert shown["reachable"] == ["email", "push"]
    assert shown["context"]["os"] == "Android"


@shared
@pytest.mark.parametrize(
    ("more", "status"),
    [({"id": "nobody-knows-it"}, 401), ({"encrypted": True}, 402), ({"type": "riddle"}, 200)],
)
async def test_what_is_not_taken_is_answered_as_the_sdk_understands(
    standing: Gateway, more: dict[str, Any], status: int
) -> None:
    heard = await sends(standing, event(standing, **more))
    assert heard.status == status
    assert status == 200 or "error" in json.loads(heard.body)


@shared
async def test_an_app_without_a_key_is_refused_and_one_that_says_hello_is_answered(standing: Gateway) -> None:
    assert (await sends(standing, batch({"type": "ping"}), key=None)).status == 401
    assert (await standing.call("GET", "/hello")).headers["X-WZRK-RD"] == f"127.0.0.1:{standing.port}"
    assert (await sends(standing, batch()._replace(body=b"[]"))).status == 400
