"""Whoever is woken finds what they are woken by: every alert, and every line that a worker stops with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest
import yaml

from knownas.adapters import redis_faults

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "deploy/RUNBOOK.md").read_text()
SAID = " ".join(RUNBOOK.split())
ALERTS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
HEADINGS = {
    re.sub(r"[^a-z0-9_ -]", "", line.lstrip("# ").lower()).replace(" ", "-")
    for line in RUNBOOK.splitlines()
    if line.startswith("#")
}

ENDS = {"CannotStart", "StoreLostWrites", "NotDrained"}
WORKERS = (
    "adapters",
    "operate/layout.py",
    "operate/health.py",
    "operate/watch.py",
    "stages",
    "settings.py",
    "wiring.py",
)
LEAST = 12
"""So many characters of a line tell it from others."""


def fragments(node: ast.expr) -> list[str]:
    """The parts of a message that are always the same."""
    if isinstance(node, ast.JoinedStr):
        return [part.value for part in node.values if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def lines() -> Iterator[tuple[str, list[str]]]:
    """Where a worker may end by itself, with what the line says there."""
    for room in WORKERS:
        folder = ROOT / "src/knownas" / room
        for path in [folder] if folder.is_file() else sorted(folder.glob("*.py")):
            for node in filter(ends, ast.walk(ast.parse(path.read_text()))):
                said = [part for part in fragments(node.args[0]) if len(part.strip()) >= LEAST]
                if said:
                    yield f"{path.name}: {said[0].strip()[:40]}", said


def ends(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether an error is made here with which a worker ends."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ENDS and bool(node.args)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_its_section(rule: dict[str, dict[str, str]]) -> None:
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert (file, anchor) == ("RUNBOOK.md", str(rule["alert"]).lower())
    assert anchor in HEADINGS
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]


def test_every_section_about_an_alert_has_its_alert() -> None:
    told = set(re.findall(r"^### (Knownas\w+)$", RUNBOOK, re.MULTILINE))
    assert told == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("said", [pytest.param(said, id=where) for where, said in lines()])
def test_every_line_that_a_worker_stops_with_is_in_the_runbook(said: list[str]) -> None:
    clauses = [clause for part in said for clause in re.split(r"[:;(]", part.strip(" :;.,([`")) if len(clause) >= LEAST]
    assert any(clause[: LEAST * 3].rsplit(" ", 1)[0] in SAID for clause in clauses), (
        f"the runbook does not say what to do about {said}"
    )


def test_everything_that_a_worker_waits_for_at_the_store_is_in_the_runbook() -> None:
    said = [*redis_faults._PASSING.values(), *redis_faults._PASSING_CODES.values()]
    starts = [re.split(r"[:,]", text)[0] for text in said]
    assert [start for start in starts if start not in SAID and "slots" not in start] == []


def test_every_link_in_the_runbook_leads_somewhere() -> None:
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= HEADINGS
