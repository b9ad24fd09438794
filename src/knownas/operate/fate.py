"""What became of a record, in words."""

from __future__ import annotations

from typing import Final

from knownas.nouns import Position
from knownas.operate.inquiry import Inquiry
from knownas.records.reasons import REJECTIONS
from knownas.topics import Layout

_WHY: Final = {
    "demerged": "demerged",
    "deleted": "deleted",
    "released": "to lose this identity",
    "idle": "idle too long",
}


def fate(found: Inquiry, layout: Layout) -> str:
    """What became of a record, as a sentence without a stop."""
    if found.state == "counted":
        return f"it was counted for {found.profile}"
    if found.state == "rejected":
        sentence = REJECTIONS.get(found.reason or "", "")
        detail = f" ({found.detail})" if found.detail else ""
        return f"it was rejected, and counts for nobody: {found.reason}. {sentence}{detail}"
    if found.state == "control":
        done = "" if found.rows else "; there was nothing to set free any more"
        return f"knownas wrote it itself, because {found.profile} was {_WHY.get(found.reason or '', 'left')}{done}"
    if found.state == "sent_home":
        there = f"; it is {place_of(found.home, layout)} there" if found.home is not None else ""
        return f"its device belongs in another partition: it was sent there and decided there{there}"
    if found.state == "waiting":
        return "no worker has decided it yet"
    return "nothing is known of it any more, or it is a copy of a record that was counted before"


def place_of(position: Position, layout: Layout) -> str:
    """A position as people write it."""
    topic, partition, offset = position
    return f"{layout.name(topic)}/{partition}/{offset}"
