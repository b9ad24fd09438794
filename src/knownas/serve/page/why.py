"""Why: the ledger of a profile, a device or an identity as a story, and what became of one record."""

from __future__ import annotations

from knownas.doors import Answer
from knownas.nouns import LedgerRow
from knownas.operate.calling import called_by
from knownas.operate.fate import fate
from knownas.operate.inquiry import parse_position
from knownas.serve.page.desk import Desk, Look
from knownas.serve.page.person import name_of
from knownas.serve.page.rooms import Rooms
from knownas.serve.page.shown import readable
from knownas.serve.page.story import Story, Teller, profiles_in
from knownas.serve.routes import Route
from knownas.serve.whom import Whom


class Why:
    """The handlers."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms, self._names = rooms, rooms.services.names
        self._whom = Whom(rooms.people, rooms.services.rules)

    async def profile(self, look: Look) -> Answer:
        """`GET /people/{id}/story`: there even when the profile is gone"""
        profile_id = look.asked.inside["id"]
        rows = await self._rooms.ledgers.rows_of_profile(profile_id)
        told = (await self._teller(rows, {}, profile_id)).story("profile", profile_id, "This profile", rows)
        return look.show("_story.html" if look.is_part else "story.html", told=told, about="profile", who=profile_id)

    async def one(self, look: Look) -> Answer:
        """`GET /why/{kind}/{value}`"""
        kind, value = look.asked.inside["kind"], look.asked.inside["value"]
        told = await (self._device(value) if kind == "device" else self._identity(kind, value))
        return look.show("story.html", told=told, about=kind, who=value)

    async def _device(self, device: str) -> Story:
        name, rows = self._names.device(device), await self._rooms.ledgers.rows_of_device(device)
        return (await self._teller(rows, {name: "the device"})).story("device", name, "The device", rows)

    async def _identity(self, kind: str, value: str) -> Story:
        identity = self._whom.identity(kind, value)
        name, rows = self._names.identity(identity), await self._rooms.ledgers.rows_of_identity(identity)
        return (await self._teller(rows, {name: f"this {kind}"})).story("identity", name, f"This {kind}", rows)

    async def record(self, look: Look) -> Answer:
        """`GET /records/{topic}/{partition}/{offset}`"""
        inside = look.asked.inside
        at = parse_position("/".join(inside[part] for part in ("topic", "partition", "offset")), self._rooms.layout)
        found = await self._rooms.records.fate(at)
        value = await self._rooms.records.value(found) if look.viewer.may("admin") else None
        teller = await self._teller(found.rows, {}, also=found.profile)
        return look.show(
            "record.html", found=found, fate=teller.pieces(fate(found, self._rooms.layout)),
            decisions=teller.decisions(found.rows), value=readable(value) if value is not None else None,
        )  # fmt: skip

    async def _teller(
        self, rows: list[LedgerRow], own: dict[str, str], this_profile: str | None = None, also: str | None = None
    ) -> Teller:
        """What is needed to tell rows: names of the profiles in them (`also`: one more), and what these hold in
        clear."""
        named = list(dict.fromkeys([*profiles_in(rows), *([also] if also else [])]))
        profiles = await self._rooms.people.reader.profiles(named) if named else []
        called = {name: words for holder in profiles for name, words in called_by(self._names, holder).items()}
        names = {profile.id: name_of(profile) for profile in profiles if profile.identities}
        return Teller(called | own, names, this_profile)


def routes(desk: Desk, rooms: Rooms) -> list[Route]:
    """`/why` and `/records`"""
    handlers = Why(rooms)
    return [
        desk.get("/people/{id}/story", handlers.profile, "The ledger of a profile as a story"),
        desk.get("/why/{kind}/{value}", handlers.one, "Why an identity or a device is whose it is"),
        desk.get("/records/{topic}/{partition}/{offset}", handlers.record, "What became of a record"),
    ]
