"""What there is to ask for: names of events, properties and fields, of what kinds their values are, which are frequent.

Names and how many people have them are read off the index: they are exact (orphans among them). Kinds, values and what
events say come from a sample, some people of every shard evenly spread over their numbers, with the newest of what each
did: `sampled` says how many people those were. So the catalog costs nothing while records flow, and its size is bounded
however much there is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from knownas.find import planes
from knownas.find.algebra import Algebra
from knownas.find.asking import Ask, Shards
from knownas.find.history import inside
from knownas.find.values import day_named
from knownas.find.view import View, Wanted
from knownas.find.vocabulary import FIELDS, OPERATORS_OF_KIND, PROPERTY
from knownas.nouns import Entry, Profile

SAMPLED: Final = 1_000
"""So many people are looked at, of all shards together."""
ENTRIES: Final = 30
"""Of each the newest of what they did."""
VALUES: Final = 20
CHARACTERS: Final = 100
EVENT_PROPERTIES: Final = 50
"""Of an event so many properties are told, the most frequent."""


class _Seen:
    """What was seen under a name."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.values: Counter[tuple[str, Any]] = Counter()

    def note(self, items: Iterable[Any]) -> None:
        """One person's values, or one event's."""
        for item in items:
            kind = kind_of(item)
            self.kinds[kind] += 1
            if not isinstance(item, str) or len(item) <= CHARACTERS:
                self.values[kind, item] += 1

    def told(self) -> dict[str, Any]:
        """Kinds and frequent values; values that hardly ever come twice say nothing of what to ask for."""
        kinds = [kind for kind, _ in self.kinds.most_common()]
        common = [(value, times) for (_, value), times in self.values.most_common(VALUES)]
        if len(self.values) > VALUES:
            common = [(value, times) for value, times in common if times > 1]
        return {"kinds": kinds, "values": [value for value, _ in common]}


def kind_of(value: Any) -> str:
    """What a value is compared as; a text that names a day can be compared as either."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "date" if day_named(value) is not None else "text"
    return "object"


class Names(NamedTuple):
    """Names with how many have them."""

    events: Mapping[str, int]
    properties: Mapping[str, int]
    people: int
    orphans: int


async def catalog(shards: Shards) -> dict[str, Any]:
    """The catalog as of now, as the API shows it."""
    views = await shards.views(Wanted({}, {}), fresh=True)
    names = await _names(shards, views)
    profiles = await _sample(shards, names.people + names.orphans)
    properties: dict[str, _Seen] = {name: _Seen() for name in names.properties}
    fields: dict[str, _Seen] = {name: _Seen() for name in planes.CODED_FIELDS}
    for profile in profiles:
        for name, held in profile.properties.items():
            if name in properties and held.value is not None and name not in planes.EXISTENCE_ONLY:
                properties[name].note(held.value if isinstance(held.value, list) else [held.value])
        for name, value in {**profile.channel, **profile.context}.items():
            if name in fields:
                fields[name].note([value])
    said = await _said(shards, profiles)
    return {
        "people": names.people,
        "orphans": names.orphans,
        "sampled": len(profiles),
        "events": [
            {"name": name, "people": people, "properties": _event_properties(said.get(name, {}))}
            for name, people in _most_first(names.events)
        ],
        "properties": [
            {"name": name, "people": people, **properties[name].told(), "operators": OPERATORS_OF_KIND[PROPERTY.kind]}
            for name, people in _most_first(names.properties)
        ],
        "fields": [_field(name, fields.get(name)) for name in FIELDS],
        "complete": all(view.knows_all_events and view.knows_all_properties for view in views),
    }


def _field(name: str, seen: _Seen | None) -> dict[str, Any]:
    kind = FIELDS[name]
    values: list[Any] = list(kind.choices) or (seen.told()["values"] if seen is not None else [])
    return {"name": name, "kind": kind.kind, "values": values, "operators": OPERATORS_OF_KIND[kind.kind]}


def _most_first(names: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(names.items(), key=lambda one: (-one[1], one[0]))


def _event_properties(said: Mapping[str, _Seen]) -> list[dict[str, Any]]:
    most = sorted(said.items(), key=lambda one: (-one[1].kinds.total(), one[0]))[:EVENT_PROPERTIES]
    return [{"name": name, **seen.told()} for name, seen in most]


async def _names(shards: Shards, views: Iterable[View]) -> Names:
    asks, wanted = [], []
    for shard, view in enumerate(views):
        events, properties = view.names()
        algebra = Algebra()
        everyone, orphan = algebra.plane(planes.ALL), algebra.plane(planes.ORPHAN)
        sets = [
            algebra.without(everyone, orphan), orphan,
            *(algebra.plane(planes.ever(number)) for number in events.values()),
            *(algebra.plane(planes.has_property(number)) for number in properties.values()),
        ]  # fmt: skip
        wanted.append((list(events), list(properties)))
        asks.append(Ask(shard, algebra.program(sets), (), tuple(range(len(sets)))))
    found, had = Counter[str](), Counter[str]()
    people = orphans = 0
    for told, (events_here, properties_here) in zip(await shards.ask(asks), wanted, strict=True):
        assert told is not None
        people, orphans = people + told.counts[0], orphans + told.counts[1]
        found.update(dict(zip(events_here, told.counts[2:], strict=False)))
        had.update(dict(zip(properties_here, told.counts[2 + len(events_here) :], strict=True)))
    return Names({n: c for n, c in found.items() if c}, {n: c for n, c in had.items() if c}, people, orphans)


async def _sample(shards: Shards, people: int) -> list[Profile]:
    """Some people of each shard, evenly spread."""
    each = max(1, SAMPLED // shards.count)
    last = max(1, people * 2 // shards.count)  # a shard's numbers reach a little beyond its share, and have gaps
    numbers = sorted({last * n // each for n in range(each)})
    found = await shards.people(dict.fromkeys(range(shards.count), numbers))
    return [profile for some in found.values() for profile in some if profile is not None and not profile.gone]


async def _said(shards: Shards, profiles: list[Profile]) -> dict[str, dict[str, _Seen]]:
    """What single events said, by event and property."""
    found: dict[str, dict[str, _Seen]] = {}
    for start in range(0, len(profiles), 100):
        for timeline in await shards.timelines(profiles[start : start + 100], newest=ENTRIES):
            for entry in timeline:
                _note(found, entry)
    return found


def _note(found: dict[str, dict[str, _Seen]], entry: Entry) -> None:
    if entry.type != "event" or entry.name is None or entry.data is None:
        return
    here = found.setdefault(entry.name, {})
    data = orjson.loads(entry.data)
    for name in data:
        if name in here or len(here) < 4 * EVENT_PROPERTIES:
            values = [item for item in inside(data, name) if not isinstance(item, dict | list)]
            here.setdefault(name, _Seen()).note(values)
