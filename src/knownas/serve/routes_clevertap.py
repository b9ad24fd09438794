"""CleverTap's server API: the same paths, headers, bodies and codes.

The passcode is the key; the account's id is not looked at. Uploading and subscribing need one that may write, fetching
and counting one that may read, deleting, demerging and disassociating one that may administer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, Final, Literal

import msgspec

from knownas.doors import Answer, Asked, Put, answer_json
from knownas.doors.clevertap import Upload, doubts_of, read_upload, readdressed
from knownas.doors.clevertap_batch import Batch, Uploaded, answer_batch, refused
from knownas.doors.clevertap_leaving import read_delete, read_demerge, read_disassociate, read_subscribe
from knownas.doors.clevertap_query import first_cursor, query_of, read_cursor, said_raw, write_cursor
from knownas.doors.clevertap_shapes import record_of
from knownas.errors import WrongInput
from knownas.nouns import Position, Profile
from knownas.profile.zones import zone
from knownas.records.destination import destination
from knownas.records.intake import Flaw, take_in
from knownas.serve.clevertap_pages import Counted, Pages
from knownas.serve.faults import not_found
from knownas.serve.keys import Right
from knownas.serve.people import People
from knownas.serve.routes import About, Handler, Route, Services, bearer

GROUP: Final = "CleverTap server API"
Kind = Literal["profiles", "events"]


def routes(services: Services) -> list[Route]:
    """The server API's ways in."""
    door = _Door(services)
    kinds = services.rules.kinds

    def delete(asked: Asked) -> Batch:
        return read_delete(asked, kinds)

    def demerge(asked: Asked) -> Batch:
        return read_demerge(asked, kinds)

    return [
        _route("POST", "/1/upload", door.upload, "write", _UPLOAD),
        _route("GET", "/1/profile.json", door.profile, "read", _PROFILE),
        *(_route(method, "/1/profiles.json", door.bulk("profiles"), "read", _PEOPLE) for method in ("GET", "POST")),
        *(_route(method, "/1/events.json", door.bulk("events"), "read", _EVENTS) for method in ("GET", "POST")),
        *(_route(m, "/1/counts/profiles.json", door.count("profiles"), "read", _COUNT) for m in ("GET", "POST")),
        *(_route(m, "/1/counts/events.json", door.count("events"), "read", _COUNT) for m in ("GET", "POST")),
        _route("POST", "/1/delete/profiles.json", door.leave(delete), "admin", _DELETE),
        _route("POST", "/1/demerge/profiles.json", door.leave(demerge), "admin", _DEMERGE),
        _route("POST", "/1/subscribe", door.leave(read_subscribe), "write", _SUBSCRIBE),
        _route("POST", "/1/disassociate", door.leave(read_disassociate), "admin", _DISASSOCIATE),
    ]  # fmt: skip


def passcode(asked: Asked) -> Sequence[str]:
    """The key as CleverTap's clients show it."""
    code = asked.headers.get("x-clevertap-passcode", "").strip()
    return (code, *bearer(asked)) if code else bearer(asked)


class _Door:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._people = services.people
        self._pages = Pages(services.people, zone(services.settings.day_timezone) or UTC)

    async def upload(self, asked: Asked) -> Answer:
        batch = await _settled(read_upload(asked), self._people)
        if asked.said("dryRun").lower() in ("1", "true"):
            return answer_batch(batch, [self._would(taken.record, asked.now_ms) for taken in batch.reading.taken])
        return await self._put(batch, asked)

    async def profile(self, asked: Asked) -> Answer:
        found = await self._found(asked)
        if found is None:
            raise not_found("nobody", "nobody goes by that; what was uploaded a moment ago may still be on its way")
        return answer_json({"status": "success", "record": record_of(found)})

    def bulk(self, of: Kind) -> Handler:
        async def page(asked: Asked) -> Answer:
            text = said_raw(asked, "cursor")
            if not text:
                return answer_json({"status": "success", "cursor": write_cursor(first_cursor(asked, of))})
            records, following = await self._pages.page(read_cursor(text, of))
            answer: dict[str, Any] = {"status": "success", "records": records}
            return answer_json(answer | ({"next_cursor": write_cursor(following)} if following else {}))

        return page

    def count(self, of: Kind) -> Handler:
        async def counted(asked: Asked) -> Answer:
            query = query_of(asked)
            found: Counted = await (
                self._pages.count_people(query) if of == "profiles" else self._pages.count_events(query)
            )
            return answer_json({"status": "success", "count": found.counted, "orphans": found.orphans})

        return counted

    def leave(self, read: Callable[[Asked], Batch]) -> Handler:
        async def left(asked: Asked) -> Answer:
            return await self._put(await _settled(read(asked), self._people), asked)

        return left

    async def _put(self, batch: Batch, asked: Asked) -> Answer:
        records = [taken.record for taken in batch.reading.taken]
        return answer_batch(batch, await self._services.gateway.put(records, asked.now_ms) if records else [])

    def _would(self, record: dict[str, Any], now_ms: int) -> Put:
        """What would come of a record, were it sent."""
        intake = take_in(msgspec.json.encode(record), now_ms, self._services.rules)
        where = intake if isinstance(intake, Flaw) else destination(intake)
        return Put(None, where.reason, where.detail) if isinstance(where, Flaw) else Put(Position(where[0], 0, 0))

    async def _found(self, asked: Asked) -> Profile | None:
        """Whom a call for one profile names; a plus may stand for itself, or for a space."""
        for name, kinds in _NAMED.items():
            told = said_raw(asked, name)
            for value in dict.fromkeys((told, told.replace("+", " ").strip())) if told else ():
                found = (
                    await _by_object(self._people, value) if not kinds else await _by_kinds(self._people, kinds, value)
                )
                if found is not None:
                    return found
            if told:
                return None
        raise WrongInput("one of `identity`, `email` and `objectId` is needed")


