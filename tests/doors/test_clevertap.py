"""CleverTap's upload as records, and its answers."""

from __future__ import annotations

from typing import Any

import pytest

from knownas.doors import UNAVAILABLE, Answer, Asked, Put, Taken
from knownas.doors.clevertap import doubts_of, read_upload, readdressed
from knownas.doors.clevertap_batch import answer_batch, refused
from knownas.doors.clevertap_leaving import read_delete, read_demerge, read_disassociate, read_subscribe
from knownas.errors import WrongInput
from knownas.nouns import Position
from tests.doors.asking import asked, decoded

KINDS = ("identity", "email", "facebook", "google")
GUID = "43c5d176c9e9445cb73b582ca461bc6a"
HERE = Put(Position("updates", 0, 7))
A = {"identities": {"identity": "a"}}


def upload(*records: Any) -> Asked:
    return asked("/1/upload", {"d": list(records)})


def said(answer: Answer) -> Any:
    return decoded(answer)


@pytest.mark.parametrize(
    ("sent", "record"),
    [
        (
            {"identity": "a", "type": "event", "ts": 1763791201, "evtName": "Viewed", "evtData": {"Price": 59.99}},
            {"type": "event", **A, "ts": 1763791201, "evtName": "Viewed", "evtData": {"Price": 59.99}},
        ),
        (
            {"identity": 61026032, "type": "profile", "profileData": {"score": {"$incr": 5}, "DOB": "$D_1388534400"}},
            {
                "type": "profile",
                "identities": {"identity": 61026032},
                "profileData": {"score": {"$incr": 5}, "DOB": "$D_1388534400"},
            },
        ),
        (
            {"FBID": "34322423", "type": "event", "evtName": "Charged", "evtData": {"Items": [{"Name": "Lamp"}]}},
            {
                "type": "event",
                "identities": {"facebook": "34322423"},
                "evtName": "Charged",
                "evtData": {"Items": [{"Name": "Lamp"}]},
            },
        ),
        (
            {"GPID": "g", "email": "a@x.org", "type": "event", "evtName": "E"},
            {"type": "event", "identities": {"email": "a@x.org", "google": "g"}, "evtName": "E", "evtData": {}},
        ),
        (
            {"objectId": "-1a063", "type": "profile", "profileData": {"Plan": "Gold"}, "$source": "crm"},
            {"type": "profile", "device": "-1a063", "profileData": {"Plan": "Gold"}},
        ),
        (
            {"objectId": "-1a063", "identity": "a", "type": "profile"},
            {"type": "profile", "device": "-1a063", **A, "profileData": {}},
        ),
        (
            {
                "objectId": "-1a063",
                "type": "token",
                "tokenData": {"id": "tok", "type": "chrome", "keys": {"auth": "a"}},
            },
            {"type": "profile", "device": "-1a063", "context": {"pushToken": "tok"}},
        ),
        (
            {"identity": "a", "type": "token", "tokenData": {"id": "tok", "type": "FCM"}},
            {
                "type": "login",
                "device": "_t_ec0167f7bb238b9e268eb0e1381c7825",
                **A,
                "context": {"pushToken": "tok"},
            },
        ),
    ],
)
def test_a_record_becomes_one_of_ours(sent: dict[str, Any], record: dict[str, Any]) -> None:
    reading = read_upload(upload(sent)).reading
    assert reading.failed == []
    assert reading.taken == [Taken(0, record)]


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        (1763791200, 1763791200),
        (1763791200.5, 1763791200.5),
        ("1763791200", 1763791200),
        ("$D_1763791200", 1763791200),
        ("2025-11-22T06:00:00Z", 1763791200),
        ("2025-11-22T11:30:00+05:30", 1763791200),
        ("2025-11-22 06:00:00", 1763791200),
        ("2025-11-22", 1763769600),
        (None, None),
        ("", None),
    ],
)
def test_times_come_as_seconds_as_text_and_as_iso(ts: Any, expected: Any) -> None:
    (taken,) = read_upload(upload({"identity": "a", "type": "event", "evtName": "E", "ts": ts})).reading.taken
    assert taken.record.get("ts") == expected


