"""Doors: what a vendor's client asks, as records of the contract, and the answer that client needs. One file a vendor.

A door is two functions without a clock or the network: `read_...(asked) -> Reading` says which records a request
holds and which parts of it hold none; `answer_...(reading, puts) -> Answer` says what came of them in the vendor's
words. Between the two the gateway puts the records on their topics; `puts[i]` is what came of `reading.taken[i]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from knownas.nouns import Position

UNAVAILABLE = "unavailable"
"""The reason of a `Put` that Kafka has not acknowledged: the client may send that record again."""


class Asked(NamedTuple):
    """A request. `query` is decoded, `raw_query` is as it came; header names are in lower case; `body` is unpacked."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    now_ms: int
    remote: str
    inside: Mapping[str, str] = {}
    """What the route's pattern found in the path: `{id}`, `{kind}`."""

    def said(self, name: str, otherwise: str = "") -> str:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), otherwise)


class Taken(NamedTuple):
    """A record of the contract, and which of the request's records it was made from."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a record
    record: dict[str, Any]


class Failed(NamedTuple):
    """A part of a request that is no record: the vendor's code, what is wrong in words, and the part itself."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a record
    code: int
    error: str
    record: Any


class Reading(NamedTuple):
    """What a request holds."""

    taken: list[Taken]
    failed: list[Failed]


class Put(NamedTuple):
    """What came of a record: where it stands, or why it does not (a code of `records.reasons`, or `UNAVAILABLE`)."""

    position: Position | None
    reason: str = ""
    detail: str = ""


class Answer(NamedTuple):
    """What goes back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


_encode = msgspec.json.Encoder().encode


def answer_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer that is a JSON document."""
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, _encode(value))


def unacknowledged(puts: Sequence[Put]) -> list[int]:
    """The places of the records that Kafka has not acknowledged."""
    return [place for place, put in enumerate(puts) if put.reason == UNAVAILABLE]
