"""CleverTap's calls by which people, names and permissions go: delete, demerge, disassociate, subscribe.

A name in `identity` may be an e-mail address or a phone number as well (see `clevertap.py`): delete and demerge send a
record for each kind it may be of, for whoever goes by that name is meant. The one that nobody has is rejected by the
core, which does no harm. An opt-out belongs to the address, whoever has it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from knownas.doors import Asked, Failed, Reading, Taken
from knownas.doors.clevertap import KIND_OF, other_kind
from knownas.doors.clevertap_batch import BAD_OBJECT, NO_IDENTITY, NO_TYPE, Batch, Wrong, body_of, read_batch
from knownas.errors import WrongInput

IDS: Final = 100
"""The most identities, and the most ids, that one call may hold."""

_STATUS: Final = {"unsubscribe": False, "resubscribe": True, "subscribe": True}


def read_delete(asked: Asked, kinds: Collection[str]) -> Batch:
    """`POST /1/delete/profiles.json`: `identity`, `guid`, each one value or a list; `kinds` are the declared ones."""
    body = body_of(asked)
    return _read_leaving("delete", body, kinds, {"suppress": True} if body.get("suppress") is True else {})


def read_demerge(asked: Asked, kinds: Collection[str]) -> Batch:
    """`POST /1/demerge/profiles.json`: `identities`, one value or a list."""
    return _read_leaving("demerge", body_of(asked), kinds, {})


def read_subscribe(asked: Asked) -> Batch:
    """`POST /1/subscribe`: opt-ins and opt-outs of addresses."""
    return read_batch(asked, _read_subscription)


def read_disassociate(asked: Asked) -> Batch:
    """`POST /1/disassociate`: addresses that leave whoever has them."""
    return read_batch(asked, _read_disassociation)


def _read_leaving(type_: str, body: dict[str, Any], declared: Collection[str], more: dict[str, Any]) -> Batch:
    names, ids = _list(body, "identity") + _list(body, "identities"), _list(body, "guid") + _list(body, "objectId")
    if not names and not ids:
        raise WrongInput("`identities` or `guid` is needed" if type_ == "demerge" else "`identity` or `guid` is needed")
    if max(len(names), len(ids)) > IDS:
        raise WrongInput(f"more than {IDS} in one call")
    reading = Reading([], [])
    for index, value in enumerate(names):
        if type(value) in (str, int, float):
            kinds = [kind for kind in ("identity", other_kind(value)) if kind in declared]
            reading.taken.extend(Taken(index, {"type": type_, "identities": {k: value}, **more}) for k in kinds)
        else:
            reading.failed.append(Failed(index, NO_IDENTITY, "an identity is a text or a number", value))
    for index, value in enumerate(ids, len(names)):
        if isinstance(value, str):
            reading.taken.append(Taken(index, {"type": type_, "device": value, **more}))
        else:
            reading.failed.append(Failed(index, BAD_OBJECT, "an id is a text", value))
    return Batch(reading, names + ids)


def _read_subscription(said: dict[str, Any]) -> list[dict[str, Any]]:
    opted = _STATUS.get(str(said.get("status")).lower())
    if opted is None:
        raise Wrong(NO_TYPE, "`status` is Unsubscribe or Resubscribe")
    kind = _kind(said, ("email", "phone"))
    return [
        {"type": "profile", "identities": {kind: value}, "subscriptions": {kind: {str(value): opted}}}
        for value in _values(said)
    ]


def _read_disassociation(said: dict[str, Any]) -> list[dict[str, Any]]:
    kind = KIND_OF[_kind(said, ("phone", "email", "identity", "FBID", "GPID"))]
    return [{"type": "release", "identities": {kind: value}} for value in _values(said)]


def _kind(said: dict[str, Any], known: Sequence[str]) -> str:
    kind = str(said.get("type")).lower()
    found = next((one for one in known if one.lower() == kind), None)
    if found is None:
        raise Wrong(NO_TYPE, f"`type` is one of {', '.join(known)}")
    return found


def _values(said: dict[str, Any]) -> list[Any]:
    values = _list(said, "value")
    if not values or any(type(value) not in (str, int, float) for value in values):
        raise Wrong(NO_IDENTITY, "`value` is a text, or a list of them")
    if len(values) > IDS:
        raise Wrong(NO_IDENTITY, f"more than {IDS} values")
    return values


def _list(body: dict[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    return value if isinstance(value, list) else [] if value is None or value == "" else [value]
