"""The threat page speaks of settings, users and commands that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from knownas.adapters.rights import users
from knownas.settings import Settings
from knownas.settings_access import FROM_FILES, AccessSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "deploy/SECURITY.md").read_text()
NAMES = {f"KNOWNAS_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"KNOWNAS_[A-Z_]*[A-Z]", PAGE))))
def test_a_setting_of_the_page_is_a_setting(name: str) -> None:
    assert name in NAMES


def test_the_page_names_every_user_of_the_store_and_every_secret_that_may_stand_in_a_file() -> None:
    assert [user.name for user in users() if f"`{user.name}`" not in PAGE] == []
    assert [name for name in FROM_FILES if f"_{name.upper()}_FILE" not in PAGE] == []


def test_every_file_of_a_secret_belongs_to_a_secret() -> None:
    files = {name.removesuffix("_file") for name in AccessSettings.model_fields if name.endswith("_file")}
    assert {name for name in files if not name.endswith(("_ca", "_cert", "_key"))} == set(FROM_FILES)


def test_the_commands_of_the_page_are_there() -> None:
    assert (ROOT / "tools/acl.py").exists()
    assert re.search(r"^audit:", (ROOT / "Makefile").read_text(), re.MULTILINE)
