"""People put into a store's index as the stages do: through the commit, some thousand at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from knownas.find.upkeep import Upkeep
from knownas.nouns import RESOLVED, Entry, Profile, shard_of
from knownas.profile.fold import Folded
from knownas.profile.time import Calendar
from knownas.stages.hold import ShardHold
from knownas.stages.ports import Element, ShardStore

NOTHING = Folded({}, {}, {}, {}, [], [], [], [], 0)
People = Iterable[tuple[Profile, Sequence[Entry]]]


async def put(
    store: ShardStore, shards: int, people: People, at_ms: int, calendar: Calendar, at_once: int = 2_000
) -> int:
    """Put people with their timelines into their shards; how many."""
    holds = {}
    for (_, shard), (hold, _) in (await store.take({(RESOLVED, shard): 0 for shard in range(shards)})).items():
        (hold.directory,) = await store.directories([hold])
        assert hold.directory is not None
        hold.directory.complete = True
        holds[shard] = hold
    rest, count = iter(people), 0
    while some := list(islice(rest, at_once)):
        parts: dict[int, list[tuple[Profile, Sequence[Entry]]]] = {shard: [] for shard in range(shards)}
        for profile, timeline in some:
            parts[shard_of(profile.id, shards)].append((profile, timeline))
        chunks: list[tuple[ShardHold, Folded, int, Element]] = []
        for shard, part in parts.items():
            hold = holds[shard]
            assert hold.directory is not None
            upkeep = Upkeep(hold.directory, calendar)
            upkeep.passes(at_ms)
            for profile, _ in part:
                if not profile.gone:
                    upkeep.adopt(profile)
            folded = NOTHING._replace(
                profiles={profile.id: profile for profile, _ in part},
                timelines={profile.id: list(timeline) for profile, timeline in part if timeline},
                planes=upkeep.result(),
            )
            chunks.append((hold, folded, hold.position, []))
        assert all(await store.commit(chunks))
        count += len(some)
    return count
