"""Figures that are not what the log says are found; what was never counted is no difference."""

from __future__ import annotations

import msgspec

from knownas.nouns import EVENTS, RESOLVED, Linked, Position
from knownas.operate.verify_figures import differences
from knownas.plain.counting import Noted
from knownas.stages.figures import Figures

SHARD = (RESOLVED, 0)
LINK = Linked(120_000, EVENTS, 0, 3, "p", "g", 9)
NOTED = [
    Noted(0, 60_000, counts=True),
    Noted(1, 61_000, counts=True),
    Noted(2, 120_000, link=LINK),
    Noted(3, 120_000, rejected=("deleted", Position(EVENTS, 1, 5))),
]


def stored(since: int) -> dict[str, bytes]:
    """What a store has that counts from an offset on."""
    figures = Figures({}, since)
    for one in NOTED[since:]:
        if one.counts:
            figures.folded(one.at // 60_000, 1)
        if one.link is not None:
            figures.linked(one.link, 0)
        if one.rejected is not None:
            figures.rejected(*one.rejected, one.at)
    figures.moved("gold", 0, entered=True)
    return {name: msgspec.msgpack.encode(value) for name, value in figures.changed.items()}


def test_a_store_that_counted_all_or_from_some_offset_on_does_not_differ() -> None:
    for since in range(5):
        assert list(differences(SHARD, stored(since), NOTED, "UTC")) == []


def test_a_store_that_does_not_count_yet_does_not_differ() -> None:
    assert list(differences(SHARD, {}, NOTED, "UTC")) == []


def test_every_field_that_differs_is_named() -> None:
    fields = stored(0)
    assert len(fields) == 7
    for name in fields.keys() - {"from", "s:0:gold"}:
        (line,) = differences(SHARD, {key: raw for key, raw in fields.items() if key != name}, NOTED, "UTC")
        assert line.startswith(f"figure {name} of resolved/0 is None, not ")
    lines = list(differences(SHARD, fields, NOTED[:1], "UTC"))
    assert [line.split()[1] for line in lines] == ["m:1", "h:0", "l:0", "links", "r:deleted"]
    assert lines[0] == "figure m:1 of resolved/0 is 2, not 1"
