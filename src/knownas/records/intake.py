"""From the bytes of one Kafka record to a record that the rules may trust, or to a flaw with its reason.

The order of the checks is the order of a reader's questions: is it there, is it JSON, is it an object, are the
fields of the right type, does the type of record have what it needs, are times and sizes within limits. Every way
out has a code of `reasons.REJECTIONS`; a flaw in one property refuses that property alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from knownas.nouns import Record, Timestamp
from knownas.records.identities import NOTHING, IdentityRules, Named, Unusable, name
from knownas.records.values import NESTING, holds_huge_number, is_junk, longer_than, refusal_of_property

RECORD_BYTES: Final = 64 * 1024
KEYS: Final = 256
DEVICE_CHARACTERS: Final = 128
ID_CHARACTERS: Final = 128
SUBSCRIBED: Final = ("email", "phone")
"""The kinds of addresses that one can opt out of one by one."""

EVENT_NAME_BYTES: Final = 512
AHEAD_SECONDS: Final = 24 * 3600

LOOKING: Final = frozenset({"demerge", "delete", "release", "test"})
"""Records about a profile as a whole: they only ask whose an identity or a device is, and carry no properties."""

_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.?)*"?', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[\]{}]")

_decode = msgspec.json.Decoder(Record).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_FIELDS: Final = {field.name: msgspec.json.Decoder(field.type) for field in msgspec.structs.fields(Record)}
_NULL: Final = msgspec.Raw(b"null")
_WRONG: Final = object()


class Flaw(NamedTuple):
    """Why a record is rejected: a code of `reasons.REJECTIONS` and what was found, in words."""

    reason: str
    detail: str


class Intake(msgspec.Struct, frozen=True, gc=False):
    """A record that passed, with its time, its identities and the property keys that are refused.

    `raw` is the JSON that goes on; it differs from the producer's bytes only where those held a NUL in a text.
    """

    record: Record
    raw: bytes
    ts: Timestamp
    named: Named
    refused: tuple[Unusable, ...]


def take_in(value: bytes | None, at: int, rules: IdentityRules, beside_bytes: int = 0) -> Intake | Flaw:
    """Decode and check one record.

    `at` is its Kafka timestamp in milliseconds; `beside_bytes` is what its key and headers take, which go on with it.
    """
    if beside_bytes > RECORD_BYTES:
        return Flaw("too_large", f"key and headers of {beside_bytes:,} bytes; at most {RECORD_BYTES:,} are allowed")
    decoded = _decoded(value)
    if isinstance(decoded, Flaw):
        return decoded
    record, raw = decoded
    check = _CHECKS.get(record.type)
    if check is None:
        return Flaw("unknown_type", f"type {record.type[:40]!r}; known are {', '.join(_CHECKS)}")
    flaw = check(record) or _flaw_of_address(record) or _flaw_of_content(record)
    if flaw is not None:
        return flaw
    ts = _time(record.ts, at)
    if isinstance(ts, Flaw):
        return ts
    if record.type in LOOKING:
        record = msgspec.structs.replace(record, profileData=None)
    if record.identities is None and record.profileData is None:
        return Intake(record, raw, ts, NOTHING, ())
    named = name(record, rules, at)
    if named is None:
        return Flaw("bad_identity", "the values of `identities` are strings or numbers")
    return Intake(record, raw, ts, named, _refused(record.profileData, named, at))


def _decoded(value: bytes | None) -> tuple[Record, bytes] | Flaw:
    """The record, and the JSON that goes on."""
    if not value:
        return Flaw("empty", "the value is null or empty")
    if len(value) > RECORD_BYTES:
        return Flaw("too_large", f"{len(value):,} bytes; at most {RECORD_BYTES:,} are allowed")
    try:
        if not value.isascii():
            value.decode()  # fields that nobody reads go on with the record, so they are text as well
        if value.count(b"[") + value.count(b"{") > NESTING and _depth(value) > NESTING:
            return Flaw("too_deep", f"nested deeper than {NESTING} levels")
        if b"\\u0000" in value:
            value = _without_nul(value)
        return _decode(value), value
    except msgspec.ValidationError as error:
        return _flaw_of_shape(value, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Flaw("not_json", str(error))


def _depth(value: bytes) -> int:
    """How deep brackets are nested, counted in the bytes: how deep a parser could go depends on its caller's stack."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", value)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _refused(properties: dict[str, Any] | None, named: Named, at: int) -> tuple[Unusable, ...]:
    if not properties:
        return ()
    found = ((key, refusal_of_property(key, value, at)) for key, value in properties.items() if key not in named.taken)
    return tuple(Unusable(key, reason) for key, reason in found if reason)


