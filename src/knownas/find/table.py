"""People as rows: chosen fields of a profile, as lines of CSV or JSON, for exports."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import orjson

from knownas.nouns import PROPERTY_OF_KIND, Profile
from knownas.profile.card import card
from knownas.profile.view import view

Form = Literal["csv", "jsonl"]

USUAL: Final = ("id", "type", "Name", *PROPERTY_OF_KIND.values(), "city", "country", "firstSeen", "lastSeen")
"""The columns of a table where none are named."""

_OF_VIEW: Final = ("id", "version", "type", "reachable", "devices", "guests", "guestOf", "firstSeen", "lastSeen")
_ABOUT: Final = ("identifiedAt", "demerged", "events", "identities", "session", "acquired")


def value(profile: Profile, field: str, now_ms: int) -> Any:
    """A field of a profile: one that the API shows, one of the card, of the place or system, or a property."""
    held = profile.properties.get(field)
    if held is not None:
        return held.value
    if field in profile.context:
        return profile.context[field]
    if field in _OF_VIEW or field in _ABOUT:
        return view(profile, now_ms)[field]
    return card(profile, now_ms).get(field) if field in ("ageYears", "birthday", "testUser", "timezone") else None


def head(fields: Sequence[str], form: Form) -> bytes:
    """The first line."""
    return _csv_line(fields) if form == "csv" else b""


def lines(profiles: Iterable[Profile], fields: Sequence[str], form: Form, now_ms: int) -> bytes:
    """A line a person; as JSON without fields: all that the API shows."""
    if form == "csv":
        return b"".join(_csv_line([_cell(value(one, field, now_ms)) for field in fields]) for one in profiles)
    if not fields:
        return b"".join(orjson.dumps(view(one, now_ms)) + b"\n" for one in profiles)
    rows = ({field: value(one, field, now_ms) for field in fields} for one in profiles)
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _cell(held: Any) -> str:
    if held is None:
        return ""
    return held if isinstance(held, str) else orjson.dumps(held).decode()


def _csv_line(cells: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode("utf-8", "replace")
