"""CleverTap's upload: profiles, events and tokens from servers.

How its words become ours. `identity`, `FBID` and `GPID` are identities of the kinds `identity`, `facebook` and
`google`; `objectId` is a device, or a profile id. Its `identity` may hold an e-mail address or a phone number, for it
has one namespace for all; ours are typed, so such a value names whoever has it as `identity`, or else as the other. A
token belongs to a device; one uploaded for an identity alone is given a device of its own, made from the token.
What only the store can tell (is this id a profile's, is this name an e-mail that somebody has?) are `Doubts`, which the
route looks up.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from knownas.doors import Asked, Reading, Taken
from knownas.doors import clevertap_batch as b
from knownas.doors.clevertap_batch import Batch, Wrong, read_batch
from knownas.doors.clevertap_fields import flaw_of_profile, with_plus
from knownas.doors.times import seconds

KIND_OF: Final = {
    "identity": "identity", "Identity": "identity", "email": "email", "Email": "email", "FBID": "facebook",
    "GPID": "google", "phone": "phone", "Phone": "phone",
}  # fmt: skip
RESTRICTED: Final = frozenset({
    "App Launched", "App Uninstalled", "Notification Sent", "Notification Viewed", "Notification Clicked",
    "Notification Bounced", "UTM Visited", "Stayed", "Session Concluded", "SCCampaignOptOut", "Geocluster Entered",
    "Geocluster Exited", "Identity Set", "Identity Reset", "Identity Error", "Reachable By",
})  # fmt: skip
"""Events that the system raises itself; those that begin with `wzrk_` are its own as well."""

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"\+\d{6,15}")
_PROFILE_ID: Final = re.compile(r"[0-9a-f]{32}")
_TOKENS: Final = frozenset({"apns", "gcm", "fcm", "chrome", "firefox", "safari", "wns", "mpns", "hps", "bps", "xps"})


class Upload(msgspec.Struct, frozen=True):
    """A batch of profiles, events and tokens."""

    d: list[dict[str, Any]]


class Doubts(NamedTuple):
    """What a reading cannot tell: devices that may be profile ids, and identities that may be of another kind."""

    objects: set[str]
    names: dict[str, str]
    """The value, and the other kind."""


def read_upload(asked: Asked) -> Batch:
    """`POST /1/upload`."""
    return read_batch(asked, _read_record)


def other_kind(value: Any) -> str | None:
    """The kind beside `identity` under which a value may be known."""
    text = value.strip() if isinstance(value, str) else ""
    return "email" if _EMAIL.fullmatch(text) else "phone" if _PHONE.fullmatch(text) else None


def doubts_of(reading: Reading) -> Doubts:
    """What only the store can tell about the records."""
    doubts = Doubts(set(), {})
    for _, record in reading.taken:
        device, identities = record.get("device"), record.get("identities")
        if device is not None and identities is None and _PROFILE_ID.fullmatch(device):
            doubts.objects.add(device)
        name = identities.get("identity") if identities and record["type"] in ("event", "profile", "login") else None
        if isinstance(name, str) and (kind := other_kind(name)) and kind not in record["identities"]:
            doubts.names[name] = kind
    return doubts


def readdressed(reading: Reading, profiles: Collection[str], kinds: Mapping[str, str]) -> Reading:
    """The reading with doubts settled: which devices are profile ids, which identities are of another kind."""
    return reading._replace(taken=[Taken(i, _readdressed(record, profiles, kinds)) for i, record in reading.taken])


def _readdressed(record: dict[str, Any], profiles: Collection[str], kinds: Mapping[str, str]) -> dict[str, Any]:
    identities = record.get("identities")
    if identities is None:
        address = "profile" if record.get("device") in profiles else "device"
        return {(address if key == "device" else key): value for key, value in record.items()}
    kind = kinds.get(str(identities.get("identity")))
    if kind is None or kind in identities:
        return record
    return record | {"identities": {(kind if k == "identity" else k): value for k, value in identities.items()}}


def _read_record(said: dict[str, Any]) -> list[dict[str, Any]]:
    read = _RECORDS.get(str(said.get("type")))
    if read is None:
        raise Wrong(b.NO_TYPE, "`type` is profile, event or token")
    return [read(said)]


def _read_event(said: dict[str, Any]) -> dict[str, Any]:
    name = said.get("evtName")
    if name is None or name == "":
        raise Wrong(b.NAME_MISSING, "`evtName` is missing")
    if not isinstance(name, str):
        raise Wrong(b.BAD_EVENT, "`evtName` is a text")
    if name in RESTRICTED or name.startswith("wzrk_"):
        raise Wrong(b.RESTRICTED_EVENT, f"{name!r} is an event of the system")
    data = said.get("evtData")
    if data is not None and not isinstance(data, dict):
        raise Wrong(b.BAD_EVENT, "`evtData` is an object")
    return {"type": "event", **_address(said), **_time(said), "evtName": name, "evtData": data or {}}


def _read_profile(said: dict[str, Any]) -> dict[str, Any]:
    data = said.get("profileData")
    if data is not None and not isinstance(data, dict):
        raise Wrong(b.NO_TYPE, "`profileData` is an object")
    flaw = flaw_of_profile(data or {})
    if flaw is not None:
        raise Wrong(*flaw)
    return {"type": "profile", **_address(said), **_time(said), "profileData": with_plus(data or {})}


def _read_token(said: dict[str, Any]) -> dict[str, Any]:
    data = said.get("tokenData")
    if not isinstance(data, dict):
        raise Wrong(b.TOKEN_DATA, "`tokenData` is an object")
    token, kind = data.get("id"), data.get("type")
    if not isinstance(token, str) or not token.strip():
        raise Wrong(b.TOKEN_ID, "the token's `id` is missing")
    if not isinstance(kind, str) or kind.lower() not in _TOKENS:
        raise Wrong(b.TOKEN_TYPE, f"the token's `type` is one of {', '.join(sorted(_TOKENS))}")
    address, context = _address(said), {"pushToken": token}
    if "device" in address:
        return {"type": "profile", **address, **_time(said), "context": context}
    device = "_t_" + blake2b(f"{kind.lower()}:{token}".encode(), digest_size=16).hexdigest()
    return {"type": "login", "device": device, **address, **_time(said), "context": context}


_RECORDS: Final = {"event": _read_event, "profile": _read_profile, "token": _read_token}


def _address(said: dict[str, Any]) -> dict[str, Any]:
    """Whose record it is: a device, identities, or both."""
    identities: dict[str, Any] = {}
    for field, kind in KIND_OF.items():
        value = said.get(field)
        if value is None or value == "":
            continue
        if type(value) not in (str, int, float):
            raise Wrong(b.NO_IDENTITY, f"`{field}` is a text or a number")
        identities.setdefault(kind, value)
    device = said.get("objectId")
    if device is None or device == "":
        if not identities:
            raise Wrong(b.NO_IDENTITY, "one of `identity`, `objectId`, `FBID` and `GPID` is needed")
        return {"identities": identities}
    if not isinstance(device, str):
        raise Wrong(b.BAD_OBJECT, "`objectId` is a text")
    return {"device": device, "identities": identities} if identities else {"device": device}


def _time(said: dict[str, Any]) -> dict[str, Any]:
    try:
        ts = seconds(said.get("ts"))
    except (ValueError, OverflowError) as error:
        raise Wrong(b.BAD_TIME, "`ts` is in seconds since 1970, or an ISO 8601 time") from error
    return {} if ts is None else {"ts": ts}
