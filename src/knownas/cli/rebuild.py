"""Commands that get the store back: `knownas rebuild`, `knownas repair`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from knownas.cli.output import console, errors, plain, say_json
from knownas.nouns import COUNTED
from knownas.operate.rebuild import Rebuilt
from knownas.operate.rebuild import rebuild as make_anew
from knownas.operate.repair import Repaired
from knownas.operate.repair import repair as put_back
from knownas.operate.restoring import Told
from knownas.operate.world import open_world
from knownas.settings import load


async def rebuild(*, replace: bool = False, json: bool = False) -> None:
    """Make the store anew from Kafka, for when its data is gone. Stop all workers before, start them afterwards.

    Bindings, owners and links come from the ledger, profiles, timelines, counters, index and live segments from the
    resolved records and the snapshots.

    Parameters
    ----------
    replace
        Empty a store that holds something first.
    json
        Answer as one JSON document.
    """
    async with open_world(load()) as world:
        with _shown(json) as told:
            done = await make_anew(world, told, replace=replace)
    if json:
        say_json(done.as_json())
    else:
        _say_rebuilt(done)


async def repair(*, json: bool = False) -> None:
    """Mend a store that lost its newest writes: an older copy was put back, or a replica took over. Stop all workers
    before, start them afterwards: they go back to where the store is by themselves.

    Parameters
    ----------
    json
        Answer as one JSON document.
    """
    async with open_world(load()) as world:
        with _shown(json) as told:
            done = await put_back(world, told)
    if json:
        say_json(done.as_json())
    else:
        _say_repaired(done)


def _say_rebuilt(done: Rebuilt) -> None:
    profiles = sum(done.profiles.get(kind, 0) for kind in COUNTED)
    console.print(
        f"{done.stage_1.rows:,} ledger rows and {done.stage_2.messages:,} resolved records in {done.seconds:.1f} s, "
        f"{done.rate:,} a second"
    )
    console.print(
        f"{profiles:,} profiles, {done.stage_1.bindings:,} bindings, {done.stage_1.owners:,} identities, "
        f"{done.segments} live segments, {done.callers} callers' keys"
    )
    console.print(f"start the workers: {done.behind:,} records are left for them to fold")
    for note in done.notes:
        console.print(f"note: {plain(note)}")


def _say_repaired(done: Repaired) -> None:
    first = done.stage_1
    console.print(
        f"{first.rows:,} ledger rows read: {first.bindings:,} bindings and {first.claims:,} claims put back, "
        f"{first.ids:,} records' ids, {done.segments} live segments"
    )
    console.print(
        f"start the workers: {done.back:,} records are folded and published once more. Then `knownas verify` says "
        "what, if anything, differs"
    )


@contextmanager
def _shown(quiet: bool) -> Iterator[Told]:
    """Progress on a terminal: a bar for each part, with the time that is left."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    hidden = quiet or not sys.stderr.isatty()
    with Progress(*columns, console=errors, transient=True, disable=hidden) as progress:
        tasks: dict[str, TaskID] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield told
