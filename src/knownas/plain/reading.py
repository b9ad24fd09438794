"""What a record of a log says, or the reason why it says nothing.

The checks, in order: there is a value; at most 64 KiB; JSON in UTF-8; an object; a known `type`; fields of their
types; numbers that a float can hold; what its type needs; one address; contents within limits; a time that is not
ahead; identities that are strings or numbers. A NUL in a text becomes U+FFFD, and the record is then written anew.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from knownas.nouns import Identity, Names, Timestamp
from knownas.plain.naming import is_junk, name, refusal

TYPES = ("event", "login", "profile", "logout", "demerge", "delete", "release", "test")
ABOUT_A_PROFILE = ("demerge", "delete", "release", "test")
"""They say nothing of the person; they only ask whose a device or an identity is."""
FIELDS: dict[str, tuple[type, ...]] = {
    "device": (str, type(None)),
    "profile": (str, type(None)),
    "identities": (dict, type(None)),
    "ts": (int, float, type(None)),
    "id": (str, type(None)),
    "evtName": (str, type(None)),
    "evtData": (dict, type(None)),
    "profileData": (dict, type(None)),
    "context": (dict, type(None)),
    "suppress": (bool,),
    "test": (bool, type(None)),
    "subscriptions": (dict, type(None)),
}


class LogRecord(NamedTuple):
    """A record as it stands in a partition of `events` or `updates`; `at` is its Kafka time in milliseconds."""

    offset: int
    at: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()

    def beside(self, is_copy: bool) -> int:
        """How many bytes key and headers take, but for the header that a copy was given."""
        headers = [(name, said) for name, said in self.headers if not (is_copy and name == "knownas-origin")]
        return len(self.key or b"") + sum(len(name) + len(said or b"") for name, said in headers)


Logs = Mapping[tuple[str, int], Sequence[LogRecord]]
"""The records of each partition in order; a partition is (short name of the topic, number)."""


class Setting(NamedTuple):
    """What a deployment fixes: its secret, the partitions of `events`, the shards, identity kinds, phone region, and
    the time zone whose days are counted."""

    names: Names
    partitions: int
    shards: int
    kinds: tuple[str, ...] = ("identity", "email", "facebook", "google")
    region: str | None = None
    day_timezone: str = "UTC"


class Reading(NamedTuple):
    """What a record says.

    `usable` are its identities, each with the property it sets; `unusable` (kind, reason) are those that do not
    count; `plain` are properties given as identities of undeclared kinds; `taken` are the keys of `profileData` that
    were read as identities, `refused` (key, reason) those that do not apply.
    """

    type: str
    device: str | None
    profile: str | None
    ts: Timestamp
    name: str | None
    data: bytes | None
    properties: dict[str, Any]
    context: dict[str, Any]
    subscriptions: dict[str, dict[str, bool]]
    test: bool | None
    usable: list[tuple[Identity, str | None]]
    unusable: list[tuple[str, str]]
    plain: list[tuple[str, Any]]
    taken: list[str]
    refused: list[tuple[str, str]]
    carried: bytes
    id: str | None
    suppress: bool


class Flawed(Exception):
    """The record is rejected; the argument is the reason."""


def read(value: bytes | None, at: int, setting: Setting, beside: int = 0) -> Reading | str:
    """What a record says, or the reason it is rejected for; `beside` is what its key and headers take."""
    try:
        if beside > 64 * 1024:
            raise Flawed("too_large")  # noqa: TRY301 (the first of many checks that say so)
        return _read(value, at, setting)
    except Flawed as flaw:
        return str(flaw)


def _read(value: bytes | None, at: int, setting: Setting) -> Reading:
    text, is_huge = _without_nul(_text(value))
    members = _members(text)
    fields = {field: content for field, content, _ in members}
    _check_shape(members)
    if is_huge:
        raise Flawed("number_out_of_range")
    _check_type(fields)
    _check_address(fields)
    _check_content(fields)
    ts = _time(fields.get("ts"), at)
    _check_identities(fields)
    properties = {} if fields["type"] in ABOUT_A_PROFILE else fields.get("profileData") or {}
    named = name(fields.get("identities") or {}, properties, setting.kinds, setting.region, at)
    refusals = [(key, refusal(key, value, at)) for key, value in properties.items() if key not in named.taken]
    written = {field: text_of_value for field, _, text_of_value in members}
    return Reading(
        type=fields["type"],
        device=fields.get("device"),
        profile=fields.get("profile"),
        ts=ts,
        name=fields.get("evtName"),
        data=written["evtData"].encode() if fields.get("evtData") is not None else None,
        properties=properties,
        context=fields.get("context") or {},
        subscriptions=fields.get("subscriptions") or {},
        test=fields.get("test"),
        usable=named.usable,
        unusable=named.unusable,
        plain=named.plain,
        taken=named.taken,
        refused=[(key, reason) for key, reason in refusals if reason is not None],
        carried=text.encode(),
        id=fields.get("id"),
        suppress=fields.get("suppress", False),
    )


# ------------------------------------------------------------------------------------------------- is it a record?


def _text(value: bytes | None) -> str:
    if not value:
        raise Flawed("empty")
    if len(value) > 64 * 1024:
        raise Flawed("too_large")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise Flawed("not_json") from None
    if _depth(text) > 32:
        raise Flawed("too_deep")
    return text.strip(" \t\r\n")


def _depth(text: str) -> int:
    """How deep brackets stand in each other, those in strings apart."""
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= 4300 else math.inf


def _no_such_number(written: str) -> None:
    raise ValueError(written)


_json = json.JSONDecoder(parse_int=_whole, parse_constant=_no_such_number)


def _parse(text: str) -> Any:
    try:
        root = _json.decode(text)
        if "\\u" in text:
            json.dumps(root, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except ValueError:
        raise Flawed("not_json") from None
    if type(root) is not dict:
        raise Flawed("not_object")
    return root


def _members(text: str) -> list[tuple[str, Any, str]]:
    """Name, value and the text of the value of each member of the object, duplicates included."""
    _parse(text)
    members = []
    place = _skip(text, 1)
    while text[place] != "}":
        field, place = _json.raw_decode(text, place)
        start = _skip(text, place)
        value, place = _json.raw_decode(text, start)
        members.append((field, value, text[start:place]))
        place = _skip(text, place)
    return members


def _skip(text: str, place: int) -> int:
    while text[place] in " \t\r\n:,":
        place += 1
    return place


def _without_nul(text: str) -> tuple[str, bool]:
    """The record with NUL replaced, and whether a number in it is too large for it to be written again."""
    if "\\u0000" not in text:
        return text, False
    root = _parse(text)
    if not all(math.isfinite(number) for number in _numbers(root)):
        return text, True
    if "\0" not in "".join(_texts(root)):
        return text, False
    return msgspec.json.encode(_replaced(root)).decode(), False


def _replaced(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_replaced(item) for item in value]
    if isinstance(value, dict):
        return {_replaced(key): _replaced(item) for key, item in value.items()}
    return value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value


def _texts(value: Any) -> Iterator[str]:
    return (leaf for leaf in _leaves(value) if isinstance(leaf, str))


def _numbers(value: Any) -> Iterator[float]:
    return (leaf for leaf in _leaves(value) if isinstance(leaf, float))


def _check_shape(members: list[tuple[str, Any, str]]) -> None:
    types = [value for field, value, _ in members if field == "type"]
    if not types or not all(isinstance(value, str) and value in TYPES for value in types):
        raise Flawed("unknown_type")
    known = [(field, value) for field, value, _ in members if field in FIELDS]
    if not all(_has_its_type(field, value) for field, value in known):
        raise Flawed("bad_field")
    if not all(math.isfinite(number) for _, value in known for number in _numbers(value)):
        raise Flawed("number_out_of_range")


def _has_its_type(field: str, value: Any) -> bool:
    """Where a number is beyond all numbers, that is the flaw."""
    if value in (math.inf, -math.inf):
        return True
    if field == "subscriptions" and type(value) is dict:
        return _are_subscriptions(value)
    return type(value) in FIELDS[field]


def _are_subscriptions(value: dict[str, Any]) -> bool:
    for addresses in value.values():
        for answer in addresses.values() if isinstance(addresses, dict) else [addresses]:
            if answer in (math.inf, -math.inf):
                return True
            if not isinstance(addresses, dict) or not isinstance(answer, bool):
                return False
    return True


# --------------------------------------------------------------------------------------------- may it say what it says?


def _check_type(fields: dict[str, Any]) -> None:
    kind, event = fields["type"], fields.get("evtName")
    if kind == "event" and (not event or len(event.encode()) > 512):
        raise Flawed("bad_event_name")
    if kind in ("login", "logout") and fields.get("device") is None:
        raise Flawed("missing_device")
    if kind == "release" and not fields.get("identities"):
        raise Flawed("no_identity")
    if kind == "test" and fields.get("test") is None:
        raise Flawed("bad_field")
    if kind in ABOUT_A_PROFILE and fields.get("device") is not None and fields.get("identities"):
        raise Flawed("conflicting_address")


def _check_address(fields: dict[str, Any]) -> None:
    profile, device, record_id = fields.get("profile"), fields.get("device"), fields.get("id")
    if record_id is not None and not 1 <= len(record_id) <= 128:
        raise Flawed("bad_field")
    if profile is not None and (device is not None or fields.get("identities")):
        raise Flawed("conflicting_address")
    if profile is not None and not 1 <= len(profile) <= 128:
        raise Flawed("unknown_profile")
    if device is not None and (not 1 <= len(device) <= 128 or is_junk(device)):
        raise Flawed("bad_device")


def _check_content(fields: dict[str, Any]) -> None:
    for field in ("identities", "evtData", "profileData", "context"):
        content = fields.get(field) or {}
        if len(content) > 256:
            raise Flawed("too_many_keys")
        _check_values(content)
    for channel, addresses in (fields.get("subscriptions") or {}).items():
        if channel not in ("email", "phone"):
            raise Flawed("bad_field")
        if len(addresses) > 256:
            raise Flawed("too_many_keys")
    _check_values(fields.get("ts"))


def _check_values(value: Any) -> None:
    """Numbers fit into 64 bits."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise Flawed("number_out_of_range")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_values(item)


def _check_identities(fields: dict[str, Any]) -> None:
    if any(isinstance(value, dict | list) for value in (fields.get("identities") or {}).values()):
        raise Flawed("bad_identity")


def _time(ts: Timestamp | None, at: int) -> Timestamp:
    if ts is None:
        ts = at / 1000
    if ts < 0:
        raise Flawed("bad_ts")
    if ts > at / 1000 + 24 * 3600:
        raise Flawed("future_ts")
    return int(ts) if ts == int(ts) else ts
