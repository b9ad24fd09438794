"""`knownas rebuild`: the store is gone, Kafka is not.

Bindings and owners come from the ledger, how far stage 1 is from the group's committed offsets, records' ids and
watermarks from the records themselves, profiles from `resolved` and the snapshots. Nothing is sent. What was under way
when the store went is done by the workers when they start: they find in the store how far everything was published.

From the first write to the last the store says that it is half rebuilt, and no worker starts on it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from knownas.adapters.keys import Keys
from knownas.adapters.reader import Reader
from knownas.adapters.redis import Link
from knownas.adapters.segments import SegmentStore
from knownas.errors import CannotStart
from knownas.operate.evidence import Evidence
from knownas.operate.layout import UNFINISHED, check_topics, layout_now, layout_problems
from knownas.operate.replaying import Replayed, Shards
from knownas.operate.restoring import Restored, Sources, Told
from knownas.operate.standstill import goes_on_at, set_group, standing, until_nobody_works
from knownas.operate.world import World
from knownas.topics import Layout

KEYS_AT_ONCE: Final = 5_000


@dataclass
class Rebuilt:
    """What a rebuild did. `behind` are messages that the workers have still to fold; `notes` say what is gone."""

    stage_1: Restored
    stage_2: Replayed
    profiles: dict[str, int]
    segments: int
    callers: int
    seconds: float
    behind: int
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self) | {"records_per_second": self.rate}

    @property
    def rate(self) -> int:
        """Ledger rows and messages done in a second."""
        return round((self.stage_1.rows + self.stage_2.messages) / max(self.seconds, 0.001))


async def rebuild(world: World, told: Told, *, replace: bool = False) -> Rebuilt:
    """Make the store anew from Kafka. Refused while workers run, and where the store has anything, unless `replace`."""
    began = time.monotonic()
    layout = await check_topics(world.log, world.settings.topic_prefix)
    remembered = _Remembered(world.link(), world.keys)
    stood = await standing(world, layout)
    is_empty = all(position is None for position in stood.stored.values()) and not await remembered.is_unfinished()
    if not is_empty and not replace:
        raise CannotStart(
            "the store is not empty: `knownas repair` mends one that lost its newest writes, `knownas rebuild "
            "--replace` empties this one and makes it anew"
        )
    await until_nobody_works(world)
    reader = Reader(world.link(), world.keys, world.names, layout)
    stood = (await standing(world, layout))._replace(stored=dict.fromkeys(stood.stored))
    positions = {partition: goes_on_at(stood, partition) for partition in stood.sources()}
    evidence = Evidence(dict(positions))
    sources, shards = Sources(world, layout, evidence, told), Shards(world, layout, evidence, told)
    _check_made_for(await shards.made_for(), layout, world)
    await remembered.begin(layout_now(layout, world.names, world.settings))
    await _empty(world, reader)
    await sources.take_ledger()
    await sources.take_rejected()
    for partition in stood.shards():
        positions[partition] = await shards.replay(partition[1], stood.bounds[partition][0])
    for partition in stood.sources():
        await sources.take_partition(partition)
    segments = await SegmentStore(world.link(), world.keys).restore(
        list(evidence.definitions.values()), evidence.latest
    )
    callers = await remembered.give_back_callers(shards.meta.get("keys", {}))
    await set_group(world, layout, positions)
    await remembered.end()
    counters = await reader.counters()
    return Rebuilt(
        sources.restored, shards.replayed, counters, segments, callers, time.monotonic() - began, shards.replayed.left,
        list(_notes(shards.replayed, callers)),
    )  # fmt: skip


def _check_made_for(known: Mapping[str, bytes], layout: Layout, world: World) -> None:
    """Whoever forgot the secret would rebuild a store in which nobody is recognized."""
    then = {name: value.decode() for name, value in known.items()}
    now = layout_now(layout, world.names, world.settings)
    if then and (problems := layout_problems(then, now, world.settings.topic_prefix)):
        raise CannotStart("\n".join(problems))


async def _empty(world: World, reader: Reader) -> None:
    """Let go of everything but what the deployment keeps in the store alone."""
    kept = f"{world.keys.prefix}{{meta}}:".encode()
    gone = [key for key in await reader.keys_like(world.keys.prefix + "{*") if not key.startswith(kept)]
    link = world.link()
    for start in range(0, len(gone), KEYS_AT_ONCE):
        await link.run([("UNLINK", key) for key in gone[start : start + KEYS_AT_ONCE]])


class _Remembered:
    """What the store says of the deployment."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link, self._keys = link, keys

    async def is_unfinished(self) -> bool:
        (found,) = await self._link.run([("HEXISTS", self._keys.layout, UNFINISHED)])
        return bool(found)

    async def begin(self, layout: Mapping[str, str]) -> None:
        fields = [part for pair in layout.items() for part in pair]
        await self._link.run([("UNLINK", self._keys.layout), ("HSET", self._keys.layout, *fields, UNFINISHED, "1")])

    async def end(self) -> None:
        await self._link.run([("HDEL", self._keys.layout, UNFINISHED)])

    async def give_back_callers(self, known: Mapping[str, bytes]) -> int:
        """Callers' keys as the newest mark has them, unless the store still has some; how many there are."""
        key = self._keys.gateway_keys
        (there,) = await self._link.run([("HLEN", key)])
        if not there and known:
            await self._link.run([("HSET", key, *[part for pair in known.items() for part in pair])])
        return int(there) or len(known)


def _notes(replayed: Replayed, callers: int) -> list[str]:
    notes = ["figures of rejected records begin anew; what the page wrote down of who looked at whom is gone"]
    if replayed.cut:
        notes.append(
            f"in {replayed.cut} shards Kafka no longer has every message: timelines begin where it does; profiles and "
            "counts are exact; live segments judge everybody once more"
        )
    if replayed.uncovered:
        notes.append(
            f"{replayed.uncovered:,} profiles were written to the snapshots before the first message that Kafka still "
            "has: what came to them in between is gone. KNOWNAS_SNAPSHOT_DAYS must be well below what resolved keeps"
        )
    if replayed.missing:
        notes.append(f"{replayed.missing:,} profiles were never written to the snapshots: they are gone")
    if replayed.torn:
        notes.append(
            f"the newest snapshots of {replayed.torn:,} profiles lack a message each: these profiles begin with what "
            "Kafka still has of them"
        )
    if replayed.lost:
        notes.append(
            f"between the newest snapshots and the first messages that Kafka still has lie {replayed.lost:,} offsets: "
            "who came then is gone, and counts are those of before"
        )
    if not callers:
        notes.append("no callers' keys are known: make new ones with `knownas keys create`")
    return notes
