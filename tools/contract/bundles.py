"""All schemas together, and each as a document that needs no other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tools.contract import messages, records
from tools.contract.examples import EXAMPLES

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
INSIDE: Final = "#/$defs/"


def components() -> dict[str, Schema]:
    """Every schema by its name; they refer to each other as `#/$defs/NAME`."""
    kinds = {records.component(kind): records.schema_of(kind) for kind in records.KINDS}
    made = messages.components() | {"Record": records.any_record()} | kinds | records.field_schemas()
    for file, name in files().items():
        made[name] = made[name] | {"examples": EXAMPLES[file]}
    return dict(sorted(made.items()))


def files() -> dict[str, str]:
    """By the name of its file, the schema that a document is about."""
    kinds = {f"record-{kind}": records.component(kind) for kind in records.KINDS}
    return {"record": "Record"} | kinds | {name: shape.__name__ for name, shape in messages.TYPES.items()}


def documents() -> dict[str, Schema]:
    """By the name of its file, each schema with all that it refers to."""
    every = components()
    return {file: _document(name, every) for file, name in files().items()}


def _document(name: str, every: dict[str, Schema]) -> Schema:
    needed: dict[str, Schema] = {}
    waiting = [name]
    while waiting:
        for other in references(every[waiting.pop()]):
            if other not in needed:
                needed[other] = every[other]
                waiting.append(other)
    parts = {"$defs": dict(sorted(needed.items()))} if needed else {}
    return {"$schema": DIALECT, **every[name], **parts}


def references(schema: Any) -> Iterator[str]:
    """The names of the schemas that one refers to."""
    if isinstance(schema, dict):
        if isinstance(target := schema.get("$ref"), str):
            yield target.removeprefix(INSIDE)
        for part in schema.values():
            yield from references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references(part)
