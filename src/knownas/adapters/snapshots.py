"""What snapshots are made of, read from the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knownas.adapters import keys as k
from knownas.adapters.index import numbers_in
from knownas.adapters.keys import Keys
from knownas.adapters.reader import read_profile
from knownas.adapters.redis import Command, Link
from knownas.adapters.store import fields_in
from knownas.nouns import Profile
from knownas.profile.leaving import LEAVING
from knownas.stages.hold import ShardHold
from knownas.stages.snapshots import WALK, WALKED, Before, Kept, Lists, Stand


class RedisSnapshotStore:
    """The store as snapshots are made of it."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link, self._keys = link, keys

    async def stand(self, hold: ShardHold) -> Stand:
        """Counters, figures, how far the walk is; with shard 0 what the deployment keeps in the store alone."""
        prefix = self._keys.shard(hold.partition)
        commands: list[Command] = [
            ("HGETALL", prefix + k.COUNTERS),
            ("HGETALL", prefix + k.FIGURES),
            ("HMGET", prefix + k.INDEX, WALK, WALKED),
        ]
        if hold.partition == 0:
            commands += [("HGETALL", self._keys.gateway_keys), ("HGETALL", self._keys.layout)]
        counters, figures, (walk, walked_ms), *meta = await self._link.run(commands)
        named = dict(zip(("keys", "layout"), map(fields_in, meta), strict=False))
        return Stand(numbers_in(counters), fields_in(figures), int(walk or 0), int(walked_ms or 0), named)

    async def kept(self, hold: ShardHold, profiles: Sequence[str]) -> dict[str, Before]:
        """Those of these profiles that are stored, with their overflow lists."""
        prefix = self._keys.shard(hold.partition)
        raws, numbers = await self._link.run(
            [
                ("MGET", *[prefix + k.profile(profile) for profile in profiles]),
                ("HMGET", prefix + k.SNAPPED, *profiles),
            ]
        )
        found = [
            (profile, raw, int(n) if n else None)
            for profile, raw, n in zip(profiles, raws, numbers, strict=True)
            if raw
        ]
        lists = await self._lists(prefix, [read_profile(raw) for _, raw, _ in found])
        return {profile: Before(Kept(raw, lists.get(profile, {})), pieces) for profile, raw, pieces in found}

    async def _lists(self, prefix: str, profiles: Sequence[Profile]) -> dict[str, Lists]:
        asked = [(p.id, what) for p in profiles for what in LEAVING if getattr(p, f"{what}_more")]
        commands = [("ZRANGE", prefix + k.overflow(what, profile), 0, -1, "WITHSCORES") for profile, what in asked]
        found: dict[str, Lists] = {}
        for (profile, what), flat in zip(asked, await self._link.run(commands) if commands else [], strict=True):
            found.setdefault(profile, {})[what] = placed(flat)
        return found


def placed(flat: Sequence[Any]) -> list[tuple[int, str]]:
    """Items with their places, from a sorted set."""
    return [(int(float(flat[n + 1])), flat[n].decode()) for n in range(0, len(flat), 2)]
