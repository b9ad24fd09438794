"""Finding people over HTTP: a query in either form, and what there is to ask for."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from knownas.doors import Answer, Asked, answer_json
from knownas.errors import WrongInput
from knownas.find.answer import Page, numbers, with_people
from knownas.find.cursor import LAST_SEEN
from knownas.find.line import from_line
from knownas.find.moment import Moment
from knownas.find.reading import from_object
from knownas.find.told import reasoned
from knownas.find.tree import Condition
from knownas.find.writing import to_line
from knownas.find.wrong import WrongQuery
from knownas.serve.asking import body_as
from knownas.serve.faults import bad_request, not_found
from knownas.serve.people import People
from knownas.serve.routes import About, Route, Stream
from knownas.serve.seeking import Seeking
from knownas.serve.shapes import ProfileShown

GROUP: Final = "Finding people"
LONGEST_PAGE: Final = 1_000


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

    def __init__(self, people: People, seeking: Seeking) -> None:
        self._people, self._seeking = people, seeking

    async def find(self, asked: Asked) -> Answer | Stream:
        """`POST /v1/find`"""
        said, moment = body_as(_read, asked), self._seeking.moment(asked.now_ms)
        try:
            query = from_line(said.query) if isinstance(said.query, str) else from_object(said.query)
        except WrongQuery as error:
            raise bad_request("bad_query", str(error)) from None
        if said.why is not None:
            return await self._why(query, said.why, moment)
        if said.explain:
            return await self._explained(query, moment)
        if said.export is not None:
            return self._seeking.export(query, said.export, said.fields, moment, orphans=said.orphans)
        if said.count:
            return answer_json(numbers(await self._seeking.find(query, moment)))
        try:
            page = Page(said.limit, said.sort, said.cursor, said.orphans)
            found = await self._seeking.find(query, moment, page)
        except WrongInput as error:
            raise bad_request("bad_page", str(error)) from None
        return answer_json(with_people(found, asked.now_ms))

    async def catalog(self, asked: Asked) -> Answer:
        """`GET /v1/catalog`"""
        del asked
        return answer_json(await self._seeking.catalog())

    async def _why(self, query: Condition, profile_id: str, moment: Moment) -> Answer:
        profile = await self._people.by_id(profile_id)
        if profile is None:
            raise not_found("no_such_profile", "no profile has this id")
        return answer_json({"id": profile.id, **reasoned(await self._seeking.why(query, profile, moment))})

    async def _explained(self, query: Condition, moment: Moment) -> Answer:
        found = await self._seeking.finder.explained(query, moment)
        return answer_json({
            "conditions": [
                {"condition": to_line(one.condition), "sure": one.sure, "atMost": one.most, "steps": one.steps,
                 "planes": len(one.planes), "ms": round(one.ms, 2)} for one in found
            ]
        })  # fmt: skip


def routes(people: People, seeking: Seeking) -> list[Route]:
    """`POST /v1/find`, `GET /v1/catalog`"""
    handlers = Finding(people, seeking)
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
