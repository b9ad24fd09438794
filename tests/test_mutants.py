"""`make mutate` takes long, so it is seldom run: here is seen that each of its edits still fits the code."""

from __future__ import annotations

import pytest
from tools.mutate import MUTANTS, TOO_SLOW, Mutant, broken, caught_by


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_an_edit_that_breaks_a_rule_still_changes_the_file_it_is_for(mutant: Mutant) -> None:
    assert broken(mutant)


@pytest.mark.parametrize(
    ("said", "caught"),
    [
        ("FAILED tests/a.py::test_b - assert 0", "tests/a.py::test_b"),
        ("E  AssertionError: seed 41\nFAILED tests/a.py::test_b - assert 0", "tests/a.py::test_b (seed 41)"),
        ("E  Failed: Timeout (>240.0s) from pytest-timeout.\nFAILED tests/a.py::test_b - Failed: Timeout", TOO_SLOW),
    ],
    ids=["a test failed", "a history failed", "the time was up"],
)
def test_what_caught_a_mutant_is_a_test_that_failed_and_not_a_slow_machine(said: str, caught: str) -> None:
    assert caught_by(said) == caught
