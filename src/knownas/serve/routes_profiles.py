"""The profile API: knownas' own calls on people."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from knownas.doors import UNAVAILABLE, Answer, Asked, answer_json
from knownas.nouns import Profile, shard_of
from knownas.profile.timeline import Place, as_json, encode_cursor
from knownas.profile.view import view
from knownas.serve.asking import body_as, moment_ms, number
from knownas.serve.faults import Fault, bad_request, not_found, unavailable
from knownas.serve.freshness import Freshness, Where, read_positions
from knownas.serve.ledgers import Ledgers
from knownas.serve.people import Many, StorePeople
from knownas.serve.routes import About, Route, Services
from knownas.serve.shapes import LedgerShown, ListShown, Mark, ProfileShown, TimelineShown
from knownas.serve.whom import Whom

GROUP: Final = "Profiles"
PAGE: Final = 50
LONGEST_PAGE: Final = 1_000
_WAIT: Final = {
    "wait": "positions of records that are to be visible, as the header `Knownas-Position` of an upload says them",
    "wait_seconds": "how long to wait for them at most",
}
_AT: Final = {"at": "as of this time, in seconds since 1970: the time at which records reached Kafka"}

_read_mark: Final = msgspec.json.Decoder(Mark)


class Profiles:
    """The handlers."""

    def __init__(
        self, services: Services, people: StorePeople, fresh: Freshness, ledgers: Ledgers, shards: int
    ) -> None:
        self._people, self._gateway, self._whom = people, services.gateway, Whom(people, services.rules)
        self._most_seconds = services.settings.http_wait_seconds
        self._fresh, self._ledgers, self._shards = fresh, ledgers, shards

    async def by_id(self, asked: Asked) -> Answer:
        """`GET /v1/profiles/{id}`"""
        profile_id = asked.inside["id"]
        await self._wait(asked, self._shard_of(profile_id))
        return self._shown(asked, await self._whom.profile(profile_id))

    async def by_key(self, asked: Asked) -> Answer:
        """`GET /v1/profiles/by/{kind}/{value}`"""
        await self._wait(asked, self._shard_by_key(asked))
        return self._shown(asked, await self._whom.profile(await self._of_key(asked)))

    async def timeline(self, asked: Asked) -> Answer:
        """`GET /v1/profiles/{id}/timeline`"""
        await self._wait(asked, self._shard_of_guestless(asked.inside["id"]))
        limit = number(asked, "limit", PAGE, 1, LONGEST_PAGE)
        at_ms, cursor = moment_ms(asked, "at"), asked.said("cursor") or None
        if at_ms is not None and cursor is None:
            cursor = encode_cursor(Place(at_ms / 1000, "\U0010ffff", 0, 0))
        profile = await self._whom.profile(asked.inside["id"])
        page = await self._people.timeline(profile, cursor, limit)
        return answer_json(as_json(page), headers=self._how_fresh(profile.id))

    async def ledger(self, asked: Asked) -> Answer:
        """`GET /v1/profiles/{id}/ledger`: its rows are there before anything that rests on them."""
        await self._wait(asked, self._shard_of(asked.inside["id"]))
        found = await self._ledgers.of_profile(asked.inside["id"], moment_ms(asked, "at"))
        return _told(found, "the ledger knows no such profile")

    async def explain(self, asked: Asked) -> Answer:
        """`GET /v1/explain/{kind}/{value}`"""
        await self._wait(asked, self._shard_by_key(asked))
        kind, value, at_ms = asked.inside["kind"], asked.inside["value"], moment_ms(asked, "at")
        if kind == "device":
            return _told(await self._ledgers.of_device(value, at_ms), "the ledger knows no such device")
        identity = self._whom.identity(kind, value)
        return _told(await self._ledgers.of_identity(identity, at_ms), f"the ledger knows no such {kind}")

    def listed(self, what: Many) -> Callable[[Asked], Awaitable[Answer]]:
        """`GET /v1/profiles/{id}/identities`, `/devices`, `/guests`: all of them, page by page."""

        async def handle(asked: Asked) -> Answer:
            limit = number(asked, "limit", PAGE, 1, LONGEST_PAGE)
            start = number(asked, "cursor", 0, 0, 2**53)
            profile = await self._whom.profile(asked.inside["id"])
            items = await self._people.listed(profile, what, start, limit + 1)
            cursor = str(start + limit) if len(items) > limit else None
            return answer_json({"items": items[:limit], "cursor": cursor})

        return handle

    async def mark(self, asked: Asked) -> Answer:
        """`PUT /v1/profiles/{id}/test-user`"""
        mark = body_as(_read_mark, asked)
        profile = await self._whom.profile(asked.inside["id"])
        record = {"type": "test", "profile": profile.id, "test": mark.test}
        (put,) = await self._gateway.put([record], asked.now_ms)
        if put.reason == UNAVAILABLE:
            raise unavailable(put.detail)
        if put.position is None:
            raise bad_request(put.reason, put.detail)
        return answer_json({"status": "success", "test": mark.test}, 202)

    async def _wait(self, asked: Asked, where: Where) -> None:
        text = asked.said("wait")
        if not text:
            return
        seconds = number(asked, "wait_seconds", int(self._most_seconds), 0, 3_600)
        await self._fresh.until(read_positions(text), where, min(seconds, self._most_seconds))

    def _shard_of(self, profile_id: str) -> Where:
        async def where() -> int | None:
            return shard_of(profile_id, self._shards)

        return where

    def _shard_by_key(self, asked: Asked) -> Where:
        async def where() -> int | None:
            try:
                return shard_of(await self._of_key(asked), self._shards)
            except Fault:
                return None  # nobody yet

        return where

    def _shard_of_guestless(self, profile_id: str) -> Where:
        """A story with guests in it is told out of their shards too."""

        async def where() -> int | None:
            profile = await self._people.by_id(profile_id)
            return None if profile is None or profile.guests else shard_of(profile_id, self._shards)

        return where

    async def _of_key(self, asked: Asked) -> str:
        return await self._whom.id_of(asked.inside["kind"], asked.inside["value"])

    def _shown(self, asked: Asked, profile: Profile) -> Answer:
        """The version raises with every applied record, and age is part of the body: so nothing hides behind a 304."""
        answer = answer_json(view(profile, asked.now_ms), headers=self._how_fresh(profile.id))
        mark = hashlib.blake2b(answer.body, digest_size=6).hexdigest()
        etag = f'"{profile.version}-{mark}"'
        headers = {**answer.headers, "ETag": etag, "Cache-Control": "private, no-cache"}
        if etag in [tag.strip().removeprefix("W/") for tag in asked.headers.get("if-none-match", "").split(",")]:
            del headers["Content-Type"]
            return Answer(304, headers, b"")
        return answer._replace(headers=headers)

    def _how_fresh(self, profile_id: str) -> dict[str, str]:
        behind = self._fresh.behind(shard_of(profile_id, self._shards))
        return {} if behind is None else {"Knownas-Behind": behind.text()}


def _told(found: dict[str, Any] | None, otherwise: str) -> Answer:
    if found is None:
        raise not_found("not_in_ledger", otherwise)
    return answer_json(found)


def routes(services: Services, people: StorePeople, fresh: Freshness, ledgers: Ledgers, shards: int) -> list[Route]:
    """The profile API's ways in."""
    handlers = Profiles(services, people, fresh, ledgers, shards)
    page = {"limit": f"entries of a page, at most {LONGEST_PAGE:,}", "cursor": "where the page begins"}
    one = "/v1/profiles/{id}"
    found = [
        Route("GET", one, handlers.by_id, "read", About("A profile", GROUP, gives=ProfileShown, query=_WAIT)),
        Route(
            "GET", "/v1/profiles/by/{kind}/{value}", handlers.by_key, "read",
            About("The profile that owns an identity, or that a `device` speaks for", GROUP, gives=ProfileShown,
                  query=_WAIT),
        ),
        Route(
            "GET", one + "/timeline", handlers.timeline, "read",
            About("What somebody did, with their guests' events in gray", GROUP, gives=TimelineShown,
                  query={**page, **_AT, **_WAIT}),
        ),
        Route(
            "GET", one + "/ledger", handlers.ledger, "read",
            About("Every decision about a profile", GROUP, gives=LedgerShown, query={**_AT, **_WAIT}),
        ),
        Route(
            "GET", "/v1/explain/{kind}/{value}", handlers.explain, "read",
            About("Why an identity, or a `device`, is whose it is, or was at a time", GROUP, gives=LedgerShown,
                  query={**_AT, **_WAIT}),
        ),
        Route(
            "PUT", one + "/test-user", handlers.mark, "admin",
            About("Mark a profile as a test user, or take the mark away", GROUP, takes=Mark),
        ),
    ]  # fmt: skip
    lists: tuple[Many, ...] = ("identities", "devices", "guests")
    for what in lists:
        about = About(f"All {what} of a profile", GROUP, gives=ListShown, query=page)
        found.append(Route("GET", f"{one}/{what}", handlers.listed(what), "read", about))
    return found
