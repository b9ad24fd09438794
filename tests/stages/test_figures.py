"""What a partition keeps of how things go: bounded, the same however it is cut, and written once."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from knownas.nouns import EVENTS, Linked, Position
from knownas.stages.figures import FROM, KEPT, KEPT_EXAMPLES, KEPT_LINKS, Figures, Turnover

encode = msgspec.msgpack.Encoder().encode


class Kept:
    """A store of one hash, and the figures that a worker has of it."""

    def __init__(self, start: int = 0) -> None:
        self.fields: dict[str, bytes] = {}
        self.figures = Figures({}, start)

    def commit(self, *, anew: bool = False) -> None:
        """Write what changed; `anew`: another worker goes on."""
        self.fields.update({name: encode(value) for name, value in self.figures.changed.items()})
        for name in self.figures.dropped:
            self.fields.pop(name, None)
        self.figures.stored()
        if anew:
            self.figures = Figures(self.fields, 999)

    def read(self) -> dict[str, Any]:
        """What the store has."""
        return {name: msgspec.msgpack.decode(raw) for name, raw in self.fields.items()}


def test_records_count_in_their_minute_and_their_hour() -> None:
    kept = Kept(start=7)
    for minute, records in ((119, 3), (120, 1), (119, 2)):
        kept.figures.folded(minute, records)
        kept.commit()
    assert kept.read() == {FROM: 7, "m:119": 5, "m:120": 1, "h:1": 5, "h:2": 1}


def test_nothing_is_written_where_nothing_was_counted_and_nothing_twice() -> None:
    kept = Kept()
    kept.commit()
    assert kept.read() == {}
    kept.figures.folded(1, 1)
    kept.commit()
    kept.figures.folded(2, 1)
    assert set(kept.figures.changed) == {"m:2", "h:0"}


def test_counting_begins_where_the_first_worker_began_and_stays_there() -> None:
    kept = Kept(start=41)
    kept.figures.folded(1, 1)
    kept.commit(anew=True)
    kept.figures.folded(2, 1)
    kept.commit(anew=True)
    assert (kept.read()[FROM], kept.figures.start) == (41, 41)


@pytest.mark.parametrize("seed", range(20))
def test_the_newest_of_each_are_kept_in_whatever_order_and_chunks_records_come(seed: int) -> None:
    rng = random.Random(seed)
    minutes = [rng.randrange(100_000) for _ in range(400)]
    links = [Linked(rng.randrange(10**13), EVENTS, 0, n, f"p{n}", f"g{n}", n) for n in range(120)]
    one, other = Kept(), Kept()
    for kept, shuffled in ((one, False), (other, True)):
        told: list[Any] = [*minutes, *links]
        if shuffled:
            rng.shuffle(told)
        for each in told:
            if isinstance(each, Linked):
                kept.figures.linked(each, each.at // 86_400_000)
            else:
                kept.figures.folded(each, 1)
            if shuffled and rng.random() < 0.3:
                kept.commit(anew=rng.random() < 0.5)
        kept.commit()
    assert one.read() == other.read()
    fields = one.read()
    assert sum(name.startswith("m:") for name in fields) == KEPT["m"] == len(one.figures.numbers["m"])
    assert sum(name.startswith("l:") for name in fields) == KEPT["l"]
    assert len(fields["links"]) == KEPT_LINKS
    assert max(f"{one:07}" for one in minutes) in {f"{int(n[2:]):07}" for n in fields if n.startswith("m:")}


def test_of_rejections_the_newest_examples_are_kept_and_all_are_counted() -> None:
    kept = Kept()
    for offset in range(8):
        kept.figures.rejected("not_json", Position(EVENTS, 2, offset), 1_000 - offset)
    kept.figures.rejected("empty", Position(EVENTS, 2, 8), 5)
    kept.commit()
    times, first, last, examples = kept.read()["r:not_json"]
    assert (times, first, last, len(examples)) == (8, 993, 1_000, KEPT_EXAMPLES)
    assert [one[3] for one in examples] == [3, 4, 5, 6, 7]
    assert kept.read()["r:empty"] == [1, 5, 5, [[5, EVENTS, 2, 8]]]


def test_who_enters_and_leaves_a_segment_is_counted_by_day_until_it_is_gone() -> None:
    kept = Kept()
    for day, entered in ((1, True), (1, True), (1, False), (2, False)):
        kept.figures.moved("a:b", day, entered=entered)
    kept.figures.moved("other", 1, entered=True)
    kept.commit(anew=True)
    assert kept.figures.segments == {"a:b": {1: Turnover(2, 1), 2: Turnover(0, 1)}, "other": {1: Turnover(1, 0)}}
    kept.figures.moved("a:b", 2, entered=True)
    kept.figures.forget("a:b")
    kept.commit(anew=True)
    assert kept.figures.segments == {"other": {1: Turnover(1, 0)}}


def test_a_segments_days_are_bounded() -> None:
    kept = Kept()
    for day in range(200):
        kept.figures.moved("s", day, entered=True)
        kept.commit()
    assert sorted(kept.figures.segments["s"]) == list(range(200 - KEPT["s"], 200))
    assert len(kept.read()) == KEPT["s"] + 1
