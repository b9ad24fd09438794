"""How values are written on the page."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import quote

import orjson

SHOWN_BYTES: Final = 20_000

_LATEST_SECONDS: Final = 253_370_764_800
"""The year 9999: what lies beyond has no date that can be written."""


def moment(ts: float) -> datetime | None:
    """A time in seconds since 1970, if it has a date."""
    return datetime.fromtimestamp(ts, UTC) if 0 <= ts < _LATEST_SECONDS else None


def machine_time(ts: float) -> str:
    """A time for a `datetime` attribute."""
    at = moment(ts)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else ""


def human_time(ts: float) -> str:
    """A time for people, in UTC until the page's script says it in the reader's zone."""
    at = moment(ts)
    return at.strftime("%-d %b %Y, %H:%M:%S") if at else f"{ts:g} s"


def date_text(of: date) -> str:
    """A date for people."""
    return of.strftime("%-d %b %Y")


def day(seconds: float) -> str:
    """The day that begins at a midnight in UTC."""
    at = moment(seconds)
    return date_text(at) if at else ""


def number(value: float) -> str:
    """A number with its thousands apart."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def rate(per_second: float) -> str:
    """So many a second: small ones with a fraction."""
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"


def value(of: Any) -> str:
    """A property's or an event's value: texts as they are, everything else as JSON."""
    if isinstance(of, str):
        return of
    if isinstance(of, bool) or of is None:
        return {True: "yes", False: "no", None: "nothing"}[of]
    if isinstance(of, int | float):
        return number(of)
    if isinstance(of, list):
        plain = all(isinstance(item, str | int | float) for item in of)
        return ", ".join(value(item) for item in of) if plain else counted(len(of), "entry", "entries")
    return orjson.dumps(of).decode()


def pretty(of: Any) -> str:
    """JSON for people."""
    return orjson.dumps(of, option=orjson.OPT_INDENT_2).decode()


def compact(of: Any) -> str:
    """JSON for a `data-` attribute."""
    return orjson.dumps(of).decode()


def short(text: str, size: int = 8) -> str:
    """The beginning of an id."""
    return text if len(text) <= size + 2 else f"{text[:size]}…"


def path(text: str) -> str:
    """A part of a path: nothing in it means anything there."""
    return quote(text, safe="")


def readable(raw: bytes) -> str:
    """A record's bytes for people: JSON set out where it is JSON, and not more than one can read."""
    text = raw[:SHOWN_BYTES].decode("utf-8", "replace")
    try:
        return pretty(orjson.loads(raw)) if len(raw) <= SHOWN_BYTES else f"{text}…"
    except orjson.JSONDecodeError:
        return text


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 device`, `2 devices`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


FILTERS: Final = {
    "machine_time": machine_time, "human_time": human_time, "day": day, "number": number, "value": value,
    "pretty": pretty, "rate": rate, "compact": compact, "short": short, "path": path, "counted": counted,
}  # fmt: skip
