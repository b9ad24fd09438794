"""`knownas find`: people by who they are, by what they did and did not do, by what they are."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter, validators

from knownas.adapters.catalog import catalog as read_catalog
from knownas.adapters.find_store import StoredShards
from knownas.adapters.finder import Finder
from knownas.adapters.reader import Reader
from knownas.cli.exporting import write_export
from knownas.cli.output import console, plain, say_json, so_many, when
from knownas.cli.who import PROFILE_ID, parse_who
from knownas.cli.who import find as find_who
from knownas.errors import WrongInput
from knownas.find.answer import Explained, Found, Page, day, numbers, with_people
from knownas.find.cursor import LAST_SEEN
from knownas.find.evaluate import Reason
from knownas.find.evaluate import why as why_
from knownas.find.line import from_line
from knownas.find.moment import Moment
from knownas.find.reading import from_json
from knownas.find.told import reasoned
from knownas.find.tree import Condition
from knownas.find.writing import to_line
from knownas.find.wrong import WrongQuery
from knownas.nouns import PROPERTY_OF_KIND, Profile
from knownas.operate.world import World, open_world
from knownas.profile.time import Calendar
from knownas.profile.view import view
from knownas.settings import Settings, load

Lines = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=1_000))]
_NAMED: Final = re.compile(r"([A-Za-z_]\w*):(.*\S.*)", re.DOTALL)


async def find(
    query: str = "",
    *,
    json: bool = False,
    count: bool = False,
    sort: str = LAST_SEEN,
    limit: Lines = 20,
    cursor: str | None = None,
    orphans: bool = False,
    explain: bool = False,
    why: str | None = None,
    export: Path | None = None,
    fields: str | None = None,
    catalog: bool = False,
) -> int:
    """Find people: by one of their identities, or by a query.

    Parameters
    ----------
    query
        A query on one line, as 'did Charged >= 2 in 30d and Plan in (Gold, Silver) and age 25..30', or in its JSON
        form; or who: a profile id, kind:value of an identity (email:ann@example.com), or device:ID.
    json
        Answer as one JSON document.
    count
        Say how many there are, and nothing else.
    sort
        lastSeen, firstAcquired or a numeric property (the greatest first), or name.
    limit
        How many people to show.
    cursor
        Show the page that begins where an earlier one ended: the text that one gave.
    orphans
        Show former guests of people as well; they are always counted apart.
    explain
        Say of each condition by itself how many match it, and what it takes to know.
    why
        Of one person (as in query: a profile id, kind:value or device:ID): each condition with its answer and what was
        seen.
    export
        Write everybody who is found to a file, .csv or .jsonl. They come in no order, each as they are then.
    fields
        Which fields to export, by commas: id, type, city, lastSeen, a property, and so on.
    catalog
        Say what there is to ask for: events, properties and fields, their kinds and frequent values.
    """
    settings = load()
    if catalog:
        return await _catalog(settings, as_json=json)
    if not query.strip():
        raise WrongInput("ask something: knownas find 'did Charged in 30d', or knownas find email:ann@example.com")
    if _names_somebody(query, settings):
        return await _by_identity(query, settings, as_json=json)
    tree, moment = read_query(query), Moment(int(time.time() * 1000), Calendar(settings.day_timezone))
    async with _finder(settings) as (world, finder):
        if why is not None:
            return await _why(world, tree, why, moment, as_json=json)
        if explain:
            return _say_explained(await finder.explained(tree, moment), as_json=json)
        if export is not None:
            return await write_export(finder, tree, moment, export, fields, orphans=orphans)
        page = None if count else Page(limit, sort, cursor, orphans)
        found = await finder.find(tree, moment, page)
    if json:
        say_json(numbers(found) if count else with_people(found, moment.now_ms))
    else:
        say_found(found, count=count)
    return 0


def read_query(text: str) -> Condition:
    """A query in either form; what is wrong with it is shown at its place."""
    try:
        return from_json(text) if text.lstrip().startswith("{") else from_line(text)
    except WrongQuery as error:
        raise WrongInput(error.pointed()) from None


@asynccontextmanager
async def _finder(settings: Settings) -> AsyncIterator[tuple[World, Finder]]:
    async with open_world(settings) as world:
        layout = await world.layout()
        yield world, Finder(StoredShards(world.link(), world.keys, layout.shards), settings.find_most)


def _names_somebody(text: str, settings: Settings) -> bool:
    """Whether somebody is named, and no query is asked."""
    named = _NAMED.fullmatch(text.strip())
    if named is None:
        return PROFILE_ID.fullmatch(text.strip()) is not None
    return named[1] in (*settings.identity_kinds, *PROPERTY_OF_KIND, "identity", "device", "profile")


async def _by_identity(text: str, settings: Settings, *, as_json: bool) -> int:
    kind, _, value = text.strip().partition(":")
    if kind in PROPERTY_OF_KIND and kind not in settings.identity_kinds:
        declared = ",".join((*settings.identity_kinds, kind))
        raise WrongInput(
            f"nobody can be found by {kind}: it is not declared as an identity. Declare it before a store's first use "
            f"(KNOWNAS_IDENTITY_KINDS={declared}); until then ask for the property: "
            f"knownas find '{PROPERTY_OF_KIND[kind]} = \"{value}\"'"
        )
    named = parse_who(value if kind == "profile" else text.strip(), settings, bare="profile")
    async with open_world(settings) as world:
        found = await find_who(Reader(world.link(), world.keys, world.names, await world.layout()), named)
    if as_json:
        is_person = found.guest_of is None
        shown = [view(found, int(time.time() * 1000))]
        say_json({"people": int(is_person), "orphans": int(not is_person), "exact_since": None, "unknown": [],
                  "profiles": shown, "cursor": None})  # fmt: skip
    else:
        _show_people([found])
    return 0


def say_found(found: Found, *, count: bool) -> None:
    """An answer, for people: its numbers, and unless they are all that is asked for, the page."""
    if found.capped:
        people, orphans = found.at_most
        console.print(
            f"from {found.people:,} to {people:,} people (and from {found.orphans:,} to {orphans:,} orphans): "
            "more than may be looked at one by one; ask closer"
        )
    else:
        orphans = found.orphans
        apart = f", and {orphans:,} {'orphan' if orphans == 1 else 'orphans'} apart" if orphans else ""
        console.print(f"{so_many(found.people)}{apart}")
    if found.since is not None:
        console.print(f"exact as far as days from {day(found.since)} on are concerned: what was before is not all kept")
    for name in found.unknown:
        console.print(f"nobody ever had {plain(name)}")
    if not count:
        _show_people(found.profiles)
    if found.cursor is not None:
        console.print(f"more: --cursor {found.cursor}")


def _show_people(profiles: Sequence[Profile]) -> None:
    for one in profiles:
        name = one.properties.get("Name")
        email = one.properties.get("Email")
        said = [held.value for held in (name, email) if held is not None and held.value is not None]
        known = plain(", ".join(map(str, said)) or "no name")
        orphan = "  (orphan)" if one.guest_of is not None else ""
        console.print(f"{one.id}  {one.type:<11}  last seen {when(one.last_seen)}  {known}{orphan}")


def _say_explained(found: Sequence[Explained], *, as_json: bool) -> int:
    if as_json:
        said = [
            {"condition": to_line(one.condition), "sure": one.sure, "atMost": one.most, "steps": one.steps,
             "planes": len(one.planes), "ms": round(one.ms, 2)} for one in found
        ]  # fmt: skip
        say_json({"conditions": said})
        return 0
    for one in found:
        open_ = one.most - one.sure
        console.print(plain(to_line(one.condition)))
        looked = f", {open_:,} to look at one by one" if open_ else ", exact without looking at anybody"
        console.print(
            f"    {one.sure:,} for sure{looked}; {len(one.planes):,} planes, {one.steps:,} steps a shard, "
            f"{one.ms:.1f} ms"
        )
    return 0


async def _why(world: World, tree: Condition, who: str, moment: Moment, *, as_json: bool) -> int:
    settings = world.settings
    reader = Reader(world.link(), world.keys, world.names, layout := await world.layout())
    found = await find_who(reader, parse_who(who, settings, bare="profile"))
    shards = StoredShards(world.link(), world.keys, layout.shards)
    (timeline,) = await shards.timelines([found])
    reason = why_(tree, found, timeline, moment)
    if as_json:
        say_json({"id": found.id, **reasoned(reason)})
    else:
        _say_reason(reason, 0)
    return 0


def _say_reason(reason: Reason, depth: int) -> None:
    holds, since, saw = reason.finding
    exact = "" if since is None else f", exact from {day(since)} on"
    saw_it = "" if reason.parts else f": {plain('nothing' if saw is None else saw)}"
    console.print(f"{'  ' * depth}{'yes' if holds else 'no ':<4} {plain(to_line(reason.condition))}{saw_it}{exact}")
    for part in reason.parts:
        _say_reason(part, depth + 1)


async def _catalog(settings: Settings, *, as_json: bool) -> int:
    async with open_world(settings) as world:
        layout = await world.layout()
        known = await read_catalog(StoredShards(world.link(), world.keys, layout.shards))
    if as_json:
        say_json(known)
        return 0
    console.print(f"{known['people']:,} people and {known['orphans']:,} orphans; values are from {known['sampled']:,}")
    for event in known["events"]:
        console.print(f"[bold]did {plain(event['name'])}[/]  {event['people']:,} people")
        for said in event["properties"]:
            console.print(f"    where {_row(said)}")
    for held in known["properties"]:
        console.print(f"[bold]{plain(held['name'])}[/]  {held['people']:,} people  {_row(held, named=False)}")
    for field in known["fields"]:
        console.print(f"{plain(field['name'])}  ({field['kind']})  {_values(field['values'])}")
    return 0


def _row(said: dict[str, Any], *, named: bool = True) -> str:
    name = f"{plain(said['name'])}  " if named else ""
    return f"{name}({', '.join(said['kinds']) or 'not seen'})  {_values(said['values'])}"


def _values(values: Sequence[Any]) -> str:
    shown = ", ".join(plain(value) for value in values[:8])
    return shown + (", …" if len(values) > 8 else "")
