"""Live segments: all of them with size and trend, one with its query and members; put, replaced and removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from knownas.adapters.segments import BEGINNING, check_name, check_query
from knownas.doors import Answer
from knownas.find.line import from_line
from knownas.find.reading import from_object
from knownas.find.writing import to_line, to_object
from knownas.find.wrong import WrongQuery
from knownas.nouns import Definition
from knownas.operate.glance import SegmentDay, SegmentSeen
from knownas.serve.faults import Fault, bad_request, not_found
from knownas.serve.page import finding_words as words
from knownas.serve.page.desk import Desk, Look
from knownas.serve.page.rooms import Rooms
from knownas.serve.page.shown import number
from knownas.serve.routes import Route
from knownas.serve.routes_segments import place_in

SEGMENTS: Final = "/segments"
ON_A_PAGE: Final = 50
WIDTH: Final = 100
HEIGHT: Final = 22


class SegmentShown(NamedTuple):
    """A segment of the list."""

    name: str
    path: str
    line: str
    people: int
    filling: int
    trend: Trend | None


class Trend(NamedTuple):
    """How many people there were, day by day, as a line in a field of 100 by 24; and in words."""

    points: str
    words: str


class Segments:
    """The handlers."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def every(self, look: Look) -> Answer:
        """`GET /segments`"""
        return look.show("segments.html", segments=list(map(shown, await self._seen(look))))

    async def one(self, look: Look) -> Answer:
        """`GET /segments/{name}`"""
        definition = await self._named(look)
        first = place_in(look.asked.said("cursor"))
        ids, place = await self._rooms.members.page(definition, first, ON_A_PAGE)
        profiles = await self._rooms.people.reader.profiles(ids) if ids else []
        here = next((one for one in await self._seen(look) if one.name == definition.name), None)
        if here is None:
            raise _unknown(definition.name)
        people = [words.person(profile, look.asked.now_ms) for profile in profiles]
        return look.show(
            "segment.html",
            one=shown(here),
            days=here.days[::-1],
            shards=self._rooms.layout.shards,
            people=people,
            edit=f"/people?{urlencode({'q': here.query, 'segment': here.name})}",
            next=f"{path_of(here.name)}?cursor={place.shard}-{place.number}" if place else "",
            later=first != BEGINNING,
        )

    async def put(self, look: Look) -> Answer:
        """`POST /segments`: a new one; of a name that is taken, asked again with what would change."""
        name, line = check_name(look.form.get("name", "").strip()), look.form.get("q", "")
        try:
            query = check_query(to_object(from_line(line)))
        except WrongQuery as wrong:
            raise bad_request("bad_query", str(wrong)) from None
        replace = look.form.get("replace") == "yes"
        version = await self._rooms.segments.put(name, query, replace=replace)
        if version is None:
            there = await self._rooms.segments.one(name)
            if there is None:
                raise Fault(409, "gone", "This segment was just removed. Try again.")
            if there.query == query:
                return look.go(path_of(name))
            return look.show("segment_replace.html", 409, line=line, **await self._facts(there))
        await self._rooms.audit.note(look.viewer, "replaced a segment" if replace else "put a segment", name)
        return look.go(path_of(name))

    async def ask_removal(self, look: Look) -> Answer:
        """`GET /segments/{name}/remove`: what will happen."""
        return look.show("segment_remove.html", **await self._facts(await self._named(look)))

    async def remove(self, look: Look) -> Answer:
        """`POST /segments/{name}/remove`"""
        name = look.asked.inside["name"]
        if await self._rooms.segments.remove(name) is None:
            raise _unknown(name)
        await self._rooms.audit.note(look.viewer, "removed a segment", name)
        return look.go(SEGMENTS)

    async def _named(self, look: Look) -> Definition:
        name = look.asked.inside["name"]
        found = await self._rooms.segments.one(name)
        if found is None:
            raise _unknown(name)
        return found

    async def _seen(self, look: Look) -> list[SegmentSeen]:
        return await self._rooms.overviews.segments(look.asked.now_ms)

    async def _facts(self, definition: Definition) -> dict[str, Any]:
        assert definition.query is not None
        size = await self._rooms.members.size(definition)
        line = to_line(from_object(definition.query))
        return {"one": SegmentShown(definition.name, path_of(definition.name), line, size.people, size.filling, None)}


def shown(seen: SegmentSeen) -> SegmentShown:
    """A segment as a row."""
    return SegmentShown(seen.name, path_of(seen.name), seen.query, seen.people, seen.filling, trend(seen.days))


def trend(days: Sequence[SegmentDay]) -> Trend | None:
    """The trend of a segment; of less than two days there is none."""
    if len(days) < 2:
        return None
    sizes = [day.people for day in days]
    low, high = min(sizes), max(sizes)
    step, scale = WIDTH / (len(days) - 1), HEIGHT / (high - low) if high > low else 0
    heights = [HEIGHT - (size - low) * scale if scale else HEIGHT / 2 for size in sizes]
    points = " ".join(f"{place * step:.1f},{height + 1:.1f}" for place, height in enumerate(heights))
    return Trend(points, f"{number(sizes[0])} to {number(sizes[-1])} in {len(days)} days, {number(high)} at most")


def path_of(name: str) -> str:
    """Where a segment is shown."""
    return f"{SEGMENTS}/{quote(name, safe='')}"


def _unknown(name: str) -> Fault:
    return not_found("no_such_segment", f"There is no segment “{name}”.")


def routes(desk: Desk, rooms: Rooms) -> list[Route]:
    """`/segments` and what belongs to it"""
    handlers = Segments(rooms)
    one = f"{SEGMENTS}/{{name}}"
    return [
        desk.get(SEGMENTS, handlers.every, "All segments"),
        desk.post(SEGMENTS, handlers.put, "Put a segment", "admin"),
        desk.get(one, handlers.one, "A segment, its size and its members"),
        desk.get(f"{one}/remove", handlers.ask_removal, "What removing a segment does", "admin"),
        desk.post(f"{one}/remove", handlers.remove, "Remove a segment: everybody leaves it", "admin"),
    ]
