"""Which of the messages of a shard's snapshots count, and what is still to be done with its messages."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Literal

import msgspec
import pytest

from knownas.errors import CannotStart
from knownas.find.segments import BEGINNING
from knownas.nouns import FORMAT, Profile, Resolved, Source
from knownas.operate.cut import Cut, Newest, Snapshot
from knownas.stages.snapshots import MARK, Kept, Mark, Piece, encode, pieces

json = msgspec.json.Encoder().encode


def kept(size: int = 1) -> bytes:
    """A profile with so many bytes, more or less."""
    return encode(Kept(encode(Profile(format=FORMAT, id="p", version=1)), {"devices": [(100, "d" * size)]}))


def mark(position: int) -> tuple[str, bytes]:
    return MARK, encode(Mark(FORMAT, position, {}, {}, {}, BEGINNING, []))


def newest(*messages: tuple[str, bytes | None]) -> Newest:
    found = Newest()
    for key, value in messages:
        found.take(key, value)
    return found


def test_the_highest_position_counts_where_a_successor_publishes_once_more_what_was_published() -> None:
    first, second = (mark(7), *pieces("p", 7, kept())), (mark(9), *pieces("p", 9, kept()))
    found = newest(*first, *second, *first)
    assert found.mark is not None
    assert found.mark.position == 9
    assert found.snapshots()["p"].position == 9


def test_a_snapshot_is_put_together_of_messages_of_one_position_and_a_late_clearing_takes_nothing_from_it() -> None:
    large, small = [*pieces("p", 9, kept(1_500_000))], [*pieces("p", 7, kept()), ("p/1", None), ("p/2", None)]
    assert [key for key, _ in large] == ["p", "p/1", "p/2"]
    for messages in ([*small, *large], [*small, *large, *small]):
        assert newest(*messages).snapshots()["p"].kept.lists["devices"][0][1] == "d" * 1_500_000
    assert newest(*large, *pieces("p", 11, kept())).snapshots()["p"].position == 11


def test_what_is_left_of_a_larger_snapshot_is_remembered_until_it_is_cleared() -> None:
    large, small = [*pieces("p", 9, kept(1_500_000))], [*pieces("p", 11, kept())]
    assert newest(*large).numbers() == {"p": 3}
    assert newest(*large, *small).numbers() == {"p": 3}
    assert newest(*large, *small, ("p/1", None), ("p/2", None)).numbers() == {}


def test_half_a_snapshot_is_none_and_takes_no_other_with_it() -> None:
    large, larger = ([*pieces("p", position, kept(1_500_000))] for position in (7, 9))
    other = [*pieces("q", 7, kept())]
    for messages in (larger[:2], larger[1:], [*large, larger[0]]):
        found = newest(*messages, *other)
        assert (found.torn(), [*found.snapshots()]) == (["p"], ["q"])
    assert newest(*large, *other).torn() == []


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(CannotStart, match="were written by a newer knownas"):
        newest(("p", encode(Piece(FORMAT + 1, 7, 1, b""))))


RECORD = b'{"type":"event","device":"d","evtName":"Viewed","ts":1}'


def message(offset: int, profile: str, number: int, task: Literal["tick"] | None = None) -> Any:
    """A message of a shard."""
    source = Source("events", 0, number, 0)
    told = Resolved(profile=profile, source=source, at=1, ts=1, record=msgspec.Raw(RECORD), task=task)
    return SimpleNamespace(offset=offset, value=json(told))


def test_what_a_snapshot_reflects_is_a_line_and_all_else_is_folded_each_once() -> None:
    living, gone = (encode(Profile(format=FORMAT, id=name, version=1, gone=name == "g")) for name in "pg")
    cut = Cut({"p": Snapshot(6, Kept(living)), "g": Snapshot(6, Kept(gone))})
    messages = [
        message(4, "p", 1), message(5, "g", 2), message(6, "p", 3), message(7, "p", 1), message(8, "new", 4),
        message(9, "", 5, "tick"), message(10, "g", 6),
    ]  # fmt: skip
    left, lines = cut.split(messages)
    assert [record.offset for record in left] == [6, 8, 10]
    assert {profile: len(some) for profile, some in lines.items()} == {"p": 1}
