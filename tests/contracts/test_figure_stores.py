"""Figures in both stores: written with the position, by whoever holds it, and read back by the next."""

from __future__ import annotations

from typing import Any

from knownas.identity.plan import Look
from knownas.nouns import EVENTS, Linked, Owner, Position
from knownas.stages.figures import Figures, Turnover
from knownas.stages.hold import ShardHold
from tests.contracts.both import (
    ANN,
    DONE,
    LOST,
    NO_PLAN,
    Stores,
    folded,
    looked,
    shard_hold,
    source_hold,
)


def parts(figures: Figures) -> tuple[Any, ...]:
    """All there is in figures."""
    return figures.start, figures.numbers, figures.links, figures.segments, figures.rejections


async def counting_hold(stores: Stores) -> ShardHold:
    """A shard taken, with its figures read."""
    hold = await shard_hold(stores)
    (hold.figures,) = await stores.shard.figures([hold])
    return hold


async def test_a_partitions_figures_go_with_its_position(stores: Stores) -> None:
    hold = await source_hold(stores, 3)
    hold.figures.rejected("empty", Position(EVENTS, 0, 3), 1_000)
    told = parts(hold.figures)
    assert parts((await source_hold(stores)).figures) == (3, {"m": {}, "h": {}, "l": {}}, [], {}, {})
    hold = await source_hold(stores)
    hold.figures.rejected("empty", Position(EVENTS, 0, 3), 1_000)
    hold.done = 4
    assert await stores.source.advance([hold]) == [True]
    assert hold.figures.changed == {}
    assert parts((await source_hold(stores)).figures) == told


async def test_a_partitions_figures_go_with_a_commit_alone_or_with_claims_or_not_at_all(stores: Stores) -> None:
    hold = await source_hold(stores)
    hold.figures.rejected("empty", Position(EVENTS, 0, 0), 1_000)
    assert await looked(stores, hold, Look(ANN, Owner("p", 0, EVENTS, 0, 1), Owner("q", 0, EVENTS, 0, 1))) == LOST
    assert set(hold.figures.changed) == {"from", "r:empty"}
    assert await looked(stores, hold, Look(ANN, None, Owner("q", 0, EVENTS, 0, 1))) == DONE
    assert hold.figures.changed == {}
    hold.figures.rejected("empty", Position(EVENTS, 0, 1), 2_000)
    assert await stores.source.commit([(hold, NO_PLAN, 2)]) == DONE
    assert (await source_hold(stores)).figures.rejections["empty"].times == 2


async def test_who_lost_a_partition_counts_nothing(stores: Stores) -> None:
    old, new = await source_hold(stores), await source_hold(stores)
    old.figures.rejected("empty", Position(EVENTS, 0, 0), 1_000)
    assert await stores.source.advance([old, new]) == [False, True]
    assert (await source_hold(stores)).figures.rejections == {}
    lost = await counting_hold(stores)
    assert lost.figures is not None
    lost.figures.folded(1, 1)
    await shard_hold(stores)
    assert not await folded(stores, lost, 1)
    assert await stores.shard.figures([lost]) == [None]
    assert (await counting_hold(stores)).figures.numbers["m"] == {}  # type: ignore[union-attr]


async def test_a_shards_figures_are_written_with_its_commit_and_what_is_dropped_goes(stores: Stores) -> None:
    hold = await counting_hold(stores)
    assert hold.figures is not None
    for minute in range(131):
        hold.figures.folded(minute, 2)
    hold.figures.linked(Linked(5, EVENTS, 0, 1, "p", "g", 1.5), 20)
    hold.figures.moved("gone", 20, entered=True)
    hold.figures.moved("a:b", 20, entered=True)
    assert await folded(stores, hold, 1)
    assert (hold.figures.changed, hold.figures.dropped) == ({}, set())
    hold.figures.forget("gone")
    hold.figures.folded(131, 1)
    hold.figures.rejected("deleted", Position(EVENTS, 1, 7), 9)
    assert await folded(stores, hold, 2)
    read = (await counting_hold(stores)).figures
    assert read is not None
    assert parts(read) == parts(hold.figures)
    assert (min(read.numbers["m"]), read.numbers["m"][131], read.numbers["h"]) == (2, 1, {0: 120, 1: 120, 2: 23})
    assert read.segments == {"a:b": {20: Turnover(1, 0)}}


async def test_figures_that_nobody_has_read_are_left_alone(stores: Stores) -> None:
    hold = await counting_hold(stores)
    assert hold.figures is not None
    hold.figures.folded(1, 1)
    assert await folded(stores, hold, 1)
    hold.forget()
    assert await stores.shard.trim([(hold, [])]) == [True]
    (read,) = await stores.shard.figures([hold])
    assert read is not None
    assert read.numbers["m"] == {1: 1}
