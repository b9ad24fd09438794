"""What an administrator does to a person: mark, demerge, delete. Each is a record, like a producer's.

Marking is a switch. Before the others one reads what will happen, to whom, and shows an admin key again, whoever is
signed in: what they do cannot be taken back. Where no key is asked for, none is asked for here.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from knownas.doors import UNAVAILABLE, Answer
from knownas.nouns import Profile, shard_of
from knownas.records.reasons import REJECTIONS
from knownas.serve.faults import Fault, bad_request, unavailable
from knownas.serve.keys import Held
from knownas.serve.page.desk import Desk, Look
from knownas.serve.page.profiles import Profiles, path_of
from knownas.serve.page.rooms import Rooms
from knownas.serve.page.viewer import Viewer
from knownas.serve.routes import Route
from knownas.serve.whom import Whom

WAIT_SECONDS: Final = 8.0
Act = Literal["demerge", "delete"]


class Acts:
    """The handlers."""

    def __init__(self, rooms: Rooms, keys: Held) -> None:
        self._rooms, self._keys, self._profiles = rooms, keys, Profiles(rooms)
        self._whom = Whom(rooms.people, rooms.services.rules)

    async def mark(self, look: Look) -> Answer:
        """`POST /people/{id}/test`"""
        profile = await self._whom.profile(look.asked.inside["id"])
        test = look.form.get("test") == "yes"
        await self._rooms.audit.note(look.viewer, "marked as test" if test else "unmarked as test", profile.id)
        await self._put(look, {"type": "test", "profile": profile.id, "test": test}, profile.id)
        if not look.is_part:
            return look.go(path_of(profile.id))
        marked = await self._whom.profile(profile.id)
        one = await self._profiles.seen(marked, look.asked.now_ms)
        return look.show("_head.html", one=one, here=path_of(marked.id))

    async def ask_demerge(self, look: Look) -> Answer:
        """`GET /people/{id}/demerge`"""
        return await self._asked(look, "demerge")

    async def ask_delete(self, look: Look) -> Answer:
        """`GET /people/{id}/delete`"""
        return await self._asked(look, "delete")

    async def demerge(self, look: Look) -> Answer:
        """`POST /people/{id}/demerge`"""
        return await self._done(look, "demerge")

    async def delete(self, look: Look) -> Answer:
        """`POST /people/{id}/delete`"""
        return await self._done(look, "delete")

    async def _asked(self, look: Look, act: Act, wrong: str = "", status: int = 200) -> Answer:
        profile = await self._whom.profile(look.asked.inside["id"])
        one = await self._profiles.seen(profile, look.asked.now_ms)
        return look.show("act.html", status, act=act, one=one, here=path_of(profile.id), wrong=wrong)

    async def _done(self, look: Look, act: Act) -> Answer:
        administrator = self._administrator(look)
        if administrator is None:
            return await self._asked(look, act, "This is not an admin key. Nothing was done.", 403)
        profile = await self._whom.profile(look.asked.inside["id"])
        await self._rooms.audit.note(administrator, f"asked to {act}", profile.id)
        await self._put(look, _record(act, profile, look.form.get("suppress", "")), profile.id)
        return look.go(path_of(profile.id))

    def _administrator(self, look: Look) -> Viewer | None:
        if look.viewer.is_open:
            return look.viewer
        rows = self._keys.find([look.form.get("key", "").strip()])
        return next((Viewer(row.id, row.name, row.rights) for row in rows if "admin" in row.rights), None)

    async def _put(self, look: Look, record: dict[str, Any], profile_id: str) -> None:
        """Put a record, and wait a while until what comes of it can be seen."""
        (put,) = await self._rooms.services.gateway.put([record], look.asked.now_ms)
        if put.reason == UNAVAILABLE:
            raise unavailable(f"Kafka is away, so nothing was done. {put.detail}")
        if put.position is None:
            raise bad_request(put.reason, f"{REJECTIONS.get(put.reason, put.reason)} {put.detail}")

        async def where() -> int:
            return shard_of(profile_id, self._rooms.layout.shards)

        topic, partition, offset = put.position
        try:
            await self._rooms.fresh.until({(topic, partition): offset}, where, WAIT_SECONDS)
        except Fault as late:
            raise Fault(504, late.code, "It is on its way, but no worker has done it yet. Look again soon.") from late


def _record(act: Act, profile: Profile, suppress: str) -> dict[str, Any]:
    """Somebody is named by their id; who is to be kept out for good, by the identity that is suppressed."""
    kind, _, value = suppress.partition(":")
    if act == "delete" and (kind, value) in [tuple(identity) for identity in profile.identities]:
        return {"type": "delete", "identities": {kind: value}, "suppress": True}
    return {"type": act, "profile": profile.id}


def routes(desk: Desk, rooms: Rooms) -> list[Route]:
    """What is done to a profile"""
    handlers = Acts(rooms, desk.keys)
    return [
        desk.post("/people/{id}/test", handlers.mark, "Mark a test profile", "admin"),
        desk.get("/people/{id}/demerge", handlers.ask_demerge, "What a demerge would do"),
        desk.post("/people/{id}/demerge", handlers.demerge, "Demerge a profile", "read"),
        desk.get("/people/{id}/delete", handlers.ask_delete, "What a deletion would do"),
        desk.post("/people/{id}/delete", handlers.delete, "Delete a profile", "read"),
    ]