@pytest.mark.parametrize(
    ("phone", "expected"), [(14155551234, "+14155551234"), (2070313000, "2070313000"), ("+1 415", "+1 415")]
)
def test_a_phone_that_came_as_a_number_is_text_with_the_plus_that_json_took(phone: Any, expected: str) -> None:
    sent = {"identity": "a", "type": "profile", "profileData": {"Phone": phone}}
    assert read_upload(upload(sent)).reading.taken[0].record["profileData"] == {"Phone": expected}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"identity": "a", "type": "event"}, 509),
        ({"identity": "a", "type": "event", "evtName": ""}, 509),
        ({"identity": "a", "type": "event", "evtName": 7}, 512),
        ({"identity": "a", "type": "event", "evtName": "E", "evtData": []}, 512),
        ({"identity": "a", "type": "event", "evtName": "App Launched"}, 513),
        ({"identity": "a", "type": "event", "evtName": "wzrk_fetch"}, 513),
        ({"identity": "a", "type": "profile", "profileData": {"Gender": "X"}}, 514),
        ({"identity": "a", "type": "profile", "profileData": {"Email": "nobody"}}, 515),
        ({"identity": "a", "type": "profile", "profileData": {"Email": {"$set": "nobody"}}}, 515),
        ({"identity": "a", "type": "profile", "profileData": {"Phone": "call me"}}, 516),
        ({"identity": "a", "type": "profile", "profileData": {"Employed": "often"}}, 517),
        ({"identity": "a", "type": "profile", "profileData": {"Education": "life"}}, 518),
        ({"identity": "a", "type": "profile", "profileData": {"Married": 2}}, 519),
        ({"identity": "a", "type": "profile", "profileData": {"Age": "old"}}, 520),
        ({"type": "profile", "profileData": {}}, 523),
        ({"identity": ["a"], "type": "profile"}, 523),
        ({"identity": "", "type": "event", "evtName": "E"}, 523),
        ({"identity": "a", "type": "thing"}, 524),
        ({"identity": "a"}, 524),
        ({"identity": "a", "type": ["event"]}, 524),
        ({"identity": "a", "type": "profile", "profileData": "x"}, 524),
        ("a record", 524),
        ({"identity": "a", "type": "profile", "ts": "yesterday"}, 525),
        ({"identity": "a", "type": "profile", "ts": True}, 525),
        ({"objectId": 5, "type": "profile"}, 526),
        ({"identity": "a", "type": "token"}, 531),
        ({"identity": "a", "type": "token", "tokenData": {"type": "fcm"}}, 532),
        ({"identity": "a", "type": "token", "tokenData": {"id": "t", "type": "pigeon"}}, 533),
    ],
)
def test_a_record_that_cannot_be_read_gets_the_vendors_code(sent: Any, code: int) -> None:
    batch = read_upload(upload(sent))
    body = said(answer_batch(batch, []))
    assert (body["status"], body["processed"]) == ("fail", 0)
    (one,) = body["unprocessed"]
    assert (one["status"], one["code"], one["record"]) == ("fail", code, sent)
    assert one["error"]


@pytest.mark.parametrize("value", [None, "", {"$delete": True}, {"$add": ["x"]}])
def test_a_known_field_may_be_removed_or_worked_on(value: Any) -> None:
    for field in ("Gender", "Email", "Phone", "Employed", "Education", "Married", "Age"):
        assert not read_upload(
            upload({"identity": "a", "type": "profile", "profileData": {field: value}})
        ).reading.failed


GOOD = {"identity": "a", "type": "event", "evtName": "E"}


@pytest.mark.parametrize(
    ("puts", "status", "processed", "codes", "http"),
    [
        ([HERE, HERE], "success", 2, [], 200),
        ([HERE, Put(None, "future_ts", "ts is ahead")], "partial", 1, [525], 200),
        ([Put(None, "too_many_keys"), Put(None, "bad_device")], "fail", 0, [522, 526], 200),
        ([Put(None, "suppressed"), Put(None, "too_deep")], "fail", 0, [528, 512], 200),
        ([HERE, Put(None, UNAVAILABLE, "Kafka is away")], "partial", 1, [555], 503),
    ],
)
def test_the_status_means_what_it_says(
    puts: list[Put], status: str, processed: int, codes: list[int], http: int
) -> None:
    answer = answer_batch(read_upload(upload(GOOD, GOOD)), puts)
    body = said(answer)
    assert (answer.status, body["status"], body["processed"]) == (http, status, processed)
    assert [one["code"] for one in body["unprocessed"]] == codes
    assert ("Retry-After" in answer.headers) == (http == 503)


def test_an_answer_to_a_good_batch_is_the_vendors_to_the_letter() -> None:
    answer = answer_batch(read_upload(upload(GOOD)), [HERE])
    assert answer.body == b'{"status":"success","processed":1,"unprocessed":[]}'


def test_one_record_need_not_stand_in_a_list() -> None:
    assert len(read_upload(asked("/1/upload", {"d": GOOD})).reading.taken) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"d":1}', b"{}", b"[" * 5_000])
