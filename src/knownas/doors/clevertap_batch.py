"""CleverTap's batches: many records in a call, an answer that says which of them were not taken, and its codes.

One bad record never spoils a batch: it stands in `unprocessed` with its code. A request that is no batch at all raises
`WrongInput`. What the core's own intake refuses comes back as a `Put` and gets its code from `CODES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from knownas.doors import UNAVAILABLE, Answer, Asked, Failed, Put, Reading, Taken, answer_json, unacknowledged
from knownas.errors import WrongInput

RECORDS: Final = 1_000
"""The most records that one call may hold."""

NAME_MISSING, BAD_EVENT, RESTRICTED_EVENT, TOO_MANY = 509, 512, 513, 522
NO_IDENTITY, NO_TYPE, BAD_TIME, BAD_OBJECT, DISCARDED, TROUBLE = 523, 524, 525, 526, 528, 555
TOKEN_DATA, TOKEN_ID, TOKEN_TYPE = 531, 532, 533

CODES: Final = {
    "bad_event_name": BAD_EVENT, "too_many_keys": TOO_MANY, "no_identity": NO_IDENTITY, "bad_identity": NO_IDENTITY,
    "missing_device": BAD_OBJECT, "bad_device": BAD_OBJECT, "unknown_profile": BAD_OBJECT,
    "conflicting_address": BAD_OBJECT, "unknown_type": NO_TYPE, "bad_ts": BAD_TIME, "future_ts": BAD_TIME,
    "duplicate": DISCARDED, "suppressed": DISCARDED, "deleted": DISCARDED, UNAVAILABLE: TROUBLE,
}  # fmt: skip
"""CleverTap's code for a reason of the core; any other is `BAD_EVENT` for an event, else `NO_TYPE`."""

_decode: Final = msgspec.json.Decoder().decode


class Unprocessed(msgspec.Struct, frozen=True):
    """A record that was not taken, with CleverTap's code and what is wrong with it."""

    status: str
    code: int
    error: str
    record: Any


class Uploaded(msgspec.Struct, frozen=True):
    """What came of a batch: `success` (all taken), `partial` or `fail` (none)."""

    status: str
    processed: int
    unprocessed: list[Unprocessed]


class Batch(NamedTuple):
    """What a call holds, and its records as they came."""

    reading: Reading
    said: Sequence[Any]


class Wrong(Exception):
    """A record of a batch that cannot be read: the code, and what is wrong in words."""

    def __init__(self, code: int, error: str) -> None:
        super().__init__(error)
        self.code, self.error = code, error


def body_of(asked: Asked) -> dict[str, Any]:
    """The request's JSON object."""
    try:
        body = _decode(asked.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise WrongInput(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise WrongInput("the body is a JSON object")
    return body


def read_batch(asked: Asked, read: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Batch:
    """A call with records in `d`, each read for itself; `read` raises `Wrong`."""
    said = _records_of(asked)
    return Batch(_read_each(said, read), said)


def _records_of(asked: Asked) -> list[Any]:
    """The records of the request's `d`, which is a list or a single record."""
    batch = body_of(asked).get("d")
    if isinstance(batch, dict):
        return [batch]
    if not isinstance(batch, list):
        raise WrongInput('the body is {"d": [...]}: a list of records')
    if len(batch) > RECORDS:
        raise WrongInput(f"{len(batch):,} records in one call; at most {RECORDS:,} are allowed")
    return batch


def _read_each(batch: Sequence[Any], read: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> Reading:
    reading = Reading([], [])
    for index, said in enumerate(batch):
        if not isinstance(said, dict):
            reading.failed.append(Failed(index, NO_TYPE, "a record is an object", said))
            continue
        try:
            reading.taken.extend(Taken(index, record) for record in read(said))
        except Wrong as wrong:
            reading.failed.append(Failed(index, wrong.code, wrong.error, said))
    return reading


def answer_batch(batch: Batch, puts: Sequence[Put]) -> Answer:
    """CleverTap's answer; 503 where Kafka did not acknowledge, and then it says which records are to be sent again."""
    reading = batch.reading
    failed = {one.index: one for one in reading.failed}
    for (index, record), put in zip(reading.taken, puts, strict=True):
        if put.position is None and index not in failed:
            failed[index] = Failed(index, _code(record, put), put.detail or put.reason, batch.said[index])
    asked = {index for index, _ in reading.taken} | failed.keys()
    unprocessed = [Unprocessed("fail", one.code, one.error, one.record) for _, one in sorted(failed.items())]
    processed = len(asked) - len(failed)
    status = "success" if not failed else "partial" if processed else "fail"
    uploaded = Uploaded(status, processed, unprocessed)
    return answer_json(uploaded, 503, {"Retry-After": "2"}) if unacknowledged(puts) else answer_json(uploaded)


def refused(status: int, code: str, text: str) -> Answer:
    """A fault in CleverTap's words."""
    return answer_json({"status": "fail", "code": status, "error": text, "reason": code}, status)


def _code(record: dict[str, Any], put: Put) -> int:
    return CODES.get(put.reason, BAD_EVENT if record["type"] == "event" else NO_TYPE)
