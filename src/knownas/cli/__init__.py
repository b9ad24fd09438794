"""The commands: thin, each parses, builds settings, calls wiring, and says what came of it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop
from cyclopts import App, CycloptsError

from knownas import __version__
from knownas.cli.output import errors, plain, quiet_logs
from knownas.errors import KnownasError, WorldFault, WrongInput
from knownas.settings import LOCAL

OK, FAILED, WRONG_INPUT = 0, 1, 2

app = App(
    name="knownas",
    help="A live profile of every person who launches an app or visits a site.",
    version=__version__,
    help_format="plaintext",
)
COMMANDS: Final = {
    "up": "runs:up",
    "worker": "worker:worker",
    "serve": "gateway:serve",
    "demo": "demo:demo",
    "topics": "topics:app",
    "send": "send:send",
    "import": "load:import_",
    "profile": "profile:profile",
    "find": "find:find",
    "segments": "segments:app",
    "explain": "explain:explain",
    "rejected": "rejected:app",
    "test-user": "act:mark",
    "demerge": "act:demerge",
    "release": "act:release",
    "delete": "act:delete",
    "keys": "gateway:keys",
    "verify": "verify:verify",
    "doctor": "doctor:doctor",
    "rebuild": "rebuild:rebuild",
    "repair": "rebuild:repair",
}
"""Each is loaded when it is typed, so that none waits for what another one needs."""
for name, place in COMMANDS.items():
    app.command(f"knownas.cli.{place}", name=name)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit status. Every problem is one clear line on standard error."""
    quiet_logs()
    if not arguments or arguments[0] in app.help_flags:
        app.resolved_commands()  # what each is for stands in its docstring
    try:
        command, bound, _ = app.parse_args(list(arguments), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        errors.print(f"knownas: {plain(error)}".replace("\n", " "))
        errors.print("knownas: `knownas --help` and `knownas COMMAND --help` say what is possible")
        return WRONG_INPUT
    try:
        result = command(*bound.args, **bound.kwargs)
        if asyncio.iscoroutine(result):
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                result = runner.run(result)
    except WrongInput as error:
        return _problem(error, WRONG_INPUT)
    except WorldFault as error:
        return _problem(f"{error}{_where_from()}", FAILED)
    except KnownasError as error:
        return _problem(error, FAILED)
    except KeyboardInterrupt:
        return FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    return result if isinstance(result, int) else OK


def _where_from() -> str:
    """A hint for whom the addresses of a set-up that was killed mislead."""
    if Path(LOCAL).exists() and "KNOWNAS_KAFKA" not in os.environ:
        return f" (the address is from {LOCAL}: is `knownas up` still running?)"
    return ""


def _problem(error: object, status: int) -> int:
    for line in str(error).splitlines():
        errors.print(f"knownas: {plain(line)}")
    return status
