"""The page of a profile: the card, what they did, why the system believes so."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final, get_args
from urllib.parse import quote, urlencode

from knownas.adapters.places import place, places_are_installed
from knownas.doors import Answer, Asked
from knownas.nouns import Profile
from knownas.profile.time import Calendar
from knownas.profile.view import view
from knownas.serve.asking import number
from knownas.serve.faults import Fault
from knownas.serve.page import lines
from knownas.serve.page.desk import Desk, Look, PageHandler
from knownas.serve.page.person import Person, name_of, person
from knownas.serve.page.rooms import Rooms
from knownas.serve.page.shown import pretty
from knownas.serve.page.watching import Heard
from knownas.serve.people import Many
from knownas.serve.routes import Route, Stream
from knownas.serve.whom import Whom

PAGE: Final = 50
LISTED: Final = 200
PARTS: Final = (
    "_head.html",
    "_card.html",
    "_held.html",
    "_properties.html",
    "_activity.html",
    "_note.html",
    "_newest.html",
)
"""What a page that is open hears of, each when it has changed."""
LONGEST_ONLY: Final = 600


def path_of(profile_id: str) -> str:
    """Where a profile's page is."""
    return f"/people/{quote(profile_id, safe='')}"


class Profiles:
    """The handlers."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms, self._people = rooms, rooms.people
        self._whom = Whom(rooms.people, rooms.services.rules)
        self._calendar_name = rooms.services.settings.day_timezone
        self._calendar = Calendar(self._calendar_name)
        self._place = place if places_are_installed() else None

    async def one(self, look: Look) -> Answer:
        """`GET /people/{id}`"""
        profile_id = look.asked.inside["id"]
        try:
            profile = await self._whom.profile(profile_id)
        except Fault as fault:
            if fault.code != "deleted":
                raise
            return look.show("gone.html", 404, id=profile_id)
        await self._rooms.audit.note(look.viewer, "looked", profile.id)
        return look.show("profile.html", **await self.said(look.asked, profile))

    async def said(self, asked: Asked, profile: Profile) -> dict[str, Any]:
        """What the page of a profile says."""
        seen = await self.seen(profile, asked.now_ms)
        timeline = await self._timeline(asked, profile)
        return {"one": seen, "here": path_of(profile.id), "day_zone": self._calendar_name, **timeline}

    async def seen(self, profile: Profile, now_ms: int) -> Person:
        """Somebody at a moment, with the linked guests that the profile itself names."""
        guests = await self._people.reader.profiles(profile.guests) if profile.guests else []
        return person(profile, guests, now_ms, self._calendar, self._place)

    async def live(self, look: Look) -> Stream:
        """`GET /people/{id}/live`: what is new, as parts of the page"""
        profile = await self._whom.profile(look.asked.inside["id"])
        version = number(look.asked, "version", profile.version, 0, 2**63)
        return self._rooms.watching.stream(self._looks(look, profile.id, version))

    async def _looks(self, look: Look, profile_id: str, version: int) -> AsyncGenerator[str | None, None]:
        heard = Heard()
        while look.is_signed_in():
            profile = await self._people.by_id(profile_id)
            if profile is None:
                yield look.text("_gone.html")
                return
            if profile.version == version:
                yield None
                continue
            version = profile.version
            said = await self.said(look.asked, profile)
            yield heard.fresh({part: look.text(part, **said) for part in PARTS})

    def listed(self, what: Many) -> PageHandler:
        """`GET /people/{id}/identities`, `/devices`, `/guests`: all of them, page by page"""

        async def handle(look: Look) -> Answer:
            profile = await self._whom.profile(look.asked.inside["id"])
            start = number(look.asked, "first", 0, 0, 2**53)
            items = await self._people.listed(profile, what, start, LISTED + 1)
            more = start + LISTED if len(items) > LISTED else None
            return look.show(
                "listed.html", what=what, items=items[:LISTED], more=more, here=path_of(profile.id),
                name=name_of(profile),
            )  # fmt: skip

        return handle

    async def raw(self, look: Look) -> Answer:
        """`GET /people/{id}/json`"""
        profile = await self._whom.profile(look.asked.inside["id"])
        shown = pretty(view(profile, look.asked.now_ms))
        return Answer(200, {"Content-Type": "application/json"}, shown.encode())

    async def by(self, look: Look) -> Answer:
        """`GET /people/by/{kind}/{value}`"""
        inside = look.asked.inside
        return look.go(path_of(await self._whom.id_of(inside["kind"], inside["value"])))

    async def timeline(self, look: Look) -> Answer:
        """`GET /people/{id}/timeline`: the timeline narrowed to something, or the next page of it"""
        profile = await self._whom.profile(look.asked.inside["id"])
        if not look.is_part:
            return look.go(f"{path_of(profile.id)}?{look.asked.raw_query}#timeline")
        said = await self._timeline(look.asked, profile)
        template = "_lines.html" if look.asked.said("cursor") else "_timeline.html"
        return look.show(template, one=await self.seen(profile, look.asked.now_ms), here=path_of(profile.id), **said)

    async def _timeline(self, asked: Asked, profile: Profile) -> dict[str, Any]:
        only = asked.said("only")[:LONGEST_ONLY]
        page = await self._people.timeline(profile, asked.said("cursor") or None, PAGE, lines.wanted(only))
        older = urlencode({"only": only, "cursor": page.cursor}) if page.cursor else None
        return {"only": only, "lines": lines.rows(page.lines), "older": older, "others": lines.OTHERS}


def routes(desk: Desk, rooms: Rooms) -> list[Route]:
    """`/people/{id}` and what belongs to it"""
    handlers = Profiles(rooms)
    return [
        desk.get("/people/by/{kind}/{value}", handlers.by, "To whom an identity or a device belongs"),
        desk.get("/people/{id}", handlers.one, "A profile"),
        desk.get("/people/{id}/timeline", handlers.timeline, "A part of a timeline"),
        desk.get("/people/{id}/live", handlers.live, "What is new of a profile"),
        *(
            desk.get(f"/people/{{id}}/{what}", handlers.listed(what), f"All {what} of a profile")
            for what in get_args(Many)
        ),
        desk.get("/people/{id}/json", handlers.raw, "A profile as JSON"),
    ]