def test_what_is_no_batch_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(WrongInput):
        read_upload(asked("/1/upload", body))


def test_a_batch_holds_at_most_a_thousand_records() -> None:
    assert len(read_upload(upload(*[GOOD] * 1_000)).reading.taken) == 1_000
    with pytest.raises(WrongInput, match="at most 1,000"):
        read_upload(upload(*[GOOD] * 1_001))


def test_a_fault_is_said_in_the_vendors_words() -> None:
    assert said(refused(429, "too_many_requests", "slow down")) == {
        "status": "fail", "code": 429, "error": "slow down", "reason": "too_many_requests",
    }  # fmt: skip


def test_what_only_the_store_can_tell_is_asked_and_settled() -> None:
    sent = [
        {"objectId": GUID, "type": "event", "evtName": "E"},
        {"objectId": "-1a063", "type": "event", "evtName": "E"},
        {"identity": "ann@x.org", "type": "event", "evtName": "E"},
        {"identity": "+353871234567", "type": "event", "evtName": "E"},
        {"identity": "ann", "type": "event", "evtName": "E"},
        {"objectId": GUID, "identity": "ann@x.org", "email": "a@x.org", "type": "profile"},
    ]
    reading = read_upload(upload(*sent)).reading
    doubts = doubts_of(reading)
    assert doubts.objects == {GUID}
    assert doubts.names == {"ann@x.org": "email", "+353871234567": "phone"}
    records = [taken.record for taken in readdressed(reading, {GUID}, {"ann@x.org": "email"}).taken]
    assert [record.get("profile") for record in records] == [GUID, None, None, None, None, None]
    assert [record.get("identities") for record in records[2:]] == [
        {"email": "ann@x.org"},
        {"identity": "+353871234567"},
        {"identity": "ann"},
        {"identity": "ann@x.org", "email": "a@x.org"},
    ]


@pytest.mark.parametrize(
    ("body", "records"),
    [
        ({"identity": "a"}, [A]),
        ({"identity": ["a", 5]}, [A, {"identities": {"identity": 5}}]),
        ({"guid": GUID}, [{"device": GUID}]),
        ({"identity": "a", "guid": [GUID]}, [A, {"device": GUID}]),
        ({"identity": ["ann@x.org"]}, [{"identities": {k: "ann@x.org"}} for k in ("identity", "email")]),
        ({"identity": "+353871234567"}, [{"identities": {"identity": "+353871234567"}}]),
        ({"identity": "a", "suppress": True}, [A | {"suppress": True}]),
    ],
)
def test_a_delete_names_people_by_identity_or_guid(body: dict[str, Any], records: list[dict[str, Any]]) -> None:
    taken = read_delete(asked("/1/delete/profiles.json", body), KINDS).reading.taken
    assert [one.record for one in taken] == [{"type": "delete", **record} for record in records]


def test_a_demerge_names_identities() -> None:
    batch = read_demerge(asked("/1/demerge/profiles.json", {"identities": ["a"]}), KINDS)
    assert batch.reading.taken == [Taken(0, {"type": "demerge", **A})]
    assert said(answer_batch(batch, [HERE])) == {"status": "success", "processed": 1, "unprocessed": []}


@pytest.mark.parametrize("body", [{}, {"identity": []}, {"identity": [str(i) for i in range(101)]}])
def test_a_delete_of_nobody_or_of_too_many_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(WrongInput):
        read_delete(asked("/1/delete/profiles.json", body), KINDS)


@pytest.mark.parametrize(("status", "opted"), [("Unsubscribe", False), ("Resubscribe", True), ("subscribe", True)])
def test_a_subscription_is_of_the_address(status: str, opted: bool) -> None:
    said_so = {"type": "email", "value": "a@x.org", "status": status}
    (taken,) = read_subscribe(asked("/1/subscribe", {"d": [said_so]})).reading.taken
    assert taken.record == {
        "type": "profile", "identities": {"email": "a@x.org"}, "subscriptions": {"email": {"a@x.org": opted}},
    }  # fmt: skip


def test_an_address_leaves_whoever_has_it_one_or_several() -> None:
    body = {"d": [{"type": "Phone", "value": ["+1", "+2"]}, {"type": "email", "value": "a@x.org"}, {"type": "x"}]}
    reading = read_disassociate(asked("/1/disassociate", body)).reading
    assert [(i, record["identities"]) for i, record in reading.taken] == [
        (0, {"phone": "+1"}), (0, {"phone": "+2"}), (1, {"email": "a@x.org"}),
    ]  # fmt: skip
    assert [(one.index, one.code) for one in reading.failed] == [(2, 524)]
