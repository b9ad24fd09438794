"""Times as vendors' clients write them: seconds, seconds as text, `$D_<seconds>`, ISO 8601; milliseconds where told."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, Final

from knownas.nouns import Timestamp

LONGEST: Final = 64
_NUMBER: Final = re.compile(r"(?:\$D_)?(-?\d{1,19}(?:\.\d{1,9})?)")
_MILLISECONDS_FROM: Final = 1e11
"""Seconds reach this in the year 5138."""


def seconds(value: Any, *, milliseconds: bool = False) -> Timestamp | None:
    """Seconds since 1970, None where nothing is said. A time without a zone is UTC. ValueError: it is no time.

    With `milliseconds`, a number too large for seconds is taken for milliseconds; without, it stays as it is and the
    intake says what is wrong with it.
    """
    if value is None or value == "":
        return None
    found = _number(value) if type(value) in (int, float) else _of_text(value)
    if milliseconds and abs(found) >= _MILLISECONDS_FROM:
        found /= 1000
    return int(found) if type(found) is float and found.is_integer() else found


def _of_text(value: Any) -> Timestamp:
    if type(value) is not str or len(value) > LONGEST:
        raise ValueError("a time is a number or a short text")
    text = value.strip()
    if number := _NUMBER.fullmatch(text):
        return float(number[1]) if "." in number[1] else int(number[1])
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(value: float) -> Timestamp:
    if not math.isfinite(value):
        raise ValueError("a time is finite")
    return value
