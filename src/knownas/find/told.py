"""Why somebody matches or does not, for programs: each condition with its answer and what was seen."""

from __future__ import annotations

from typing import Any

from knownas.find.answer import day
from knownas.find.evaluate import Reason
from knownas.find.writing import to_line


def reasoned(reason: Reason) -> dict[str, Any]:
    """A condition, whether it holds, since when that is exact, what was seen, and those it is made of."""
    holds, since, saw = reason.finding
    said = {"condition": to_line(reason.condition), "matches": bool(holds), "exact_since": day(since), "saw": saw}
    return said | ({"of": [reasoned(part) for part in reason.parts]} if reason.parts else {})
