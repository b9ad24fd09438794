"""`make mutate` takes long, so it is seldom run: here is seen that each of its edits still fits the code."""

from __future__ import annotations

import pytest
from tools.mutate import MUTANTS, Mutant, broken


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_an_edit_that_breaks_a_rule_still_changes_the_file_it_is_for(mutant: Mutant) -> None:
    assert broken(mutant)
