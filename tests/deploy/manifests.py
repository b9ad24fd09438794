"""What stands in deploy/ and docker-compose.yml, read as data: objects, pods, containers, settings, command lines."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from knownas.cli import app
from knownas.settings import Settings, load

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
SCHEMAS = Path(__file__).parent / "schemas"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMES = {f"KNOWNAS_{name.upper()}" for name in Settings.model_fields}

Object = dict[str, Any]


def compose() -> Object:
    """docker-compose.yml."""
    found: Object = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return found


def services_of_knownas() -> dict[str, Object]:
    """The services of docker-compose.yml that are knownas itself."""
    return {name: service for name, service in compose()["services"].items() if "build" in service}


def settings_of(said: Mapping[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings as knownas reads them from an environment, whose files are put into `folder`."""
    mine = {name: value for name, value in said.items() if name.startswith("KNOWNAS_")}
    assert set(mine) <= NAMES, f"no settings: {set(mine) - NAMES}"
    for name, value in mine.items():
        if name.endswith("_FILE"):
            file = folder / value.replace("/", "_")
            file.write_text("a secret of 32 characters or more")
            monkeypatch.setenv(name, str(file))
        else:
            monkeypatch.setenv(name, value)
    return load()


def check_command(words: Sequence[str]) -> None:
    """Fails unless `knownas WORDS` is a command line that knownas takes."""
    app.parse_args(list(words), exit_on_error=False, print_error=False)


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile, an instruction and what follows it."""
    lines = [line for line in (ROOT / "deploy/Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def said(instruction: str, of: Sequence[tuple[str, str]] | None = None) -> list[str]:
    """What the Dockerfile says with an instruction."""
    return [rest for name, rest in (instructions() if of is None else of) if name == instruction]


def last_stage() -> list[tuple[str, str]]:
    """The instructions that make the image itself."""
    every = instructions()
    start = max(place for place, (name, _) in enumerate(every) if name == "FROM")
    return every[start:]


def image_environment() -> dict[str, str]:
    """The variables that the image sets."""
    return dict(word.split("=", 1) for line in said("ENV", last_stage()) for word in shlex.split(line))


def image_command() -> list[str]:
    """What the image runs where nobody says what."""
    (command,) = said("CMD", last_stage())
    words: list[str] = json.loads(command)
    return words
