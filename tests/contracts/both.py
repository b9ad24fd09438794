"""Both stages' stores, in memory and the real ones: taken, and committed to a chunk at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from knownas.identity.plan import Look, Plan
from knownas.nouns import CHANGED, EVENTS, RESOLVED, UPDATES, Identity
from knownas.profile.fold import Folded
from knownas.stages.hold import ShardHold, SourceHold
from knownas.stages.ports import Committed, Outgoing, ShardStore, SourceStore

ANN, BEN = Identity("email", "ann@x.ie"), Identity("email", "ben@x.ie")
P0, U0, S0 = (EVENTS, 0), (UPDATES, 0), (RESOLVED, 0)
NO_PLAN = Plan([], {}, {}, [], [], [], [], {}, {}, 0)
NOTHING = Folded({}, {}, {}, {}, [], [], [], [], 0)
MESSAGE = Outgoing(CHANGED, 0, b"p", b"{}", [("h", b"v")], None)
TIMELINE = 3


@dataclass
class Stores:
    """Both sides of a store."""

    source: SourceStore
    shard: ShardStore


async def source_hold(stores: Stores, first: int = 0) -> SourceHold:
    """Take a partition of events."""
    return (await stores.source.take({P0: first}))[P0]


async def shard_hold(stores: Stores) -> ShardHold:
    """Take a shard."""
    return (await stores.shard.take({S0: 0}))[S0][0]


async def looked(stores: Stores, hold: SourceHold, *looks: Look, **parts: Any) -> Committed:
    """Commit a chunk whose decisions rest on these owner rows."""
    return await stores.source.commit([(hold, NO_PLAN._replace(looks=list(looks), **parts), hold.position)])


DONE = Committed([True], written=True)
LOST = Committed([True], written=False)


async def folded(stores: Stores, hold: ShardHold, after: int, *, published: int = 0, **parts: Any) -> bool:
    """Commit one chunk of a shard."""
    hold.published = published
    element = parts.pop("element", [])
    (accepted,) = await stores.shard.commit([(hold, NOTHING._replace(**parts), after, element)])
    return accepted
