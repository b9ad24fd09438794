"""Live segments: what they are, and which of them a record may let somebody enter or leave. Pure.

A segment is a name and a query. Its definitions are numbered by one counter for all (`version`), so of two definitions
of a name the one with the higher version is newer wherever they are seen; one without a query says that the segment is
removed. Each shard numbers its segments by itself, in the order in which its records bring them; a number is never used
again, so nobody is left in a segment that takes a removed one's place.

**Membership** is kept with the profile (`Profile.segments`, numbers in ascending order) and is what the query says of
it at the shard's clock: the time of the newest tick. Between ticks no time passes, so records alone let people enter
and leave, each by itself, whatever chunk it came in; a tick lets pass what was due. Orphans and deleted profiles are in
no segment.

**Filling.** A segment that is new or has another query walks all profiles of the shard by their numbers, a bounded
step a tick; a removed one does as well, and everybody leaves it. Those that are put during a walk wait for the next: so
however many are put, a profile is looked at twice at most. Records that come meanwhile are judged by the new query at
once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import orjson

from knownas.find.evaluate import evaluate
from knownas.find.hinges import Leaf, OfEvent, OfValue
from knownas.find.moment import Moment
from knownas.find.reading import from_object
from knownas.find.tree import AllOf, AnyOf, Condition, Did, Edge, Field, Near, Not, PropertyTest
from knownas.find.tree import conditions as parts_of
from knownas.find.turning import depends_on_clock
from knownas.nouns import FORMAT, Definition, Profile, Timestamp
from knownas.profile.time import Calendar

PERSONAL: Final = frozenset({"DOB", "Birthday", "Timezone", "tz"})
"""Properties that age and birthday rest on."""


class Held(msgspec.Struct, array_like=True, gc=False):
    """A segment as a shard keeps it; `filled` says that every profile was judged by its definition."""

    number: int
    definition: Definition
    filled: bool = False


class State(NamedTuple):
    """What a shard keeps beside its segments: the number of the next one, its clock (the time of the newest tick), the
    highest version of a definition that it has seen, the walk under way (`Walk`), and the offset of the tick that asked
    for another one, which has not come yet."""

    next_number: int = 0
    clock_ms: int = 0
    latest: int = 0
    walk: tuple[int, list[int]] | None = None
    asked: int | None = None


BEGINNING: Final = State()


class Transition(NamedTuple):
    """Somebody enters or leaves a segment. `version` is the profile's, `ts` that of what caused it."""

    segment: str
    segment_version: int
    profile: str
    entered: bool
    ts: Timestamp
    version: int

    def message(self) -> bytes:
        """As it is published."""
        return orjson.dumps({
            "segment": self.segment, "segmentVersion": self.segment_version, "profile": self.profile,
            "entered": self.entered, "ts": self.ts, "version": self.version,
        })  # fmt: skip


class SegmentChange(NamedTuple):
    """What a commit writes and publishes of segments: who enters and leaves; `due`: when profiles are to be looked at,
    if not earlier; `past`: those whose time has come; and, after a tick, the shard's state, the segments that are
    others, the names of those that are gone."""

    transitions: Sequence[Transition] = ()
    due: Mapping[str, int] = {}
    past: Sequence[str] = ()
    state: State | None = None
    held: Sequence[Held] = ()
    gone: Sequence[str] = ()


NO_SEGMENTS: Final = SegmentChange()


class Walk:
    """A walk through the profiles of a shard: the number to go on at, and the segments that it fills."""

    def __init__(self, at: int, segments: list[int]) -> None:
        self.at, self.segments = at, segments


class Segment:
    """A segment of a shard; without a query it is being emptied."""

    def __init__(self, held: Held) -> None:
        self.held = held
        said = held.definition.query
        self.query: Condition | None = from_object(said) if said is not None else None

    @property
    def number(self) -> int:
        """Its number in the shard."""
        return self.held.number


