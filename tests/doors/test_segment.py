"""Segment's calls as records, the keys that requests show, and the answers."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from knownas.doors import UNAVAILABLE, Put
from knownas.doors.segment import answer_tracked, keys_of, read_batch, read_single, refused
from knownas.errors import WrongInput
from knownas.nouns import Position
from tests.doors.asking import NOW_MS, asked, decoded

HERE = Put(Position("events", 0, 7))
NOW = NOW_MS // 1000
ANN = {"identities": {"identity": "u1"}}
ON_D = {"device": "d-1"}


def record_of(message: dict[str, Any], **around: Any) -> dict[str, Any]:
    reading = read_batch(asked("/v1/batch", {"batch": [message], **around}))
    assert reading.failed == []
    return reading.taken[0].record


@pytest.mark.parametrize(
    ("message", "record"),
    [
        (
            {"type": "identify", "userId": "u1", "anonymousId": "d-1", "traits": {"name": "Jack", "plan": "gold"}},
            {"type": "login", **ON_D, **ANN, "profileData": {"Name": "Jack", "plan": "gold"}},
        ),
        (
            {"type": "identify", "userId": "u1", "anonymousId": None, "traits": {"email": "j@x.com"}},
            {"type": "profile", **ANN, "profileData": {"Email": "j@x.com"}},
        ),
        (
            {"type": "identify", "anonymousId": "d-1", "userId": "", "traits": None},
            {"type": "profile", **ON_D, "profileData": {}},
        ),
        (
            {"type": "identify", "userId": 42, "context": {"traits": {"plan": "a", "x": 1}}, "traits": {"plan": "b"}},
            {"type": "profile", "identities": {"identity": "42"}, "profileData": {"plan": "b", "x": 1}},
        ),
        (
            {"type": "track", "anonymousId": "d-1", "event": "Viewed", "properties": {"price": 59.99}},
            {"type": "event", **ON_D, "evtName": "Viewed", "evtData": {"price": 59.99}},
        ),
        (
            {"type": "track", "userId": "u1", "anonymousId": "d-1", "event": "Viewed"},
            {"type": "event", **ON_D, **ANN, "evtName": "Viewed", "evtData": {}},
        ),
        (
            {"type": "page", "anonymousId": "d-1", "name": "Home", "category": "Docs", "properties": {"url": "/"}},
            {"type": "event", **ON_D, "evtName": "Page Viewed",
             "evtData": {"url": "/", "name": "Home", "category": "Docs"}},
        ),
        (
            {"type": "screen", "anonymousId": "d-1", "name": "Home"},
            {"type": "event", **ON_D, "evtName": "Screen Viewed", "evtData": {"name": "Home"}},
        ),
        (
            {"type": "alias", "previousId": "d-1", "userId": "u1"},
            {"type": "login", **ON_D, **ANN},
        ),
        (
            {"type": "alias", "anonymousId": "d-1", "userId": "u1"},
            {"type": "login", **ON_D, **ANN},
        ),
        (
            {"type": "group", "userId": "u1", "anonymousId": "d-1", "groupId": "g", "traits": {"name": "Acme"}},
            {"type": "profile", **ANN, "profileData": {"groupId": "g", "group.name": "Acme"}},
        ),
        (
            {"type": "group", "anonymousId": "d-1", "groupId": 7},
            {"type": "profile", **ON_D, "profileData": {"groupId": "7"}},
        ),
        (
            {"action": "track", "userId": "u1", "event": "E"},
            {"type": "event", **ANN, "evtName": "E", "evtData": {}},
        ),
    ],
)  # fmt: skip
def test_a_message_becomes_a_record(message: dict[str, Any], record: dict[str, Any]) -> None:
    assert record_of(message) == record


TRACK = {"type": "track", "userId": "u1", "event": "E"}


@pytest.mark.parametrize(
    ("traits", "properties"),
    [
        ({"firstName": "Ann", "lastName": "Lee"}, {"firstName": "Ann", "lastName": "Lee", "Name": "Ann Lee"}),
        ({"name": "A", "firstName": "Ann"}, {"Name": "A", "firstName": "Ann"}),
        ({"birthday": "1990-05-17T00:00:00.000Z"}, {"Birthday": "1990-05-17"}),
        ({"birthday": "1990-05-17"}, {"Birthday": "1990-05-17"}),
        ({"address": {"city": "Cork", "geo": {"lat": 1}}}, {"address.city": "Cork", "address.geo.lat": 1}),
        ({"age": 30, "gender": "F", "phone": "+1"}, {"Age": 30, "Gender": "F", "Phone": "+1"}),
        ({"plan": None}, {"plan": None}),
        ({"tags": ["a", "b"], "empty": {}}, {"tags": ["a", "b"], "empty": {}}),
    ],
)  # fmt: skip
def test_traits_become_properties(traits: dict[str, Any], properties: dict[str, Any]) -> None:
    assert record_of({"type": "identify", "userId": "u1", "traits": traits})["profileData"] == properties


def test_the_context_says_where_it_came_from() -> None:
    context = {
        "ip": "1.2.3.4", "locale": "en-IE", "timezone": "Europe/Dublin", "os": {"name": "iOS", "version": "9"},
        "app": {"version": "5"}, "device": {"manufacturer": "Apple", "model": "X", "token": "tok"},
        "location": {"city": "Cork", "latitude": 51.9, "longitude": "west"}, "library": {"name": "analytics-python"},
        "campaign": {"name": "diwali", "source": "google", "medium": "cpc"}, "page": {"referrer": "https://x.org"},
    }  # fmt: skip
    expected = {
        "ip": "1.2.3.4", "language": "en-IE", "timezone": "Europe/Dublin", "os": "iOS", "osVersion": "9",
        "appVersion": "5", "make": "Apple", "model": "X", "city": "Cork", "latitude": 51.9, "campaign": "diwali",
        "source": "google", "medium": "cpc", "referrer": "https://x.org", "sdk": "analytics-python",
    }  # fmt: skip
    assert record_of(TRACK | {"context": context})["context"] == expected
    assert record_of(TRACK | {"anonymousId": "d-1", "context": context})["context"] == expected | {"pushToken": "tok"}
    assert record_of(TRACK, context={"ip": "1.2.3.4"})["context"] == {"ip": "1.2.3.4"}


@pytest.mark.parametrize(
    ("told", "ts"),
    [
        ({"timestamp": "2026-11-22T06:00:00.000+00:00"}, 1795327200),
        ({"timestamp": "2026-11-22T06:00:00.5Z"}, 1795327200.5),
        ({"originalTimestamp": "2026-11-22T06:00:00Z"}, 1795327200),
        ({"timestamp": 1795327200}, 1795327200),
        ({"timestamp": 1795327200000}, 1795327200),
        ({"timestamp": "2026-11-22T06:00:00Z", "sentAt": "2026-11-22T06:00:01Z"}, 1795327200),
        ({"timestamp": NOW + 3600, "sentAt": NOW + 3610}, NOW - 10),
        ({"timestamp": NOW + 3600, "sentAt": NOW - 10}, NOW + 3600),
        ({"timestamp": NOW + 3600}, NOW + 3600),
        ({"timestamp": None}, None),
        ({}, None),
    ],
)
def test_times_stay_as_they_are_told_unless_the_clock_is_ahead(told: dict[str, Any], ts: Any) -> None:
    assert record_of(TRACK | told).get("ts") == ts


def test_the_batch_says_for_all_when_it_was_sent() -> None:
    assert record_of(TRACK | {"timestamp": NOW + 3600}, sentAt=NOW + 3600)["ts"] == NOW


@pytest.mark.parametrize(("given", "kept"), [("m-1", "m-1"), (7, "7"), (None, None), ("", None)])
def test_a_messages_id_is_the_records(given: Any, kept: str | None) -> None:
    assert record_of(TRACK | {"messageId": given}).get("id") == kept


def test_an_id_that_is_too_long_is_told_by_its_hash() -> None:
    first, second = (record_of(TRACK | {"messageId": "m" * 200 + end})["id"] for end in "ab")
    assert len(first) == 64
    assert first != second


@pytest.mark.parametrize(
    "message",
    [
        {"type": "dance", "userId": "u1"},
        {"userId": "u1"},
        {"type": "track", "event": "E"},
        {"type": "track", "userId": "u1"},
        {"type": "track", "userId": "u1", "event": ""},
        {"type": "track", "userId": {"id": 1}, "event": "E"},
        {"type": "track", "userId": "u1", "event": "E", "properties": []},
        {"type": "track", "userId": "u1", "event": "E", "context": "x"},
        {"type": "track", "userId": "u1", "event": "E", "timestamp": "soon"},
        {"type": "alias", "userId": "u1"},
        {"type": "alias", "previousId": "d-1"},
        {"type": "group", "userId": "u1"},
        "a message",
    ],
)
def test_a_message_that_is_none_fails_alone(message: Any) -> None:
    reading = read_batch(asked("/v1/batch", {"batch": [message, TRACK]}))
    assert [one.index for one in reading.failed] == [0]
    assert [one.index for one in reading.taken] == [1]
    body = decoded(answer_tracked(reading, [HERE]))
    assert body["success"] is True
    assert [one["index"] for one in body["rejected"]] == [0]


@pytest.mark.parametrize("body", [b"", b"{", b'"x"', b'{"batch":{}}', b"\x1f\x8b\x08", b"[" * 5_000])
def test_what_holds_no_messages_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(WrongInput):
        read_batch(asked("/v1/batch", body))


def test_the_path_names_the_call_of_a_single_message() -> None:
    reading = read_single(asked("/v1/t", {"anonymousId": "d-1", "event": "E", "type": "page"}), "track")
    assert reading.taken[0].record["evtName"] == "E"


@pytest.mark.parametrize(
    ("headers", "body", "query", "keys"),
    [
        ({"authorization": "Basic " + b64encode(b"wk:").decode()}, {}, "", ("wk",)),
        ({"authorization": "Basic " + b64encode(b"wk").decode()}, {}, "", ("wk",)),
        ({"authorization": "Bearer wk"}, {}, "", ("wk",)),
        ({"authorization": "Basic %%%"}, {"writeKey": "body"}, "", ()),
        ({}, {"writeKey": "body", "batch": []}, "", ("body",)),
        ({}, {"batch": [{"writeKey": "inside"}]}, "", ("inside",)),
        ({}, {}, "writeKey=query", ("query",)),
        ({}, b"{", "", ()),
        ({}, {"writeKey": 5}, "", ()),
    ],
)
def test_a_write_key_may_stand_in_many_places(
    headers: dict[str, str], body: Any, query: str, keys: tuple[str, ...]
) -> None:
    assert keys_of(asked("/v1/batch", body, query, headers)) == keys


def test_an_answer_to_good_messages_is_the_vendors() -> None:
    answer = answer_tracked(read_batch(asked("/v1/batch", {"batch": [TRACK]})), [HERE])
    assert (answer.status, answer.body) == (200, b'{"success":true}')


@pytest.mark.parametrize(
    ("puts", "status", "success"),
    [
        ([HERE, Put(None, "bad_device")], 200, True),
        ([Put(None, "bad_device"), Put(None, "bad_device")], 400, False),
        ([HERE, Put(None, UNAVAILABLE)], 503, False),
    ],
)
def test_clients_go_by_the_status(puts: list[Put], status: int, success: bool) -> None:
    answer = answer_tracked(read_batch(asked("/v1/batch", {"batch": [TRACK, TRACK | {"messageId": "m"}]})), puts)
    body = decoded(answer)
    assert (answer.status, body["success"]) == (status, success)
    assert body["rejected"][-1]["messageId"] == "m"
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_an_empty_batch_is_fine() -> None:
    assert answer_tracked(read_batch(asked("/v1/batch", {"batch": []})), []).status == 200
    assert decoded(refused(401, "no_key", "no key")) == {"success": False, "code": "no_key", "message": "no key"}
