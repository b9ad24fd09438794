"""Who enters and who leaves live segments, record by record and as the clock goes. Pure.

The rules, in words. Before a record is folded it is noted what it may change (`before`); after it, what did change
says which leaves turned, those say which segments are asked, and what they answer is compared with what the profile is
in (`after`). A new profile is compared with nobody: it enters what nobody is in, but for what its first record turns. A
record that makes an orphan or a tombstone lets it leave everything.

Whoever is in a segment, or could be, because of days that pass has a due time: the earliest at which the clock turns a
leaf. It may be too early, never too late. Ticks look at those that are due (`pass_time`), and at a step of those whom
new segments have not judged (`judge`).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson

from knownas.find import planes
from knownas.find.evaluate import evaluate
from knownas.find.hinges import Counted, Leaf, counted, items
from knownas.find.person import field_passes, value_of
from knownas.find.segments import PERSONAL, Registry, Transition, blank
from knownas.find.tree import Condition, Test
from knownas.find.turning import Midnights, depends_on_clock, turns
from knownas.find.upkeep import IN, OUT
from knownas.find.values import passes_one_of
from knownas.nouns import Entry, Profile, Timestamp

Timeline = Callable[[str], Sequence[Entry]]
"""What is kept of a profile's timeline, the oldest first, with all that was folded so far."""

_FIGURES: Final[tuple[str, ...]] = ("type", "reachable", "test", "linkedGuests")
_CHANNEL: Final = ("source", "medium", "campaign", "referrer")
_AROUND: Final = (
    "city", "country", "language", "timezone", "device", "os", "osVersion", "browser", "appVersion",
)  # fmt: skip
_TIMES: Final = ("firstAcquired", "lastSeen")
_LIVED: Final = ("age", "birthday")


class Touch(NamedTuple):
    """What a record says that segments may ask about: an event with its data, properties by name. `dropped` is the
    event that the timeline no longer keeps because of it."""

    event: str | None
    data: bytes | None
    properties: Iterable[str]
    ts: Timestamp
    dropped: str | None = None


class Seen(NamedTuple):
    """What was known of an event, and the times of the first and last record."""

    event: Counted | None
    first_seen: Timestamp
    last_seen: Timestamp


class Then(NamedTuple):
    """A profile before a record, as far as segments ask about what the record may change."""

    event: Counted | None
    properties: dict[str, list[Any]]
    figures: dict[str, Any]
    context: dict[str, Any]
    channel: dict[str, str]
    channel_ts: Timestamp
    first_seen: Timestamp
    last_seen: Timestamp


