"""Whatever comes, a server door reads it or says what is wrong with it; it never fails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knownas.doors import Asked, Put
from knownas.doors.clevertap import doubts_of, read_upload, readdressed
from knownas.doors.clevertap_batch import Batch, answer_batch
from knownas.doors.clevertap_leaving import read_delete, read_demerge, read_disassociate, read_subscribe
from knownas.doors.clevertap_query import is_asked, query_of, read_cursor, write_cursor
from knownas.doors.segment import answer_tracked, keys_of, read_batch, read_single
from knownas.errors import WrongInput
from knownas.nouns import FORMAT, Count, Position, Profile, Property
from tests.doors.asking import asked

KINDS = ("identity", "email", "phone")
WORDS = st.sampled_from([
    "type", "event", "profile", "token", "identity", "objectId", "email", "evtName", "evtData", "profileData", "ts",
    "tokenData", "id", "Phone", "Gender", "Age", "$set", "value", "status", "Unsubscribe", "guid", "identities", "name",
    "track", "identify", "alias", "group", "page", "userId", "anonymousId", "previousId", "groupId", "traits",
    "context", "properties", "messageId", "timestamp", "sentAt", "birthday", "device", "event_name", "from", "to",
    "operator", "equals", "profile_fields", "common_profile_properties", "event_properties", "20251122", "a@x.org",
])  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8).filter(lambda text: text.isascii() or text.isprintable()), WORDS,
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=8),
    max_leaves=25,
)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=8)
BODIES = st.one_of(
    JSON,
    OBJECTS,
    st.fixed_dictionaries({"d": st.lists(OBJECTS, max_size=3) | JSON}),
    st.fixed_dictionaries({"batch": st.lists(OBJECTS, max_size=3) | JSON}, optional={"sentAt": JSON, "context": JSON}),
)
SOMEBODY = Profile(
    FORMAT, "p", properties={"name": Property("a", 1), "ts": Property([1, True], 1)}, events={"event": Count(1, 1, 1)}
)


def query_and_ask(request: Asked) -> None:
    is_asked(query_of(request), SOMEBODY, UTC)


@given(BODIES)
@pytest.mark.parametrize(
    "read",
    [
        read_upload, read_subscribe, read_disassociate, lambda request: read_delete(request, KINDS),
        lambda request: read_demerge(request, KINDS),
    ],
)  # fmt: skip
def test_of_clevertaps_batches(read: Callable[[Asked], Batch], body: Any) -> None:
    with suppress(WrongInput):
        batch = read(asked("/", body))
        doubts = doubts_of(batch.reading)
        batch = batch._replace(reading=readdressed(batch.reading, doubts.objects, doubts.names))
        puts = [
            Put(Position("events", 0, 1)) if n % 2 else Put(None, "bad_field") for n in range(len(batch.reading.taken))
        ]
        msgspec.json.decode(answer_batch(batch, puts).body)


@given(BODIES)
def test_of_segments_messages(body: Any) -> None:
    request = asked("/", body)
    keys_of(request)
    with suppress(WrongInput):
        for reading in (read_batch(request), read_single(request, "track")):
            for taken in reading.taken:
                msgspec.json.encode(taken.record)
            msgspec.json.decode(answer_tracked(reading, [Put(None, "bad_field")] * len(reading.taken)).body)


@given(BODIES)
def test_of_clevertaps_queries(body: Any) -> None:
    with suppress(WrongInput):
        query_and_ask(asked("/", body))


@given(st.text(max_size=60), st.binary(max_size=40))
def test_of_cursors(text: str, data: bytes) -> None:
    for told in (text, write_cursor(data)):  # type: ignore[arg-type]  # any bytes in a cursor's clothes
        with suppress(WrongInput):
            read_cursor(told, "events")
