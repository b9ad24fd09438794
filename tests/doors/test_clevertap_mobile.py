"""Batches of the mobile SDKs, as they were seen to send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knownas.doors import Asked, Put
from knownas.doors.clevertap_mobile import account_of, answer_hello, answer_mobile, read_mobile
from knownas.errors import WrongInput
from knownas.nouns import Position
from knownas.records.identities import IdentityRules
from knownas.records.intake import Intake, take_in
from tests.doors.sdk import NAMES, NOW_MS, batch

G = "__a6f5545051624e2cab7079c7e9cd5424"
AF = {"OS Version": "14", "SDK Version": 70500, "Make": "robolectric", "Model": "", "OS": "Android", "dpi": 160}
LAUNCH = {
    "evtName": "App Launched",
    "evtData": {"Version": "1"},
    "s": 5,
    "type": "event",
    "ep": 1795329909,
    "dsync": True,
}
FETCH = {"evtName": "wzrk_fetch", "evtData": {"t": 1}, "type": "event", "ep": 1795329909}
LOGIN = {
    "profile": {"Email": "jack@gmail.com", "Phone": "+14155551234", "Identity": 61026032, "tz": "Etc/UTC"},
    "type": "profile",
    "ep": 1795329910,
}


def records(asked: Asked) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in taken.record.items() if key not in ("id", "context", "device")}
        for taken in read_mobile(asked, NAMES).reading.taken
    ]


def ids(asked: Asked) -> list[str]:
    return [taken.record["id"] for taken in read_mobile(asked, NAMES).reading.taken]


@pytest.mark.parametrize(
    ("element", "record"),
    [
        (LAUNCH, {"type": "event", "evtName": "App Launched", "evtData": {"Version": "1"}, "ts": 1795329909}),
        (LOGIN, {
            "type": "profile", "ts": 1795329910, "identities": {"identity": 61026032},
            "profileData": {"Email": "jack@gmail.com", "Phone": "+14155551234", "tz": "Etc/UTC"},
        }),
        ({"type": "profile", "profile": {"score": {"$incr": 5}, "_custom": {"a": 1}}},
         {"type": "profile", "profileData": {"score": {"$incr": 5}, "a": 1}}),
        ({"type": "page", "ep": 1795329910},
         {"type": "event", "evtName": "Page Viewed", "evtData": None, "ts": 1795329910}),
        ({"type": "data", "data": {"action": "register", "id": "tok", "type": "fcm"}, "ep": 1795329910},
         {"type": "profile", "ts": 1795329910}),
    ],
)  # fmt: skip
def test_an_element_is_a_record(element: dict[str, Any], record: dict[str, Any]) -> None:
    assert records(batch(element)) == [record]
    (taken,) = read_mobile(batch(element), NAMES).reading.taken
    assert taken.index == 1
    assert isinstance(take_in(json.dumps(taken.record).encode(), NOW_MS, IdentityRules()), Intake)


def test_what_says_nothing_of_a_person_is_left_out() -> None:
    assert records(batch(FETCH, {"type": "ping"}, {"type": "meta"})) == []


def test_the_device_is_who_sends_and_its_context_goes_with_each_record() -> None:
    found = read_mobile(batch(FETCH, LAUNCH, meta={"af": AF}), NAMES)
    assert found.device == G
    assert found.wants_profile
    (taken,) = found.reading.taken
    assert taken.index == 2
    assert taken.record["device"] == G
    assert taken.record["context"] == {"os": "Android", "osVersion": "14", "make": "robolectric", "sdk": "70500"}


@pytest.mark.parametrize(("action", "token"), [("register", "tok"), ("unregister", None)])
def test_a_push_token_is_context(action: str, token: str | None) -> None:
    (taken,) = read_mobile(batch({"type": "data", "data": {"action": action, "id": "tok"}}), NAMES).reading.taken
    assert taken.record["context"] == {"pushToken": token}


def test_a_batch_that_is_sent_again_otherwise_cut_has_the_same_records() -> None:
    assert ids(batch(LAUNCH, LOGIN)) == ids(batch(LAUNCH)) + ids(batch(LOGIN))
    assert ids(batch(LAUNCH, meta={"af": AF})) == ids(batch(LAUNCH, meta={"l_ts": 3}))


def test_two_elements_that_say_the_same_are_two_records() -> None:
    assert len(set(ids(batch(LAUNCH, LAUNCH, LAUNCH)))) == 3
    assert set(ids(batch(LAUNCH))).isdisjoint(ids(batch(LAUNCH, meta={"g": "__other"})))


def test_an_element_that_is_none_fails_alone() -> None:
    asked = batch(LAUNCH, {"type": "riddle"}, 7, {"type": "data"}, LOGIN)
    found = read_mobile(asked, NAMES)
    assert [taken.index for taken in found.reading.taken] == [1, 5]
    assert [failed.index for failed in found.reading.failed] == [2, 3, 4]
    puts = [Put(Position("events", 0, 1)), Put(None, "bad_identity", "no")]
    said = json.loads(answer_mobile(found, puts, {"profile": {}}).body)
    assert [refused["index"] for refused in said["unprocessed"]] == [2, 3, 4, 5]
    assert said["evpr"] == {"profile": {}}


def test_the_answer_is_the_one_upon_which_the_app_goes_on() -> None:
    found = read_mobile(batch(LAUNCH), NAMES)
    said = json.loads(answer_mobile(found, [Put(Position("events", 0, 1))], None).body)
    assert said == {"arp": {"j_n": "Zw=="}, "dnd": False}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b"[]", b"[7]", b'[{"type":"event"}]', b'[{"type":"meta"}]', b"[" * 5000]
)
def test_what_is_no_batch_is_wrong_input(body: bytes) -> None:
    with pytest.raises(WrongInput, match=r"."):
        read_mobile(batch()._replace(body=body), NAMES)


def test_a_batch_has_its_limit() -> None:
    assert len(records(batch(*[LAUNCH] * 1000))) == 1000
    with pytest.raises(WrongInput, match="1,000"):
        read_mobile(batch(*[LAUNCH] * 1001), NAMES)


def test_the_key_is_the_token_or_the_account() -> None:
    headers = {"x-clevertap-account-id": "ACC", "x-clevertap-token": "TOK"}
    assert account_of(batch(headers=headers)) == ("TOK", "ACC", "TEST-ACC-000")
    assert account_of(batch()) == ("TEST-ACC-000",)


def test_an_app_is_told_to_send_where_it_asked() -> None:
    assert answer_hello(batch(headers={"host": "profiles.example"})).headers["X-WZRK-RD"] == "profiles.example"
    assert "X-WZRK-RD" not in answer_hello(batch()).headers
