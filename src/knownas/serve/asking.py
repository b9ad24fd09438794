"""Reading what a request says: bodies into types, numbers out of queries; what cannot be read is a `Fault`."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
import orjson

from knownas.doors import Asked
from knownas.serve.faults import Fault, bad_request

T = TypeVar("T")
_LONGEST_NUMBER: Final = 24


def body_as(decoder: msgspec.json.Decoder[T], asked: Asked, form: str = "") -> T:
    """The body, decoded and checked by its type; `form` is how one looks, for who sent another."""
    try:
        return decoder.decode(asked.body)
    except RecursionError:
        raise Fault(400, "too_deep", "nested deeper than anything this takes") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request("bad_body", f"{error}; a body is {form}" if form else str(error)) from None


def json_body(body: bytes) -> Any:
    """A body that a vendor's client made, as it is: any JSON, within what 64 bits and a sane depth allow."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request("not_json", str(error)) from None


def number(asked: Asked, name: str, otherwise: int, least: int, most: int) -> int:
    """A whole number of the query, within limits."""
    text = asked.said(name)
    if not text:
        return otherwise
    if not (len(text) <= _LONGEST_NUMBER and text.isascii() and text.removeprefix("-").isdigit()):
        raise bad_request("bad_query", f"`{name}` is a whole number from {least} to {most}")
    if not least <= int(text) <= most:
        raise bad_request("bad_query", f"`{name}` is from {least} to {most}")
    return int(text)


def moment_ms(asked: Asked, name: str) -> int | None:
    """A time of the query in seconds since 1970, as milliseconds."""
    text = asked.said(name)
    if not text:
        return None
    try:
        seconds = float(text) if len(text) <= _LONGEST_NUMBER else -1.0
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e11:
        raise bad_request("bad_query", f"`{name}` is in seconds since 1970")
    return int(seconds * 1000)
