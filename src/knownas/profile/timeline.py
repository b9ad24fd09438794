"""One page of a person's story: their own entries and those of their linked guests, newest first. Pure.

The rules, in words. Entries are ordered by `ts`, then by where their record stands; no two are equal, for a record is
entered once. A cursor is the place of the last line that was shown, and a page holds what is older than its cursor.
So what arrives between two pages moves nothing: if it is newer than the cursor it belongs to a page that was shown,
else it is met where it belongs; no entry is shown twice, and none that was there is left out.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Iterable
from heapq import nlargest
from typing import Any, Final, NamedTuple

import msgspec

from knownas.nouns import Entry, Timestamp

Wanted = Callable[[Entry], bool]
"""Which entries are to be in a story."""


class Place(NamedTuple):
    """Where a line stands in a story: its time, then the position of its record."""

    ts: Timestamp
    topic: str
    partition: int
    offset: int


class Line(NamedTuple):
    """One line of a person's story: the entry, whose it is, and whether it is a linked guest's (shown in gray)."""

    entry: Entry
    profile: str
    guest: bool

    @property
    def place(self) -> Place:
        """Where the line stands."""
        entry = self.entry
        return Place(entry.ts, entry.topic, entry.partition, entry.offset)


class Page(NamedTuple):
    """Some lines, newest first, and the cursor under which the next page begins; None where nothing older is kept."""

    lines: list[Line]
    cursor: str | None


class Pager:
    """Gathers one page out of any number of timelines, whatever their order, and holds no more than the page."""

    def __init__(self, size: int, after: Place | None = None, wanted: Wanted | None = None) -> None:
        if size < 1:
            raise ValueError(f"a page holds at least one line, not {size}")
        self._size, self._after, self._wanted = size, after, wanted
        self._lines: list[Line] = []

    def add(self, profile: str, entries: Iterable[Entry], guest: bool) -> None:
        """Look through one timeline."""
        chosen = entries if self._wanted is None else filter(self._wanted, entries)
        lines = [Line(entry, profile, guest) for entry in chosen]
        if self._after is not None:
            lines = [line for line in lines if line.place < self._after]
        # One more than is shown, which tells whether there is a next page.
        self._lines = nlargest(self._size + 1, self._lines + lines, key=_place)

    def page(self) -> Page:
        """The page."""
        shown = self._lines[: self._size]
        more = len(self._lines) > self._size
        return Page(shown, encode_cursor(shown[-1].place) if more else None)


def encode_cursor(place: Place) -> str:
    """A place as the opaque text that goes out."""
    return base64.urlsafe_b64encode(_encode(place)).rstrip(b"=").decode()


def decode_cursor(text: str) -> Place | None:
    """The place that a cursor means, or None where the text is no cursor."""
    try:
        place = _decode(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    return place if math.isfinite(place.ts) else None


def as_json(page: Page) -> dict[str, Any]:
    """A page as everybody outside sees it (contract: a timeline)."""
    return {"entries": [_line_as_json(line) for line in page.lines], "cursor": page.cursor}


def _line_as_json(line: Line) -> dict[str, Any]:
    entry = line.entry
    shown: dict[str, Any] = {"ts": entry.ts, "type": entry.type}
    if entry.name is not None:
        shown["evtName"] = entry.name
    if entry.data is not None:
        shown["evtData"] = msgspec.json.decode(entry.data)
    source = {"topic": entry.topic, "partition": entry.partition, "offset": entry.offset}
    return shown | {"profile": line.profile, "guest": line.guest, "source": source}


def _place(line: Line) -> Place:
    return line.place


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Place).decode
