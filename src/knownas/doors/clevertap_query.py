"""CleverTap's queries and cursors: who and what is asked for, and where the next page starts.

A query is `{"event_name", "from", "to", "event_properties", "common_profile_properties": {"profile_fields"}}`: people
who did an event between two days (YYYYMMDD, both included, in the zone that days are counted in), with conditions on
the event's properties and on the person's. No name means any event; no days mean any time. A day is known exactly for
the last 92 days of an event, before that by its first and its last time. Conditions on event properties are answered
from the timelines that are kept. A part of a query that nobody here knows is refused, never ignored.

A cursor is opaque text that is safe in an address, for clients paste it in as it is. It holds all that the next page
needs, so any gateway can answer it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import Any, Final, Literal
from urllib.parse import unquote

import msgspec

from knownas.doors import Asked
from knownas.doors.clevertap_batch import body_of
from knownas.doors.clevertap_conditions import Condition, check_operators, holds, read_conditions
from knownas.doors.clevertap_shapes import data_of, properties_of
from knownas.errors import WrongInput
from knownas.nouns import Count, Entry, Profile

BATCH_SIZE, MOST = 50, 5_000
QUERY_BYTES: Final = 2_048
_PARTS: Final = frozenset({"event_name", "from", "to", "event_properties", "common_profile_properties"})
_EPOCH: Final = date(1970, 1, 1).toordinal()


class Query(msgspec.Struct, frozen=True, array_like=True):
    """What is asked of people and events. `since` and `until` are days since 1970."""

    event: str | None = None
    since: int | None = None
    until: int | None = None
    event_conditions: list[Condition] = []
    profile_conditions: list[Condition] = []


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page starts: the query, the size of its pages, the people met but not shown yet, and how far the first
    of them and all of them are gone through. `scan` is None after the last one."""

    of: Literal["profiles", "events"]
    query: Query
    size: int
    scan: str | None = None
    started: bool = False
    waiting: list[str] = []
    timeline: str | None = None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Cursor).decode
_read_json: Final = msgspec.json.Decoder().decode


def said_raw(asked: Asked, *names: str) -> str:
    """The first of these parameters, where a plus is a plus: clients paste addresses and cursors in as they are."""
    for part in asked.raw_query.split("&"):
        name, _, value = part.partition("=")
        if value and unquote(name) in names:
            return unquote(value, errors="replace")
    return ""


def first_cursor(asked: Asked, of: Literal["profiles", "events"]) -> Cursor:
    """What a call without a cursor asks for: `query` in the address, or the body."""
    size = asked.said("batch_size") or str(BATCH_SIZE)
    if not size.isdecimal() or len(size) > 9 or int(size) < 1:
        raise WrongInput(f"`batch_size` is a number from 1 to {MOST:,}")
    return Cursor(of, query_of(asked), min(int(size), MOST))


def query_of(asked: Asked) -> Query:
    """The query in the address (`query=`) or in the body."""
    text = asked.said("query")
    if not text and not asked.body.strip():
        return Query()
    if not text:
        return read_query(body_of(asked))
    try:
        said = _read_json(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise WrongInput(f"`query` is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise WrongInput("`query` is a JSON object")
    return read_query(said)


def read_query(said: Mapping[str, Any]) -> Query:
    """A query as CleverTap writes it."""
    unknown = said.keys() - _PARTS
    name = said.get("event_name")
    if name is not None and not isinstance(name, str):
        raise WrongInput("`event_name` is a text")
    common = said.get("common_profile_properties") or {}
    if unknown or not isinstance(common, dict) or common.keys() - {"profile_fields"}:
        raise WrongInput(
            "a query holds `event_name`, `from`, `to`, `event_properties`, `common_profile_properties.profile_fields`"
        )
    query = Query(
        name or None,
        _day(said.get("from"), "from"),
        _day(said.get("to"), "to"),
        read_conditions(said.get("event_properties"), "event_properties"),
        read_conditions(common.get("profile_fields"), "profile_fields"),
    )
    if query.event_conditions and query.event is None:
        raise WrongInput("`event_properties` need an `event_name`")
    if query.since is not None and query.until is not None and query.since > query.until:
        raise WrongInput("`from` is after `to`")
    if len(_encode(query)) > QUERY_BYTES:
        raise WrongInput(f"the query is longer than {QUERY_BYTES:,} bytes")
    return query


def write_cursor(cursor: Cursor) -> str:
    """The text that clients send back."""
    return urlsafe_b64encode(_encode(cursor)).rstrip(b"=").decode()


def read_cursor(text: str, of: Literal["profiles", "events"]) -> Cursor:
    """A cursor that this API gave for such a call."""
    try:
        cursor = _decode(urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)))
    except (ValueError, msgspec.DecodeError, RecursionError) as error:
        raise WrongInput("the cursor is not one of ours") from error
    check_operators(cursor.query.event_conditions + cursor.query.profile_conditions)
    if cursor.of != of or not 1 <= cursor.size <= MOST:
        raise WrongInput(f"the cursor is not one for {of}")
    return cursor


def _day(value: Any, name: str) -> int | None:
    if value is None or value == "":
        return None
    try:
        return datetime.strptime(f"{value!s:0>8}Z", "%Y%m%d%z").date().toordinal() - _EPOCH
    except ValueError as error:
        raise WrongInput(f"`{name}` is a day as YYYYMMDD") from error


def did(query: Query, profile: Profile, zone: tzinfo) -> int:
    """How often a person did what the query asks, as far as counts tell; 0: not, or the person is not meant."""
    if query.profile_conditions and not holds(query.profile_conditions, _fields_of(profile)):
        return 0
    if query.event is not None:
        count = profile.events.get(query.event)
        return _times(query, count, zone) if count is not None else 0
    return sum(_times(query, count, zone) for count in profile.events.values())


def is_asked(query: Query, profile: Profile, zone: tzinfo) -> bool:
    """Whether a person is among those that a query asks for. Without an event and without days, everybody may be."""
    if query.event is None and query.since is None and query.until is None:
        return holds(query.profile_conditions, _fields_of(profile))
    return did(query, profile, zone) > 0


def event_is_asked(query: Query, entry: Entry, zone: tzinfo) -> bool:
    """Whether a line of a timeline is among the events that a query asks for."""
    if entry.type != "event" or query.event not in (None, entry.name):
        return False
    if not _within(query, day_of(entry.ts, zone)):
        return False
    return not query.event_conditions or holds(query.event_conditions, data_of(entry))


def day_of(ts: float, zone: tzinfo) -> int:
    """The day of a time, in days since 1970."""
    return datetime.fromtimestamp(ts, zone).date().toordinal() - _EPOCH


def _times(query: Query, count: Count, zone: tzinfo) -> int:
    if query.since is None and query.until is None:
        return count.count
    kept = count.days
    found = sum(n for day, n in zip(kept[::2], kept[1::2], strict=True) if _within(query, day))
    if found or (kept and query.since is not None and query.since >= kept[0]):
        return found
    return int(_within(query, day_of(count.first, zone)) or _within(query, day_of(count.last, zone)))


def _within(query: Query, day: int) -> bool:
    return (query.since is None or day >= query.since) and (query.until is None or day <= query.until)


def _fields_of(profile: Profile) -> dict[str, Any]:
    return properties_of(profile) | {"type": profile.type}
