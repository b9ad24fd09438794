"""A timeline's lines as the page shows them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from knownas.nouns import Entry, Timestamp
from knownas.profile.timeline import Line, Wanted
from knownas.profile.types import PURCHASE
from knownas.serve.page import shown

SHOWN_PARTS: Final = 6
PART_CHARACTERS: Final = 120
_ICONS: Final = {
    "login": "log-in", "logout": "log-out", "profile": "pencil", "test": "flask-conical", "demerge": "unlink",
    "release": "unlink",
}  # fmt: skip
_WORDS: Final = {
    "login": "Logged in", "logout": "Logged out", "profile": "Properties set", "test": "Test mark set",
    "demerge": "Identities and devices taken", "release": "An identity taken",
}  # fmt: skip
OTHERS: Final = tuple(_WORDS.items())
"""What a timeline may be narrowed to, beside events by their name."""


class Row(NamedTuple):
    """One line: `key` is its own, `order` sorts it; `parts` are the first of what the event says, `all` is all of it;
    `record` is where it stands."""

    key: str
    order: str
    ts: Timestamp
    icon: str
    words: str
    is_event: bool
    parts: list[tuple[str, str]]
    all: Any
    guest: str | None
    record: str


def rows(lines: Sequence[Line]) -> list[Row]:
    """Lines as rows."""
    return [_row(line) for line in lines]


def _row(line: Line) -> Row:
    entry = line.entry
    data = msgspec.json.decode(entry.data) if entry.data else None
    record = f"{entry.topic}/{entry.partition}/{entry.offset}"
    return Row(
        key=f"{entry.topic}-{entry.partition}-{entry.offset}",
        order=f"{int(entry.ts * 1_000_000):020d}-{entry.topic}-{entry.partition:06d}-{entry.offset:020d}",
        ts=entry.ts,
        icon=_icon(entry),
        words=entry.name if entry.name is not None else _WORDS.get(entry.type, entry.type),
        is_event=entry.name is not None,
        parts=_parts(data),
        all=data or None,
        guest=line.profile if line.guest else None,
        record=record,
    )


def _icon(entry: Entry) -> str:
    return "shopping-bag" if entry.name == PURCHASE else _ICONS.get(entry.type, "circle")


def _parts(data: Any) -> list[tuple[str, str]]:
    pairs = list(data.items())[:SHOWN_PARTS] if isinstance(data, dict) else []
    return [(str(name), _cut(shown.value(value))) for name, value in pairs]


def _cut(text: str) -> str:
    return text if len(text) <= PART_CHARACTERS else f"{text[:PART_CHARACTERS]}…"


def wanted(only: str) -> Wanted | None:
    """What a timeline is narrowed to: `event:NAME`, or `type:login` and the like; anything else is all of it."""
    kind, _, name = only.partition(":")
    if kind == "event":
        return lambda entry: entry.name == name
    return (lambda entry: entry.type == name and entry.name is None) if kind == "type" else None
