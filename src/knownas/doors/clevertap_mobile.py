"""CleverTap's mobile SDKs: `POST /a1`, a batch whose first element says who sends it; `GET /hello` before the first.

The app makes its GUID itself: the device. After `onUserLogin` for somebody else it makes another, so a login is a
profile push with identities under a GUID that speaks for a guest or for nobody, which the core takes for a login.

**Once.** Elements have no id, and the app sends a batch again until it is answered, not always cut in the same places.
An element's id is the hash of all it says; of several in one batch that say the same, each counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from knownas.doors import Answer, Asked, Failed, Put, Reading, Taken, answer_json
from knownas.doors.clevertap_sdk import FETCH, moment, profile_of
from knownas.doors.nested import TEXT
from knownas.errors import WrongInput
from knownas.nouns import Names

ELEMENTS: Final = 1_000
"""The most that one batch may hold; the SDKs send 50."""
UNKNOWN: Final = 512

_CONTEXT: Final = {
    "os": "OS", "osVersion": "OS Version", "appVersion": "Version", "make": "Make", "model": "Model",
    "sdk": "SDK Version",
}  # fmt: skip
_PLACE: Final = {"latitude": "Latitude", "longitude": "Longitude"}
_SILENT: Final = ("ping", "meta")
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder(order="sorted").encode


class Batch(NamedTuple):
    """A batch, the device that sent it, and whether it asks for what is known of its user."""

    reading: Reading
    device: str
    wants_profile: bool


def account_of(asked: Asked) -> Sequence[str]:
    """The token and the account that an app was built with: where this SDK shows its key."""
    shown = (asked.headers.get("x-clevertap-token", ""), asked.headers.get("x-clevertap-account-id", ""))
    return tuple(text for text in (*shown, asked.said("z")) if text)


def read_mobile(asked: Asked, names: Names) -> Batch:
    """What a batch holds. `WrongInput`: it is no batch."""
    meta, elements = _batch(asked.body)
    device = meta.get("g")
    if not isinstance(device, str) or not device:
        raise WrongInput('the first element says who sends the batch: {"type": "meta", "g": "<GUID>", ...}')
    shared = _context(meta.get("af"))
    seen: Counter[str] = Counter()
    reading = Reading([], [])
    for index, element in enumerate(elements, 1):
        record = _record(element)
        if isinstance(record, str):
            reading.failed.append(Failed(index, UNKNOWN, record, element))
        elif record:
            said = names.digest("mobile", device, _encode(element).decode())
            seen[said] += 1
            own = {"device": device, "id": f"{said}-{seen[said]}"} | _when(element, asked.now_ms)
            context = shared | _context(element.get("af")) | record.get("context", {})
            reading.taken.append(Taken(index, record | own | {"context": context}))
    wants = any(isinstance(element, dict) and element.get("dsync") is True for element in elements)
    return Batch(reading, device, wants)


def answer_mobile(batch: Batch, puts: Sequence[Put], shown: dict[str, Any] | None) -> Answer:
    """The answer upon which the app lets the batch go. `shown` is what it reads back of its user."""
    said: dict[str, Any] = {"arp": {"j_n": "Zw=="}, "dnd": False}
    if shown is not None:
        said["evpr"] = shown
    refused = [{"code": failed.code, "error": failed.error, "index": failed.index} for failed in batch.reading.failed]
    refused += [
        {"code": UNKNOWN, "error": f"{put.reason}: {put.detail}", "index": taken.index}
        for taken, put in zip(batch.reading.taken, puts, strict=True)
        if put.position is None
    ]
    if refused:
        said["unprocessed"] = refused
    return answer_json(said)


def answer_hello(asked: Asked) -> Answer:
    """Where an app is to send: where it asks."""
    host = asked.headers.get("host", "")
    return answer_json({"status": "success"}, headers={"X-WZRK-RD": host} if host else {})


def _batch(body: bytes) -> tuple[dict[str, Any], list[Any]]:
    try:
        sent = _decode(body)
    except (ValueError, RecursionError):
        raise WrongInput("the body is not JSON") from None
    if not isinstance(sent, list) or not sent or not isinstance(sent[0], dict) or sent[0].get("type") != "meta":
        raise WrongInput("a batch is a JSON array whose first element is of type `meta`")
    if len(sent) > ELEMENTS + 1:
        raise WrongInput(f"a batch holds at most {ELEMENTS:,} elements")
    return sent[0], sent[1:]


def _record(element: Any) -> dict[str, Any] | str | None:
    """An element as a record; words where it is none; None where it says nothing of its user."""
    if not isinstance(element, dict):
        return "an element is an object"
    kind = element.get("type")
    if kind in _SILENT or (kind == "event" and element.get("evtName") == FETCH):
        return None
    if kind == "event":
        return {"type": "event", "evtName": element.get("evtName"), "evtData": element.get("evtData")}
    if kind == "profile":
        return {"type": "profile"} | profile_of(element.get("profile"))
    if kind == "page":
        return {"type": "event", "evtName": "Page Viewed", "evtData": element.get("evtData")}
    if kind == "data":
        return _token(element.get("data"))
    return f"nothing is known of an element of type {kind!r}"


def _token(data: Any) -> dict[str, Any] | str | None:
    if not isinstance(data, dict) or not isinstance(data.get("id"), str):
        return "a push token has its `action` and its `id` in `data`"
    return {"type": "profile", "context": {"pushToken": None if data.get("action") == "unregister" else data["id"]}}


def _when(element: dict[str, Any], now_ms: int) -> dict[str, Any]:
    ts = moment(element.get("ep"), now_ms)
    return {} if ts is None else {"ts": ts}


def _context(app: Any) -> dict[str, Any]:
    if not isinstance(app, dict):
        return {}
    said = {field: app.get(name) for field, name in _CONTEXT.items()}
    found: dict[str, Any] = {
        field: str(value)[:TEXT] for field, value in said.items() if type(value) in (str, int) and value
    }
    place = {field: app.get(name) for field, name in _PLACE.items()}
    if all(type(value) in (int, float) for value in place.values()):
        found |= place
    return found
