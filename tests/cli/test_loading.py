"""What a command loads: all that is registered is there, and none waits for what another one needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from knownas.cli import COMMANDS, app

FAUST, SERVER, PAGES = "faust", "aiohttp", "jinja2"


def loaded_by(*words: str) -> set[str]:
    """The modules that there are when a command line has been read."""
    code = f"import sys, knownas.cli; knownas.cli.run({list(words)}); sys.stderr.write(' '.join(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=60, check=True)
    return set(ended.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_is_registered_is_there_and_says_what_it_is_for(name: str) -> None:
    assert app[name].help


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (("--version",), (FAUST, SERVER, PAGES, "redis", "aiokafka")),
        (("--help",), (FAUST, SERVER, PAGES)),
        (("profile", "--help"), (FAUST, SERVER, PAGES)),
        (("worker", "--help"), (FAUST, SERVER, PAGES, "knownas.plain")),
        (("serve", "--help"), (FAUST, SERVER, PAGES, "knownas.plain")),
        (("up", "--help"), (FAUST, SERVER, PAGES, "knownas.plain", "knownas.embedded")),
        (("demo", "--help"), (FAUST, SERVER, PAGES, "knownas.embedded")),
    ],
    ids=" ".join,
)
def test_a_command_does_not_wait_for_what_others_need(words: tuple[str, ...], heavy: tuple[str, ...]) -> None:
    assert loaded_by(*words).isdisjoint(heavy)
