"""All pages."""

from __future__ import annotations

from types import ModuleType
from typing import Final, NamedTuple

from knownas.adapters.places import place, places_are_installed
from knownas.serve.keys import Held
from knownas.serve.page import acts, auditing, finding, overview, profiles, segments, signing, why
from knownas.serve.page.assets import WHERE
from knownas.serve.page.desk import Desk
from knownas.serve.page.guide import Guide
from knownas.serve.page.rendering import rendering
from knownas.serve.page.rooms import Rooms
from knownas.serve.routes import Refused, Route

VIEWS: Final[tuple[ModuleType, ...]] = (overview, finding, profiles, acts, why, segments, auditing)
"""Each module has `routes(desk, rooms)`."""


def warm() -> None:
    """Do beforehand what the first page would wait for: templates are compiled, the world's cities are read."""
    rendering().warm()
    if places_are_installed():
        place(0.0, 0.0)


class Pages(NamedTuple):
    """Everything of the page, and how people are told what went wrong."""

    routes: list[Route]
    refused: Refused


def made(rooms: Rooms, keys: Held, is_open: bool, guide: Guide | None = None) -> Pages:
    """The page of a gateway."""
    desk = Desk(rooms.services.names, keys, rendering(), is_open, guide)
    routes = [
        desk.anybody("GET", WHERE + "{name}", desk.rendering.assets.send, "What pages are made of"),
        *signing.routes(desk, keys, rooms.audit),
        *(route for view in VIEWS for route in view.routes(desk, rooms)),
    ]
    return Pages(routes, desk.refused)
