"""Finding people as the gateway does it, for programs and for the page alike."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from knownas.adapters.catalog import catalog
from knownas.adapters.finder import Finder
from knownas.find.answer import Found, Page
from knownas.find.asking import Shards
from knownas.find.evaluate import Reason, why
from knownas.find.moment import Moment
from knownas.find.table import USUAL, Form, head, lines
from knownas.find.tree import Condition
from knownas.nouns import Profile
from knownas.profile.time import Calendar
from knownas.serve.routes import Stream
from knownas.settings import Settings

CATALOG_SECONDS: Final = 30.0
"""A catalog is as good for so long."""

_MEDIA: Final = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


class Seeking:
    """Answers queries."""

    def __init__(self, shards: Shards, settings: Settings) -> None:
        self._shards = shards
        self.finder = Finder(shards, settings.find_most)
        self._calendar = Calendar(settings.day_timezone)
        self._catalog: dict[str, Any] | None = None
        self._catalog_at = 0.0
        self._lock = asyncio.Lock()

    def moment(self, now_ms: int) -> Moment:
        """A moment by the deployment's days."""
        return Moment(now_ms, self._calendar)

    async def find(self, query: Condition, moment: Moment, page: Page | None = None) -> Found:
        """How many there are, and a page of them."""
        return await self.finder.find(query, moment, page)

    async def catalog(self) -> dict[str, Any]:
        """What there is to ask for."""
        async with self._lock:  # who asks meanwhile waits for the same
            now = time.monotonic()
            if self._catalog is None or now - self._catalog_at > CATALOG_SECONDS:
                self._catalog, self._catalog_at = await catalog(self._shards), now
            return self._catalog

    async def why(self, query: Condition, profile: Profile, moment: Moment) -> Reason:
        """Each condition with its answer for one person."""
        (timeline,) = await self._shards.timelines([profile])
        return why(query, profile, timeline, moment)

    def export(self, query: Condition, form: Form, fields: Sequence[str], moment: Moment, *, orphans: bool) -> Stream:
        """Everybody who is found, as lines; without fields those that a table usually has, or all that JSON can say."""
        columns = list(fields) or (list(USUAL) if form == "csv" else [])

        async def parts() -> AsyncGenerator[bytes, None]:
            yield head(columns, form) or b""
            async for some in self.finder.everyone(query, moment, orphans=orphans):
                yield lines(some, columns, form, moment.now_ms)

        return Stream({"Content-Type": _MEDIA[form]}, parts())
