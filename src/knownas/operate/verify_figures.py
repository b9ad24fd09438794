"""What `knownas verify` compares of figures (`stages.figures`): each field with what the model counts, from the offset
on at which the store began. Who entered and left segments is not in it: the model knows who is in, not the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from knownas.adapters.figures import FigureReader
from knownas.nouns import RESOLVED
from knownas.operate.world import World
from knownas.plain import Answer, Logs, Setting
from knownas.plain.counting import Noted, figures, noted_in
from knownas.stages.figures import FROM, SEGMENT_DAYS
from knownas.stages.ports import Partition
from knownas.topics import Layout


async def uncounted(world: World, layout: Layout, answer: Answer, logs: Logs, setting: Setting) -> list[str]:
    """Every field that is not what the model says, a line each."""
    noted: dict[Partition, list[Noted]] = noted_in(answer.decisions, logs, setting)
    noted |= {(RESOLVED, shard.number): shard.noted for shard in answer.shards}
    stored = await FigureReader(world.link(), world.keys, layout).fields()
    days = setting.day_timezone
    return [line for tp, fields in stored.items() for line in differences(tp, fields, noted.get(tp, []), days)]


def differences(tp: Partition, fields: Mapping[str, bytes], noted: Iterable[Noted], day_timezone: str) -> Iterator[str]:
    """The fields of a partition or shard that are not what was noted of it, a line each."""
    found = {name: msgspec.msgpack.decode(raw) for name, raw in fields.items()}
    since = found.pop(FROM, None)
    if since is None:  # nothing was counted yet, or by a version that did not count
        return
    wanted = figures(noted, day_timezone, since)
    shown = {name: value for name, value in found.items() if not name.startswith(SEGMENT_DAYS + ":")}
    for name in dict.fromkeys([*wanted, *shown]):
        if wanted.get(name) != shown.get(name):
            yield f"figure {name} of {tp[0]}/{tp[1]} is {shown.get(name)}, not {wanted.get(name)}"
