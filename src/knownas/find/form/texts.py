"""Values as somebody types them, and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from knownas.find.form.model import Sort
from knownas.find.line import DATE, NUMBER
from knownas.find.reading import kind_of
from knownas.find.tree import Value

_LONGEST: Final = 400
_TRUTHS: Final = {"true": True, "yes": True, "false": False, "no": False}
_SORT_OF: Final[dict[str, Sort]] = {"text": "text", "number": "number", "date": "date", "boolean": "truth"}


class Unreadable(ValueError):
    """A text that is not what it is said to be; the words say what is wanted."""


def number(text: str) -> Any:
    """The number that a text is; a text that is none as it is, for whoever reads on to say so."""
    said = text.strip()
    if len(said) > _LONGEST or not NUMBER.fullmatch(said):
        return text
    try:
        return int(said)
    except ValueError:
        return float(said)


def value(text: str, sort: Sort) -> Any:
    """A value in the JSON form of a query."""
    said = text.strip()
    if sort == "":
        sort = looks_like(said)
    if sort == "number":
        found = number(said)
        if isinstance(found, str):
            raise Unreadable("a number is wanted")
        return found
    if sort == "truth":
        if said.lower() not in _TRUTHS:
            raise Unreadable("true or false is wanted")
        return _TRUTHS[said.lower()]
    return {"date": said} if sort == "date" else said


def truth(text: str) -> Any:
    """A yes or no; what is neither as it is."""
    return _TRUTHS.get(text.strip().lower(), text)


def looks_like(text: str) -> Sort:
    """What a text is taken for where nobody says, as in the one-line form."""
    if text in ("true", "false"):
        return "truth"
    if DATE.fullmatch(text):
        return "date"
    return "number" if len(text) <= _LONGEST and NUMBER.fullmatch(text) else "text"


def items(text: str) -> list[str]:
    """The items of a list, between commas; one that holds a comma stands in quotes."""
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error:
        raise Unreadable("a quote is not closed: a value that holds a comma stands in quotes, as “a, b”") from None
    return [item.strip() for item in (rows[0] if rows else []) if item.strip()]


def text_of(held: Value) -> str:
    """A value as somebody would type it."""
    if isinstance(held, bool):
        return "true" if held else "false"
    if isinstance(held, date):
        return held.isoformat()
    return held if isinstance(held, str) else repr(held)


def list_of(texts: Sequence[str]) -> str:
    """Items as a list."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(texts)
    return line.getvalue().replace(",", ", ") if all("," not in text for text in texts) else line.getvalue()


def sort_of(values: Sequence[Value]) -> Sort:
    """As what values have to be compared to be these again: empty where they look like it."""
    sorts = {_SORT_OF[kind_of(held)] for held in values}
    if len(sorts) > 1 or all(looks_like(text_of(held)) in sorts for held in values):
        return ""
    return sorts.pop()