_NAMED: Final[dict[str, tuple[str, ...]]] = {
    "email": ("email", "identity"), "identity": ("identity", "email", "phone"), "objectId": (), "FBID": ("facebook",),
    "GPID": ("google",), "phone": ("phone", "identity"),
}  # fmt: skip
"""The parameters that name somebody, and the kinds of identity that each may mean, the likeliest first."""


async def _by_kinds(people: People, kinds: Sequence[str], value: str) -> Profile | None:
    for kind in kinds:
        found = await people.by_identity(kind, value)
        if found is not None:
            return found
    return None


async def _by_object(people: People, value: str) -> Profile | None:
    return await people.by_device(value) or await people.by_id(value)


async def _settled(batch: Batch, people: People) -> Batch:
    """The batch once the store has said which devices are profile ids, which names e-mail addresses."""
    doubts = doubts_of(batch.reading)
    if not doubts.objects and not doubts.names:
        return batch
    objects, names = sorted(doubts.objects), sorted(doubts.names)
    profiles = await asyncio.gather(*(_is_profile(people, one) for one in objects))
    others = await asyncio.gather(*(_is_other(people, one, doubts.names[one]) for one in names))
    known = {one for one, is_it in zip(objects, profiles, strict=True) if is_it}
    kinds = {one: doubts.names[one] for one, is_it in zip(names, others, strict=True) if is_it}
    return batch._replace(reading=readdressed(batch.reading, known, kinds))


async def _is_profile(people: People, text: str) -> bool:
    return await people.by_device(text) is None and await people.by_id(text) is not None


async def _is_other(people: People, name: str, kind: str) -> bool:
    return await people.by_identity("identity", name) is None and await people.by_identity(kind, name) is not None


def _route(method: str, path: str, handle: Handler, needs: Right, about: About) -> Route:
    return Route(method, path, handle, needs, about, passcode, refused)


_QUERY: Final = {
    "query": "the query as JSON, where it does not stand in the body",
    "batch_size": "how many records a page may hold, at most 5,000",
    "cursor": "where the page starts, as the call before this one said",
}
_UPLOAD: Final = About(
    "Upload profiles, events and device tokens", GROUP, Upload, Uploaded, {"dryRun": "1: only check the records"}
)
_PROFILE: Final = About(
    "One person",
    GROUP,
    query={"identity": "by identity", "email": "by e-mail address", "objectId": "by device, or by id"},
)
_PEOPLE: Final = About("People who did an event, page by page", GROUP, query=_QUERY)
_EVENTS: Final = About("What people did, page by page", GROUP, query=_QUERY)
_COUNT: Final = About("How many people did an event, or how often it was done", GROUP, query={"query": _QUERY["query"]})
_DELETE: Final = About("Delete people, by `identity` or `guid`", GROUP, dict, Uploaded)
_DEMERGE: Final = About("Part people from their identities and devices", GROUP, dict, Uploaded)
_SUBSCRIBE: Final = About("Opt addresses in or out", GROUP, Upload, Uploaded)
_DISASSOCIATE: Final = About("Take addresses from whoever has them", GROUP, Upload, Uploaded)
