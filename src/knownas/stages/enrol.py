"""A store of an earlier version has profiles that its index does not know: they are enrolled before anything else.

It happens once a shard, at the first chunk after the upgrade, a step of a few thousand profiles a commit. Every step is
fenced like any commit and moves nothing else; what a step of somebody before us did stays. A million profiles take a
minute or two, in which the shard's records wait.
"""

from __future__ import annotations

from typing import Final

from knownas.find.upkeep import Upkeep
from knownas.profile.fold import Folded
from knownas.profile.time import Calendar
from knownas.stages.hold import ShardHold
from knownas.stages.ports import ShardStore

NOTHING: Final = Folded({}, {}, {}, {}, [], [], [], [], 0)


async def enrol(store: ShardStore, hold: ShardHold, calendar: Calendar, at_ms: int) -> bool:
    """Enrol everybody whom a shard's index lacks, as of the time of the record that is next; False where refused."""
    directory = hold.directory
    assert directory is not None
    cursor = 0
    while True:
        profiles, cursor = await store.some(hold, cursor)
        upkeep = Upkeep(directory, calendar)
        upkeep.passes(at_ms)
        new = {profile.id: profile for profile in profiles if profile.number < 0 and not profile.gone}
        for profile in new.values():
            upkeep.adopt(profile)
        folded = NOTHING._replace(profiles=new, watermarks=hold.watermarks, planes=upkeep.result())
        (accepted,) = await store.commit([(hold, folded, hold.position, [])])
        if not accepted or not cursor:
            return accepted
