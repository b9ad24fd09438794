"""JSON Schemas of what producers send, made from `nouns.Record` and the limits of `records.intake`.

A record that does not fit its schema is rejected. One that fits may still be: some rules need the clock, the bytes or
what others own, and those stand in the reason codes.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from knownas.nouns import Record
from knownas.profile.context import KEPT
from knownas.records.intake import DEVICE_CHARACTERS, EVENT_NAME_BYTES, ID_CHARACTERS, KEYS, SUBSCRIBED
from knownas.records.values import KEY_BYTES, LIST_ITEMS, OPERATORS, TEXT_BYTES

Schema = dict[str, Any]

_SCALAR: Final = {"type": ["string", "number", "boolean", "null"]}

FIELDS: Final[dict[str, Schema]] = {
    "type": {"description": "What the record is."},
    "device": {
        "description": "The anonymous id that an SDK or a browser made.",
        "minLength": 1, "maxLength": DEVICE_CHARACTERS,
    },
    "profile": {
        "description": "A profile's id, to address a profile directly; then neither device nor identities are named.",
        "minLength": 1, "maxLength": DEVICE_CHARACTERS,
    },
    "identities": {
        "description": "Kind to value: identity, email, facebook, google and those that a setting declares. "
        "Placeholders (null, 0, undefined, ...) are ignored.",
        "maxProperties": KEYS, "additionalProperties": _SCALAR,
    },
    "ts": {
        "description": "Seconds since 1970; without it the record's Kafka timestamp, and at most 24 hours after that.",
        "minimum": 0,
    },
    "id": {
        "description": "The producer's own id of the record: a second one under the same key within 7 days does not "
        "count.",
        "minLength": 1, "maxLength": ID_CHARACTERS,
    },
    "evtName": {"description": f"The event's name, at most {EVENT_NAME_BYTES} bytes. `Charged` makes a customer."},
    "evtData": {"description": "What there is to say about the event.", "maxProperties": KEYS},
    "profileData": {
        "description": "Properties: a plain value, null to remove it, or one operator "
        f"({', '.join(sorted(OPERATORS))}). A key has at most {KEY_BYTES} bytes, a text {TEXT_BYTES}, a list "
        f"{LIST_ITEMS} items; what is beyond that is refused by itself.",
        "maxProperties": KEYS,
    },
    "context": {
        "description": f"The moment: {', '.join(KEPT)}; pushToken (null removes this device's); where a visit came "
        "from: source, medium, campaign, referrer.",
        "maxProperties": KEYS,
    },
    "suppress": {"description": "With `delete`: every later record with one of these identities is rejected."},
    "test": {"description": "Whether the profile is that of a test user."},
    "subscriptions": {
        "description": "Opt-ins and opt-outs of single addresses: channel to address to true or false.",
        "propertyNames": {"enum": list(SUBSCRIBED)}, "additionalProperties": {
            "type": "object", "maxProperties": KEYS, "additionalProperties": {"type": "boolean"},
        },
    },
}  # fmt: skip
"""What `nouns.Record` does not say of its fields: what they mean, and the limits that the intake checks."""

_SAID: Final = {"not": {"type": "null"}}
_NOT_SAID: Final = {"type": "null"}
_NAMES_PROFILE: Final = {"required": ["profile"], "properties": {"profile": _SAID}}
_NAMES_DEVICE: Final = {"required": ["device"], "properties": {"device": _SAID}}
_NO_IDENTITIES: Final = {"anyOf": [{"type": "null"}, {"type": "object", "maxProperties": 0}]}


def _some(field: str) -> Schema:
    return {"required": [field], "properties": {field: {"type": "object", "minProperties": 1}}}


ADDRESS: Final[Schema] = {
    "if": _NAMES_PROFILE, "then": {"properties": {"device": _NOT_SAID, "identities": _NO_IDENTITIES}},
}  # fmt: skip
"""Who names a profile names nothing else."""
ONE_ADDRESS: Final[Schema] = {
    "if": _NAMES_DEVICE, "then": {"properties": {"identities": _NO_IDENTITIES}},
}  # fmt: skip
"""Who asks something of a profile names a device or identities, not both."""
SOMEBODY: Final[Schema] = {"anyOf": [_NAMES_DEVICE, _NAMES_PROFILE, _some("identities")]}
SOMEBODY_BY_DATA: Final[Schema] = {"anyOf": [*SOMEBODY["anyOf"], _some("profileData")]}
"""`Email` and its like in `profileData` are identities too."""


class Kind(NamedTuple):
    """A type of record: what it does, the fields that it must have, what holds between them."""

    says: str
    needs: tuple[str, ...]
    rules: tuple[Schema, ...]


_TO_A_PROFILE: Final = (ADDRESS, ONE_ADDRESS, SOMEBODY)

KINDS: Final = {
    "event": Kind("Something happened.", ("evtName",), (ADDRESS, SOMEBODY_BY_DATA)),
    "login": Kind("A device claims identities.", ("device",), (ADDRESS,)),
    "profile": Kind("Something is known of somebody.", (), (ADDRESS, SOMEBODY_BY_DATA)),
    "logout": Kind("A device speaks for nobody from here on.", ("device",), (ADDRESS,)),
    "demerge": Kind("All identities and devices leave a profile; what it did stays.", (), _TO_A_PROFILE),
    "delete": Kind("A profile, its story and its linked guests are gone for ever.", (), _TO_A_PROFILE),
    "release": Kind("Identities leave their profile.", ("identities",), (ADDRESS, ONE_ADDRESS, _some("identities"))),
    "test": Kind("A profile is marked as a test user's, or no longer.", ("test",), _TO_A_PROFILE),
}
_LOOKS: Final = ("type", "device", "profile", "identities", "ts", "id")
_TELLS: Final = (*_LOOKS, "profileData", "context", "subscriptions")
SHOWN: Final = {
    "event": (*_LOOKS, "evtName", "evtData", "profileData", "context", "subscriptions"),
    "login": _TELLS, "profile": _TELLS, "logout": (*_LOOKS, "context"), "demerge": _LOOKS,
    "delete": (*_LOOKS, "suppress"), "release": _LOOKS, "test": (*_LOOKS, "test"),
}  # fmt: skip
"""The fields that mean something in a record of each type."""


def schema_of(kind: str) -> Schema:
    """The schema of one type of record."""
    about = KINDS[kind]
    fields = _fields()
    properties = {name: fields[name] for name in SHOWN[kind]}
    properties["type"] = {**FIELDS["type"], "const": kind}
    for name in about.needs:
        properties[name] = _without_null(properties[name])
    if kind == "event":
        properties["evtName"] |= {"minLength": 1, "maxLength": EVENT_NAME_BYTES}
    # Fields that mean nothing here are read all the same, so their types count.
    others = {name: {"$ref": f"#/$defs/Field.{name}"} for name in fields if name not in properties}
    return {
        "title": f"{kind} record",
        "description": about.says,
        "type": "object",
        "properties": properties | others,
        "required": ["type", *about.needs],
        "allOf": list(about.rules),
    }


def field_schemas() -> dict[str, Schema]:
    """Each field by itself, under the name by which the types of record refer to it."""
    return {f"Field.{name}": schema for name, schema in _fields().items()}


def any_record() -> Schema:
    """The schema of all of them together."""
    return {
        "title": "record",
        "description": "A record as producers write it, at most 64 KiB of JSON in UTF-8. Unknown fields are ignored.",
        "type": "object",
        "required": ["type"],
        "oneOf": [{"$ref": f"#/$defs/{component(kind)}"} for kind in KINDS],
    }


def component(kind: str) -> str:
    """What a type of record is called among the schemas."""
    return f"{kind.capitalize()}Record"


def _fields() -> dict[str, Schema]:
    _, parts = msgspec.json.schema_components([Record])
    made = parts["Record"]["properties"]
    return {name: _described(schema, FIELDS[name]) for name, schema in made.items()}


def _described(schema: Schema, more: Schema) -> Schema:
    kept = {key: value for key, value in schema.items() if key != "default"}
    return {"description": more["description"], **kept, **more}


def _without_null(schema: Schema) -> Schema:
    first = next(one for one in schema["anyOf"] if one != {"type": "null"}) if "anyOf" in schema else {}
    return {key: value for key, value in schema.items() if key != "anyOf"} | first
