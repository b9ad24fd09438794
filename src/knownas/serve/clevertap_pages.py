"""CleverTap's bulk reads: everybody, or everything, that a query asks for, page by page; and how many they are.

Orphans are nobody here, and what they did is gray: both are counted apart and never listed. A page holds as many
records as were asked for, unless so many people had to be looked at that the rest is left to the next page.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import tzinfo
from typing import Any, Final, NamedTuple

import msgspec

from knownas.doors.clevertap_query import Cursor, Query, did, event_is_asked, is_asked
from knownas.doors.clevertap_shapes import event_record_of, record_of
from knownas.nouns import Entry, Profile
from knownas.serve.people import People

SCANNED_AT_ONCE: Final = 100
"""Those of them that do not fit into a page are named in the cursor, so they are few."""
COUNTED_AT_ONCE: Final = 1_000
LOOKED_AT: Final = 5_000
LINES: Final = 500


class Counted(NamedTuple):
    """How many people or events, and how many orphans, or gray events, beside them."""

    counted: int
    orphans: int


class Pages:
    """Reads people for CleverTap's bulk calls; `zone` is the one that days are counted in."""

    def __init__(self, people: People, zone: tzinfo) -> None:
        self._people, self._zone = people, zone

    async def page(self, cursor: Cursor) -> tuple[list[dict[str, Any]], Cursor | None]:
        """The records from a cursor on, and where the next ones start; None after the last."""
        records: list[dict[str, Any]] = []
        met = {profile.id: profile for profile in await self._waiting(cursor)}
        waiting, looked = list(met), 0
        timeline = cursor.timeline if cursor.waiting and waiting[:1] == cursor.waiting[:1] else None
        while len(records) < cursor.size:
            if not waiting:
                if (cursor.started and cursor.scan is None) or looked >= LOOKED_AT:
                    break
                found = await self._people.scan(cursor.scan, SCANNED_AT_ONCE)
                looked += len(found.profiles)
                met = {p.id: p for p in found.profiles if p.guest_of is None and is_asked(cursor.query, p, self._zone)}
                waiting, cursor = list(met), msgspec.structs.replace(cursor, started=True, scan=found.cursor)
                continue
            room = cursor.size - len(records)
            some, timeline = await self._records(cursor, met[waiting[0]], timeline, room)
            records += some
            if timeline is None:
                waiting.pop(0)
        if not waiting and cursor.started and cursor.scan is None:
            return records, None
        return records, msgspec.structs.replace(cursor, waiting=waiting, timeline=timeline)

    async def count_people(self, query: Query) -> Counted:
        """How many people did what the query asks."""
        count = orphans = 0
        async for profile in self._everybody():
            if is_asked(query, profile, self._zone) and await self._did_such(query, profile):
                count, orphans = (count + 1, orphans) if profile.guest_of is None else (count, orphans + 1)
        return Counted(count, orphans)

    async def count_events(self, query: Query) -> Counted:
        """How often it was done."""
        count = orphans = 0
        async for profile in self._everybody():
            times = did(query, profile, self._zone)
            if times and query.event_conditions:
                times = len([entry async for entry in self._events(query, profile)])
            count, orphans = (count + times, orphans) if profile.guest_of is None else (count, orphans + times)
        return Counted(count, orphans)

    async def _records(
        self, cursor: Cursor, profile: Profile, timeline: str | None, room: int
    ) -> tuple[list[dict[str, Any]], str | None]:
        """A person's records, at most `room`, and where the rest of their story starts."""
        if cursor.of == "profiles":
            return ([record_of(profile)] if await self._did_such(cursor.query, profile) else []), None
        page = await self._people.timeline(profile, timeline, min(room, LINES))
        entries = [line.entry for line in page.lines if not line.guest]
        asked = [entry for entry in entries if event_is_asked(cursor.query, entry, self._zone)]
        return [event_record_of(profile, entry, self._zone) for entry in asked], page.cursor

    async def _waiting(self, cursor: Cursor) -> list[Profile]:
        found = [await self._people.by_id(profile_id) for profile_id in cursor.waiting[: 10 * SCANNED_AT_ONCE]]
        return [p for p in found if p is not None and p.guest_of is None and is_asked(cursor.query, p, self._zone)]

    async def _did_such(self, query: Query, profile: Profile) -> bool:
        """Whether one of the person's events meets the conditions on events."""
        if not query.event_conditions:
            return True
        async for _ in self._events(query, profile):
            return True
        return False

    async def _events(self, query: Query, profile: Profile) -> AsyncIterator[Entry]:
        """A person's own events that a query asks for, newest first."""
        after: str | None = None
        while True:
            page = await self._people.timeline(profile, after, LINES)
            for line in page.lines:
                if not line.guest and event_is_asked(query, line.entry, self._zone):
                    yield line.entry
            after = page.cursor
            if after is None:
                return

    async def _everybody(self) -> AsyncIterator[Profile]:
        after: str | None = None
        while True:
            page = await self._people.scan(after, COUNTED_AT_ONCE)
            for profile in page.profiles:
                yield profile
            after = page.cursor
            if after is None:
                return
