"""A worker's hold on a partition: the right to write it, as long as the store knows the hold's token.

A hold begins when a worker takes the partition (a fresh random token is written beside the position) and ends when
the partition is revoked or the store refuses the token. A hold that is not `alive` writes and sends nothing.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from knownas.find.segments import Registry
from knownas.find.terms import Directory
from knownas.nouns import Definition, Outcome, Profile
from knownas.stages.figures import Figures


@dataclass(slots=True, eq=False)
class Hold:
    """What every hold has.

    `position` is what the store has; `done` is how far this worker has come, with everything before it sent.
    Invariant: `position <= done`, and the store's token is `token` as long as `alive` is true or nobody took it.
    """

    topic: str
    partition: int
    token: str
    position: int
    done: int
    alive: bool = True
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def drop(self) -> None:
        """Give the hold up; what is under way under it will be refused or ignored."""
        self.alive = False


@dataclass(slots=True, eq=False)
class SourceHold(Hold):
    """A hold on a partition of `events` or `updates`.

    `origins` are the watermarks of records from elsewhere and `time` the partition's time in milliseconds, both as of
    `done`; `outcomes` are what an earlier run decided for records that may come again; `days` are those of which the
    store has marks of producers' ids; `figures` are as of `done` too.
    """

    origins: dict[str, int] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    time: int = 0
    days: tuple[int, ...] = ()
    figures: Figures = field(default_factory=lambda: Figures({}))


@dataclass(slots=True, eq=False)
class ShardHold(Hold):
    """A hold on a shard. `profiles` is a cache, the most recently used last; `published` counts outbox elements that
    are acknowledged and not yet trimmed; `indexed` says whether the store keeps the shard's idle guests in order;
    `tick` is set while the shard is due a look at the clock: after how many days idle guests go; `directory` is that of
    the shard's index as far as it is read, and changed with every fold: a fold that is not committed spoils it.
    `segments` are the shard's live segments as far as they are read, `news` definitions that its next tick brings, and
    `offered` the version of the newest that was ever brought. `figures` are the shard's as far as they are read. Below
    the position `ahead` a store that was got back folds what another folded before; 0: no store was got back."""

    def forget(self) -> None:
        """What was folded was not committed, or nobody knows whether it was: all of it is read again."""
        self.profiles.clear()
        self.directory = None
        self.segments = None
        self.figures = None

    watermarks: dict[str, tuple[int, int]] = field(default_factory=dict)
    profiles: OrderedDict[str, Profile] = field(default_factory=OrderedDict)
    published: int = 0
    indexed: bool = False
    tick: int | None = None
    directory: Directory | None = None
    segments: Registry | None = None
    figures: Figures | None = None
    news: list[Definition] = field(default_factory=list)
    offered: int = 0
    ahead: int = 0

    def ticked(self) -> None:
        """The tick that was due is sent."""
        self.tick, self.news = None, []
