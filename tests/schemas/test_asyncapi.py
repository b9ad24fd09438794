"""The AsyncAPI document, read by the official parser. Skipped, with the reason, where Node is missing."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from tools.contract.topics import document, topics

from tests.browser.packages import MissingError, installed, program

HERE: Final = Path(__file__).parent
ERROR, WARNING = 0, 1
PATIENCE_SECONDS: Final = 60


@pytest.fixture(scope="module")
def parser() -> list[str]:
    """The command that parses what comes in."""
    try:
        return [program("node", package="nodejs"), str(HERE / "parse.cjs"), str(installed(HERE) / "node_modules")]
    except MissingError as error:
        pytest.skip(str(error))


def parsed(parser: list[str], text: str) -> dict[str, Any]:
    """What the parser says."""
    node, script, packages = parser
    done = subprocess.run(
        [node, script], input=text, text=True, capture_output=True, timeout=PATIENCE_SECONDS, check=False,
        env={"PATH": os.environ.get("PATH", ""), "NODE_PATH": packages},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_the_official_parser_has_nothing_against_the_document(parser: list[str]) -> None:
    said = parsed(parser, (HERE.parents[1] / "schemas/asyncapi.json").read_text())
    assert said["parsed"]
    assert [one for one in said["said"] if one["severity"] in {ERROR, WARNING}] == []
    assert sorted(said["channels"]) == sorted(f"knownas.{short}" for short in topics())


def test_the_official_parser_finds_what_is_wrong(parser: list[str]) -> None:
    broken = document()
    del broken["channels"]["ledger"]
    broken["components"]["schemas"]["Record"]["type"] = "record"
    said = parsed(parser, json.dumps(broken))
    assert {one["severity"] for one in said["said"]} >= {ERROR}
