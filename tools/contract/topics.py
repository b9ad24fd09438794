"""The AsyncAPI 3 document: every topic, what is in it, who writes it and who reads it, from deploy/topics.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from tools.contract.bundles import INSIDE, components

from knownas import __version__
from knownas.nouns import CHANGED, EVENTS, LEDGER, REJECTED, RESOLVED, SEGMENTS, SNAPSHOTS, UPDATES
from knownas.settings import Settings

Document = dict[str, Any]

FILE: Final = Path(__file__).parents[2] / "deploy" / "topics.toml"
PARTITIONS: Final = {
    "sources": "as many as `--partitions` of `knownas topics create` said",
    "shards": "as many as `--shards` of `knownas topics create` said",
}
_BINDING: Final = "0.5.0"
_SCHEMAS: Final = "#/components/schemas/"
_ACTS: Final = {
    EVENTS: ("receive", "send"), UPDATES: ("receive", "send"), RESOLVED: ("send", "receive"), LEDGER: ("send",),
    REJECTED: ("send",), CHANGED: ("send",), SEGMENTS: ("send",), SNAPSHOTS: ("send", "receive"),
}  # fmt: skip
"""What knownas itself does with each topic."""


def topics() -> dict[str, Any]:
    """Every topic by its short name, as deploy/topics.toml has it."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def messages() -> dict[str, dict[str, Document]]:
    """The messages of each topic, by its short name."""
    record = _message("a record", {"$ref": _SCHEMAS + "Record"})
    kept = "MessagePack, internal; `knownas rebuild` reads it"
    return {
        EVENTS: {"record": record},
        UPDATES: {"record": record},
        RESOLVED: {"resolved": _message("a record with its profile", {"$ref": _SCHEMAS + "Resolved"})},
        LEDGER: {"row": _message("a decision", {"$ref": _SCHEMAS + "LedgerRow"})},
        REJECTED: {
            "rejected": _message("a record that is not counted", {"description": "the bytes as they came"})
            | {"headers": {"$ref": _SCHEMAS + "RejectedHeaders"}, "contentType": "application/octet-stream"}
        },
        CHANGED: {
            "changed": _message("a change, with the profile", {"$ref": _SCHEMAS + "ProfileChanged"}),
            "deleted": _message("a tombstone: the profile is deleted", {"type": "null"}),
        },
        SEGMENTS: {"moved": _message("somebody enters or leaves", {"$ref": _SCHEMAS + "SegmentChanged"})},
        SNAPSHOTS: {
            "snapshot": _message("a profile as it is stored", {"description": kept})
            | {"contentType": "application/msgpack"}
        },
    }


def document() -> Document:
    """The AsyncAPI document."""
    every = topics()
    prefix = Settings.model_fields["topic_prefix"].default
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "knownas: the topics",
            "version": __version__,
            "description": "What knownas reads from Kafka and writes to it. Topics are shown with the prefix "
            f"`{prefix}`, which a setting changes.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": Settings.model_fields["kafka"].default, "protocol": "kafka"}},
        "channels": {short: _channel(short, prefix, about) for short, about in every.items()},
        "operations": {
            f"{act} {short}": {"action": act, "channel": {"$ref": f"#/channels/{short}"}, "summary": about["about"]}
            for short, about in every.items()
            for act in _ACTS[short]
        },
        "components": {"schemas": {name: _older(schema) for name, schema in components().items()}},
    }


def _message(title: str, payload: Document) -> Document:
    return {"title": title, "payload": payload}


def _channel(short: str, prefix: str, about: Document) -> Document:
    keyed = {"kafka": {"key": {"type": "string", "description": about["key"]}, "bindingVersion": _BINDING}}
    return {
        "address": prefix + short,
        "summary": about["about"],
        "description": f"Written by {about['writes']}. Read by {about['reads']}. "
        f"Partitions: {PARTITIONS[about['partitions']]}.",
        "messages": {name: message | {"bindings": keyed} for name, message in messages()[short].items()},
        "bindings": {"kafka": {"topicConfiguration": _configuration(about["config"]), "bindingVersion": _BINDING}},
        "x-key": about["key"],
        "x-partitions": about["partitions"],
        "x-writes": about["writes"],
        "x-reads": about["reads"],
        "x-config": about["config"],
    }


def _configuration(config: dict[str, str]) -> Document:
    """Those settings of a topic that the binding knows, as it wants them; all of them are in `x-config`."""
    numbers = {name: int(config[name]) for name in ("retention.ms", "retention.bytes") if name in config}
    return numbers | ({"cleanup.policy": [config["cleanup.policy"]]} if "cleanup.policy" in config else {})


def _older(schema: Any) -> Any:
    """A schema as AsyncAPI's own dialect, which follows an older draft, says it."""
    if isinstance(schema, list):
        return [_older(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _older(part) for key, part in schema.items() if key != "prefixItems"}
    if "prefixItems" in schema:
        made |= {"items": _older(schema["prefixItems"]), "additionalItems": False}
    if isinstance(target := schema.get("$ref"), str):
        made["$ref"] = target.replace(INSIDE, _SCHEMAS)
    return made