def _flaw_of_shape(value: bytes, message: str) -> Flaw:
    """The first flaw in the order of the checks; the decoder stopped at the first one in the order of the bytes."""
    try:
        _decode_raw(value)  # all of it is JSON
        members = _decode_members(value)
    except msgspec.ValidationError:
        return Flaw("not_object", message)
    except msgspec.DecodeError as error:
        return Flaw("not_json", str(error))
    type_ = _said(_FIELDS["type"], members.pop("type", _NULL))
    if type_ not in _CHECKS:
        return Flaw("unknown_type", f"known types are {', '.join(_CHECKS)}")
    for field, raw in members.items():
        if field in _FIELDS and _said(_FIELDS[field], raw) is _WRONG:
            return Flaw("bad_field", f"the type of `{field}`")
    return Flaw("number_out_of_range" if "out of range" in message else "bad_field", message)


def _said(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        return None if "out of range" in str(error) else _WRONG


def _without_nul(value: bytes) -> bytes:
    """Replace NUL in texts; an escaped backslash before `u0000` is not one, so the JSON is read and written again."""
    found = msgspec.json.decode(value)
    text = _replace_nul(found)
    return value if text == found else msgspec.json.encode(text)


def _replace_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "�")
    if isinstance(value, list):
        return [_replace_nul(item) for item in value]
    if isinstance(value, dict):
        return {_replace_nul(key): _replace_nul(item) for key, item in value.items()}
    return value


def _time(ts: Timestamp | None, at: int) -> Timestamp | Flaw:
    now = at / 1000
    if ts is None:
        return at // 1000 if at % 1000 == 0 else now
    if ts < 0:
        return Flaw("bad_ts", f"ts {ts} is before 1970")
    if ts > now + AHEAD_SECONDS:
        hint = "; it looks like milliseconds, seconds are wanted" if ts > 1e11 else ""
        return Flaw("future_ts", f"ts {ts} is more than 24 hours after the record's Kafka time {now}{hint}")
    return int(ts) if type(ts) is float and ts.is_integer() else ts


def _flaw_of_address(record: Record) -> Flaw | None:
    device = record.device
    if record.id is not None and not 0 < len(record.id) <= ID_CHARACTERS:
        return Flaw("bad_field", f"an `id` of {len(record.id)} characters; 1 to {ID_CHARACTERS} are allowed")
    if record.profile is not None:
        if device is not None or record.identities:
            return Flaw("conflicting_address", "`profile` stands beside `device` or `identities`")
        return None if 0 < len(record.profile) <= DEVICE_CHARACTERS else Flaw("unknown_profile", "not a profile id")
    if device is None:
        return None
    if not 0 < len(device) <= DEVICE_CHARACTERS:
        return Flaw("bad_device", f"{len(device)} characters; 1 to {DEVICE_CHARACTERS} are allowed")
    return Flaw("bad_device", f"{device!r} is a placeholder, not a device") if is_junk(device) else None


def _flaw_of_content(record: Record) -> Flaw | None:
    for field in ("identities", "evtData", "profileData", "context"):
        data = getattr(record, field)
        if data is None:
            continue
        if len(data) > KEYS:
            return Flaw("too_many_keys", f"{field} has {len(data)} keys; at most {KEYS} are allowed")
        if holds_huge_number(data):
            return Flaw("number_out_of_range", f"in {field}")
    if record.subscriptions is not None and (flaw := _flaw_of_subscriptions(record.subscriptions)) is not None:
        return flaw
    return Flaw("number_out_of_range", "in ts") if holds_huge_number(record.ts) else None


def _flaw_of_subscriptions(channels: dict[str, dict[str, bool]]) -> Flaw | None:
    for channel, addresses in channels.items():
        if channel not in SUBSCRIBED:
            return Flaw("bad_field", f"subscriptions of {channel[:40]!r}; there are {' and '.join(SUBSCRIBED)}")
        if len(addresses) > KEYS:
            return Flaw("too_many_keys", f"{len(addresses)} addresses of one kind; at most {KEYS} are allowed")
    return None


def _check_event(record: Record) -> Flaw | None:
    if not record.evtName:
        return Flaw("bad_event_name", "an event needs `evtName`")
    if longer_than(record.evtName, EVENT_NAME_BYTES):
        return Flaw("bad_event_name", f"longer than {EVENT_NAME_BYTES} bytes")
    return None


def _check_device(record: Record) -> Flaw | None:
    return Flaw("missing_device", f"a {record.type} needs `device`") if record.device is None else None


def _check_nothing(_: Record) -> Flaw | None:
    return None


def _check_one_address(record: Record) -> Flaw | None:
    if record.device is not None and record.identities:
        return Flaw("conflicting_address", f"a {record.type} names a device or identities, not both")
    return None


def _check_release(record: Record) -> Flaw | None:
    if not record.identities:
        return Flaw("no_identity", "a release needs the `identities` that are to leave their profile")
    return _check_one_address(record)


def _check_test(record: Record) -> Flaw | None:
    if record.test is None:
        return Flaw("bad_field", "a test record needs `test`, true or false")
    return _check_one_address(record)


_CHECKS: Final[dict[str, Callable[[Record], Flaw | None]]] = {
    "event": _check_event,
    "login": _check_device,
    "profile": _check_nothing,
    "logout": _check_device,
    "demerge": _check_one_address,
    "delete": _check_one_address,
    "release": _check_release,
    "test": _check_test,
}
