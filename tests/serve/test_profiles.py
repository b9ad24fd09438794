"""The profile API on real services: what was uploaded is read back."""

from __future__ import annotations

import msgspec
import pytest

from knownas.serve.shapes import EntryShown, LedgerShown, ProfileShown, TimelineShown
from tests.builders import event, login
from tests.pipeline.deployment import Deployment
from tests.serve.conftest import shared
from tests.serve.running import Gateway


async def test_what_was_uploaded_is_read_by_whoever_waits_for_its_position(served: Gateway) -> None:
    put = await served.put(event("laptop", "Viewed"), login("laptop", {"Name": "Ann"}, email="ann@x.ie"))
    assert (put.status, put.json["status"], put.json["processed"]) == (200, "success", 2)
    assert put.json["position"] == put.headers["Knownas-Position"]
    read = await served.get("/v1/profiles/by/email/ann@x.ie", params={"wait": put.json["position"]})
    assert read.status == 200, read.body
    shown = msgspec.convert(read.json, ProfileShown)
    assert shown["properties"]["Name"] == "Ann"
    assert shown["events"]["Viewed"]["count"] == 1
    for path in (f"/v1/profiles/{shown['id']}", "/v1/profiles/by/device/laptop", "/v1/profiles/by/email/%20ANN%40X.IE"):
        assert (await served.get(path)).json["id"] == shown["id"]


async def test_a_profile_is_not_sent_again_until_a_record_was_applied_to_it(served: Gateway) -> None:
    put = await served.put(event("laptop", "Viewed"))
    first = await served.get("/v1/profiles/by/device/laptop", params={"wait": put.json["position"]})
    path, seen = f"/v1/profiles/{first.json['id']}", {"If-None-Match": first.headers["ETag"]}
    again = await served.get(path, headers=seen)
    assert (again.status, again.body) == (304, b"")
    put = await served.put(event("laptop", "Viewed"))
    changed = await served.get(path, headers=seen, params={"wait": put.json["position"]})
    assert (changed.status, changed.json["events"]["Viewed"]["count"]) == (200, 2)


async def test_a_guests_events_stand_in_the_timeline_in_gray_and_pages_meet(served: Gateway) -> None:
    await served.put(login("laptop", email="ann@x.ie"))
    put = await served.put(event("phone", "Seen", ts=1_763_700_000), event("phone", "Liked", ts=1_763_700_001))
    first = await served.get("/v1/profiles/by/device/phone", params={"wait": put.json["position"]})
    assert first.status == 200
    put = await served.put(login("phone", email="ann@x.ie"), event("phone", "Bought"))
    ann = await served.get("/v1/profiles/by/email/ann@x.ie", params={"wait": put.json["position"]})
    entries: list[EntryShown] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await served.get(f"/v1/profiles/{ann.json['id']}/timeline", params={"limit": 2, "cursor": cursor})
        shown = msgspec.convert(page.json, TimelineShown)
        entries += shown["entries"]
        cursor = shown["cursor"]
    named = {entry["evtName"]: entry["guest"] for entry in entries if "evtName" in entry}
    assert named == {"Bought": False, "Seen": True, "Liked": True}
    assert [entry.get("evtName") for entry in entries[-2:]] == ["Liked", "Seen"]
    assert "Seen" not in ann.json["events"]


async def test_the_ledger_says_why_and_as_of_when(served: Gateway) -> None:
    await served.put(event("phone", "Seen"))
    put = await served.put(login("phone", email="ann@x.ie"))
    ann = (await served.get("/v1/profiles/by/email/ann@x.ie", params={"wait": put.json["position"]})).json
    ledger = msgspec.convert((await served.get(f"/v1/profiles/{ann['id']}/ledger")).json, LedgerShown)
    assert {row["kind"] for row in ledger["rows"]} == {"bound", "claimed"}
    assert "ann@x.ie" not in str(ledger)
    story = (await served.get("/v1/explain/device/phone")).json
    assert (story["standing"]["state"], story["standing"]["profile"]) == ("identified", ann["id"])
    before = (await served.get("/v1/explain/email/ann@x.ie", params={"at": 1_000_000_000})).json
    assert (before["standing"]["state"], before["rows"]) == ("unowned", [])


async def test_who_was_deleted_is_not_there_and_that_is_why(served: Gateway, deployment: Deployment) -> None:
    put = await served.put(login("phone", email="ann@x.ie"))
    ann = (await served.get("/v1/profiles/by/email/ann@x.ie", params={"wait": put.json["position"]})).json["id"]
    await served.put({"type": "delete", "profile": ann})
    await deployment.settled()
    for path, reason in (
        (ann, "deleted"), (f"{ann}/timeline", "deleted"), ("by/email/ann@x.ie", "released"),
        ("by/device/phone", "speaks_for_nobody"),
    ):  # fmt: skip
        got = await served.get(f"/v1/profiles/{path}")
        assert (got.status, got.json["reason"]) == (404, reason)
    told = (await served.get(f"/v1/profiles/{ann}/ledger")).json
    assert told["standing"]["state"] == "deleted"
    assert told["standing"]["position"].keys() == {"topic", "partition", "offset"}


@shared
@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/v1/profiles/" + "f" * 32, 404, "no_such_profile"),
        ("/v1/profiles/by/email/nobody@x.ie", 404, "nobody_owns_it"),
        ("/v1/profiles/by/phone/+353", 404, "undeclared_kind"),
        ("/v1/profiles/by/email/null", 404, "unusable_identity"),
        ("/v1/profiles/by/device/none-such", 404, "no_such_device"),
        ("/v1/explain/device/none-such", 404, "not_in_ledger"),
        ("/v1/none", 404, "no_such_path"),
        ("/v1/profiles/x/timeline?limit=0", 400, "bad_query"),
        ("/v1/profiles/x?wait=events", 400, "bad_position"),
        ("/v1/profiles/x?wait=events/99@1", 400, "bad_position"),
        ("/v1/profiles/x?wait=events/1@999&wait_seconds=0", 504, "not_visible_yet"),
    ],
)
async def test_what_cannot_be_answered_says_why(standing: Gateway, path: str, status: int, reason: str) -> None:
    got = await standing.get(path)
    assert (got.status, got.json["reason"], got.json["code"]) == (status, reason, status)
