"""Commands that act on a person: `knownas test-user`, `demerge`, `release`, `delete`.

Each is a record like a producer's. It takes its turn in its topic, so whom it meets is decided by its position; the
command waits a while for what comes of it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

from cyclopts import Parameter, validators

from knownas.adapters.reader import Reader
from knownas.cli.output import console, errors, plain, say_json
from knownas.cli.who import Who, find, parse_who
from knownas.errors import WrongInput
from knownas.nouns import LedgerKind, Profile
from knownas.operate.fate import place_of
from knownas.operate.request import Answer, Settles, request
from knownas.operate.world import World, open_world
from knownas.profile.view import values
from knownas.records.reasons import REJECTIONS
from knownas.settings import load
from knownas.topics import Layout

DONE, NOT_YET, WRONG_INPUT = 0, 1, 2
WAIT_SECONDS: Final = 30.0
Wait = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=600))]


async def mark(who: str, *, off: bool = False, wait: Wait = WAIT_SECONDS, json: bool = False) -> int:
    """Mark somebody as a test user (`ct_is_test_user` is Yes), or take the mark away.

    Parameters
    ----------
    who
        A profile id, kind:value of an identity (email:ann@example.com), or device:ID.
    off
        Take the mark away.
    wait
        How many seconds to wait for what comes of it.
    json
        Answer as one JSON document.
    """
    async with _desk(who) as desk:
        answer = await desk.send({"type": "test", "test": not off}, wait)
        return desk.say(answer, "is no test user any more" if off else "is a test user now", json)


async def demerge(who: str, *, wait: Wait = WAIT_SECONDS, json: bool = False) -> int:
    """Take all identities and devices from a profile; it keeps what it did. Whoever comes with one of them next starts
    anew.

    Parameters
    ----------
    who
        A profile id, kind:value of an identity (email:ann@example.com), or device:ID.
    wait
        How many seconds to wait for what comes of it.
    json
        Answer as one JSON document.
    """
    async with _desk(who) as desk:
        answer = await desk.send({"type": "demerge"}, wait)
        return desk.say(answer, "is demerged; its identities and devices are being set free", json)


async def release(identity: str, *, wait: Wait = WAIT_SECONDS, json: bool = False) -> int:
    """Take one identity from its profile: nobody owns it then, and whoever claims it next has it.

    Parameters
    ----------
    identity
        kind:value, like phone:+353861234567.
    wait
        How many seconds to wait for what comes of it.
    json
        Answer as one JSON document.
    """
    async with _desk(identity) as desk:
        if desk.who.identity is None:
            raise WrongInput(f"a release takes one identity: name it as kind:value, not as {identity}")
        answer = await desk.send({"type": "release"}, wait)
        return desk.say(answer, f"does not own {identity} any more", json)


async def delete(
    who: str, *, yes: bool = False, suppress: bool = False, wait: Wait = WAIT_SECONDS, json: bool = False
) -> int:
    """Delete somebody for ever: the profile, its story, its linked guests. The ledger keeps that it happened.

    Parameters
    ----------
    who
        A profile id, kind:value of an identity (email:ann@example.com), or device:ID.
    yes
        Do it; without this it is only said who would be deleted.
    suppress
        From then on reject every record that carries this identity, without keeping its content; WHO is kind:value.
    wait
        How many seconds to wait for what comes of it.
    json
        Answer as one JSON document.
    """
    async with _desk(who, must_be_known=not suppress) as desk:
        if suppress and desk.who.identity is None:
            raise WrongInput(f"what is suppressed is an identity: name it as kind:value, not as {who}")
        if not yes:
            raise WrongInput(f"{desk.in_short()} would be deleted for ever; say --yes to do it")
        answer = await desk.send({"type": "delete", "suppress": True} if suppress else {"type": "delete"}, wait)
        if suppress and answer.state == "rejected":
            # Suppressing needs no owner; it was done before the deletion was found to be without one.
            return desk.say(answer._replace(state="done"), f"{who} is suppressed; nobody owned it", json)
        return desk.say(answer, f"is deleted, and {who} suppressed" if suppress else "is deleted", json)


_SETTLED_BY: Final[dict[str, LedgerKind]] = {
    "test": "tested", "demerge": "demerged", "release": "released", "delete": "deleted",
}  # fmt: skip


@asynccontextmanager
async def _desk(who: str, must_be_known: bool = True) -> AsyncIterator[_Desk]:
    """Where one record about somebody is sent from. Whom nobody knows is said at once."""
    settings = load()
    named = parse_who(who, settings, bare="profile")
    async with open_world(settings) as world:
        layout = await world.layout()
        reader = Reader(world.link(), world.keys, world.names, layout)
        try:
            found = await find(reader, named)
        except WrongInput:
            if must_be_known:
                raise
            found = None
        yield _Desk(world, layout, named, found)


class _Desk:
    """What is at hand to act on somebody."""

    def __init__(self, world: World, layout: Layout, who: Who, found: Profile | None) -> None:
        self.world, self.layout, self.who, self.found = world, layout, who, found

    async def send(self, record: dict[str, Any], wait: float) -> Answer:
        """Send a record that names who is meant as they were named, and wait for what comes of it."""
        who, now_ms = self.who, int(time.time() * 1000)
        named = {who.about: who.value} if who.identity is None else {"identities": {who.identity.kind: who.value}}
        settles = self._settles(_SETTLED_BY[record["type"]])
        return await request(self.world, self.layout, record | named, now_ms, settles, wait)

    def _settles(self, kind: LedgerKind) -> Settles:
        if kind != "released" or self.who.identity is None:
            return lambda row, position: row.kind == kind and row.position == position
        # That an identity is free is decided where its control record arrives.
        digest = self.world.names.identity(self.who.identity)
        return lambda row, _: row.kind == kind and row.identity is not None and row.identity[1] == digest

    def in_short(self) -> str:
        """Who it is about to happen to."""
        if self.found is None:
            return f"whoever owns {self.who.text}"
        name = values(self.found).get("Name")
        parts = [str(name)] if name is not None else []
        parts += [self.found.type, self.found.id]
        guests = len(self.found.guests) + self.found.guests_more
        return ", ".join(parts) + (f" (linked guests: {guests:,})" if guests else "")

    def say(self, answer: Answer, done: str, json: bool) -> int:
        """What came of it; the exit status."""
        place = place_of(answer.position, self.layout)
        if json:
            say_json(answer._asdict() | {"position": answer.position._asdict()})
        elif answer.state == "done":
            console.print(plain(f"{answer.profile} {done}" if answer.profile else done))
        elif answer.state == "rejected":
            sentence = REJECTIONS.get(answer.reason or "", "")
            detail = f" ({answer.detail})" if answer.detail else ""
            errors.print(f"knownas: {plain(f'rejected as {answer.reason}: {sentence}{detail}')}")
        else:
            errors.print(f"knownas: the record is {place}, and no worker has decided it yet: is one running?")
            errors.print(f"knownas: `knownas explain --event {place}` says what came of it")
        return {"done": DONE, "rejected": WRONG_INPUT, "sent": NOT_YET}[answer.state]
