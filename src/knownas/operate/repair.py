"""`knownas repair`: the store lost writes that it had acknowledged; an older copy was put back, or a replica took over.

Bindings and owners that the ledger has and the store lacks are put back, and stage 1 goes on where the group's
committed offsets say that everything before was sent. Stage 2 goes back to where the store is: the workers fold from
there once more what they had folded, into the same bytes, and publish it again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.segments import SegmentStore
from knownas.errors import CannotStart
from knownas.nouns import RESOLVED
from knownas.operate.evidence import Evidence
from knownas.operate.restoring import Restored, Sources, Told
from knownas.operate.standstill import Standing, goes_on_at, set_group, standing, until_nobody_works
from knownas.operate.world import World
from knownas.stages.ports import Partition
from knownas.topics import Layout

_read_watermarks: Final = msgspec.msgpack.Decoder(dict[str, tuple[int, int]]).decode


@dataclass
class Repaired:
    """What a repair did. `ahead` are records by which stage 1 was moved on, `back` messages that stage 2 folds once
    more."""

    stage_1: Restored
    ahead: int
    back: int
    segments: int

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


async def repair(world: World, told: Told) -> Repaired:
    """Put back what the ledger has and the store lacks. Refused while workers run; done twice it does nothing more."""
    layout = await world.layout()
    if all(position is None for position in (await standing(world, layout)).stored.values()):
        raise CannotStart("the store is empty: `knownas rebuild` makes it anew from Kafka")
    await until_nobody_works(world)
    stood = await standing(world, layout)
    positions = {partition: goes_on_at(stood, partition) for partition in stood.sources()}
    moved = sum(at - (stood.stored[partition] or 0) for partition, at in positions.items())
    evidence = Evidence(dict(positions))
    sources = Sources(world, layout, evidence, told)
    shards = {partition: _stands_at(stood, partition, layout) for partition in stood.shards()}
    await sources.take_ledger()
    await sources.take_rejected()
    ahead = {
        partition: await _take_messages(world, layout, partition, at, evidence, told)
        for partition, at in shards.items()
    }
    for partition in stood.sources():
        await sources.take_partition(partition)
    segments = await SegmentStore(world.link(), world.keys).restore(
        list(evidence.definitions.values()), evidence.latest
    )
    await _fence(world, ahead)
    await set_group(world, layout, positions | shards)
    back = sum(max(0, stood.committed.get(partition, 0) - at) for partition, at in shards.items())
    return Repaired(sources.restored, moved, back, segments)


def _stands_at(stood: Standing, partition: Partition, layout: Layout) -> int:
    """Where a shard is in the store, which must be where Kafka has messages."""
    first, end = stood.bounds[partition]
    at = stood.stored[partition] or 0
    if not first <= at <= end:
        raise CannotStart(
            f"the store is too old: {layout.name(RESOLVED)}[{partition[1]}] stands at {at} there, and Kafka holds "
            f"{first} to {end}. `knownas rebuild --replace` makes it anew"
        )
    return at


async def _take_messages(
    world: World, layout: Layout, partition: Partition, at: int, evidence: Evidence, told: Told
) -> int:
    """Gather what was sent of records that come again: behind the shard's position, unless it had folded such a one.
    Where the last message ends."""
    (raw,) = await world.link().run([("HGET", world.keys.shard(partition[1]) + k.AT, "watermarks")])
    folded = _read_watermarks(raw) if raw is not None else {}
    known = {f"{topic}/{number}": first for (topic, number), first in evidence.positions.items()}
    is_behind = all(offset < known.get(source, offset + 1) for source, (offset, _) in folded.items())
    begin = {partition[1]: at if is_behind else 0}
    name, what = layout.name(RESOLVED), f"{RESOLVED}/{partition[1]}"
    progress = lambda done, total: told(what, done, total)  # noqa: E731 (it is bound to this shard)
    last = at
    async for record in world.log.read(name, True, [partition[1]], progress=progress, begin=begin):
        evidence.message(record.value)
        last = max(last, record.offset + 1)
    return last


async def _fence(world: World, ahead: Mapping[Partition, int]) -> None:
    """Whoever held a shard before, and still is somewhere, writes it no more; whoever takes it learns up to where it
    is told what it was told before."""
    ats = {world.keys.shard(shard) + k.AT: at for (_, shard), at in ahead.items()}
    await world.link().run([("HSET", at, "token", secrets.token_hex(8), k.AHEAD, end) for at, end in ats.items()])
