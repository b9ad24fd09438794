"""`knownas send`: JSON lines to the topics."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from knownas.adapters.kafka import KafkaOutlet
from knownas.cli.output import console, errors, plain, say_json
from knownas.errors import WorldFault, WrongInput
from knownas.nouns import murmur2
from knownas.operate.world import open_world
from knownas.records.destination import destination
from knownas.records.identities import IdentityRules
from knownas.records.intake import Flaw, Intake, take_in
from knownas.settings import load
from knownas.stages.ports import Batches, Message
from knownas.topics import Layout

AT_ONCE = 5_000
SHOWN = 10


class Problem(NamedTuple):
    """A line that would be rejected."""

    place: str
    flaw: Flaw


async def send(
    *files: Annotated[Path, Parameter(allow_leading_hyphen=True)], check: bool = False, json: bool = False
) -> int:
    """Send records, one JSON object a line, to the topics they belong in; what would be rejected is said, not sent.

    Parameters
    ----------
    files
        Files of JSON lines; - is standard input.
    check
        Only look, send nothing.
    json
        Answer as one JSON document.
    """
    if not files:
        raise WrongInput("name at least one file of JSON lines, or - for standard input")
    missing = [str(file) for file in files if str(file) != "-" and not file.is_file()]
    if missing:
        raise WrongInput("\n".join(f"there is no file {name}" for name in missing))
    settings = load()
    tally: Counter[str] = Counter()
    problems: list[Problem] = []
    rules = settings.identity_rules()
    with _progress(json) as progress:
        task = progress.add_task("checking" if check else "sending", total=None)
        if check:
            for _ in _records(files, rules, tally, problems):
                progress.update(task, completed=tally["lines"])
        else:
            async with open_world(settings) as world:
                layout = await world.layout()
                outlet = KafkaOutlet(world.kafka)
                try:
                    for some in gathered(_records(files, rules, tally, problems)):
                        await until_sent(outlet, some, layout)
                        progress.update(task, completed=tally["lines"])
                finally:
                    await outlet.close()
    _say(tally, problems, json, check)
    return 2 if problems else 0


async def until_sent(outlet: KafkaOutlet, records: list[Intake], layout: Layout) -> None:
    """Send records to where they belong, with a few attempts; returns when all are acknowledged."""
    batches: dict[tuple[str, int], list[Message]] = {}
    for intake in records:
        where = destination(intake)
        assert not isinstance(where, Flaw)
        topic, key = where
        target = (layout.name(topic), murmur2(key) % layout.partitions)
        batches.setdefault(target, []).append(Message(key, intake.raw))
    await until_acknowledged(outlet, batches)


async def until_acknowledged(outlet: KafkaOutlet, batches: Batches) -> None:
    """Send messages, with a few attempts; returns when all are acknowledged."""
    for attempt in range(5):
        try:
            return await outlet.send(batches)
        except WorldFault:
            if attempt == 4:
                raise
            await asyncio.sleep(2**attempt / 4)
    return None


def _records(
    files: Iterable[Path], rules: IdentityRules, tally: Counter[str], problems: list[Problem]
) -> Iterator[Intake]:
    for place, line in _lines(files):
        tally["lines"] += 1
        intake = take_in(line, int(time.time() * 1000), rules)
        if isinstance(intake, Intake) and isinstance(where := destination(intake), Flaw):
            intake = where
        if isinstance(intake, Flaw):
            tally[intake.reason] += 1
            problems.append(Problem(place, intake))
        else:
            tally["good"] += 1
            yield intake


def _lines(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in files:
        file = sys.stdin.buffer if str(path) == "-" else path.open("rb")
        with file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path}:{number}", line.strip()


def gathered(records: Iterable[Intake]) -> Iterator[list[Intake]]:
    some: list[Intake] = []
    for record in records:
        some.append(record)
        if len(some) == AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _progress(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("records"))
    return Progress(*columns, console=errors, transient=True, disable=quiet or not sys.stderr.isatty())


def _say(tally: Counter[str], problems: list[Problem], json: bool, check: bool) -> None:
    done = "would be sent" if check else "sent"
    if json:
        said = [{"line": place, "reason": flaw.reason, "detail": flaw.detail} for place, flaw in problems]
        say_json({"records": tally["lines"], "sent": 0 if check else tally["good"], "problems": said})
        return
    console.print(f"{tally['good']:,} of {tally['lines']:,} records {done}")
    for place, flaw in problems[:SHOWN]:
        errors.print(f"{plain(place)}: {flaw.reason}: {plain(flaw.detail)}")
    if len(problems) > SHOWN:
        errors.print(f"and {len(problems) - SHOWN:,} more that are not sent; --json lists all")
