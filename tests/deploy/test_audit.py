"""What the look-up of known weaknesses says: a weakness fails the check, a list that is away does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tools.audit import asked, judge

FINE: dict[str, Any] = {"name": "six", "version": "1.17.0", "vulns": []}
WEAK: dict[str, Any] = {
    "name": "aiohttp", "version": "3.8.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3.8.1", "3.9.0"], "description": "..."}],
}  # fmt: skip
HOPELESS: dict[str, Any] = {
    "name": "old",
    "version": "1",
    "vulns": [{"id": "PYSEC-2", "aliases": [], "fix_versions": []}],
}
SKIPPED: dict[str, Any] = {"name": "rich", "skip_reason": "Dependency not found on PyPI and could not be audited"}
NOTHING = "known weaknesses: nothing was looked up, the list does not answer here"

SAID: dict[str, tuple[list[dict[str, Any]] | None, list[str], int]] = {
    "no weakness": ([FINE], ["known weaknesses of 1 packages: none"], 0),
    "two": (
        [FINE, WEAK, HOPELESS],
        ["aiohttp 3.8.0: PYSEC-1, CVE-1; mended in 3.8.1, 3.9.0", "old 1: PYSEC-2; mended in no version yet"],
        1,
    ),
    "a package that is not in the list": (
        [FINE, SKIPPED], ["known weaknesses of 1 packages: none; not looked up: rich"], 0,
    ),
    "a weakness beside one that is not": (
        [WEAK, SKIPPED], ["aiohttp 3.8.0: PYSEC-1, CVE-1; mended in 3.8.1, 3.9.0"], 1,
    ),
    "a list that knows no package at all": ([SKIPPED], [NOTHING], 0),
    "no answer": (None, [NOTHING], 0),
}  # fmt: skip


@pytest.mark.parametrize("what", SAID)
def test_what_is_found_is_said_in_lines(what: str) -> None:
    packages, lines, status = SAID[what]
    assert judge(packages) == (lines, status)


def script(folder: Path, text: str) -> str:
    """A program that stands for pip-audit."""
    file = folder / "audit"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize(
    "text", ["echo no connection >&2; exit 1", "echo '[]'", "echo '{}'"], ids=["away", "list", "odd"]
)
def test_a_program_that_says_nothing_of_packages_has_looked_nothing_up(tmp_path: Path, text: str) -> None:
    assert asked(script(tmp_path, text), "run.txt") is None
    assert asked(str(tmp_path / "missing"), "run.txt") is None


def test_what_it_finds_is_read_though_it_fails(tmp_path: Path) -> None:
    said = '{"dependencies": [{"name": "six", "version": "1", "vulns": [{"id": "PYSEC-3"}]}], "fixes": []}'
    assert judge(asked(script(tmp_path, f"echo '{said}'; exit 1"), "run.txt")) == (
        ["six 1: PYSEC-3; mended in no version yet"], 1,
    )  # fmt: skip
