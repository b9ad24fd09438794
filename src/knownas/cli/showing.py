"""A person on a terminal: the card, what they did, and a page of their story."""

from __future__ import annotations

import shlex
from typing import Any

import orjson
from rich.console import Console

from knownas.cli.output import console, plain, when
from knownas.nouns import Entry, Profile
from knownas.profile.timeline import Page

ON_THE_CARD = frozenset({"Name", "Email", "Phone", "Customer Type", "CustomerID", "DOB", "Birthday", "Timezone", "tz"})
"""Properties that the card shows in a form of its own."""
NAMED = 5
"""How many devices or guests are named beside their number."""
DATA_CHARACTERS = 100


def show_person(found: Profile, card: dict[str, Any], view: dict[str, Any]) -> None:
    """Who somebody is, at a glance."""
    console.print(f"[bold]{plain(view['properties'].get('Name', 'no name'))}[/]  {found.type}  {found.id}")
    if found.guest_of:
        console.print(f"  a guest who turned out to be {found.guest_of}; what this guest did counts for nobody else")
    if found.demerged:
        console.print("  demerged: its identities and devices were taken from it; `knownas explain` says when and why")
    for label, value in _rows(found, card, view):
        if value:
            console.print(f"  {plain(label):<16} {plain(value)}")
    for event, count in view["events"].items():
        console.print(f"  {plain(event):<24} {count['count']:>6,}  last {when(count['last'])}")


def _rows(found: Profile, card: dict[str, Any], view: dict[str, Any]) -> list[tuple[str, str]]:
    identities = [(kind, ", ".join(values)) for kind, values in view["identities"].items()]
    rows = [
        *identities,
        ("email shown", _unless_said(card["email"], view, "email")),
        ("phone shown", _unless_said(card["phone"], view, "phone")),
        ("reachable by", ", ".join(card["reachable"]) or "nothing"),
        ("opted out", ", ".join(view.get("optedOut", ()))),
        ("customer type", _text(card["customerType"])),
        ("customer id", _text(card["customerId"])),
        ("place", _place(card)),
        ("time zone", _text(card["timezone"])),
        ("age", _age(card)),
        ("acquired", _acquired(card["acquired"])),
        ("first login", when(card["firstLogin"])),
        ("last session", when(card["lastSession"])),
        ("uses", _system(card)),
        ("devices", _some(card["devices"], found.devices)),
        ("linked guests", _some(card["guests"], found.guests)),
        ("test user", card["testUser"]),
    ]
    return rows + [(key, _text(value)) for key, value in view["properties"].items() if key not in ON_THE_CARD]


def _unless_said(value: Any, view: dict[str, Any], kind: str) -> str:
    """The one that is shown, where the identities alone do not say which."""
    return "" if [value] == view["identities"].get(kind, [None]) else _text(value)


def _place(card: dict[str, Any]) -> str:
    names = ", ".join(card[part] for part in ("city", "country") if card[part])
    if card["latitude"] is None or card["longitude"] is None:
        return names
    return f"{names} ({card['latitude']:g}, {card['longitude']:g})".lstrip()


def _age(card: dict[str, Any]) -> str:
    if card["ageYears"] is None:
        return ""
    return f"{card['ageYears']} years {card['ageMonths']} months, born {card['birthday']} (month-day-year)"


def _acquired(acquired: dict[str, Any]) -> str:
    channel = ", ".join(f"{part} {acquired[part]}" for part in ("source", "medium", "campaign", "referrer")
                        if part in acquired)  # fmt: skip
    return f"{acquired['date']} by {channel}" if channel else str(acquired["date"])


def _system(card: dict[str, Any]) -> str:
    system = " ".join(card[part] for part in ("os", "osVersion") if card[part])
    app = f"app {card['appVersion']}" if card["appVersion"] else None
    return ", ".join(part for part in (card["device"], system, card["browser"], app) if part)


def _some(count: int, items: list[str]) -> str:
    if not count:
        return ""
    more = f" and {count - NAMED:,} more" if count > NAMED else ""
    return f"{count:,}: {', '.join(items[:NAMED])}{more}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def show_page(page: Page, who: str, to: Console = console) -> None:
    """A page of a story. A guest's lines are dim, and say that they are a guest's."""
    if page.lines:
        to.print("  newest first; what was done as a guest is gray and counts for the guest:")
    for line in page.lines:
        text = f"    {when(line.entry.ts)}  {plain(line.entry.name or line.entry.type)}  {_data(line.entry)}"
        to.print((text.rstrip() + "  (guest)") if line.guest else text.rstrip(), style="dim" if line.guest else "")
    if page.cursor is not None:
        to.print(f"  older: knownas profile {plain(shlex.quote(who))} --cursor {page.cursor}")


def _data(entry: Entry) -> str:
    return plain(entry.data.decode("utf-8", "replace")[:DATA_CHARACTERS]) if entry.data else ""
