"""What was stored once is read for ever; what a newer version stored is refused with one line that says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from knownas.adapters.reader import read_entry, read_profile
from knownas.errors import CannotStart
from knownas.nouns import FORMAT
from knownas.operate.cut import read_mark, read_piece
from tests.formats.stored import ANN, MARK, SHAPES, Shape, encode, fixture


@pytest.mark.parametrize("name", SHAPES)
def test_the_bytes_that_were_kept_are_read_as_what_they_were(name: str) -> None:
    kept = json.loads(fixture(1).read_text(encoding="utf-8"))
    assert SHAPES[name].read(bytes.fromhex(kept[name])) == SHAPES[name].value


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_written_today_has_the_bytes_of_its_format(name: str) -> None:
    kept = json.loads(fixture(FORMAT).read_text(encoding="utf-8"))
    assert SHAPES[name].write(SHAPES[name].value).hex() == kept[name]


def test_a_value_that_an_earlier_version_wrote_lacks_the_newest_fields_and_is_read() -> None:
    whole = msgspec.msgpack.decode(encode(ANN))
    for fields in range(2, len(whole)):
        read = read_profile(encode(whole[:fields]))
        assert (read.format, read.id) == (ANN.format, ANN.id)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("profile", read_profile),
        ("timeline entry", read_entry),
        ("piece of a snapshot", read_piece),
        ("mark of a shard", read_mark),
    ],
)
def test_what_a_newer_version_wrote_is_refused_with_one_line(name: str, read: Callable[[bytes], Any]) -> None:
    shape: Shape = SHAPES[name]
    newer = msgspec.msgpack.decode(shape.write(shape.value))
    newer[0] = FORMAT + 1
    with pytest.raises(CannotStart, match="by a newer knownas") as refusal:
        read(encode([*newer, "what is new in it"]))
    assert "\n" not in str(refusal.value)


def test_a_mark_tells_all_that_a_shard_holds_beside_its_profiles() -> None:
    assert read_mark(encode(MARK)) == MARK
