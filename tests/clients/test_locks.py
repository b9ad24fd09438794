"""The lock files name what is installed, by version and hash, and no place that it must come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("folder", ["clients", "browser", "schemas", "docs/producers"])
def test_node_packages_are_locked_by_hash_and_come_from_wherever_npm_is_told(folder: str) -> None:
    locked = json.loads((TESTS / folder / "package-lock.json").read_text())["packages"]
    asked = json.loads((TESTS / folder / "package.json").read_text())["dependencies"]
    assert locked[""]["dependencies"] == asked
    for name, package in locked.items():
        assert name == "" or "integrity" in package, name
        assert "resolved" not in package, name


def test_python_packages_are_locked_by_hash_and_come_from_wherever_pip_is_told() -> None:
    lines = (TESTS / "clients" / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("segment-analytics-python==") for line in lines)
    assert all("==" in line or line.strip().startswith("--hash=sha256:") for line in lines)
