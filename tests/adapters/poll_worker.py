"""A worker whose store is one SQLite file, where it notes every chunk it was given and under which hold.

Run as a process of its own to be killed: `python poll_worker.py BROKER GROUP FILE NAME POLLS TOPIC...`.
"""

import asyncio
import contextlib
import math
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from faust.types import TP

from knownas.adapters.faust_poll import Chunk, Keeper, PollApp, PollSettings

TABLES = """
CREATE TABLE IF NOT EXISTS place (topic, partition, position, token, PRIMARY KEY (topic, partition));
CREATE TABLE IF NOT EXISTS take (token INTEGER PRIMARY KEY, worker, topic, partition, position);
CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, worker, token, topic, partition, first, next, done);
"""


@dataclass
class FileHold:
    """What `take` gives out; the token is the fence."""

    token: int
    position: int
    alive: bool = True


class Note(NamedTuple):
    """A chunk that a worker was given; done once its position was accepted."""

    worker: str
    token: int
    tp: TP
    first: int
    next: int
    done: bool


class Take(NamedTuple):
    """A partition that a worker took, at the position it found."""

    token: int
    worker: str
    tp: TP
    position: int


class Journal:
    """The file that all workers share."""

    def __init__(self, path: str) -> None:
        """Open the file; make the tables if they are not there yet."""
        self._db = sqlite3.connect(path, timeout=20, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(TABLES)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def set_position(self, tp: TP, position: int) -> None:
        """Pretend that everything before was processed."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO place VALUES (?, ?, ?, NULL)", (*tp, position))

    def take(self, worker: str, tp: TP) -> FileHold:
        """Write a fresh token beside the position."""
        with self._transaction() as db:
            row = db.execute("SELECT position FROM place WHERE topic = ? AND partition = ?", tp).fetchone()
            position = row[0] if row else 0
            token = db.execute("INSERT INTO take VALUES (NULL, ?, ?, ?, ?)", (worker, *tp, position)).lastrowid
            assert token is not None
            db.execute("INSERT OR REPLACE INTO place VALUES (?, ?, ?, ?)", (*tp, position, token))
        return FileHold(token, position)

    def give(self, worker: str, tp: TP, chunk: Chunk) -> int:
        """Note that a worker was given a chunk; returns the note's number."""
        hold = chunk.hold
        assert isinstance(hold, FileHold)
        span = (chunk.records[0].offset, chunk.next_offset)
        with self._transaction() as db:
            note = db.execute("INSERT INTO note VALUES (NULL, ?, ?, ?, ?, ?, ?, 0)", (worker, hold.token, *tp, *span))
        assert note.lastrowid is not None
        return note.lastrowid

    def accept(self, note: int, tp: TP, chunk: Chunk) -> bool:
        """Move the position past a chunk, if token and position are still the hold's."""
        hold = chunk.hold
        assert isinstance(hold, FileHold)
        with self._transaction() as db:
            fence = (chunk.next_offset, *tp, hold.token, hold.position)
            moved = db.execute(
                "UPDATE place SET position = ? WHERE topic = ? AND partition = ? AND token = ? AND position = ?", fence
            )
            if not moved.rowcount:
                return False
            db.execute("UPDATE note SET done = 1 WHERE id = ?", (note,))
        hold.position = chunk.next_offset
        return True

    def positions(self) -> dict[TP, int]:
        """How far each partition was processed."""
        return {TP(topic, p): at for topic, p, at in self._db.execute("SELECT topic, partition, position FROM place")}

    def takes(self) -> list[Take]:
        """Every take so far, in order."""
        rows = self._db.execute("SELECT token, worker, topic, partition, position FROM take ORDER BY token")
        return [Take(token, worker, TP(topic, p), position) for token, worker, topic, p, position in rows]

    def notes(self) -> list[Note]:
        """Every chunk given so far, in order."""
        rows = self._db.execute("SELECT worker, token, topic, partition, first, next, done FROM note ORDER BY id")
        return [Note(worker, token, TP(topic, p), *rest) for worker, token, topic, p, *rest in rows]


@dataclass
class JournalKeeper(Keeper):
    """Holds out of the journal. Tests close `open` to have the store away."""

    journal: Journal
    worker: str
    holds: dict[TP, FileHold] = field(default_factory=dict)
    dropped: list[set[TP]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, tps: set[TP]) -> Mapping[TP, FileHold]:
        """Take once the store is there."""
        self.asked.set()
        await self.open.wait()
        taken = {tp: self.journal.take(self.worker, tp) for tp in tps}
        self.holds.update(taken)
        return taken

    async def drop(self, tps: set[TP]) -> None:
        """End the holds."""
        self.dropped.append(tps)
        for tp in tps:
            self.holds.pop(tp).alive = False


def journal_keeper(path: str, worker: str) -> JournalKeeper:
    """Make a keeper whose store is there."""
    keeper = JournalKeeper(Journal(path), worker)
    keeper.open.set()
    return keeper


def poll_app(broker: str, group: str, keeper: Keeper, poll: PollSettings | None = None, **options: Any) -> PollApp:
    """Make an app with the session timeout that tests want."""
    settings = {"broker_session_timeout": 6.0, "broker_heartbeat_interval": 0.5, "broker_commit_interval": 0.2}
    return PollApp(group, keeper=keeper, poll=poll, broker=f"kafka://{broker}", **settings | options)


def process_all(app: PollApp, keeper: JournalKeeper, *topics: str, polls: float = math.inf) -> None:
    """Add the agent: note each chunk, move its position, take again what was refused; hang after so many polls."""

    @app.agent(app.polls(*topics))
    async def process(stream: Any) -> None:
        async for number, chunks in stream.enumerate():
            if number >= polls:
                for tp, chunk in chunks.items():
                    keeper.journal.give(keeper.worker, tp, chunk)
                await asyncio.Event().wait()
            refused = {tp for tp, chunk in chunks.items() if chunk.hold.alive and not _process(keeper, tp, chunk)}
            await app.poller.retake(refused)


def _process(keeper: JournalKeeper, tp: TP, chunk: Chunk) -> bool:
    note = keeper.journal.give(keeper.worker, tp, chunk)
    time.sleep(len(chunk.records) * 20e-6)  # as busy as a real stage
    return keeper.journal.accept(note, tp, chunk)


async def _main(broker: str, group: str, path: str, worker: str, polls: str, *topics: str) -> None:
    keeper = journal_keeper(path, worker)
    app = poll_app(broker, group, keeper, PollSettings(max_records=200))
    process_all(app, keeper, *topics, polls=float(polls))
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await app.start()
    await told.wait()
    await app.stop()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
