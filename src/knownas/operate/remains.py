"""What snapshots and a mark hold of a shard whose beginning Kafka lacks, put into the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.adapters.reader import read_profile
from knownas.adapters.redis import Command, Link
from knownas.adapters.store import RedisShardStore, encode
from knownas.find import planes
from knownas.find.segments import Held
from knownas.find.upkeep import IN, NO_CHANGE
from knownas.operate.cut import Snapshot
from knownas.profile.time import Calendar
from knownas.stages.enrol import NOTHING, enrol
from knownas.stages.hold import ShardHold
from knownas.stages.snapshots import Mark

COMMANDS_AT_ONCE: Final = 4_000


class Remains:
    """Puts into the store what is left of a shard: profiles before its messages are folded, the rest after them."""

    def __init__(self, link: Link, keys: Keys, store: RedisShardStore, calendar: Calendar) -> None:
        self._link, self._keys, self._store, self._calendar = link, keys, store, calendar

    async def put(self, shard: int, snapshots: Mapping[str, Snapshot]) -> None:
        """Put profiles as they were into the store."""
        prefix = self._keys.shard(shard)
        commands: list[Command] = []
        for profile, (_, kept) in snapshots.items():
            stored = msgspec.structs.replace(read_profile(kept.profile), number=-1)
            commands.append(("SET", prefix + k.profile(profile), encode(stored)))
            for what, items in kept.lists.items():
                flat = [part for item in items for part in item]
                commands.append(("ZADD", prefix + k.overflow(what, profile), *flat))
            if len(commands) >= COMMANDS_AT_ONCE:
                await self._link.run(commands)
                commands = []
        if commands:
            await self._link.run(commands)

    async def number(self, hold: ShardHold, mark: Mark) -> int:
        """Enrol everybody in the index, and in the segments they are in; how many these are."""
        if hold.directory is None:
            (hold.directory,) = await self._store.directories([hold])
        assert hold.directory is not None
        hold.directory.complete = True
        await enrol(self._store, hold, self._calendar, mark.state.clock_ms)
        seen: set[int] = set()
        cursor = 0
        while True:
            profiles, cursor = await self._store.some(hold, cursor)
            turned: dict[str, dict[int, int]] = {}
            for profile in [one for one in profiles if one.number >= 0 and one.number not in seen]:
                seen.add(profile.number)
                for number in profile.segments:
                    turned.setdefault(planes.segment(number), {})[profile.number] = IN
            folded = NOTHING._replace(watermarks=hold.watermarks, planes=NO_CHANGE._replace(planes=turned))
            await self._store.commit([(hold, folded, hold.position, [])])
            if not cursor:
                return len(seen)

    async def put_mark(self, hold: ShardHold, mark: Mark) -> None:
        """What hinges on the whole shard, as the mark has it. Segments walk through everybody anew; whoever is in one
        already hears nothing."""
        prefix = self._keys.shard(hold.partition)
        segments: list[bytes | str] = [k.SEGMENTS_STATE, encode(mark.state._replace(walk=None, asked=None))]
        for held in mark.held:
            segments += (k.SEGMENT + held.definition.name, encode(Held(held.number, held.definition)))
        commands: list[Command] = [
            ("UNLINK", prefix + k.COUNTERS, prefix + k.FIGURES, prefix + k.SEGMENTS),
            ("HSET", prefix + k.SEGMENTS, *segments),
            ("HSET", prefix + k.AT, "watermarks", encode(mark.watermarks)),
        ]
        for name, values in ((k.COUNTERS, mark.counters), (k.FIGURES, mark.figures)):
            if values:
                commands.append(("HSET", prefix + name, *[part for pair in values.items() for part in pair]))
        await self._link.run(commands)
