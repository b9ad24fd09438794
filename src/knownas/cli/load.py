"""`knownas import`: a table or a file of records into the topics, once, however often it is started."""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from knownas.adapters.kafka import KafkaOutlet
from knownas.cli.output import console, errors, plain, say_json
from knownas.cli.rows import CSV, JSON_LINES, Reading, Row, rows
from knownas.cli.send import gathered, until_sent
from knownas.errors import WrongInput
from knownas.operate.world import open_world
from knownas.records.destination import destination
from knownas.records.identities import IdentityRules
from knownas.records.intake import Flaw, Intake, take_in
from knownas.settings import Settings, load

SHOWN: Final = 10
_WORD: Final = (
    "An imported person owns their identities from now on. Their first login on a device is then a link: what that "
    "device did before as a guest stays the guest's, shown in gray and counted for nobody else."
)


class Place(msgspec.Struct):
    """How far an import has come: which file, read in which way, and how many of its rows are in Kafka."""

    mark: str
    rows: int


class _Import:
    """One import on its way: reads, checks and numbers rows, and counts what becomes of them."""

    def __init__(self, file: Path, reading: Reading, rules: IdentityRules, quiet: bool) -> None:
        self._file, self._reading, self._rules, self._quiet = file, reading, rules, quiet
        self.bytes = file.stat().st_size
        self.mark = _mark(file, reading)
        self._notes = file.with_name(f".{file.name}.imported")
        self.tally: Counter[str] = Counter()
        self.first: dict[str, Any] | None = None
        self.row = 0

    def rows_done(self) -> int:
        """How many rows an earlier import of the same has sent."""
        with suppress(OSError, msgspec.DecodeError):
            place = msgspec.json.decode(self._notes.read_bytes(), type=Place)
            if place.mark == self.mark:
                return place.rows
        return 0

    def remember(self) -> None:
        """Note that all rows so far are in Kafka."""
        self._notes.write_bytes(msgspec.json.encode(Place(self.mark, self.row)))

    def records(self, done: int, progress: Callable[[int], None]) -> Iterator[Intake]:
        """What is to be sent."""
        with self._file.open("rb") as opened:
            for row in rows(opened, self._file.suffix.lower(), self._reading):
                progress(row.bytes_read)
                if row.number <= done:
                    self.tally["before"] += 1
                    continue
                intake = self._checked(row)
                self.row = row.number
                if isinstance(intake, Flaw):
                    self._reject(row, intake)
                else:
                    self.tally["good"] += 1
                    yield intake

    def _reject(self, row: Row, flaw: Flaw) -> None:
        self.tally["rejected"] += 1
        if self.tally["rejected"] <= SHOWN and not self._quiet:
            errors.print(f"row {row.number}: {flaw.reason}, {plain(flaw.detail)}")

    def _checked(self, row: Row) -> Intake | Flaw:
        if isinstance(row.record, Flaw):
            return row.record
        record = {"id": f"import:{self.mark}:{row.number}", **row.record}
        intake = take_in(msgspec.json.encode(record), int(time.time() * 1000), self._rules)
        if isinstance(intake, Flaw):
            return intake
        self.first = self.first or row.record
        where = destination(intake)
        return where if isinstance(where, Flaw) else intake


async def import_(
    file: Path,
    *,
    map: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),  # noqa: A002 (it is the switch's name)
    type: Literal["profile", "event"] = "profile",  # noqa: A002
    dry_run: bool = False,
    again: bool = False,
    json: bool = False,
) -> int:
    """Import a table (.csv, with a line of column names) or JSON objects a line (.jsonl): people, or events.

    Every row has an id, so what is sent a second time within a week is not counted again; an import that was broken off
    goes on where it was when it is started again.

    Parameters
    ----------
    file
        The file. A JSON object with a `type` is a record as it stands; others are rows.
    map
        What a column means: COLUMN=MEANING, where MEANING is an identity kind (email), device, ts, evtName, the name of
        a property, context.NAME, or - to leave it out. By default a column means what it is called.
    type
        Whether rows are people (profile) or events.
    dry_run
        Only look: what would be sent, what would be rejected and why, and the first record.
    again
        Start from the first row although an earlier import had come further.
    json
        Answer as one JSON document.
    """
    problem = _problem_with(file)
    if problem:
        raise WrongInput(problem)
    settings = load()
    rules = settings.identity_rules()
    work = _Import(file, Reading(_mapping(map), rules.kinds, type), rules, quiet=json)
    if not json:
        errors.print(_WORD)
    with _progress(json) as progress:
        task = progress.add_task("looking" if dry_run else "importing", total=work.bytes)

        def seen(bytes_read: int) -> None:
            progress.update(task, completed=bytes_read)

        if dry_run:
            for _ in work.records(0, seen):
                pass
        else:
            await _send(settings, work, 0 if again else work.rows_done(), seen)
    _say(work, dry_run, json)
    return 2 if work.tally["rejected"] else 0


async def _send(settings: Settings, work: _Import, done: int, seen: Callable[[int], None]) -> None:
    async with open_world(settings) as world:
        layout = await world.layout()
        outlet = KafkaOutlet(world.kafka)
        try:
            for some in gathered(work.records(done, seen)):
                await until_sent(outlet, some, layout)
                work.remember()
        finally:
            await outlet.close()


def _problem_with(file: Path) -> str | None:
    if not file.is_file():
        return f"there is no file {file}"
    if file.suffix.lower() not in (*CSV, *JSON_LINES):
        return f"{file.name} is none of {', '.join((*CSV, *JSON_LINES))}"
    return None


def _mapping(pairs: Iterable[str]) -> dict[str, str]:
    said = {}
    for pair in pairs:
        column, equals, meaning = pair.rpartition("=")
        if not equals or not column:
            raise WrongInput(f"--map takes COLUMN=MEANING, not {pair!r}")
        said[column] = meaning
    return said


def _mark(file: Path, reading: Reading) -> str:
    """What makes two imports the same: the file's content and how it is read."""
    how = msgspec.json.encode([sorted(reading.said.items()), reading.kind])
    hashed = hashlib.blake2b(how, digest_size=12)
    with file.open("rb") as opened:
        while data := opened.read(1 << 20):
            hashed.update(data)
    return hashed.hexdigest()


def _progress(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=errors, transient=True, disable=quiet or not sys.stderr.isatty())


def _say(work: _Import, dry_run: bool, json: bool) -> None:
    tally = work.tally
    if json:
        counts = {"sent": 0 if dry_run else tally["good"], "rejected": tally["rejected"], "before": tally["before"]}
        say_json(counts | ({"good": tally["good"], "first": work.first} if dry_run else {}))
        return
    before = f", {tally['before']:,} had been sent before" if tally["before"] else ""
    done = "would be sent" if dry_run else "sent"
    console.print(f"{tally['good']:,} records {done}, {tally['rejected']:,} rejected{before}")
    if dry_run and work.first:
        console.print("the first:")
        console.print(msgspec.json.encode(work.first).decode(), markup=False)
