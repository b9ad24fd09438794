"""`knownas segments`: live segments, put, listed, removed, looked into."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final, NamedTuple

from cyclopts import App, Parameter, validators

from knownas.adapters.find_store import StoredShards
from knownas.adapters.finder import Finder
from knownas.adapters.segments import SegmentReader, SegmentStore, Size, check_name, check_query
from knownas.cli.find import read_query
from knownas.cli.output import console, errors, plain, say_json, so_many
from knownas.errors import WrongInput
from knownas.find.reading import from_object
from knownas.find.writing import to_line, to_object
from knownas.nouns import Definition
from knownas.operate.world import open_world
from knownas.settings import load

Name = Annotated[str, Parameter(help="What it is called, up to 200 characters.")]
AsJson = Annotated[bool, Parameter(help="Answer as one JSON document.")]
Wait = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=3_600))]
_LOOK_SECONDS: Final = 0.2
NOT_YET: Final = 1

app = App(
    name="segments", help="Live segments: people whom a query finds, kept as events flow.", help_format="plaintext"
)


class _Desk(NamedTuple):
    store: SegmentStore
    reader: SegmentReader
    finder: Finder


@asynccontextmanager
async def _desk() -> AsyncIterator[_Desk]:
    async with open_world(load()) as world:
        layout = await world.layout()
        yield _Desk(
            SegmentStore(world.link(), world.keys),
            SegmentReader(world.link(), world.keys, layout),
            Finder(StoredShards(world.link(), world.keys, layout.shards)),
        )


@asynccontextmanager
async def _segment(name: str) -> AsyncIterator[tuple[SegmentReader, Definition]]:
    async with _desk() as desk:
        found = await desk.store.one(name)
        if found is None:
            raise _unknown(name)
        yield desk.reader, found


def _unknown(name: str) -> WrongInput:
    return WrongInput(f"there is no segment {name!r}; `knownas segments list` says which there are")


@app.command
async def put(name: Name, query: str, *, replace: bool = False, wait: Wait = 0, json: AsJson = False) -> int:
    """Put a segment. Whoever is in it already enters it in the background, while events flow.

    Parameters
    ----------
    query
        Who is in it, on one line as in `knownas find`, or in the JSON form.
    replace
        Replace the segment that has this name.
    wait
        How many seconds to wait until everybody is judged by it.
    """
    tree = read_query(query)
    said = check_query(to_object(tree))
    check_name(name)
    async with _desk() as desk:
        unknown = await desk.finder.unknown(tree)
        version = await desk.store.put(name, said, replace=replace)
        if version is None:
            raise WrongInput(f"there is a segment {name!r} already; say --replace to replace it")
        definition = Definition(name=name, version=version, query=said)
        size = await _filled(desk.reader, definition, wait)
    if json:
        said_of = {"filling": size.filling, "people": size.people, "unknown": unknown}
        say_json({"segment": name, "version": version, **said_of})
    elif size.filling:
        console.print(plain(f"{name} (version {version}) is being filled: {to_line(tree)}"))
    else:
        console.print(plain(f"{name} (version {version}): {so_many(size.people)}: {to_line(tree)}"))
    for one in [] if json else unknown:
        console.print(f"nobody ever had {plain(one)}")
    return NOT_YET if wait and size.filling else 0


async def _filled(reader: SegmentReader, definition: Definition, wait: float) -> Size:
    """The size once every shard has judged everybody, or when the wait is over."""
    until = time.monotonic() + wait
    size = await reader.size(definition)
    while size.filling and time.monotonic() < until:
        await asyncio.sleep(_LOOK_SECONDS)
        size = await reader.size(definition)
    return size


@app.command(name="list")
async def list_(*, json: AsJson = False) -> int:
    """List the segments."""
    async with _desk() as desk:
        there = await desk.store.all()
    if json:
        say_json([{"segment": one.name, "version": one.version, "query": one.query} for one in there])
    for one in [] if json else there:
        console.print(plain(f"{one.name} (version {one.version}): {to_line(from_object(one.query))}"))
    if not there and not json:
        errors.print("knownas: there are no segments; `knownas segments put NAME 'QUERY'` makes one")
    return 0


@app.command
async def remove(name: Name, *, json: AsJson = False) -> int:
    """Remove a segment. Everybody leaves it, in the background."""
    async with _desk() as desk:
        version = await desk.store.remove(name)
    if version is None:
        raise _unknown(name)
    if json:
        say_json({"segment": name, "version": version, "removed": True})
    else:
        console.print(plain(f"{name} is removed; whoever is in it leaves"))
    return 0


@app.command
async def size(name: Name, *, json: AsJson = False) -> int:
    """How many people are in a segment now."""
    async with _segment(name) as (reader, definition):
        found = await reader.size(definition)
    if json:
        say_json({"segment": name, "version": definition.version, **found._asdict()})
    else:
        still = " (it is still being filled)" if found.filling else ""
        console.print(plain(f"{found.people:,}{still}"))
    return 0


@app.command
async def members(
    name: Name, *, json: Annotated[bool, Parameter(help="Answer as JSON, one text a line.")] = False
) -> int:
    """The ids of those who are in a segment now, one a line, in no order."""
    async with _segment(name) as (reader, definition):
        async for profile in reader.members(definition):
            sys.stdout.write(f'"{profile}"\n' if json else f"{profile}\n")
    return 0
