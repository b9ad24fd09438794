"""One message of Segment's tracking API as a record.

How its words become ours. `anonymousId` is the device, `userId` an identity of the kind `identity`, `messageId` the
record's id, so that a message that a client sends again is counted once.

| call | becomes |
|---|---|
| identify | with a device and a user: a login with the traits; with either alone: a profile record |
| track, page, screen | an event; one with a device and a user goes to the user and binds nothing |
| alias | a login of `userId` on the device `previousId`: a guest becomes known, two known people are never merged |
| group | a profile record with `groupId` and the group's traits as `group.<name>`; it never logs anybody in |

A time in the future is one of a clock that is ahead: where the client says when it sent (`sentAt`), as much is taken
off as the clock is ahead by. Other times stay as they are told: replayed history keeps its times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final

from knownas.doors.segment_fields import SHARED, context_of, group_properties_of, properties_of
from knownas.doors.times import seconds

ID_CHARACTERS: Final = 128


def record_of(said: Any, around: Mapping[str, Any], call: str, now_ms: int) -> dict[str, Any]:
    """The record that a message comes to. ValueError says what is wrong with it.

    `around` is what the message has of its batch; `call` is what the path named, if it did.
    """
    if not isinstance(said, dict):
        raise ValueError("a message is an object")  # noqa: TRY004
    named = call or said.get("type") or said.get("action")
    read = _CALLS.get(named) if isinstance(named, str) else None
    if read is None:
        raise ValueError(f"`type` is one of {', '.join(_CALLS)}")
    merged = _object(around, "context") | _object(said, "context")
    record = read(said, merged)
    message_id = said.get("messageId")
    if message_id is not None and message_id != "":
        record["id"] = _short(message_id)
    ts = _time(said, around, now_ms)
    if ts is not None:
        record["ts"] = ts
    context = context_of(merged, with_token="device" in record)
    if context:
        record["context"] = context
    return record


def around_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a batch says for all its messages: no more of it than they use, for it is looked at with each."""
    context = body.get("context")
    if isinstance(context, dict):
        context = {name: context[name] for name in SHARED if name in context}
    return {"context": context, "sentAt": body.get("sentAt")}


def _identify(said: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
    traits = _object(context, "traits") | _object(said, "traits")
    address = _address(said)
    kind = "login" if "device" in address and "identities" in address else "profile"
    return {"type": kind, **address, "profileData": properties_of(traits)}


def _track(said: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    name = said.get("event")
    if not isinstance(name, str) or not name:
        raise ValueError("`event` is the name of what was done")
    return {"type": "event", **_address(said), "evtName": name, "evtData": dict(_object(said, "properties"))}


def _viewed(what: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]:
    def read(said: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
        named = {key: said[key] for key in ("name", "category") if isinstance(said.get(key), str) and said[key]}
        data = dict(_object(said, "properties")) | named
        return {"type": "event", **_address(said), "evtName": f"{what} Viewed", "evtData": data}

    return read


def _alias(said: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    device = _text(said, "previousId") or _text(said, "anonymousId")
    user = _user(said)
    if device is None or user is None:
        raise ValueError("an alias needs `previousId` and `userId`")
    return {"type": "login", "device": device, "identities": {"identity": user}}


def _group(said: Mapping[str, Any], _: Mapping[str, Any]) -> dict[str, Any]:
    group = _text(said, "groupId")
    if group is None:
        raise ValueError("a group call needs `groupId`")
    address = _address(said)
    if "identities" in address:
        address.pop("device", None)  # with both it would be a login
    return {"type": "profile", **address, "profileData": group_properties_of(group, _object(said, "traits"))}


_CALLS: Final[dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]]] = {
    "identify": _identify, "track": _track, "page": _viewed("Page"), "screen": _viewed("Screen"), "alias": _alias,
    "group": _group,
}  # fmt: skip


def _address(said: Mapping[str, Any]) -> dict[str, Any]:
    device, user = _text(said, "anonymousId"), _user(said)
    if device is None and user is None:
        raise ValueError("one of `anonymousId` and `userId` is needed")
    return ({"device": device} if device is not None else {}) | ({"identities": {"identity": user}} if user else {})


def _user(said: Mapping[str, Any]) -> str | None:
    return _text(said, "userId")


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if type(value) not in (str, int, float):
        raise ValueError(f"`{name}` is a text or a number")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _object(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = said.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"`{name}` is an object")  # noqa: TRY004
    return value


def _short(message_id: Any) -> str:
    text = str(message_id)
    return text if len(text) <= ID_CHARACTERS else blake2b(text.encode(), digest_size=32).hexdigest()


def _time(said: Mapping[str, Any], around: Mapping[str, Any], now_ms: int) -> int | float | None:
    told = next((said[name] for name in ("timestamp", "originalTimestamp") if said.get(name)), None)
    try:
        ts = seconds(told, milliseconds=True)
    except (ValueError, OverflowError):
        raise ValueError("`timestamp` is an ISO 8601 time") from None
    now = now_ms / 1000
    if ts is None or ts <= now:
        return ts
    try:
        sent = seconds(said.get("sentAt") or around.get("sentAt"), milliseconds=True)
    except (ValueError, OverflowError):
        sent = None
    return min(now, ts - (sent - now)) if sent is not None and sent > now else ts
