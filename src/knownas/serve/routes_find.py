"""Finding people over HTTP: a query in either form, and what there is to ask for."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from knownas.adapters.catalog import catalog
from knownas.adapters.finder import Finder
from knownas.doors import Answer, Asked, answer_json
from knownas.errors import WrongInput
from knownas.find.answer import Page, numbers, with_people
from knownas.find.asking import Shards
from knownas.find.cursor import LAST_SEEN
from knownas.find.evaluate import why
from knownas.find.line import from_line
from knownas.find.moment import Moment
from knownas.find.reading import from_object
from knownas.find.table import USUAL, Form, head, lines
from knownas.find.told import reasoned
from knownas.find.tree import Condition
from knownas.find.writing import to_line
from knownas.find.wrong import WrongQuery
from knownas.profile.time import Calendar
from knownas.serve.asking import body_as
from knownas.serve.faults import bad_request, not_found
from knownas.serve.people import People
from knownas.serve.routes import About, Route, Services, Stream
from knownas.serve.shapes import ProfileShown

GROUP: Final = "Finding people"
LONGEST_PAGE: Final = 1_000
CATALOG_SECONDS: Final = 30.0
"""A catalog is as good for so long."""

_MEDIA: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked."""

    query: Annotated[Any, Meta(description="a query: a text in the one-line form, or an object in the JSON form")]
    count: Annotated[bool, Meta(description="only how many there are")] = False
    limit: Annotated[int, Meta(ge=0, le=LONGEST_PAGE, description="people of a page")] = 50
    cursor: Annotated[str | None, Meta(description="where the page begins: what an answer gave")] = None
    sort: Annotated[str, Meta(description="lastSeen, firstAcquired or a numeric property, greatest first; name")] = (
        LAST_SEEN
    )
    orphans: Annotated[bool, Meta(description="show or export former guests too; they are counted apart anyway")] = (
        False
    )
    export: Annotated[Literal["csv", "jsonl"] | None, Meta(description="everybody, as a stream, in no order")] = None
    fields: Annotated[list[str], Meta(description="which fields to export, properties among them")] = []
    why: Annotated[str | None, Meta(description="of this profile: each condition with its answer")] = None
    explain: Annotated[bool, Meta(description="of each condition by itself: how many match, and its cost")] = False


class FoundShown(TypedDict, total=False):
    """How many there are and a page of them. `exact_since` is the day from which on the numbers are exact, null where
    they are. `capped`: too many would have to be looked at; there are from `people` to `atMost`. `unknown`: names that
    nobody ever had."""

    people: int
    orphans: int
    exact_since: str | None
    capped: NotRequired[bool]
    atMost: NotRequired[dict[str, int]]
    unknown: list[str]
    profiles: list[ProfileShown]
    cursor: str | None


class CatalogShown(TypedDict):
    """What there is to ask for. Names and numbers of people are exact; kinds and values are those of `sampled` people.
    `complete` is false where there are more names than are indexed."""

    people: int
    orphans: int
    sampled: int
    events: list[dict[str, Any]]
    properties: list[dict[str, Any]]
    fields: list[dict[str, Any]]
    complete: bool


_read: Final = msgspec.json.Decoder(Query)


class Finding:
    """The handlers."""

    def __init__(self, services: Services, people: People, shards: Shards) -> None:
        self._people, self._shards = people, shards
        self._finder = Finder(shards, services.settings.find_most)
        self._calendar = Calendar(services.settings.day_timezone)
        self._catalog: dict[str, Any] | None = None
        self._catalog_at = 0.0

    async def find(self, asked: Asked) -> Answer | Stream:
        """`POST /v1/find`"""
        said, moment = body_as(_read, asked), Moment(asked.now_ms, self._calendar)
        try:
            query = from_line(said.query) if isinstance(said.query, str) else from_object(said.query)
        except WrongQuery as error:
            raise bad_request("bad_query", str(error)) from None
        if said.why is not None:
            return await self._why(query, said.why, moment)
        if said.explain:
            return await self._explained(query, moment)
        if said.export is not None:
            return self._export(query, said, said.export, moment)
        if said.count:
            return answer_json(numbers(await self._finder.find(query, moment)))
        try:
            page = Page(said.limit, said.sort, said.cursor, said.orphans)
            found = await self._finder.find(query, moment, page)
        except WrongInput as error:
            raise bad_request("bad_page", str(error)) from None
        return answer_json(with_people(found, asked.now_ms))

    async def catalog(self, asked: Asked) -> Answer:
        """`GET /v1/catalog`"""
        del asked
        now = time.monotonic()
        if self._catalog is None or now - self._catalog_at > CATALOG_SECONDS:
            self._catalog, self._catalog_at = await catalog(self._shards), now
        return answer_json(self._catalog)

    async def _why(self, query: Condition, profile_id: str, moment: Moment) -> Answer:
        profile = await self._people.by_id(profile_id)
        if profile is None:
            raise not_found("no_such_profile", "no profile has this id")
        (timeline,) = await self._shards.timelines([profile])
        return answer_json({"id": profile.id, **reasoned(why(query, profile, timeline, moment))})

    async def _explained(self, query: Condition, moment: Moment) -> Answer:
        found = await self._finder.explained(query, moment)
        return answer_json({
            "conditions": [
                {"condition": to_line(one.condition), "sure": one.sure, "atMost": one.most, "steps": one.steps,
                 "planes": len(one.planes), "ms": round(one.ms, 2)} for one in found
            ]
        })  # fmt: skip

    def _export(self, query: Condition, said: Query, form: Form, moment: Moment) -> Stream:
        columns = said.fields or (list(USUAL) if form == "csv" else [])

        async def parts() -> AsyncGenerator[bytes, None]:
            yield head(columns, form) or b""
            async for some in self._finder.everyone(query, moment, orphans=said.orphans):
                yield lines(some, columns, form, moment.now_ms)

        return Stream({"Content-Type": _MEDIA[form]}, parts())


def routes(services: Services, people: People, shards: Shards) -> list[Route]:
    """`POST /v1/find`, `GET /v1/catalog`"""
    handlers = Finding(services, people, shards)
    return [
        Route(
            "POST", "/v1/find", handlers.find, "read",
            About("People by what they did and did not do, and by what they are", GROUP, takes=Query, gives=FoundShown),
        ),
        Route(
            "GET", "/v1/catalog", handlers.catalog, "read",
            About("Events, properties and fields there are, with kinds and frequent values", GROUP,
                  gives=CatalogShown),
        ),
    ]  # fmt: skip
