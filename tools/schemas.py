"""Writes what is made from the code's types: `make schemas`. The tests compare it with what is committed.

`schemas/` has JSON Schemas of every record and message, the AsyncAPI document of the topics and the OpenAPI document of
the HTTP API; `docs/reference/` has pages for people.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tools.contract import bundles, http, reference, topics

ROOT: Final = Path(__file__).parents[1]


def made() -> dict[str, str]:
    """Every file by its path in the repository."""
    schemas = {f"schemas/{name}.json": _text(schema) for name, schema in bundles.documents().items()}
    documents = {
        "schemas/asyncapi.json": _text(topics.document()),
        "schemas/openapi.json": _text(http.described()),
    }
    pages = {f"docs/reference/{name}.md": text for name, text in reference.pages().items()}
    return schemas | documents | pages


def committed() -> set[str]:
    """The files that are there."""
    found = [*(ROOT / "schemas").glob("*"), *(ROOT / "docs" / "reference").glob("*")]
    return {path.relative_to(ROOT).as_posix() for path in found}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    files = made()
    for name in committed() - files.keys():
        (ROOT / name).unlink()
    for name, text in files.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
    print(f"{len(files)} files in schemas/ and docs/reference/")
