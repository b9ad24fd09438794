"""Time passes by records: a shard is sent a tick now and then, and what the clock decides happens where that stands."""

from __future__ import annotations

from typing import Final

import msgspec

from knownas.nouns import RESOLVED, Resolved, Source
from knownas.stages.hold import ShardHold
from knownas.stages.ports import Element, Outgoing

_encode: Final = msgspec.json.Encoder().encode


def due_tick(hold: ShardHold, position: int) -> Element:
    """The tick that a shard is due, if any, to stand in the outbox behind all that was caused before this position.

    It is number 0 of the message at `position`, whose own consequences are numbered from 1: so the numbers of what a
    shard tells itself only rise. The time is that of its record in Kafka. Where a store was got back the shard may have
    told itself higher ones already that are still to be folded: it is due its tick after those.
    """
    if hold.tick is None or position < hold.ahead:
        return []
    source = Source(RESOLVED, hold.partition, position, 0)
    told = Resolved(profile="", source=source, at=0, ts=0, task="tick", days=hold.tick, segments=hold.news)
    return [Outgoing(RESOLVED, hold.partition, b"", _encode(told), [], None)]
