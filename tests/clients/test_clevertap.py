"""npm `clevertap`, CleverTap's own server library, against the gateway."""

from __future__ import annotations

from typing import Any

from tests.clients.conftest import Program, Town

TS = 1_763_791_200
JACK = {
    "identity": "61026032", "type": "profile", "ts": TS,
    "profileData": {
        "Name": "Jack Montana", "Email": "jack+x@gmail.com", "Phone": "+14155551234", "Gender": "M",
        "DOB": "$D_1388534400", "Customer Type": "Platinum", "Age": 30, "tags": {"$add": ["a", "b"]},
        "score": {"$incr": 5},
    },
}  # fmt: skip
VIEWED = {"Product name": "Casio Chronograph Watch", "Category": "Mens Watch", "Price": 59.99, "Currency": "USD"}
CHARGED = {"Amount": 300, "Charged ID": 24052013, "Items": [{"Name": "Lamp", "Qty": 2}]}
TODAY = {"from": 20251122, "to": 20251122}


def viewed(identity: Any, ts: Any = TS, data: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"identity": identity, "type": "event", "evtName": "Product viewed", "ts": ts, "evtData": data or {}}


async def test_profiles_events_and_tokens_are_uploaded_and_fetched(town: Town, clevertap: Program) -> None:
    batch = [
        JACK,
        viewed("61026032", TS + 1, VIEWED),
        viewed(61026032, "2025-11-22T06:00:02Z"),
        {"FBID": "34322423", "type": "event", "evtName": "Charged", "evtData": CHARGED},
        {"objectId": "-1a063", "type": "profile", "profileData": {"favoriteFood": "hot dogs"}},
        {"objectId": "-1a063", "type": "token", "tokenData": {"id": "tok", "type": "chrome", "keys": {"auth": "a"}}},
    ]
    ((uploaded,),) = [await town.call(clevertap, ["upload", batch])]
    assert uploaded == {"status": "success", "processed": 6, "unprocessed": []}

    jack = await town.person("identity", "61026032")
    assert jack["identities"] == {"identity": ["61026032"], "email": ["jack+x@gmail.com"]}
    assert jack["properties"] | {"tags": ["a", "b"], "score": 5, "Customer Type": "Platinum"} == jack["properties"]
    assert jack["events"]["Product viewed"] == {"count": 2, "first": TS + 1, "last": TS + 2}
    assert (await town.person("facebook", "34322423"))["type"] == "customer"
    assert (await town.person("device", "-1a063"))["reachable"] == ["push"]

    by_identity, by_email, by_object, nobody = await town.call(
        clevertap,
        ["profile", {"identity": "61026032"}],
        ["profile", {"email": "jack+x@gmail.com"}],
        ["profile", {"objectId": "-1a063"}],
        ["profile", {"identity": "nobody"}],
    )
    assert by_identity == by_email
    record = by_identity["record"]
    assert (by_identity["status"], record["identity"], record["email"]) == ("success", "61026032", "jack+x@gmail.com")
    assert record["events"]["Product viewed"] == {"count": 2, "first_seen": TS + 1, "last_seen": TS + 2}
    assert (
        by_object["record"]["platformInfo"][0] | {"objectId": "-1a063", "push_token": "tok"}
        == by_object["record"]["platformInfo"][0]
    )
    assert nobody["status"] == "fail"


async def test_a_bad_record_fails_alone_with_the_vendors_code(town: Town, clevertap: Program) -> None:
    bad = [
        {"identity": "a", "type": "event", "evtName": "App Launched", "evtData": {}},
        {"identity": "a", "type": "event", "evtName": "Late", "ts": TS * 1000, "evtData": {}},
        {"identity": "undefined", "type": "profile", "profileData": {"Plan": "Gold"}},
        {"identity": "a", "type": "profile", "profileData": {"Gender": "banana"}},
    ]
    (mixed, bad_alone) = await town.call(clevertap, ["upload", [viewed("a"), *bad]], ["upload", bad])
    assert (mixed["status"], mixed["processed"]) == ("partial", 1)
    assert [one["code"] for one in mixed["unprocessed"]] == [513, 525, 523, 514]
    assert [one["record"] for one in mixed["unprocessed"]] == bad
    assert (bad_alone["status"], bad_alone["processed"]) == ("fail", 0)
    assert (await town.person("identity", "a"))["events"]["Product viewed"]["count"] == 1


