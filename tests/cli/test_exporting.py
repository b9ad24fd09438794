"""An export streams while events flow: what it holds in memory is bounded, and a terminal sees how far it is."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from knownas.adapters.find_memory import MemoryShards
from knownas.adapters.finder import AT_ONCE, Finder
from knownas.adapters.memory import MemoryShardStore, MemoryStore
from knownas.adapters.store import RedisShardStore
from knownas.cli.exporting import whole
from knownas.find.line import from_line
from knownas.find.moment import Moment
from knownas.nouns import FORMAT, Profile, Property
from knownas.profile.time import Calendar
from tests.builders import event
from tests.contracts.fair import Fair
from tests.find.stored import put
from tests.pipeline.deployment import Deployment

NOW_MS = 1_795_352_400_000
CALENDAR = Calendar()
PEOPLE = 4_321


def crowd() -> list[tuple[Profile, Sequence[Any]]]:
    """So many people, every third of whom has Gold."""
    return [
        (
            Profile(
                format=FORMAT, id=f"{n * 0x9E3779B97F4A7C15 % 2**128:032x}", version=1, first_seen=5, last_seen=5,
                properties={"Plan": Property("Silver" if n % 3 else "Gold", 5)},
            ),
            [],
        )
        for n in range(PEOPLE)
    ]  # fmt: skip


class Counting(MemoryShards):
    """Counts whom it was asked to read."""

    def __init__(self, store: MemoryStore, shards: int) -> None:
        super().__init__(store, shards)
        self.read: list[int] = []

    async def people(self, numbers: Mapping[int, Sequence[int]]) -> dict[int, list[Profile | None]]:
        """Those who have these numbers."""
        self.read.append(sum(map(len, numbers.values())))
        return await super().people(numbers)


async def test_whoever_exports_holds_some_at_a_time_and_reads_no_further_than_was_written() -> None:
    store = MemoryStore()
    await put(MemoryShardStore(store, Fair(), 500), 2, crowd(), NOW_MS, CALENDAR)
    shards, found = Counting(store, 2), set[str]()
    async for some in Finder(shards).everyone(from_line("everyone"), Moment(NOW_MS, CALENDAR), orphans=False):
        found.update(one.id for one in some)
        assert sum(shards.read) == len(found)
    assert len(found) == PEOPLE
    assert max(shards.read) <= AT_ONCE < PEOPLE / 2


async def test_who_changes_or_goes_while_an_export_runs_is_in_it_as_they_are_or_not_at_all() -> None:
    store, people = MemoryStore(), crowd()
    shard_store = MemoryShardStore(store, Fair(), 500)
    await put(shard_store, 2, people, NOW_MS, CALENDAR)
    export = Finder(MemoryShards(store, 2)).everyone(from_line("Plan = Gold"), Moment(NOW_MS, CALENDAR), orphans=False)
    found = [one.id for one in await anext(export)]
    gold = {one.id: one for one, _ in people[::3]}
    gone, changed, *_ = [one for one in gold if one not in found]
    del store.profiles[gone]
    plan = {"Plan": Property("Silver", 6)}
    store.profiles[changed] = msgspec.msgpack.encode(msgspec.structs.replace(gold[changed], properties=plan))
    found += [one.id async for some in export for one in some]
    assert sorted(found) == sorted(gold.keys() - {gone, changed})


def test_a_file_has_its_name_once_it_is_whole_and_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    cut_off = ExitStack()
    cut_off.enter_context(whole(path)).write(b"half")
    assert not path.exists()
    error = KeyboardInterrupt()
    assert not cut_off.__exit__(KeyboardInterrupt, error, error.__traceback__)
    assert list(tmp_path.iterdir()) == []
    with whole(path) as out:
        out.write(b"whole")
    assert (path.read_bytes(), len(list(tmp_path.iterdir()))) == (b"whole", 1)
    path.with_name("other.csv.part").touch()
    for there, named in ((path, "people.csv"), (path.with_name("other.csv"), "other.csv.part")):
        with pytest.raises(FileExistsError) as refused, whole(there):
            pass
        assert Path(str(refused.value.filename)).name == named


async def test_an_export_runs_beside_events_and_a_terminal_sees_how_far_it_is(
    deployment: Deployment, tmp_path: Path
) -> None:
    world, layout = deployment.world, deployment.layout
    store = RedisShardStore(world.link(), world.keys, deployment.settings.timeline_entries)
    await put(store, layout.shards, crowd(), NOW_MS, CALENDAR)
    out = tmp_path / "people.jsonl"
    async with deployment.worker():
        sending = asyncio.create_task(deployment.send(*[event(f"d-{n}") for n in range(200)]))
        seen = await asyncio.to_thread(_on_a_terminal, deployment, "find", "Plan exists", "--export", str(out))
        await sending
        await deployment.settled()
    shown = [int(word.replace(",", "")) for word in seen.replace(" people", "").split() if word[0].isdigit()]
    assert shown == sorted(shown)
    assert len(shown) > PEOPLE / AT_ONCE
    lines = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines) == PEOPLE == shown[-1]
    again = deployment.command("find", "Plan exists", "--export", str(out))
    assert (again.returncode, "is there already" in again.stderr) == (2, True)


def _on_a_terminal(deployment: Deployment, *words: str) -> str:
    """What a command shows somebody whose standard error is a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "knownas", *words]
    environment = deployment.environment() | {"TERM": "xterm"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        seen = bytearray()
        try:
            while some := os.read(ours, 4_096):
                seen += some
        except OSError:  # a terminal that nobody has open any more ends so
            pass
        assert process.wait() == 0
    os.close(ours)
    return seen.decode()
