"""The overview on real services: what came in is seen at a glance."""

from __future__ import annotations

import time

import msgspec

from knownas.operate.glance import Overview
from knownas.operate.overview import Overviews
from knownas.operate.world import World
from knownas.serve.routes_overview import RejectedShown
from tests.builders import event, login
from tests.pipeline.deployment import Deployment
from tests.serve.running import Gateway


async def overview(served: Gateway) -> Overview:
    """The overview as it is now."""
    heard = await served.get("/v1/overview")
    assert heard.status == 200, heard.body
    return msgspec.json.decode(heard.body, type=Overview)


async def test_the_overview_tells_who_is_there_what_came_in_and_who_works(
    served: Gateway, deployment: Deployment
) -> None:
    await served.put(login("laptop", {"Name": "Ann"}, email="ann@x.ie"))
    await served.put(event("phone", "Seen"), event("phone", "Liked"))
    await deployment.settled()
    await served.put(login("phone", email="ann@x.ie"))
    await deployment.settled()
    seen = await overview(served)
    assert seen.trouble == []
    assert (seen.people.anonymous, seen.people.addressable, seen.people.orphans, seen.people.gray) == (0, 1, 1, 2)
    for points, most in ((seen.traffic.per_minute, 60), (seen.traffic.per_hour, 48)):
        assert (len(points), sum(point.records for point in points)) == (most, 4)
    assert seen.traffic.per_second > 0
    (link,) = seen.links.newest
    assert (seen.links.total, len(seen.links.per_day), seen.links.per_day[-1].count) == (1, 90, 1)
    changed = {(change.profile, change.name) for change in seen.changes}
    assert changed == {(link.profile, "Ann"), (link.guest, None)}
    (worker,) = seen.workers
    assert {topic: len(held) for topic, held in worker.holds.items()} == {"events": 4, "updates": 4, "resolved": 4}
    assert {(one.behind, one.worker) for one in seen.lag} == {(0, worker.member)}
    assert sum(one.end for one in seen.lag if one.topic == "events") == 4
    assert (await deployment.verify()).differences == []


async def test_rejections_are_counted_by_reason_wherever_they_were_found_with_examples(
    served: Gateway, deployment: Deployment
) -> None:
    await deployment.send(b"{", b"[]", {"type": "logout", "device": "nobody"})
    await deployment.send({"type": "event", "profile": "0" * 32, "evtName": "Seen"})
    await deployment.settled()
    seen = await overview(served)
    counts = {one.reason: one.count for one in seen.rejected}
    assert counts == {"not_json": 1, "not_object": 1, "nobody_logs_out": 1, "unknown_profile": 1}
    for one in seen.rejected:
        (example,) = one.examples
        assert one.first == one.last == example.at
        assert one.sentence.endswith(".")
    assert (await deployment.verify()).differences == []


async def test_the_bytes_of_a_rejected_record_are_for_administrators(served: Gateway, deployment: Deployment) -> None:
    await deployment.send(b"{", b"\xff", partition=1)
    await deployment.settled()
    (reason,) = (await overview(served)).rejected
    shown = []
    for example in reason.examples:
        path = f"/v1/rejected/{example.topic}/{example.partition}/{example.offset}"
        assert (await served.get(path)).status == 403
        heard = await served.call("GET", path, "admin", params={"at": example.at})
        found = msgspec.convert(heard.json, RejectedShown)
        place = found["rejected"]
        there = await served.call("GET", f"/v1/rejected/{place['partition']}/{place['offset']}", "admin")
        assert there.json == heard.json
        shown.append((found["reason"], found["offset"], found.get("text", found.get("base64"))))
    assert shown == [("not_json", 1, "/w=="), ("not_json", 0, "{")]
    for path in ("events/1/9", "events/99/0", "0/99", "99/0"):
        assert (await served.call("GET", f"/v1/rejected/{path}", "admin")).status == 404
    for path in ("other/1/0", "events/x/0", "0/-1", "events/1/0?at=soon"):
        assert (await served.call("GET", f"/v1/rejected/{path}", "admin")).status == 400


async def test_links_of_people_who_are_deleted_are_shown_no_more(served: Gateway, deployment: Deployment) -> None:
    for who in ("ann", "ben"):
        await served.put(login(f"laptop of {who}", email=f"{who}@x.ie"), event(f"phone of {who}", "Seen"))
    await deployment.settled()
    for who in ("ann", "ben"):
        await served.put(login(f"phone of {who}", email=f"{who}@x.ie"))
    await deployment.settled()
    ben = await deployment.of_identity("email", "ben@x.ie")
    await served.put({"type": "delete", "identities": {"email": "ann@x.ie"}})
    await deployment.settled()
    seen = await overview(served)
    assert (seen.links.total, seen.links.per_day[-1].count, [link.profile for link in seen.links.newest]) == (
        2, 2, [ben.id],
    )  # fmt: skip
    assert [change.profile for change in seen.changes if change.deleted]
    assert (await deployment.verify()).differences == []


async def test_where_kafka_is_away_the_overview_shows_what_the_store_has(
    served: Gateway, deployment: Deployment
) -> None:
    await served.put(event("phone", "Seen"))
    await deployment.settled()
    alone = World(deployment.settings.model_copy(update={"kafka": "127.0.0.1:1"}))
    try:
        seen = await Overviews(alone, deployment.layout).look(int(time.time() * 1000))
    finally:
        await alone.close()
    assert (seen.people.anonymous, sum(point.records for point in seen.traffic.per_minute)) == (1, 1)
    assert (seen.lag, seen.workers, seen.changes) == ([], [], [])
    assert seen.trouble == ["Kafka does not answer at 127.0.0.1:1"]


async def test_a_segment_shows_who_came_today_and_how_many_there_are(served: Gateway, deployment: Deployment) -> None:
    put = await served.call("PUT", "/v1/segments/seen", "admin", json={"query": "did Seen"})
    assert put.status == 202, put.body
    await served.put(event("phone", "Seen"), event("laptop", "Seen"), event("desk", "Liked"))
    while (seen := (await overview(served)).segments[0]).filling or not seen.days[-1].entered:
        await deployment.settled()
    assert (seen.name, seen.query, seen.people) == ("seen", "did Seen", 2)
    assert [(day.entered, day.left, day.people) for day in seen.days] == [(2, 0, 2)]


async def test_the_overview_needs_a_key_that_may_read(served: Gateway) -> None:
    assert (await served.call("GET", "/v1/overview")).status == 401
    assert (await served.call("GET", "/v1/overview", "write")).status == 403
