"""The address of a query: its one-line form, and what is said beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlencode

from knownas.find.cursor import LAST_SEEN

PEOPLE: Final = "/people"


class Beside(NamedTuple):
    """What an address says beside the query: the order, whether former guests are shown, where the page begins, the
    segment that is edited, whose match is asked about."""

    sort: str = LAST_SEEN
    orphans: bool = False
    cursor: str = ""
    segment: str = ""
    why: str = ""


def beside_in(said: Mapping[str, str]) -> Beside:
    """What a form or an address says beside the query."""
    return Beside(
        said.get("sort") or LAST_SEEN,
        bool(said.get("orphans")),
        said.get("cursor", ""),
        said.get("segment", "").strip(),
        said.get("why", "").strip(),
    )


def address(line: str, beside: Beside) -> str:
    """Where a query is shown."""
    said = {
        "q": line,
        "sort": "" if beside.sort == LAST_SEEN else beside.sort,
        "orphans": "yes" if beside.orphans else "",
        "segment": beside.segment,
        "cursor": beside.cursor,
        "why": beside.why,
    }
    query = urlencode({name: text for name, text in said.items() if text})
    return f"{PEOPLE}?{query}" if query else PEOPLE