async def test_everybody_and_everything_is_fetched_page_by_page_and_counted(town: Town, clevertap: Program) -> None:
    many = [viewed(f"user-{n % 50}", TS + n, {"n": n}) for n in range(250)]
    guests = [{"objectId": "guest-1", "type": "event", "evtName": "Product viewed", "ts": TS, "evtData": {}}]
    late = [viewed("user-0", TS + 86_400)]
    (answers, *_) = await town.call(clevertap, ["upload", many], ["upload", guests], ["upload", late])
    assert answers == [{"status": "success", "processed": n, "unprocessed": []} for n in (100, 100, 50)]
    # the guest logs in as somebody known: an orphan, which is counted apart and never listed
    await town.call(
        clevertap, ["upload", [{"objectId": "guest-1", "identity": "user-1", "type": "profile", "profileData": {}}]]
    )
    await town.deployment.settled()

    query = {"event_name": "Product viewed", **TODAY}
    dear = query | {"event_properties": [{"name": "n", "operator": "greater_than", "value": 239}]}
    people, events, dear_events, none, count, times = await town.call(
        clevertap,
        ["profiles", query, {"batchSize": 7}],
        ["events", query, {"batchSize": 30}],
        ["events", dear],
        ["profiles", query | {"event_name": "Never done"}],
        ["getProfilesCount", query],
        ["getEventsCount", query],
    )
    assert sorted(record["identity"] for record in people) == sorted(f"user-{n}" for n in range(50))
    assert sorted(record["event_props"]["n"] for record in events) == list(range(250))
    assert sorted(record["event_props"]["n"] for record in dear_events) == list(range(240, 250))
    assert {record["ts"] // 1_000_000 for record in events} == {20251122}
    assert none == []
    assert count == {"status": "success", "count": 50, "orphans": 1}
    assert times == {"status": "success", "count": 250, "orphans": 1}


async def test_addresses_are_opted_out_and_in_and_taken_away(town: Town, clevertap: Program) -> None:
    await town.call(clevertap, ["upload", [JACK]])
    assert (await town.person("identity", "61026032"))["reachable"] == ["email", "sms"]
    for status, reachable in (("Unsubscribe", ["sms"]), ("Resubscribe", ["email", "sms"])):
        opt = {"d": [{"type": "email", "value": "jack+x@gmail.com", "status": status}]}
        (answer,) = await town.call(clevertap, ["subscribe", opt])
        assert answer == {"status": "success", "processed": 1, "unprocessed": []}
        assert (await town.person("identity", "61026032"))["reachable"] == reachable
    gone = {"d": [{"type": "email", "value": "jack+x@gmail.com"}, {"type": "phone", "value": "+14155551234"}]}
    (answer,) = await town.call(clevertap, ["disassociate", gone])
    assert (answer["status"], answer["unprocessed"][0]["code"]) == ("partial", 523)  # phones are no identities here
    assert (await town.person("identity", "61026032"))["identities"] == {"identity": ["61026032"]}


async def test_people_are_parted_from_their_names_and_deleted(town: Town, clevertap: Program) -> None:
    await town.call(clevertap, ["upload", [JACK, viewed("b"), viewed("c")]])
    jack, b, c = [await town.person("identity", who) for who in ("61026032", "b", "c")]
    parted, deleted = await town.call(
        clevertap, ["demerge", {"identities": ["61026032"]}], ["delete", {"identity": "b", "guid": [c["id"]]}]
    )
    assert parted == {"status": "success", "processed": 1, "unprocessed": []}
    assert deleted == {"status": "success", "processed": 2, "unprocessed": []}
    await town.deployment.settled()
    after = await town.read(f"/v1/profiles/{jack['id']}")
    assert (after["identities"], after["properties"]["Name"]) == ({}, "Jack Montana")
    assert [await town.changed(who["id"]) for who in (b, c)] == [None, None]
    gone = await town.call(clevertap, ["profile", {"identity": "b"}], ["profile", {"objectId": c["id"]}])
    assert [answer["status"] for answer in gone] == ["fail", "fail"]


async def test_a_person_is_addressed_by_what_a_fetch_showed(town: Town, clevertap: Program) -> None:
    await town.call(clevertap, ["upload", [JACK]])
    jack = await town.person("identity", "61026032")
    (fetched,) = await town.call(clevertap, ["profile", {"identity": "61026032"}])
    shown = fetched["record"]["platformInfo"][0]["objectId"]
    event = {"type": "event", "evtName": "Called", "evtData": {}}
    batch = [{**event, "objectId": shown}, {**event, "identity": "jack+x@gmail.com"}]
    (answer,) = await town.call(clevertap, ["upload", batch])
    assert answer["status"] == "success"
    after = await town.person("identity", "61026032")
    assert (after["id"], after["events"]["Called"]["count"]) == (jack["id"], 2)


async def test_every_answer_is_json_for_this_client_never_looks_at_the_status(town: Town, clevertap: Program) -> None:
    answers = await town.call(
        clevertap,
        ["realTimeCounts", {"user_type": False}],
        ["profiles", {"event_name": "E", "from": "yesterday"}],
        ["delete", {"identity": []}],
    )
    assert [answer["status"] if isinstance(answer, dict) else answer for answer in answers] == ["fail", [], "fail"]
    refused = await clevertap.run({
        "endpoint": f"{town.url}/1", "account": "A", "passcode": "wrong-passcode", "calls": [["upload", [JACK]]],
    })  # fmt: skip
    assert (refused[0]["status"], refused[0]["code"]) == ("fail", 401)
