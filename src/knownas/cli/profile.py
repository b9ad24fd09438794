"""`knownas profile`."""

from __future__ import annotations

import time
from typing import Annotated

from cyclopts import Parameter, validators

from knownas.adapters.places import place, places_are_installed
from knownas.adapters.reader import Reader
from knownas.cli.output import say_json
from knownas.cli.showing import show_page, show_person
from knownas.cli.who import find, parse_who
from knownas.errors import WrongInput
from knownas.operate.world import open_world
from knownas.profile.card import card
from knownas.profile.timeline import Page, Place, as_json, decode_cursor
from knownas.profile.view import view
from knownas.settings import load

Lines = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=1_000))]


async def profile(who: str, *, timeline: Lines = 10, cursor: str | None = None, json: bool = False) -> int:
    """Show one profile: the card, what was counted, and the newest page of the story, linked guests' lines marked.

    Parameters
    ----------
    who
        A profile id, kind:value of an identity (email:ann@example.com), or device:ID.
    timeline
        How many lines of the person's story to show.
    cursor
        Show the page of the story that begins where an earlier one ended: the text that one gave. What arrives in
        between moves nothing.
    json
        Answer as one JSON document: the profile, as everywhere outside, with its card and the page.
    """
    settings = load()
    named = parse_who(who, settings, bare="profile")
    after = _after(cursor)
    async with open_world(settings) as world:
        reader = Reader(world.link(), world.keys, world.names, await world.layout())
        found = await find(reader, named)
        page = await reader.timeline(found, timeline, after) if timeline else Page([], cursor)
    now_ms = int(time.time() * 1000)
    shown, at_a_glance = view(found, now_ms), card(found, now_ms, place if places_are_installed() else None)
    if json:
        say_json(shown | {"card": at_a_glance, "timeline": as_json(page)})
        return 0
    if cursor is None:
        show_person(found, at_a_glance, shown)
    show_page(page, who)
    return 0


def _after(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    after = decode_cursor(cursor)
    if after is None:
        raise WrongInput(f"{cursor!r} is no cursor; give the text that a page ended with")
    return after