class Watch:
    """The segments of a shard while a chunk is being folded."""

    def __init__(self, registry: Registry, midnights: Midnights, timeline: Timeline) -> None:
        self._registry, self._midnights, self._timeline = registry, midnights, timeline
        self._moment = midnights.at(registry.clock_ms)
        self._figures = [name for name in _FIGURES if name in registry.fields]
        self._around = [name for name in _AROUND if name in registry.fields]
        self._channels = [name for name in _CHANNEL if name in registry.fields]
        self._nobody = self._note(blank(0), Touch(None, None, (), 0))
        self.transitions: list[Transition] = []
        self._entered: dict[int, dict[int, int]] = {}
        self.due: dict[str, int] = {}
        """When profiles are to be looked at, if not earlier, in milliseconds."""

    @property
    def planes(self) -> dict[str, dict[int, int]]:
        """Who is in which segment now and was not, or the other way round, as the index has it."""
        return {planes.segment(number): turned for number, turned in self._entered.items() if turned}

    # -- records

    def before(self, profile: Profile | None, touch: Touch) -> Then | None:
        """What is to be remembered of a profile before a record is folded."""
        return self._note(profile, touch) if profile is not None and profile.version else None

    def after(self, then: Then | None, profile: Profile, touch: Touch) -> None:
        """A record was folded."""
        if profile.gone or profile.guest_of is not None:
            self.leave(profile, touch.ts, profile.version)
            return
        leaves = set(self._turned(then or self._nobody, profile, touch))
        asked = {number for leaf in leaves for number in leaf.segments}
        if then is None:
            leaves.update(self._by_time(blank(0), profile, is_new=True))
            asked = {number for leaf in leaves for number in leaf.segments} | self._registry.blank
        self._ask(profile, asked, touch.ts)
        self._await(profile, leaves)

    def before_event(self, profile: Profile, touch: Touch) -> Seen:
        """The same, of a record that changes nothing but counts and times."""
        count = profile.events.get(touch.event or "") if touch.event in self._registry.events else None
        return Seen(counted(count) if count is not None else None, profile.first_seen, profile.last_seen)

    def after_event(self, then: Seen, profile: Profile, touch: Touch) -> None:
        """Such a record was folded."""
        leaves: set[Leaf] = set()
        if touch.event in self._registry.events:
            leaves.update(self._by_event(then.event, profile, touch))
        if touch.dropped in self._registry.events:
            leaves.update(self._registry.events[touch.dropped].reading)
        if then.last_seen != profile.last_seen or then.first_seen != profile.first_seen:
            leaves.update(self._by_time(then, profile))
            if then.first_seen != profile.first_seen:
                leaves.update(self._all(self._channels))
        if leaves:
            self._ask(profile, {number for leaf in leaves for number in leaf.segments}, touch.ts)
            self._await(profile, leaves)

    def _note(self, profile: Profile, touch: Touch) -> Then:
        count = profile.events.get(touch.event) if touch.event in self._registry.events else None
        held = self._registry.properties
        named = [name for name in touch.properties if name in held or name in PERSONAL] if touch.properties else ()
        return Then(
            counted(count) if count is not None else None,
            {name: _held(profile, name) for name in named},
            {name: value_of(name, profile, self._moment) for name in self._figures},
            profile.context,
            profile.channel,
            profile.channel_ts,
            profile.first_seen,
            profile.last_seen,
        )

    def _turned(self, then: Then, profile: Profile, touch: Touch) -> Iterable[Leaf]:
        if touch.event is not None:
            yield from self._by_event(then.event, profile, touch)
        if touch.dropped in self._registry.events:
            yield from self._registry.events[touch.dropped].reading
        named = then.properties if then is not self._nobody else dict.fromkeys(profile.properties, ())
        if named:
            yield from self._by_properties(named, profile)
        for name in self._figures:
            yield from self._by_field(name, then.figures[name], value_of(name, profile, self._moment), profile)
        if profile.context is not then.context:
            yield from self._by_context(then.context, profile)
        channel = profile.channel, profile.channel_ts, profile.first_seen
        if self._channels and channel != (then.channel, then.channel_ts, then.first_seen):
            yield from self._all(self._channels)
        if then is not self._nobody:
            yield from self._by_time(then, profile)

    def _by_event(self, was: Counted | None, profile: Profile, touch: Touch) -> Iterable[Leaf]:
        of, now = self._registry.events.get(touch.event or ""), profile.events.get(touch.event or "")
        if of is None or now is None or (was is not None and was.times == now.count):
            return ()
        day = self._midnights.calendar.day(touch.ts)
        return of.turned(was, now, day, lambda: orjson.loads(touch.data) if touch.data else {}, self._moment)

    def _by_properties(self, named: dict[str, Any], profile: Profile) -> Iterable[Leaf]:
        is_personal = False
        for name, was in named.items():
            now = _held(profile, name)
            of = self._registry.properties.get(name)
            if of is not None:
                yield from of.turned(list(was), now, self._passes)
            is_personal = is_personal or name in PERSONAL
        if is_personal:
            yield from self._all(_LIVED)

    def _passes(self, found: list[Any], test: Test) -> bool:
        return passes_one_of(found, test, self._moment.today)

    def _by_field(self, name: str, was: Any, now: Any, profile: Profile) -> Iterable[Leaf]:
        if was == now:
            return ()
        return self._registry.fields[name].turned(
            items(was), items(now), lambda found, test: field_passes(name, found or None, test, profile, self._moment)
        )

    def _by_context(self, was: dict[str, Any], profile: Profile) -> Iterable[Leaf]:
        earlier = Profile(format=0, id="", context=was)
        for name in self._around:
            then, now = value_of(name, earlier, self._moment), value_of(name, profile, self._moment)
            yield from self._by_field(name, then, now, profile)
        if was.get("timezone") != profile.context.get("timezone"):
            yield from self._all(_LIVED)
        if any(was.get(key) != profile.context.get(key) for key in ("latitude", "longitude")):
            yield from self._registry.near

    def _by_time(self, then: Then | Seen | Profile, profile: Profile, *, is_new: bool = False) -> Iterable[Leaf]:
        fields, day = self._registry.fields, self._moment.day
        for name, was, now in (
            ("firstAcquired", then.first_seen, profile.first_seen),
            ("lastSeen", then.last_seen, profile.last_seen),
        ):
            if name in fields and (is_new or (was != now and day(was) != day(now))):
                yield from fields[name].all

    def _all(self, names: Iterable[str]) -> Iterable[Leaf]:
        for name in names:
            if name in self._registry.fields:
                yield from self._registry.fields[name].all

    # -- the clock

    def pass_time(self, profile: Profile, due_ms: int, ts: Timestamp) -> None:
        """The shard's clock has passed the time at which a profile was due."""
        if profile.gone or profile.guest_of is not None:
            return
        now = self._moment.now_ms
        clocked = set(self._registry.clocked_of(profile))
        turned = [leaf for leaf in clocked if _turns_by(leaf.condition, profile, due_ms - 1, now, self._midnights)]
        self._ask(profile, {number for leaf in turned for number in leaf.segments}, ts)
        self._await(profile, clocked)

    def judge(self, profile: Profile, segments: Iterable[int], ts: Timestamp) -> None:
        """Judge a profile by segments that may not have judged it."""
        if profile.gone or profile.guest_of is not None:
            return
        asked = set(segments)
        self._ask(profile, asked, ts)
        self._await(
            profile, [leaf for leaf in self._registry.clocked_of(profile) if not asked.isdisjoint(leaf.segments)]
        )

    def _await(self, profile: Profile, leaves: Iterable[Leaf]) -> None:
        found = [
            turn
            for leaf in leaves
            if depends_on_clock(leaf.condition)
            and (turn := turns(leaf.condition, profile, self._moment.now_ms, self._midnights)) is not None
        ]
        if found:
            self.due[profile.id] = min(*found, self.due.get(profile.id, found[0]))

    # -- answers

    def leave(self, profile: Profile, ts: Timestamp, version: int) -> None:
        """Somebody is in no segment any more, as of this version."""
        for number in profile.segments:
            self._turn(profile, number, ts, version, entered=False)

    def _ask(self, profile: Profile, asked: Iterable[int], ts: Timestamp) -> None:
        for number in sorted(asked):
            query = self._registry.by_number[number].query
            holds = query is not None and self._holds(query, profile)
            if holds != (number in profile.segments):
                self._turn(profile, number, ts, profile.version, entered=holds)

    def _holds(self, query: Condition, profile: Profile) -> bool:
        found = evaluate(query, profile, None, self._moment).holds
        if found is None:
            found = evaluate(query, profile, self._timeline(profile.id), self._moment).holds
        return found is True

    def _turn(self, profile: Profile, number: int, ts: Timestamp, version: int, *, entered: bool) -> None:
        if entered:
            profile.segments = [*profile.segments]
            insort(profile.segments, number)
        else:
            profile.segments = [held for held in profile.segments if held != number]
        definition = self._registry.by_number[number].held.definition
        self.transitions.append(Transition(definition.name, definition.version, profile.id, entered, ts, version))
        if profile.number >= 0:
            turned = self._entered.setdefault(number, {})
            if profile.number in turned:
                del turned[profile.number]
            else:
                turned[profile.number] = IN if entered else OUT


def _turns_by(condition: Condition, profile: Profile, since_ms: int, now_ms: int, midnights: Midnights) -> bool:
    turn = turns(condition, profile, since_ms, midnights)
    return turn is not None and turn <= now_ms


def _held(profile: Profile, name: str) -> list[Any]:
    held = profile.properties.get(name)
    return items(held.value) if held is not None else []
