"""The Web SDK's requests, as it was seen to send them, and the answers that it needs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from knownas.doors import UNAVAILABLE, Asked, Put
from knownas.doors.clevertap_web import Call, account_of, answer_web, is_encrypted, read_web, refuse_encrypted
from knownas.errors import WrongInput
from knownas.nouns import Position
from knownas.records.identities import IdentityRules
from knownas.records.intake import Intake, take_in
from tests.doors.sdk import CHANCE, CHROME, GUID, NAMES, NOW_MS, push

EVENT = {"type": "event", "evtName": "Product viewed", "evtData": {"Price": 59.99, "Date": "$D_1763791200"}, "g": GUID}
RANI = {"type": "profile", "profile": {"Name": "Rani", "Identity": "rani-2"}, "rc": True, "isOUL": True}
JACK = {"Name": "Jack", "Identity": 61026032, "Email": "jack@gmail.com", "Phone": 14155551234, "tz": "GMT+0530"}


def read(asked: Asked) -> Call:
    return read_web(asked, NAMES, CHANCE)


def only(asked: Asked) -> dict[str, Any]:
    """The one record of a request, without what every record has."""
    (taken,) = read(asked).reading.taken
    return {key: value for key, value in taken.record.items() if key not in ("id", "context", "ts", "device")}


RECORDS: list[tuple[str, Asked, dict[str, Any]]] = [
    (
        "an event",
        push(EVENT),
        {"type": "event", "evtName": "Product viewed", "evtData": {"Price": 59.99, "Date": "$D_1763791200"}},
    ),
    (
        "an event without data",
        push({"type": "event", "evtName": "Hi"}),
        {"type": "event", "evtName": "Hi", "evtData": None},
    ),
    (
        "a purchase with its items",
        push({"type": "event", "evtName": "Charged", "evtData": {"Amount": 300, "Items": [{"Qty": 1}]}}),
        {"type": "event", "evtName": "Charged", "evtData": {"Amount": 300, "Items": [{"Qty": 1}]}},
    ),
    (
        "a page view",
        push({"cpg": "http://shop.example/?utm_source=google"}, type="page"),
        {"type": "event", "evtName": "Page Viewed", "evtData": {"url": "http://shop.example/?utm_source=google"}},
    ),
    (
        "the first login of a browser, whose phone gets its plus back",
        push({"type": "profile", "profile": JACK, "g": GUID}, gc=GUID),
        {
            "type": "profile",
            "identities": {"identity": 61026032},
            "profileData": {"Name": "Jack", "Email": "jack@gmail.com", "Phone": "+14155551234", "tz": "GMT+0530"},
        },
    ),
    (
        "the login of another user",
        push(RANI),
        {"type": "login", "identities": {"identity": "rani-2"}, "profileData": {"Name": "Rani"}},
    ),
    (
        "operators and values inside of objects",
        push(
            {"type": "profile", "profile": {"Score": {"$incr": 5}, "a": {"b": [{"c": 1}, 2], "e": {}}, "l": [1, "x"]}}
        ),
        {
            "type": "profile",
            "profileData": {"Score": {"$incr": 5}, "a.b[0].c": 1, "a.b[1]": 2, "a.e": {}, "l": [1, "x"]},
        },
    ),
    (
        "a push token",
        push({"endpoint": "tok", "keys": {}, "g": GUID}, type="data", rn=None, i=None),
        {"type": "profile"},
    ),
]


@pytest.mark.parametrize(("asked", "record"), [row[1:] for row in RECORDS], ids=[row[0] for row in RECORDS])
def test_a_request_is_one_record(asked: Asked, record: dict[str, Any]) -> None:
    assert only(asked) == record


@pytest.mark.parametrize("asked", [row[1] for row in RECORDS], ids=[row[0] for row in RECORDS])
def test_what_the_door_makes_the_core_takes_in(asked: Asked) -> None:
    (taken,) = read(asked).reading.taken
    assert isinstance(take_in(json.dumps(taken.record).encode(), NOW_MS, IdentityRules()), Intake)


@pytest.mark.parametrize(
    "asked",
    [
        push({"type": "event", "evtName": "wzrk_fetch", "evtData": {"t": 4}}),
        push({}, type="ping"),
        push(EVENT | {"g": f"{GUID}:OO"}),
        push(EVENT | {"g": None}, gc=f"{GUID}:OO"),
        push({"type": "profile", "profile": {"ct_optout": True}}, optOut="true"),
    ],
    ids=["the SDK's own question", "a ping", "opted out in d", "opted out in the query", "a stranger who opts out"],
)
def test_what_says_nothing_of_a_person_is_answered_and_not_recorded(asked: Asked) -> None:
    assert read(asked).reading == ([], [])


# ------------------------------------------------------------------------------------------------------------- GUIDs


@pytest.mark.parametrize(
    ("asked", "device"),
    [
        (push(EVENT), GUID),
        (push(EVENT | {"g": None}, gc=GUID), GUID),
        (push(EVENT, gc="somebody-else-by-now"), GUID),
        (push(EVENT | {"g": "_w_abc123"}), "_w_abc123"),
        (push(EVENT | {"g": None}), CHANCE),
        (push(RANI | {"g": GUID}), GUID),
        (push({"type": "profile", "profile": {"Name": "x"}, "isOUL": True}), CHANCE),
        (push({"type": "profile", "profile": {"ct_optout": False}, "g": f"{GUID}:OO"}, optOut="false"), GUID),
    ],
)
def test_the_guid_is_the_device(asked: Asked, device: str) -> None:
    call = read(asked)
    assert call.device == device
    assert all(taken.record["device"] == device for taken in call.reading.taken)


def test_the_guid_of_another_user_is_the_same_however_often_and_with_whatever_guid_the_login_is_repeated() -> None:
    first, again = read(push(RANI)), read(push(RANI, r="1795399999999", tries="7", gc=GUID, arp="x", s="1795328000"))
    assert first.device == again.device
    assert re.fullmatch("_u[0-9a-f]{30}", first.device)
    assert first.reading.taken[0].record == again.reading.taken[0].record


@pytest.mark.parametrize("change", [{"i": "1795328786"}, {"sn": "1"}])
def test_another_login_has_another_guid(change: dict[str, Any]) -> None:
    assert read(push(RANI)).device != read(push(RANI, **change)).device
    assert read(push(RANI)).device != read(push(RANI | {"id": "OTHER-ACC"})).device


# -------------------------------------------------------------------------------------------------------------- once


def test_a_request_that_is_sent_again_is_the_same_record() -> None:
    first = read(push(EVENT)).reading
    again = read(push(EVENT, r="1795399999999", tries="2", gc=GUID, arp="x", s="1795328000")).reading
    assert first == again


@pytest.mark.parametrize("change", [{"rn": "4"}, {"i": "1795328786"}, {"sn": "1"}])
def test_two_requests_that_say_the_same_are_two_records(change: dict[str, Any]) -> None:
    assert read(push(EVENT)).reading.taken[0].record["id"] != read(push(EVENT, **change)).reading.taken[0].record["id"]


def test_a_token_that_is_pushed_again_later_is_another_record() -> None:
    token = {"endpoint": "tok", "g": GUID}
    ids = [
        read(push(token, type="data", i=None, sn=None, rn=None, r=r)).reading.taken[0].record["id"]
        for r in ("1795328785407", "1795328799000")
    ]
    assert ids[0] != ids[1]


# --------------------------------------------------------------------------------------------------- time and context


@pytest.mark.parametrize(
    ("query", "ts"),
    [
        ({}, 1795328785),
        ({"i": None}, 1795328785),
        ({"i": None, "r": None}, None),
        ({"i": "4102444800"}, None),
        ({"i": "-5"}, None),
        ({"i": "soon"}, None),
    ],
)
def test_the_time_is_the_clients_where_it_can_be_right(query: dict[str, Any], ts: int | None) -> None:
    assert read(push(EVENT, **query)).reading.taken[0].record.get("ts") == ts


@pytest.mark.parametrize(
    ("asked", "context"),
    [
        (push({"cpg": "x", "us": "google", "um": "cpc", "uc": "diwali", "referrer": "g.example"}, type="page"),
         {"source": "google", "medium": "cpc", "campaign": "diwali", "referrer": "g.example"}),
        (push({"cpg": "x", "wm": "email", "us": 3}, type="page"), {"medium": "email"}),
        (push(EVENT, headers={"user-agent": CHROME, "accept-language": "de-DE,de;q=0.9"}),
         {"browser": "Chrome", "os": "Linux", "language": "de-DE"}),
        (push(EVENT, useIP="true"), {"ip": "203.0.113.9"}),
        (push({"type": "profile", "profile": {}, "af": {"Latitude": 19.07, "Longitude": 72, "lib": "web-sdk-v2.5.2"}}),
         {"latitude": 19.07, "longitude": 72}),
        (push({"type": "profile", "profile": {}, "af": {"Latitude": 19.07, "lib": "web-sdk-v2.5.2"}}), {}),
        (push({"endpoint": "tok", "g": GUID}, type="data"), {"pushToken": "tok"}),
        (push({"action": "unregister", "g": GUID}, type="data"), {"pushToken": None}),
    ],
)  # fmt: skip
def test_the_context_is_what_page_sdk_and_browser_say(asked: Asked, context: dict[str, Any]) -> None:
    assert read(asked).reading.taken[0].record["context"] == {"sdk": "web-sdk-v2.5.2"} | context


# ------------------------------------------------------------------------------------------------------------ answers

SCRIPT = re.compile(r"\$WZRK_WR\.tr\((.*)\);\n\$WZRK_WR\.s\((.*)\);\n")


def said(asked: Asked, shown: dict[str, Any] | None = None) -> tuple[dict[str, Any], list[Any]]:
    """The arguments of the two calls in a script."""
    call = read(asked)
    answer = answer_web(call, [Put(Position("events", 0, 7))] * len(call.reading.taken), shown)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    found = SCRIPT.fullmatch(answer.body.decode())
    assert found
    return json.loads(found[1]), json.loads(f"[{found[2]}]")


@pytest.mark.parametrize(
    ("asked", "arguments"),
    [
        (push(EVENT | {"s": 1795328000}, gc=GUID), [GUID, 1795328000, False, 3]),
        (push(EVENT | {"s": 1795328000}, gc=GUID, s="1795328500"), [GUID, 1795328500, False, 3]),
        (push(EVENT, gc=GUID), [GUID, NOW_MS // 1000, False, 3]),
        (push(EVENT | {"g": None}, rn=None), [CHANCE, NOW_MS // 1000, False, 0]),
        (push(RANI | {"g": GUID}, rn="1"), [GUID, NOW_MS // 1000, True, 1]),
        (push(EVENT, gc=GUID, optOut="false"), [GUID, NOW_MS // 1000, False, 3]),
        (push(EVENT, gc=GUID, optOut="true"), [f"{GUID}:OO", NOW_MS // 1000, False, 3, True]),
        (push(EVENT | {"g": f"{GUID}:OO"}), [f"{GUID}:OO", NOW_MS // 1000, False, 3, True]),
        (push(EVENT | {"g": f"{GUID}:OO"}, gc=f"{GUID}:OO", optOut="false"), [GUID, NOW_MS // 1000, False, 3, False]),
        (push(EVENT, gc="the-next-user", optOut="true"), [GUID, NOW_MS // 1000, False, 3]),
    ],
    ids=["session", "session in the query", "new session", "no GUID", "another user", "not opted out", "opts out",
         "is opted out", "opts in again", "opted out as somebody else, sent late"],
)  # fmt: skip
def test_the_script_says_guid_session_and_whom_to_be(asked: Asked, arguments: list[Any]) -> None:
    assert said(asked)[1] == arguments


def test_a_switch_of_users_is_echoed_and_a_token_taken_back_leaves_the_arp_alone() -> None:
    assert said(push(EVENT))[0] == {"arp": {"j_n": "Zw=="}}
    assert said(push(RANI))[0] == {"arp": {"j_n": "Zw==", "isOUL": True}}
    assert said(push({"action": "unregister", "g": GUID}, type="data"))[0] == {"arp": {"skipResARP": True}}


def test_a_profile_that_is_read_back_is_in_the_answer() -> None:
    shown = {"events": {"Hi": [3, 1, 2]}, "profile": {"Plan": "</script>\u2028"}, "expires_in": 1200}
    call = read(push(EVENT))
    body = answer_web(call, [Put(Position("events", 0, 7))], shown).body.decode()
    assert "<" not in body
    assert body.isascii()
    assert said(push(EVENT), shown)[0]["evpr"] == shown


def test_a_guid_that_is_script_stays_a_text() -> None:
    evil = "');alert(1)//</script>"
    assert said(push(EVENT | {"g": evil}))[1][0] == evil


def test_a_fetch_is_answered_with_json_that_has_all_that_the_sdk_asks_for() -> None:
    call = read(push(EVENT, headers={"accept": "application/json"}, gc=GUID))
    answer = answer_web(call, [Put(Position("events", 0, 7))], None)
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.body) == {
        "tr": {"arp": {"j_n": "Zw=="}},
        "meta": {"g": GUID, "sid": NOW_MS // 1000, "rf": False, "rn": 3},
    }


def test_a_record_that_was_refused_is_named_and_the_sdk_may_forget_it() -> None:
    asked = push({"type": "event", "evtName": "", "g": GUID})
    body = answer_web(read(asked), [Put(None, "bad_event_name", "an event needs `evtName`")], None).body.decode()
    assert '"unprocessed":[{"code":512,"error":"bad_event_name: an event needs `evtName`"}]' in body
    assert said(push({"type": "riddle"}))[0]["unprocessed"][0]["code"] == 512
    assert UNAVAILABLE not in body


# ------------------------------------------------------------------------------------------------- keys and encryption


def test_the_account_is_the_key_that_a_page_shows() -> None:
    assert account_of(push(EVENT)) == ("TEST-ACC-000",)
    assert account_of(push(EVENT, d="garbage")) == ()
    assert account_of(push({"id": 7})) == ()


def test_an_encrypted_request_is_refused_with_the_status_upon_which_the_sdk_sends_plainly() -> None:
    asked = push({"itp": "x", "itk": "x", "itv": "x", "encrypted": True})
    assert is_encrypted(asked)
    assert not is_encrypted(push(EVENT))
    assert refuse_encrypted().status == 402
    assert account_of(asked) == ("TEST-ACC-000",)


@pytest.mark.parametrize("packed", [None, "", "garbage", "IZA=", "%"])
def test_a_payload_that_cannot_be_read_is_wrong_input(packed: str | None) -> None:
    with pytest.raises(WrongInput, match="`d`"):
        read(push(EVENT, d=packed))
