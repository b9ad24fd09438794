"""How a start tells what it is doing: one call with a phrase and, where it is known, how far it has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar


class Progress(Protocol):
    """Called from any thread, often; `fraction` goes from 0 to 1 within one phrase, or stays None."""

    def __call__(self, what: str, fraction: float | None = None) -> None: ...


def silent(what: str, fraction: float | None = None) -> None:
    """For callers who do not watch."""


@contextmanager
def console_progress() -> Iterator[Progress]:
    """Bars on a terminal's standard error; elsewhere (a log, a pipe) one plain line for each phrase."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain_lines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        yield _bars(bar)


def _plain_lines(console: Console) -> Progress:
    said: set[str] = set()

    def show(what: str, fraction: float | None = None) -> None:  # noqa: ARG001 (a log has no use for fractions)
        if what not in said:
            said.add(what)
            console.print(what, markup=False, highlight=False, soft_wrap=True)

    return show


def _bars(bar: Bar) -> Progress:
    tasks: dict[str, TaskID] = {}

    def show(what: str, fraction: float | None = None) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=None)
        bar.update(tasks[what], total=None if fraction is None else 1.0, completed=fraction or 0.0)

    return show
