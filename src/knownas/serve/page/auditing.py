"""Who looked at whom, for an administrator."""

from __future__ import annotations

from typing import Final

from knownas.doors import Answer
from knownas.serve.asking import number
from knownas.serve.page.audit import MOST
from knownas.serve.page.desk import Desk, Look
from knownas.serve.page.rooms import Rooms
from knownas.serve.page.story import PROFILE_ID
from knownas.serve.routes import Route

PAGE: Final = 100


class Auditing:
    """The handlers."""

    def __init__(self, rooms: Rooms) -> None:
        self._audit = rooms.audit

    async def all(self, look: Look) -> Answer:
        """`GET /audit`"""
        first = number(look.asked, "first", 0, 0, MOST)
        deeds = await self._audit.newest(first, PAGE + 1)
        older = first + PAGE if len(deeds) > PAGE else None
        people = {deed.whom for deed in deeds if PROFILE_ID.fullmatch(deed.whom)}
        return look.show("audit.html", deeds=deeds[:PAGE], people=people, first=first, older=older, most=MOST)


def routes(desk: Desk, rooms: Rooms) -> list[Route]:
    """`/audit`"""
    return [desk.get("/audit", Auditing(rooms).all, "Who looked at whom, and who acted", "admin")]
