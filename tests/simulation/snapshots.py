"""What the simulated shards have written to the snapshots, against what the plain model says as of that position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import msgspec

from knownas.adapters.memory import LogEntry
from knownas.adapters.reader import read_profile
from knownas.nouns import RESOLVED, SNAPSHOTS, Profile
from knownas.operate.cut import Cut, Newest, Snapshot, read_mark
from knownas.plain.counting import figures
from knownas.plain.folding import Shard
from knownas.stages.snapshots import DAY_MS, MARK, Mark
from tests.simulation.comparing import messages_of, model
from tests.simulation.world import World


class Written(NamedTuple):
    """What somebody who reads the snapshots of a shard up to some message finds."""

    mark: Mark
    snapshots: Mapping[str, Snapshot]


def snapshot_faults(world: World) -> list[str]:
    """Everything in which the snapshots are not what they must be, a line each."""
    return [line for shard in range(world.setting.shards) for line in _of_shard(world, shard)]


def _of_shard(world: World, shard: int) -> Iterator[str]:
    log = world.kafka.logs[world.layout.name(SNAPSHOTS), shard]
    if not log:
        return
    views = [_read(log), _read(log[: world.rng.choice(_ends(log)) + 1])]
    for written in views:
        late = [profile for profile, one in written.snapshots.items() if one.position > written.mark.position]
        yield from (f"shard {shard}: the snapshot of {profile} is newer than the mark" for profile in late)
    positions = {one.position for written in views for one in written.snapshots.values()}
    positions |= {written.mark.position for written in views}
    at = {position: _shard_at(world, shard, position) for position in positions}
    for written in views:
        for profile, snapshot in written.snapshots.items():
            yield from _differing(profile, snapshot, at[snapshot.position])
        then = at[written.mark.position]
        yield from _of_mark(world, written.mark, then)
        gone = Cut(written.snapshots).gone
        left = [one.id for one in then.profiles.values() if one.gone and one.id in written.snapshots.keys() - gone]
        yield from (f"{profile} is deleted and still in the snapshots at {written.mark.position}" for profile in left)
    if not world.was_lost:  # how far the walk was is lost as well
        yield from _seldom(world, shard, log)


def latest_beginning(world: World, shard: int) -> int:
    """Up to where Kafka may have lost a shard's messages: the snapshots of whom they are of reflect them all."""
    newest = Newest()
    for entry in world.kafka.logs[world.layout.name(SNAPSHOTS), shard]:
        newest.take((entry.key or b"").decode(), entry.value)
    if newest.mark is None:
        return 0
    cut = Cut(newest.snapshots())
    messages = world.kafka.logs[world.layout.name(RESOLVED), shard]
    needed = [
        cut.reflected.get(profile, entry.offset)
        for entry in messages
        if (profile := (entry.key or b"").decode()) and profile not in cut.gone
    ]
    return min([newest.mark.position, *needed])


def _read(log: Iterable[LogEntry]) -> Written:
    newest = Newest()
    for entry in log:
        newest.take((entry.key or b"").decode(), entry.value)
    assert newest.mark is not None
    assert newest.torn() == []
    return Written(newest.mark, newest.snapshots())


def _ends(log: Iterable[LogEntry]) -> list[int]:
    """Where the mark of a commit stands, which is the last of its messages."""
    return [entry.offset for entry in log if entry.key == MARK.encode()]


def _shard_at(world: World, shard: int, position: int) -> Shard:
    """A shard as the model has it after the messages below a position."""
    messages = messages_of(world)
    messages[shard] = [told for told in messages[shard] if told.offset < position]
    return model(world, messages).shards[shard]


def _differing(profile: str, snapshot: Snapshot, shard: Shard) -> Iterator[str]:
    found = _bare(read_profile(snapshot.kept.profile))
    wanted = shard.profiles.get(profile)
    if wanted is None or found != _bare(wanted):
        yield f"the snapshot of {profile} at {snapshot.position}:\n    real  {found}\n    model {wanted}"
    held = {what: {text: place for place, text in items} for what, items in snapshot.kept.lists.items()}
    lists = {what: items for (whose, what), items in shard.overflow.items() if whose == profile and items}
    if wanted is not None and not wanted.gone and held != lists:
        yield f"the lists in the snapshot of {profile} at {snapshot.position}: {held}, not {lists}"


def _bare(profile: Profile) -> Profile:
    """A profile without what the model does not say: its number in the index, and those of segments."""
    return msgspec.structs.replace(profile, number=-1, segments=[])


def _of_mark(world: World, mark: Mark, shard: Shard) -> Iterator[str]:
    counted = {name: count for name, count in mark.counters.items() if count}
    wanted = {name: count for name, count in shard.counters().items() if count}
    if counted != wanted:
        yield f"the mark of shard {shard.number} at {mark.position} counts {counted}, not {wanted}"
    figured = {name: msgspec.msgpack.decode(raw) for name, raw in mark.figures.items()}
    shown = {name: value for name, value in figured.items() if name != "from" and not name.startswith("s:")}
    noted = figures(shard.noted, world.setting.day_timezone)
    if shown != noted:
        yield f"the mark of shard {shard.number} at {mark.position} has figures {shown}, not {noted}"
    queries = {held.definition.name: held.definition.query for held in mark.held}
    if queries != shard.segments:
        yield f"the mark of shard {shard.number} at {mark.position} has segments {queries}, not {shard.segments}"


def _seldom(world: World, shard: int, log: Iterable[LogEntry]) -> Iterator[str]:
    """Whom the walk left out that had time to come round: everybody is written once in a cycle, and a tick more, for
    that it is no tick that ends a cycle."""
    ticks = {told.offset: told.at for told in messages_of(world)[shard] if told.tick_days is not None}
    marks = sorted({read_mark(entry.value or b"").position for entry in log if entry.key == MARK.encode()})
    times = [(position, ticks[position - 1]) for position in marks if position - 1 in ticks]
    if not times:
        return
    longest = max((later - earlier for (_, earlier), (_, later) in pairwise(times)), default=0)
    enough = world.snapshot_days * DAY_MS + 2 * longest
    before = [position for position, at in times if times[-1][1] - at >= enough]
    if not before:
        return
    cut = Cut(written := _read(log).snapshots)
    for profile, known in _shard_at(world, shard, before[-1] - 1).profiles.items():
        at = written[profile].position if profile in written else None
        if profile not in cut.gone and not known.gone and (at is None or at < before[-1]):
            yield f"{profile} of shard {shard} is in the snapshots as of {at}, not {before[-1]} or later"
