"""Live segments as messages are folded: what is loaded for them, and what a tick does.

Records are watched one by one around the fold. A tick moves the shard's clock, takes in definitions, looks at those
whose time has come and goes on with the walk that fills new segments, a step of each; where that is not all, it asks
for another tick right away. One such request is under way at a time, however many ticks come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from knownas.find.membership import Then, Touch, Watch
from knownas.find.segments import Registry, SegmentChange
from knownas.find.turning import Midnights
from knownas.find.upkeep import NO_CHANGE
from knownas.nouns import RESOLVED, Definition, Entry, Profile, Resolved, Source
from knownas.profile.fold import NO_DATA, Arrived, Fold, Folded, FoldRules
from knownas.profile.types import PURCHASE
from knownas.stages.hold import ShardHold
from knownas.stages.ports import ShardStore, Shares

DUE_STEP: Final = 500
"""How many whose time has come a tick looks at."""
READING_STEP: Final = 100
"""How many, where segments read timelines."""
JUDGEMENTS: Final = 20_000
"""How often a step of a walk asks whether somebody is in a segment."""
ANOTHER: Final = (1 << 20) - 1
"""The number of a tick's request for another, beyond those of all else that it causes."""

Timelines = dict[str, list[Entry]]


class Segments:
    """The live segments of the shards of a worker."""

    def __init__(self, store: ShardStore, rules: FoldRules) -> None:
        self._store, self._midnights, self._kept = store, Midnights(rules.calendar), rules.timeline_entries

    async def timelines(self, hold: ShardHold, messages: Sequence[Arrived]) -> Timelines:
        """The timelines that these messages may let segments ask about."""
        registry = hold.segments
        if registry is None or not registry.read_events:
            return {}
        messages_of = Counter(arrived.profile for arrived in messages)
        needed = {
            profile.id
            for arrived in messages
            if (profile := hold.profiles.get(arrived.profile)) is not None
            and registry.reads_timeline(profile, _event(arrived), _named(arrived), self._kept - messages_of[profile.id])
        }
        return await self._load_timelines(hold, needed)

    async def _load_timelines(self, hold: ShardHold, profiles: set[str]) -> Timelines:
        asked = sorted(profiles)
        return dict(zip(asked, await self._store.timelines(hold, asked), strict=True)) if asked else {}

    def watch(self, hold: ShardHold, fold: Fold, stored: Timelines) -> Watched | None:
        """Watch a chunk being folded, where there are segments."""
        registry = hold.segments
        if registry is None or not registry.by_name:
            return None
        return Watched(registry, self._midnights, fold, stored, self._kept)

    def before(self, hold: ShardHold, arrived: Arrived, profiles: Sequence[Profile], stored: Timelines) -> Alone | None:
        """Watch a message that is folded alone, and these profiles with it."""
        registry = hold.segments
        if registry is None or not registry.by_name:
            return None
        return Alone(registry, self._midnights, arrived, profiles, stored, self._kept)

    async def tick(self, hold: ShardHold, arrived: Arrived, offset: int, folded: Folded) -> Folded:
        """What a tick does beside what was folded of it."""
        registry = hold.segments
        assert registry is not None
        if not (registry.by_name or registry.asked is not None or arrived.segments):
            return folded
        is_asked_for = arrived.source == (RESOLVED, hold.partition, registry.asked, ANOTHER)
        if is_asked_for:
            registry.asked = None
        registry.clock_ms = max(registry.clock_ms, arrived.at)
        changed = _define(registry, arrived.segments)
        buried = {profile.id for profile in folded.profiles.values() if profile.gone}
        step = await self._step(hold, registry, buried)
        watch = Watch(registry, self._midnights, lambda profile: step.timelines.get(profile, ()))
        for profile, due_ms in step.due:
            watch.pass_time(profile, due_ms, arrived.ts)
        walk, gone = registry.walk, []
        if walk is not None:
            for profile in step.walked:
                watch.judge(profile, walk.segments, arrived.ts)
            walk.at = step.walks_to
            assert hold.directory is not None
            if walk.at >= hold.directory.next:
                ended = registry.end_walk()
                changed |= {name for name in ended if name in registry.by_name}
                gone = [name for name in ended if name not in registry.by_name]
                registry.index()
                registry.begin_walk()
        told = list(folded.told)
        if (step.is_full or registry.walk is not None) and registry.asked is None:
            registry.asked = offset
            source = Source(RESOLVED, hold.partition, offset, ANOTHER)
            told.append(
                Resolved(profile="", source=source, at=arrived.at, ts=arrived.ts, task="tick", days=arrived.days)
            )
        looked_at = {profile.id: profile for profile, _ in step.due} | {profile.id: profile for profile in step.walked}
        moved = {transition.profile: looked_at[transition.profile] for transition in watch.transitions}
        change = SegmentChange(
            [*folded.segments.transitions, *watch.transitions], watch.due, step.past, registry.state,
            [registry.by_name[name].held for name in sorted(changed) if name in registry.by_name], gone,
        )  # fmt: skip
        folded = folded._replace(profiles=folded.profiles | moved, told=told)
        return _joined(folded, watch, change)

    async def _step(self, hold: ShardHold, registry: Registry, buried: set[str]) -> Step:
        most = READING_STEP if registry.read_events else DUE_STEP
        due = await self._store.due(hold, registry.clock_ms, most)
        walked: list[str] = []
        walks_to, walk = 0, registry.walk
        if walk is not None:
            size = max(1, min(most, JUDGEMENTS // max(1, len(walk.segments))))
            walked = [profile for profile in await self._store.numbered(hold, walk.at, size) if profile]
            walks_to = walk.at + size
        profiles = await self._profiles(hold, {*due, *walked} - buried)
        reads = {p.id for p in profiles.values() if not registry.read_events.isdisjoint(p.events)}
        return Step(
            [(profiles[profile], due_ms) for profile, due_ms in due.items() if profile in profiles],
            list(due),
            [profiles[profile] for profile in walked if profile in profiles],
            walks_to,
            len(due) >= most,
            await self._load_timelines(hold, reads),
        )

    async def _profiles(self, hold: ShardHold, wanted: set[str]) -> dict[str, Profile]:
        known = {profile: hold.profiles[profile] for profile in wanted if profile in hold.profiles}
        (loaded,) = await self._store.load([Shares(hold, sorted(wanted - known.keys()))])
        return known | (loaded or {})


class Step:
    """What a tick looks at: profiles that are due, with their time; all whose time has come, be they gone since; the
    profiles of a step of the walk, and where it goes on."""

    def __init__(
        self,
        due: list[tuple[Profile, int]],
        past: list[str],
        walked: list[Profile],
        walks_to: int,
        is_full: bool,
        timelines: Timelines,
    ) -> None:
        self.due, self.past, self.walked, self.walks_to = due, past, walked, walks_to
        self.is_full, self.timelines = is_full, timelines


def _define(registry: Registry, definitions: Sequence[Definition]) -> set[str]:
    changed = {name for definition in definitions if (name := registry.define(definition)) is not None}
    if changed:
        registry.index()
    registry.begin_walk()
    return changed


class Watched:
    """A fold, watched."""

    def __init__(self, registry: Registry, midnights: Midnights, fold: Fold, stored: Timelines, kept: int) -> None:
        self._fold, self._stored, self._kept = fold, stored, kept
        self._reads = bool(registry.read_events)
        self._watch = Watch(registry, midnights, self._timeline)

    def _timeline(self, profile: str) -> Sequence[Entry]:
        return [*self._stored.get(profile, ()), *self._fold.stands(profile)[1]][-self._kept :]

    def add(self, arrived: Arrived, raw: bytes, offset: int) -> None:
        """Fold a message."""
        stands, watch = self._fold.stands, self._watch
        touch = _touch(arrived, self._dropped(arrived) if self._reads else None)
        if _only_counts(arrived):
            known, _ = stands(arrived.profile)
            if known is not None and known.version and known.guest_of is None and not known.gone:
                was = watch.before_event(known, touch)
                self._fold.add(arrived, raw, offset)
                watch.after_event(was, known, touch)
                return
        then = watch.before(stands(arrived.profile)[0], touch)
        self._fold.add(arrived, raw, offset)
        profile, _ = stands(arrived.profile)
        if profile is not None:
            watch.after(then, profile, touch)

    def _dropped(self, arrived: Arrived) -> str | None:
        if arrived.record is None:
            return None
        stored = self._stored.get(arrived.profile, ())
        return _first_of_full(stored, self._fold.stands(arrived.profile)[1], self._kept)

    def result(self) -> Folded:
        """All that was folded, with who enters and leaves."""
        watch = self._watch
        return _joined(self._fold.result(), watch, SegmentChange(watch.transitions, watch.due))


class Alone:
    """A message that is folded alone, watched: `after` tells what came of the profiles given before."""

    def __init__(
        self,
        registry: Registry,
        midnights: Midnights,
        arrived: Arrived,
        profiles: Sequence[Profile],
        stored: Timelines,
        kept: int,
    ) -> None:
        self._entries: Mapping[str, Sequence[Entry]] = {}
        self._stored, self._kept = stored, kept
        self._watch = Watch(registry, midnights, self._timeline)
        dropped = None
        if arrived.record is not None:
            dropped = _first_of_full(stored.get(arrived.profile, []), (), kept)
        self._touch = Touch(None, None, (), arrived.ts, dropped)
        self._then: dict[str, tuple[Profile, Then | None]] = {
            profile.id: (profile, self._watch.before(profile, self._touch)) for profile in profiles
        }

    def _timeline(self, profile: str) -> Sequence[Entry]:
        return [*self._stored.get(profile, ()), *self._entries.get(profile, ())][-self._kept :]

    def after(self, folded: Folded) -> Folded:
        """What was folded, with who enters and leaves."""
        watch, self._entries = self._watch, folded.timelines
        for profile in folded.profiles.values():
            was, then = self._then.get(profile.id, (profile, None))
            if profile.gone:
                watch.leave(was, self._touch.ts, profile.version)
            else:
                watch.after(then, profile, self._touch)
        return _joined(folded, watch, SegmentChange(watch.transitions, watch.due))


def _joined(folded: Folded, watch: Watch, change: SegmentChange) -> Folded:
    turned = watch.planes
    if turned:
        index = folded.planes if folded.planes is not NO_CHANGE else NO_CHANGE._replace()
        planes = {plane: {**index.planes.get(plane, {}), **numbers} for plane, numbers in turned.items()}
        folded = folded._replace(planes=index._replace(planes={**index.planes, **planes}))
    return folded._replace(segments=change)


def _first_of_full(stored: Sequence[Entry], new: Sequence[Entry], kept: int) -> str | None:
    """The event that the timeline lets go of for one more entry."""
    length = len(stored) + len(new)
    if length < kept:
        return None
    place = length - kept
    entry = stored[place] if place < len(stored) else new[place - len(stored)]
    return entry.name if entry.type == "event" else None


def _only_counts(arrived: Arrived) -> bool:
    """Whether a record is what most are: an event that changes nothing but counts and times."""
    record = arrived.record
    return (
        record is not None
        and record.type == "event"
        and record.evtName != PURCHASE
        and record.profileData is None
        and record.context is None
        and record.subscriptions is None
        and not (arrived.binds or arrived.claims or arrived.sets or arrived.guest)
    )


def _touch(arrived: Arrived, dropped: str | None) -> Touch:
    record = arrived.record
    if record is None:
        return Touch(None, None, arrived.sets, arrived.ts, dropped)
    data = record.evtData
    return Touch(_event(arrived), None if data == NO_DATA else bytes(data), _named(arrived), arrived.ts, dropped)


def _event(arrived: Arrived) -> str | None:
    record = arrived.record
    return record.evtName if record is not None and record.type == "event" else None


def _named(arrived: Arrived) -> Sequence[str]:
    given = arrived.record.profileData if arrived.record is not None else None
    return [*(given or ()), *arrived.sets] if given or arrived.sets else ()
