"""`knownas segments`: live segments, put, listed, removed, looked into."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

from cyclopts import App, Parameter, validators

from knownas.adapters.segments import SegmentReader, SegmentStore, Size, check_name, check_query
from knownas.cli.find import read_query
from knownas.cli.output import console, errors, plain, say_json
from knownas.errors import WrongInput
from knownas.find.reading import from_object
from knownas.find.writing import to_line, to_object
from knownas.nouns import Definition
from knownas.operate.world import open_world
from knownas.settings import load

Wait = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=3_600))]
_LOOK_SECONDS: Final = 0.2
NOT_YET: Final = 1

app = App(
    name="segments", help="Live segments: people whom a query finds, kept as events flow.", help_format="plaintext"
)


class _Desk:
    def __init__(self, store: SegmentStore, reader: SegmentReader) -> None:
        self.store, self.reader = store, reader

    async def named(self, name: str) -> Definition:
        """The segment of this name."""
        found = await self.store.one(name)
        if found is not None:
            return found
        raise WrongInput(f"there is no segment {name!r}; `knownas segments list` says which there are")


@asynccontextmanager
async def _desk() -> AsyncIterator[_Desk]:
    async with open_world(load()) as world:
        layout = await world.layout()
        yield _Desk(SegmentStore(world.link(), world.keys), SegmentReader(world.link(), world.keys, layout))


@app.command
async def put(name: str, query: str, *, replace: bool = False, wait: Wait = 0, json: bool = False) -> int:
    """Put a segment. Whoever is in it already enters it in the background, while events flow.

    Parameters
    ----------
    name
        What it is called, up to 200 characters.
    query
        Who is in it, on one line as in `knownas find`, or in the JSON form.
    replace
        Replace the segment that has this name.
    wait
        How many seconds to wait until everybody is judged by it.
    json
        Answer as one JSON document.
    """
    tree = read_query(query)
    said = check_query(to_object(tree))
    async with _desk() as desk:
        version = await desk.store.put(check_name(name), said, replace=replace)
        if version is None:
            raise WrongInput(f"there is a segment {name!r} already; say --replace to replace it")
        definition = Definition(name=name, version=version, query=said)
        size = await _filled(desk.reader, definition, wait)
    if json:
        say_json({"segment": name, "version": version, "filling": size.filling, "people": size.people})
    elif size.filling:
        console.print(plain(f"{name} (version {version}) is being filled: {to_line(tree)}"))
    else:
        console.print(plain(f"{name} (version {version}): {size.people:,} people: {to_line(tree)}"))
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
async def list_(*, json: bool = False) -> int:
    """List the segments.

    Parameters
    ----------
    json
        Answer as one JSON document.
    """
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
async def remove(name: str, *, json: bool = False) -> int:
    """Remove a segment. Everybody leaves it, in the background.

    Parameters
    ----------
    name
        What it is called.
    json
        Answer as one JSON document.
    """
    async with _desk() as desk:
        await desk.named(name)
        version = await desk.store.remove(name)
    if json:
        say_json({"segment": name, "version": version, "removed": True})
    else:
        console.print(plain(f"{name} is removed; whoever is in it leaves"))
    return 0


@app.command
async def size(name: str, *, json: bool = False) -> int:
    """How many people are in a segment now.

    Parameters
    ----------
    name
        What it is called.
    json
        Answer as one JSON document.
    """
    async with _desk() as desk:
        definition = await desk.named(name)
        found = await desk.reader.size(definition)
    if json:
        say_json({"segment": name, "version": definition.version, **found._asdict()})
    else:
        still = " (it is still being filled)" if found.filling else ""
        console.print(plain(f"{found.people:,}{still}"))
    return 0


@app.command
async def members(name: str, *, json: bool = False) -> int:
    """The ids of those who are in a segment now, one a line, in no order.

    Parameters
    ----------
    name
        What it is called.
    json
        Answer as JSON, one text a line.
    """
    async with _desk() as desk:
        async for profile in desk.reader.members(await desk.named(name)):
            sys.stdout.write(f'"{profile}"\n' if json else f"{profile}\n")
    return 0
