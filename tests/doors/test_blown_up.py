"""A small request stays small: whatever it repeats in itself, the records that it comes to are not a multiple of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from knownas.doors import Asked, Reading
from knownas.doors.clevertap_leaving import read_disassociate, read_subscribe
from knownas.doors.clevertap_mobile import read_mobile
from knownas.doors.clevertap_web import read_web
from knownas.doors.nested import MOST, PATH, by_name, unfolded
from knownas.doors.segment import read_batch
from tests.doors.asking import asked
from tests.doors.sdk import CHANCE, NAMES, batch, push

LONG = "k" * 20_000
MANY = {str(number): 1 for number in range(2_000)}
DEEP: dict[str, Any] = {"a": 1}
for _ in range(200):
    DEEP = {LONG[:100]: DEEP, "b": 1}


def web(sent: dict[str, Any]) -> Reading:
    return read_web(push(sent), NAMES, CHANCE).reading


def mobile(meta: dict[str, Any], *elements: dict[str, Any]) -> Reading:
    return read_mobile(batch(*elements, meta=meta), NAMES).reading


def segment(body: dict[str, Any]) -> Reading:
    return read_batch(asked("/v1/batch", body))


def clevertap(read: Callable[[Asked], Any], said: dict[str, Any]) -> Reading:
    found: Reading = read(asked("/1/x", {"d": [said]})).reading
    return found


TRACKS = [{"type": "track", "userId": "u", "event": "E"}] * 300


@pytest.mark.parametrize(
    "read",
    [
        lambda: web({"type": "profile", "profile": {LONG: MANY}}),
        lambda: web({"type": "profile", "profile": DEEP}),
        lambda: web({"type": "profile", "profile": {"p" * PATH: MANY}}),
        lambda: mobile({}, *[{"type": "profile", "profile": {LONG[:5_000]: MANY}}] * 20),
        lambda: mobile({"af": {"OS": LONG, "Model": LONG}}, *[{"type": "event", "evtName": "E"}] * 300),
        lambda: segment({"batch": [{"type": "identify", "userId": "u", "traits": {LONG: MANY}}]}),
        lambda: segment({"batch": [{"type": "group", "userId": "u", "groupId": "g", "traits": {LONG: {"x": MANY}}}]}),
        lambda: segment({"context": {"os": {"name": LONG}, "traits": MANY, "locale": LONG}, "batch": TRACKS}),
        lambda: segment({"context": {"device": {"token": LONG}}, "batch": TRACKS}),
        lambda: segment({"sentAt": LONG, "batch": TRACKS}),
        lambda: clevertap(read_subscribe, {"type": "email", "value": [*map(str, MANY)], "status": "Unsubscribe"}),
        lambda: clevertap(read_disassociate, {"type": "email", "value": [*map(str, MANY)]}),
    ],
)
def test_records_are_not_a_multiple_of_what_was_sent(read: Callable[[], Reading]) -> None:
    reading = read()
    assert len(json.dumps([taken.record for taken in reading.taken])) < 1_000_000
    assert len(reading.taken) <= 300


def test_what_is_too_long_or_too_much_is_still_refused_where_it_was() -> None:
    assert [*unfolded({LONG: {"a": 1}}, by_name)] == [LONG]
    assert len(unfolded({"a": MANY}, by_name)) == MOST + 1
    assert unfolded({"a": {"b": {"c": 1}, "d": {}}}, by_name) == {"a.b.c": 1, "a.d": {}}
    assert unfolded({"a": {"b": {"c": 1}}}, by_name, 1) == {"a.b": {"c": 1}}
