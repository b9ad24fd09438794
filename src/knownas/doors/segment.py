"""Segment's tracking API: batches and single calls of identify, track, page, screen, alias and group.

What the calls become is said in `segment_messages.py`. A message that is none stands in the answer's `rejected`; a
request that holds no messages at all raises `WrongInput`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from knownas.doors import UNAVAILABLE, Answer, Asked, Failed, Put, Reading, Taken, answer_json, unacknowledged
from knownas.doors.segment_messages import around_of, record_of
from knownas.errors import WrongInput

CALLS: Final = {
    "i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias",
}  # fmt: skip
"""The calls by the short names that browsers use in paths."""
MESSAGES: Final = 5_000
"""The most messages that one batch may hold."""
BAD: Final = 400

_decode: Final = msgspec.json.Decoder().decode


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message, as far as every call has it."""

    type: str = ""
    messageId: str | None = None
    anonymousId: str | None = None
    userId: str | int | None = None
    timestamp: str | None = None
    context: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    event: str | None = None
    properties: dict[str, Any] | None = None
    previousId: str | None = None
    groupId: str | None = None
    writeKey: str | None = None


class Batch(msgspec.Struct, frozen=True, omit_defaults=True):
    """Messages in one request."""

    batch: list[Message]
    sentAt: str | None = None
    writeKey: str | None = None


class Rejected(msgspec.Struct, frozen=True):
    """A message that was not taken, and why."""

    index: int
    messageId: str | None
    reason: str
    error: str


class Tracked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a request. `rejected` is there where something was not taken."""

    success: bool
    code: str = ""
    message: str = ""
    rejected: list[Rejected] = []


class _KeyBeside(msgspec.Struct):
    writeKey: Any = None
    batch: list[_KeyInside] | None = None


class _KeyInside(msgspec.Struct):
    writeKey: Any = None


_read_keys: Final = msgspec.json.Decoder(_KeyBeside).decode


def read_batch(asked: Asked) -> Reading:
    """`POST /v1/batch`, `/v1/import`: messages of any call."""
    body = _body(asked)
    messages = body.get("batch") if isinstance(body, dict) else body
    if not isinstance(messages, list):
        raise WrongInput('the body is {"batch": [...]}: a list of messages')
    if len(messages) > MESSAGES:
        raise WrongInput(f"{len(messages):,} messages in one request; at most {MESSAGES:,} are allowed")
    return _read(messages, around_of(body) if isinstance(body, dict) else {}, "", asked)


def read_single(asked: Asked, call: str) -> Reading:
    """`POST /v1/track` and its likes: one message of the call that the path names."""
    body = _body(asked)
    if isinstance(body, dict) and isinstance(body.get("batch"), list):
        return read_batch(asked)
    return _read([body], {}, call, asked)


def keys_of(asked: Asked) -> Sequence[str]:
    """The write keys that a request shows: Basic auth's user, a bearer, `writeKey` in the address or in the body."""
    scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
    shown = [rest.strip()] if scheme.lower() == "bearer" else []
    if scheme.lower() == "basic":
        try:
            shown.append(base64.b64decode(rest.strip(), validate=True).decode().partition(":")[0])
        except (binascii.Error, UnicodeDecodeError):
            return ()
    shown.append(asked.said("writeKey"))
    if not any(shown):
        shown += _keys_inside(asked.body)
    return tuple(key for key in shown if key)


def answer_tracked(reading: Reading, puts: Sequence[Put]) -> Answer:
    """200 when something was taken, 400 when nothing was (clients give up), 503 when Kafka is away (they try again)."""
    rejected = [Rejected(one.index, _id_of(one.record), "bad_message", one.error) for one in reading.failed]
    for (index, record), put in zip(reading.taken, puts, strict=True):
        if put.position is None:
            rejected.append(Rejected(index, record.get("id"), put.reason, put.detail))
    rejected.sort(key=lambda one: one.index)
    if unacknowledged(puts):
        tracked = Tracked(False, UNAVAILABLE, "not all is stored; send it again", rejected)
        return answer_json(tracked, 503, {"Retry-After": "2"})
    if rejected and all(put.position is None for put in puts):
        return answer_json(Tracked(False, rejected[0].reason, rejected[0].error, rejected), BAD)
    return answer_json(Tracked(True, rejected=rejected))


def refused(status: int, code: str, text: str) -> Answer:
    """A fault in Segment's words."""
    return answer_json(Tracked(False, code, text), status)


def _body(asked: Asked) -> Any:
    body = asked.body
    if body[:2] == b"\x1f\x8b":
        raise WrongInput("the body is packed, but no Content-Encoding says so")
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WrongInput(f"the body is not JSON: {error}") from error


def _keys_inside(body: bytes) -> list[str]:
    try:
        found = _read_keys(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    inside = [found.writeKey, *(one.writeKey for one in (found.batch or [])[:1])]
    return [key for key in inside if isinstance(key, str)]


def _read(messages: Sequence[Any], around: Mapping[str, Any], call: str, asked: Asked) -> Reading:
    reading = Reading([], [])
    for index, said in enumerate(messages):
        try:
            reading.taken.append(Taken(index, record_of(said, around, call, asked.now_ms)))
        except ValueError as error:
            reading.failed.append(Failed(index, BAD, str(error), said))
    return reading


def _id_of(said: Any) -> str | None:
    found = said.get("messageId") if isinstance(said, dict) else None
    return found if isinstance(found, str) else None
