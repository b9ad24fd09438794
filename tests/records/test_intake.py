"""Every way out of the intake: a reason for each record that is rejected, a reason for each part that is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knownas.nouns import Identity
from knownas.records.identities import IdentityRules
from knownas.records.intake import Flaw, Intake, take_in
from knownas.records.reasons import REFUSALS, REJECTIONS
from tests.builders import NOON

AT = NOON * 1000
RULES = IdentityRules(("identity", "email", "phone"), "IE")
OK = {"type": "event", "device": "d-1", "evtName": "A"}
ELSEWHERE = {
    "duplicate", "suppressed", "deleted", "nobody_logs_out", "nobody_owns", "different_owners", "not_identified",
    "not_held", "unsupported_type",
}  # fmt: skip
"""Rejections that other rooms decide, or that an earlier version wrote."""


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


REJECTED: list[tuple[str, bytes | dict[str, Any] | None]] = [
    ("empty", None),
    ("empty", b""),
    ("too_large", b" " * 65_537),
    ("not_json", b"nothing"),
    ("not_json", b" "),
    ("not_json", b'{"type":"event"'),
    ("not_json", b'{"device":5,"type":"event"'),
    ("not_json", b'{"type":"event"} and more'),
    ("not_json", b'{"type":"event","device":"d-1","evtName":"A","unread":NaN}'),
    ("not_json", b'{"type":"event","device":"d-1","evtName":"\xff"}'),
    ("not_json", b'{"type":"event","device":"d-1","evtName":"A","unread":"\xff"}'),
    ("not_json", b'{"type":"event","device":"d-1","evtName":"A","unread":"\\ud800 alone"}'),
    ("not_json", b"[1,"),
    ("not_json", b'\xef\xbb\xbf{"type":"event"}'),
    ("not_object", b"[]"),
    ("not_object", b"null"),
    ("not_object", b'"event"'),
    ("unknown_type", b"{}"),
    ("unknown_type", {"type": None}),
    ("unknown_type", {"type": 5}),
    ("unknown_type", {"type": "dance"}),
    ("unknown_type", b'{"device":5,"type":"dance"}'),
    ("bad_field", OK | {"device": 5}),
    ("bad_field", OK | {"evtData": []}),
    ("bad_field", OK | {"ts": "1763700000"}),
    ("bad_field", OK | {"ts": True}),
    ("bad_field", OK | {"suppress": None}),
    ("bad_field", OK | {"identities": "ann@x.ie"}),
    ("bad_field", b'{"type":"event","evtData":{"n":1e999},"device":5}'),
    ("number_out_of_range", b'{"type":"event","device":"d-1","evtName":"A","evtData":{"n":1e999}}'),
    ("number_out_of_range", OK | {"evtData": {"n": 2**63}}),
    ("number_out_of_range", OK | {"profileData": {"n": {"$incr": -(2**63) - 1}}}),
    ("number_out_of_range", OK | {"identities": {"loyalty": 2**64}}),
    ("number_out_of_range", OK | {"ts": 10**30}),
    ("too_deep", OK | {"evtData": _nested(32)}),
    ("too_deep", b'{"type":"event","device":"d-1","evtName":"A","unread":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    ("bad_event_name", {"type": "event", "device": "d-1"}),
    ("bad_field", OK | {"subscriptions": {"sms": {}}}),
    ("bad_field", OK | {"subscriptions": {"email": None}}),
    ("bad_field", OK | {"subscriptions": {"email": ["ann@x.ie"]}}),
    ("bad_field", OK | {"subscriptions": {"email": {"ann@x.ie": "no"}}}),
    ("bad_field", OK | {"subscriptions": []}),
    ("too_many_keys", OK | {"subscriptions": {"email": {f"{n}@x.ie": False for n in range(257)}}}),
    ("bad_event_name", OK | {"evtName": ""}),
    ("bad_event_name", OK | {"evtName": "é" * 257}),
    ("missing_device", {"type": "login", "identities": {"email": "ann@x.ie"}}),
    ("missing_device", {"type": "logout"}),
    ("bad_field", {"type": "test", "profile": "p"}),
    ("no_identity", {"type": "release", "device": "d-1"}),
    ("conflicting_address", {"type": "delete", "device": "d-1", "identities": {"email": "ann@x.ie"}}),
    ("conflicting_address", {"type": "demerge", "device": "d-1", "identities": {"email": "ann@x.ie"}}),
    ("conflicting_address", {"type": "release", "device": "d-1", "identities": {"email": "ann@x.ie"}}),
    ("conflicting_address", {"type": "test", "device": "d-1", "identities": {"email": "ann@x.ie"}, "test": True}),
    ("bad_field", OK | {"id": ""}),
    ("bad_field", OK | {"id": "x" * 129}),
    ("conflicting_address", OK | {"profile": "p"}),
    ("conflicting_address", {"type": "profile", "profile": "p", "identities": {"email": "ann@x.ie"}}),
    ("unknown_profile", {"type": "profile", "profile": ""}),
    ("unknown_profile", {"type": "profile", "profile": "p" * 129}),
    ("bad_device", OK | {"device": ""}),
    ("bad_device", OK | {"device": "d" * 129}),
    ("bad_device", OK | {"device": " 'Null' "}),
    ("bad_device", OK | {"device": "00000000-0000-0000-0000-000000000000"}),
    ("too_many_keys", OK | {"evtData": {str(n): n for n in range(257)}}),
    ("too_many_keys", OK | {"profileData": {str(n): n for n in range(257)}}),
    ("bad_ts", OK | {"ts": -1}),
    ("future_ts", OK | {"ts": NOON + 86_401}),
    ("future_ts", OK | {"ts": AT}),
    ("bad_identity", OK | {"identities": {"email": ["ann@x.ie"]}}),
    ("bad_identity", OK | {"identities": {"loyalty": {}}}),
]


def _taken(value: bytes | dict[str, Any] | None) -> Intake | Flaw:
    return take_in(json.dumps(value).encode() if isinstance(value, dict) else value, AT, RULES)


def _good(value: bytes | dict[str, Any]) -> Intake:
    taken = _taken(value)
    assert isinstance(taken, Intake), taken
    return taken


@pytest.mark.parametrize(("reason", "value"), REJECTED)
def test_a_flawed_record_is_rejected_with_the_first_reason_in_the_order_of_the_checks(
    reason: str, value: bytes | dict[str, Any] | None
) -> None:
    taken = _taken(value)
    assert isinstance(taken, Flaw)
    assert taken.reason == reason
    assert taken.detail


def test_every_reason_of_the_published_list_is_shown_here_or_belongs_elsewhere() -> None:
    assert {reason for reason, _ in REJECTED} | ELSEWHERE == set(REJECTIONS)


@pytest.mark.parametrize(
    "more",
    [
        {"evtData": _nested(31)},
        {"evtData": {str(n): n for n in range(256)}},
        {"evtData": {"least": -(2**63), "most": 2**63 - 1, "small": 5e-324}},
        {"evtName": "é" * 256},
        {"device": "d" * 128},
        {"subscriptions": {"email": {"ann@x.ie": False}, "phone": {}}},
        {"ts": NOON + 86_400},
        {"ts": 0},
        {"unread": {"n": 10**30}},
        dict.fromkeys(("ts", "id", "evtData", "profileData", "identities", "context", "profile", "test")),
    ],
)
def test_a_record_at_the_limits_passes(more: dict[str, Any]) -> None:
    _good(OK | more)


@pytest.mark.parametrize(
    ("given", "at", "ts"),
    [
        (None, AT, NOON),
        (None, AT + 250, NOON + 0.25),
        (float(NOON), AT, NOON),
        (NOON + 0.5, AT, NOON + 0.5),
        (5, AT, 5),
    ],
)
def test_the_time_is_the_records_own_or_kafkas_and_whole_where_it_can_be(
    given: float | None, at: int, ts: float
) -> None:
    taken = take_in(json.dumps(OK | {"ts": given}).encode(), at, RULES)
    assert isinstance(taken, Intake)
    assert repr(taken.ts) == repr(ts)


@pytest.mark.parametrize(
    ("sent", "goes_on"),
    [
        (b'{"type":"logout", "device":"d\\u0000"}', b'{"type":"logout","device":"d\xef\xbf\xbd"}'),
        (b'{"type":"event","device":"d-1", "evtName":"A\\\\u0000"}', None),
        (b' {"type":"event", "device":"d-1","evtName":"A"}\n', None),
    ],
)
def test_only_a_nul_in_a_text_changes_the_bytes_that_go_on(sent: bytes, goes_on: bytes | None) -> None:
    assert _good(sent).raw == (goes_on or sent)


IDENTITIES: list[tuple[str, Any, str | None, str | None]] = [
    # kind, value as sent, value as compared, or why it is refused
    ("identity", " cust-7 ", "cust-7", None),
    ("identity", 7, "7", None),
    ("identity", 7.0, "7", None),
    ("identity", 7.5, "7.5", None),
    ("identity", "CUST", "CUST", None),
    ("email", " Ann@Example.COM", "ann@example.com", None),
    ("phone", "086 123 4567", "+353861234567", None),
    ("phone", 353861234567, "+353861234567", None),
    ("phone", "+44 20 7946 0000", "+442079460000", None),
    ("phone", "12", None, "bad_phone"),
    ("phone", "none at all", None, "bad_phone"),
    ("identity", "x" * 512, "x" * 512, None),
    ("identity", "x" * 513, None, "too_long"),
    *[
        ("identity", junk, None, "junk")
        for junk in (
            "", "  ", "null", "None", "NaN", "undefined", "TRUE", "false", "0", "[object Object]", "anonymous", "Guest",
            "not_authenticated", "unknown", "0000", "----", "0-0", "'null'", '" undefined "', None, True, False, 0, 0.0,
        )
    ],
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "normal", "refusal"), IDENTITIES)
def test_an_identity_has_one_form_or_a_reason_why_it_is_none(
    kind: str, value: Any, normal: str | None, refusal: str | None
) -> None:
    named = _good(OK | {"identities": {kind: value}}).named
    assert named.usable == (() if normal is None else (Identity(kind, normal),))
    assert named.unusable == (() if refusal is None else ((kind, refusal),))


def test_identities_come_in_the_declared_order_each_once_and_those_in_properties_after() -> None:
    record = OK | {
        "identities": {"phone": "+353861234567", "email": "Ann@x.ie", "identity": 7},
        "profileData": {"Email": {"$set": "bob@x.ie"}, "Phone": 353861234567, "Plan": "Gold"},
    }
    named = _good(record).named
    assert named.usable == (
        ("identity", "7"), ("email", "ann@x.ie"), ("email", "bob@x.ie"), ("phone", "+353861234567"),
    )  # fmt: skip
    assert named.properties == (None, "Email", "Email", "Phone")
    assert named.taken == ("Email", "Phone")


def test_an_undeclared_kind_is_a_property_under_the_name_of_its_field_or_refused_like_one() -> None:
    record = OK | {"identities": {"facebook": 5, "loyalty": " a ", "age": 5, "": "x", "none": None, "DOB": "soon"}}
    named = _good(record).named
    assert named.usable == ()
    assert named.plain == (("FBID", 5), ("loyalty", " a "), ("none", None))
    assert named.unusable == (("age", "system_property"), ("", "too_long"), ("DOB", "bad_birthday"))


PROPERTIES: list[tuple[str, Any, str | None]] = [
    ("Plan", "Gold", None),
    ("Plan", None, None),
    ("Plan", "x" * 512, None),
    ("Plan", "x" * 513, "too_long"),
    ("k" * 120, 1, None),
    ("k" * 121, 1, "too_long"),
    ("", 1, "too_long"),
    *[(key, 1, "system_property") for key in ("age", "ct_is_test_user", "type", "reachable")],
    ("tags", ["a", 1, True], None),
    ("tags", list(range(100)), None),
    ("tags", list(range(101)), "too_many_items"),
    ("tags", [None], "bad_value"),
    ("tags", [["a"]], "bad_value"),
    ("tags", ["x" * 513], "too_long"),
    ("nested", {"a": 1}, "bad_value"),
    ("nested", {}, "bad_value"),
    ("two", {"$set": 1, "$add": 1}, "bad_value"),
    ("DOB", "1992-02-29", None),
    ("DOB", "1993-02-29", "bad_birthday"),
    ("DOB", "2025-11-23", "bad_birthday"),
    ("DOB", "1875-11-20", "bad_birthday"),
    ("DOB", 19920229, "bad_birthday"),
    ("DOB", ["1992-02-29"], "bad_birthday"),
    ("DOB", None, None),
    ("Birthday", "02-29-1992", None),
    ("Birthday", "$D_699321600", None),
    ("Birthday", {"$set": "1992-02-29"}, None),
    ("Birthday", {"$set": "soon"}, "bad_birthday"),
    ("Birthday", {"$setOnce": "soon"}, "bad_birthday"),
    ("Birthday", {"$setOnce": "1992-02-29"}, None),
    ("Birthday", {"$set": None}, None),
    ("Birthday", {"$delete": 1}, None),
    ("Birthday", {"$add": "1992-02-29"}, "bad_birthday"),
    ("Birthday", {"$remove": "1992-02-29"}, "bad_birthday"),
    ("Birthday", {"$incr": 1}, "bad_birthday"),
    ("Birthday", {"$incr": "1"}, "not_a_number"),
    ("Birthday", "x" * 513, "too_long"),
    ("set", {"$set": {"a": 1}}, "bad_value"),
    ("set", {"$set": None}, None),
    ("set", {"$setOnce": "x" * 513}, "too_long"),
    ("add", {"$add": None}, "bad_value"),
    ("add", {"$add": list(range(101))}, "too_many_items"),
    ("remove", {"$remove": None}, "bad_value"),
    ("count", {"$incr": 1.5}, None),
    ("count", {"$decr": True}, "not_a_number"),
    ("count", {"$incr": "1"}, "not_a_number"),
    ("delete", {"$delete": {"anything": 1}}, None),
]


@pytest.mark.parametrize(("key", "value", "refusal"), PROPERTIES)
def test_a_property_that_cannot_be_stored_is_refused_by_itself(key: str, value: Any, refusal: str | None) -> None:
    taken = _good(OK | {"profileData": {key: value, "other": 1}})
    assert taken.refused == (() if refusal is None else ((key, refusal),))


def test_every_refusal_code_of_the_published_list_is_shown_here_or_belongs_elsewhere() -> None:
    shown = {refusal for *_, refusal in IDENTITIES} | {refusal for *_, refusal in PROPERTIES}
    elsewhere = {"owned_by_another", "too_many_properties", "too_many_event_names", "number_out_of_range"}
    assert shown - {None} | elsewhere == set(REFUSALS)