class Registry:
    """The segments of a shard, and where each is found by what it hinges on."""

    def __init__(self, state: State = BEGINNING, held: Iterable[Held] = ()) -> None:
        self.next_number, self.clock_ms, self.latest = state.next_number, state.clock_ms, state.latest
        self.asked = state.asked
        self.walk = Walk(*state.walk) if state.walk is not None else None
        self.by_name = {one.definition.name: Segment(one) for one in held}
        self.index()

    @property
    def state(self) -> State:
        """What is kept of the shard beside its segments."""
        walk = (self.walk.at, list(self.walk.segments)) if self.walk is not None else None
        return State(self.next_number, self.clock_ms, self.latest, walk, self.asked)

    def index(self) -> None:
        """Find each segment by what it hinges on; to be done anew after definitions were taken in or dropped."""
        self.by_number = {segment.number: segment for segment in self.by_name.values()}
        self.events: dict[str, OfEvent] = {}
        self.properties: dict[str, OfValue] = {}
        self.fields: dict[str, OfValue] = {}
        self.near: list[Leaf] = []
        self.clocked: list[Leaf] = []
        self._leaves: dict[str, Leaf] = {}
        for segment in self.by_name.values():
            if segment.query is not None:
                for part in parts_of(segment.query):
                    if not isinstance(part, AllOf | AnyOf | Not):
                        self._leaf(part).segments.add(segment.number)
        self._clocked_of: dict[tuple[str, str], list[Leaf]] = {}
        for leaf in self.clocked:
            self._clocked_of.setdefault(_about(leaf.condition), []).append(leaf)
        self._note_readers()
        self.blank = frozenset(self._blank())

    def _note_readers(self) -> None:
        """What lets a record ask for a timeline: the events that are read there, and what stands beside them."""
        self.read_events = frozenset(event for event, of in self.events.items() if of.reading)
        readers = {n for of in self.events.values() for leaf in of.reading for n in leaf.segments}

        def beside(leaves: Iterable[Leaf]) -> bool:
            return any(not readers.isdisjoint(leaf.segments) for leaf in leaves)

        self._needy_events = frozenset(event for event, of in self.events.items() if beside(of.all))
        self._needy_properties = frozenset(name for name, of in self.properties.items() if beside(of.all))
        self._has_needy_fields = beside(self.near) or any(beside(of.all) for of in self.fields.values())

    def reads_timeline(self, profile: Profile, event: str | None, properties: Iterable[str], kept: int) -> bool:
        """Whether what a record lets be asked may hinge on single events; `kept` of them are kept."""
        if self.read_events.isdisjoint(profile.events):
            return event in self.read_events
        return (
            profile.version >= kept
            or self._has_needy_fields
            or event in self._needy_events
            or not self._needy_properties.isdisjoint(properties)
        )

    def _leaf(self, condition: Did | Edge | PropertyTest | Field | Near) -> Leaf:
        spelled = repr(condition)  # as values, 1 and yes would be one
        leaf = self._leaves.get(spelled)
        if leaf is not None:
            return leaf
        leaf = self._leaves[spelled] = Leaf(condition)
        match condition:
            case Did(event=event) | Edge(event=event):
                self.events.setdefault(event, OfEvent()).add(leaf)
            case PropertyTest(name=name, test=test):
                self.properties.setdefault(name, OfValue()).add(leaf, test)
            case Field(name=name, test=test):
                self.fields.setdefault(name, OfValue()).add(leaf, test)
            case _:
                self.near.append(leaf)
        if depends_on_clock(condition):
            self.clocked.append(leaf)
        return leaf

    def _blank(self) -> Iterator[int]:
        """The segments that somebody is in of whom nothing is known."""
        nobody, moment = blank(self.clock_ms / 1000), Moment(self.clock_ms, Calendar())
        for segment in self.by_name.values():
            if segment.query is not None and evaluate(segment.query, nobody, (), moment).holds:
                yield segment.number

    def clocked_of(self, profile: Profile) -> Iterator[Leaf]:
        """The leaves that the clock may turn for a profile."""
        if not self.clocked:
            return
        found = self._clocked_of
        yield from found.get(("field", ""), ())
        for event in profile.events:
            yield from found.get(("event", event), ())
        for name in profile.properties:
            yield from found.get(("property", name), ())

    # -- what ticks change

    def define(self, definition: Definition) -> str | None:
        """Take a definition in; the name of the segment that is another then. The index is made anew by `index`."""
        if definition.version <= self.latest:
            return None
        self.latest = definition.version
        known = self.by_name.get(definition.name)
        if known is None and definition.query is None:
            return None
        number = self.next_number if known is None else known.number
        self.next_number += known is None
        self.by_name[definition.name] = Segment(Held(number, definition))
        if self.walk is not None and number in self.walk.segments:
            self.walk.segments.remove(number)  # whoever it has judged must be judged again
        return definition.name

    def begin_walk(self) -> None:
        """Fill what waits, if no walk is under way."""
        waiting = [segment.number for segment in self.by_name.values() if not segment.held.filled]
        if self.walk is None and waiting:
            self.walk = Walk(0, waiting)

    def end_walk(self) -> list[str]:
        """Everybody was judged; the names of the segments that are filled, or gone, from now on."""
        assert self.walk is not None
        done = [self.by_number[number] for number in self.walk.segments]
        self.walk = None
        for segment in done:
            segment.held.filled = True
            if segment.query is None:
                del self.by_name[segment.held.definition.name]
        return [segment.held.definition.name for segment in done]


def _about(condition: Condition) -> tuple[str, str]:
    match condition:
        case Did(event=event) | Edge(event=event):
            return "event", event
        case PropertyTest(name=name):
            return "property", name
        case _:
            return "field", ""


def blank(ts: float) -> Profile:
    """Somebody of whom nothing is known but that there is a record."""
    return Profile(format=FORMAT, id="", version=1, first_seen=ts, last_seen=ts)
