"""Live segments over HTTP: put, listed, looked into, removed."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypedDict

import msgspec
from msgspec import Meta

from knownas.adapters.finder import Finder
from knownas.adapters.segments import BEGINNING, Place, SegmentReader, SegmentStore, check_name, check_query
from knownas.doors import Answer, Asked, answer_json
from knownas.find.line import from_line
from knownas.find.reading import from_object
from knownas.find.writing import to_line, to_object
from knownas.find.wrong import WrongQuery
from knownas.nouns import Definition
from knownas.serve.asking import body_as, number
from knownas.serve.faults import Fault, bad_request, not_found
from knownas.serve.routes import About, Route

GROUP: Final = "Live segments"
PAGE: Final = 50
LONGEST_PAGE: Final = 1_000


class Put(msgspec.Struct, forbid_unknown_fields=True):
    """What a segment is to be."""

    query: Annotated[Any, Meta(description="a query: a text in the one-line form, or an object in the JSON form")]
    replace: Annotated[bool, Meta(description="replace the segment that has this name")] = False


class SegmentShown(TypedDict):
    """A segment. Of two definitions of a name the one with the higher version is newer."""

    segment: str
    version: int
    query: dict[str, Any]
    line: str


class PutShown(SegmentShown):
    """A segment that was put. `unknown`: names in its query that nobody ever had, which is no error."""

    unknown: list[str]


class SegmentsShown(TypedDict):
    """All segments."""

    segments: list[SegmentShown]


class SizedShown(SegmentShown):
    """A segment with how many are in it now; in `filling` shards not everybody is judged by it yet."""

    people: int
    filling: int


class MembersShown(TypedDict):
    """The ids of some who are in it, in no order."""

    profiles: list[str]
    cursor: str | None


_read: Final = msgspec.json.Decoder(Put)


class Segments:
    """The handlers."""

    def __init__(self, store: SegmentStore, reader: SegmentReader, finder: Finder) -> None:
        self._store, self._reader, self._finder = store, reader, finder

    async def put(self, asked: Asked) -> Answer:
        """`PUT /v1/segments/{name}`"""
        said, name = body_as(_read, asked), check_name(asked.inside["name"])
        try:
            query = from_line(said.query) if isinstance(said.query, str) else from_object(said.query)
        except WrongQuery as error:
            raise bad_request("bad_query", str(error)) from None
        told, unknown = check_query(to_object(query)), await self._finder.unknown(query)
        version = await self._store.put(name, told, replace=said.replace)
        if version is None:
            raise Fault(409, "exists", f"there is a segment {name!r} already; say replace to replace it")
        return answer_json({**_shown(Definition(name=name, version=version, query=told)), "unknown": unknown}, 202)

    async def list(self, _: Asked) -> Answer:
        """`GET /v1/segments`"""
        return answer_json({"segments": [_shown(one) for one in await self._store.all()]})

    async def one(self, asked: Asked) -> Answer:
        """`GET /v1/segments/{name}`"""
        definition = await self._named(asked)
        size = await self._reader.size(definition)
        return answer_json({**_shown(definition), "people": size.people, "filling": size.filling})

    async def members(self, asked: Asked) -> Answer:
        """`GET /v1/segments/{name}/members`"""
        definition = await self._named(asked)
        limit = number(asked, "limit", PAGE, 1, LONGEST_PAGE)
        profiles, place = await self._reader.page(definition, place_in(asked.said("cursor")), limit)
        return answer_json({"profiles": profiles, "cursor": f"{place.shard}-{place.number}" if place else None})

    async def remove(self, asked: Asked) -> Answer:
        """`DELETE /v1/segments/{name}`"""
        version = await self._store.remove(asked.inside["name"])
        if version is None:
            raise _unknown(asked)
        return answer_json({"segment": asked.inside["name"], "version": version}, 202)

    async def _named(self, asked: Asked) -> Definition:
        found = await self._store.one(asked.inside["name"])
        if found is None:
            raise _unknown(asked)
        return found


def _unknown(asked: Asked) -> Fault:
    return not_found("no_such_segment", f"there is no segment {asked.inside['name']!r}")


def _shown(definition: Definition) -> SegmentShown:
    assert definition.query is not None
    line = to_line(from_object(definition.query))
    return {"segment": definition.name, "version": definition.version, "query": definition.query, "line": line}


def place_in(cursor: str | None) -> Place:
    """Where a page begins; a cursor is what an earlier page gave."""
    if not cursor:
        return BEGINNING
    shard, _, member = cursor.partition("-")
    if len(cursor) > 40 or not (cursor.isascii() and shard.isdigit() and member.isdigit()):
        raise bad_request("bad_cursor", "a cursor is what an earlier page gave")
    return Place(int(shard), int(member))


def routes(store: SegmentStore, reader: SegmentReader, finder: Finder) -> list[Route]:
    """What there is."""
    handlers = Segments(store, reader, finder)
    page = {"limit": f"ids of a page, at most {LONGEST_PAGE}", "cursor": "where it begins: what a page gave"}
    one = "/v1/segments/{name}"
    return [
        Route("GET", "/v1/segments", handlers.list, "read", About("All segments", GROUP, gives=SegmentsShown)),
        Route("PUT", one, handlers.put, "admin", About("Put a segment", GROUP, takes=Put, gives=PutShown)),
        Route("GET", one, handlers.one, "read", About("A segment and its size", GROUP, gives=SizedShown)),
        Route("DELETE", one, handlers.remove, "admin", About("Remove a segment: everybody leaves it", GROUP)),
        Route(
            "GET", f"{one}/members", handlers.members, "read",
            About("Who is in a segment", GROUP, gives=MembersShown, query=page),
        ),
    ]  # fmt: skip
