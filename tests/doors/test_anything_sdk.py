"""Whatever comes, the SDKs' doors read it or say what is wrong with it; they never fail."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from knownas.doors import Asked, Put
from knownas.doors.clevertap_mobile import account_of as account_of_app
from knownas.doors.clevertap_mobile import answer_mobile, read_mobile
from knownas.doors.clevertap_web import account_of, answer_web, is_encrypted, read_web
from knownas.errors import WrongInput
from knownas.nouns import Position
from tests.doors.lzpack import pack
from tests.doors.sdk import CHANCE, NAMES, NOW_MS, batch

WORDS = st.sampled_from([
    "type", "event", "profile", "evtName", "evtData", "wzrk_fetch", "Identity", "Email", "Phone", "id", "g", "s", "pg",
    "af", "lib", "Latitude", "Longitude", "isOUL", "rc", "dsync", "cpg", "us", "action", "unregister", "endpoint",
    "data", "meta", "page", "ping", "push", "true", "false", ":OO", "x:OO", "_custom", "$incr", "$add", "ep", "</x>",
])  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), WORDS,
    st.text(max_size=6).filter(str.isprintable),
)  # fmt: skip
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=8), max_leaves=20
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=8)
QUERIES = st.dictionaries(
    st.sampled_from(["type", "rn", "i", "sn", "gc", "r", "s", "optOut", "useIP"]),
    WORDS | st.integers(-5, 2**70).map(str) | st.text(max_size=6),
)


@given(OBJECTS | JSON, QUERIES, st.booleans())
def test_the_web_door_reads_it_or_says_what_is_wrong(sent: Any, query: dict[str, str], fetches: bool) -> None:
    pairs = [("d", pack(json.dumps(sent))), *query.items()]
    headers = {"accept": "application/json"} if fetches else {}
    asked = Asked("GET", "/a", pairs, "", headers, b"", NOW_MS, "::1")
    account_of(asked)
    with suppress(WrongInput):
        is_encrypted(asked)
        call = read_web(asked, NAMES, CHANCE)
        with suppress(UnicodeEncodeError):  # the gateway refuses it
            for taken in call.reading.taken:
                msgspec.json.encode(taken.record)
        assert all(taken.record["device"] for taken in call.reading.taken)
        body = answer_web(call, [Put(Position("events", 0, 1))] * len(call.reading.taken), None).body
        assert fetches or b"<" not in body


@given(st.lists(OBJECTS | JSON, max_size=4), OBJECTS)
def test_the_mobile_door_reads_it_or_says_what_is_wrong(elements: list[Any], meta: dict[str, Any]) -> None:
    asked = batch(*elements, meta=meta)
    account_of_app(asked)
    with suppress(WrongInput):
        found = read_mobile(asked, NAMES)
        assert len({taken.record["id"] for taken in found.reading.taken}) == len(found.reading.taken)
        answer_mobile(found, [Put(None, "bad_field", "no")] * len(found.reading.taken), None)
