"""Which planes of the index a profile is in (`planes`), and the directory that gives numbers to names. Pure.

The rules, in words. People, event names, properties and values get their numbers in the order in which a shard's
records first bring them, each record by itself: so they are the same however the records came in chunks. A number of a
person is free again when the person is deleted, and the one that was freed last is given out first; all the others
stay for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from knownas.find import planes
from knownas.find.values import day_named, number_of
from knownas.nouns import Count, Profile
from knownas.profile.birthday import born, has_zone
from knownas.profile.context import acquired
from knownas.profile.time import Calendar
from knownas.profile.types import reachable

BUSY: Final = 3
"""So often on one day makes a busy day."""


Term = tuple[str, ...]
"""Something that holds of a profile or does not, as the planes that say so together; of none where it is not said."""


class Coded(NamedTuple):
    """A value with the code it was given: of a property (its number as text) or a field."""

    of: str
    text: str
    code: int


class Directory:
    """What a shard calls its people, events, properties and values in its index.

    Invariants: the numbers below `next` are those of living profiles and those in `free`, each once; codes and names
    are numbered without gaps. `oldest` is the oldest day that has planes, None before the first record; nobody was seen
    on a day after `latest`, None where that is not known. The index is `complete` where every living profile has a
    number: an earlier version's have none. `made` says which rebuild gave the numbers out, 0: none did.
    """

    def __init__(self) -> None:
        self.next = 0
        self.free: list[int] = []
        self.oldest: int | None = None
        self.latest: int | None = None
        self.complete = False
        self.made = 0
        self.events: dict[str, int] = {}
        self.properties: dict[str, int] = {}
        self.codes: dict[str, dict[str, int]] = {}
        self.coded = 0
        self.news: list[Coded] = []
        """Codes that no commit has yet."""
        self.told: dict[str, int] = {}
        """What the commits so far say of it."""

    def event(self, name: str) -> int | None:
        """The number of an event name; None where it is not indexed."""
        return _numbered(self.events, name, planes.EVENTS)

    def property(self, name: str) -> int | None:
        """The number of a property; None where it is not indexed."""
        return _numbered(self.properties, name, planes.PROPERTIES)

    def code(self, of: str, text: str) -> int:
        """The code of a value, its own or a bucket's."""
        known = self.codes.get(of)
        if known is None:
            known = self.codes[of] = {}
        code = known.get(text)
        if code is not None:
            return code
        if len(known) >= planes.CODES or self.coded >= planes.CODES_IN_ALL or len(text) > planes.CODED_CHARACTERS:
            return planes.bucket(text)
        code = known[text] = len(known) + 1
        self.coded += 1
        self.news.append(Coded(of, text, code))
        return code

    def learn(self, of: str, codes: dict[str, int]) -> None:
        """Codes as the store has them."""
        self.coded += len(codes) - len(self.codes.get(of, ()))
        self.codes[of] = codes

    def state(self) -> dict[str, int]:
        """All of it but people and codes, as it is stored."""
        state = {"next": self.next, "complete": int(self.complete)}
        if self.oldest is not None:
            state["oldest"] = self.oldest
        if self.latest is not None:
            state["latest"] = self.latest
        state |= {f"e:{name}": number for name, number in self.events.items()}
        return state | {f"p:{name}": number for name, number in self.properties.items()}

    @classmethod
    def stored(cls, state: dict[str, int], free: list[int]) -> Directory:
        """A directory as it was stored, without codes."""
        found = cls()
        found.told, found.free = dict(state), free
        found.next, found.complete = state.get("next", 0), bool(state.get("complete"))
        found.made = state.get("made", 0)
        # Who has no number yet may have more than numbers: a rebuild or the walk of snapshots writes beside them.
        found.oldest, found.latest = state.get("oldest"), state.get("latest") if "next" in state else 0
        for name, number in sorted(state.items(), key=lambda one: one[1]):
            kind, _, rest = name.partition(":")
            if kind in "ep" and name != kind:
                (found.events if kind == "e" else found.properties)[rest] = number
        return found

    def sayings(self) -> dict[str, int]:
        """What is new of its state, once."""
        state = self.state()
        new = {name: value for name, value in state.items() if self.told.get(name) != value}
        self.told = state
        return new

    def tellings(self) -> list[Coded]:
        """New codes, once."""
        news, self.news = self.news, []
        return news


def _numbered(names: dict[str, int], name: str, most: int) -> int | None:
    number = names.get(name)
    if number is None and len(names) < most:
        number = names[name] = len(names)
    return number


def terms(profile: Profile, directory: Directory, calendar: Calendar) -> set[str]:
    """Every plane that a profile is in."""
    return {plane for term in said_of(profile, directory, calendar) for plane in term}


def said_of(profile: Profile, directory: Directory, calendar: Calendar) -> Iterator[Term]:
    """All that holds of a profile."""
    yield from standing(profile)
    yield from personal(profile)
    yield from around(profile)
    yield seen(planes.FIRST_SEEN, calendar.day(profile.first_seen))
    yield seen(planes.LAST_SEEN, calendar.day(profile.last_seen))
    for name, held in profile.properties.items():
        yield from of_property(directory, name, held.value)
    for field, value in fields(profile).items():
        yield of_field(directory, field, value)
    for name, count in profile.events.items():
        yield from of_event(directory, name, count)


def standing(profile: Profile) -> list[Term]:
    """That it is there, as what, and how it is reached."""
    found = [_THERE, _TYPES[profile.type], *[_CHANNELS[channel] for channel in reachable(profile)]]
    if profile.guest_of is not None:
        found.append((planes.ORPHAN,))
    if profile.test:
        found.append((planes.TEST,))
    if profile.guests or profile.guests_more:
        found.append((planes.GUESTS,))
    return found


_THERE: Final[Term] = (planes.ALL,)
_TYPES: Final[dict[str, Term]] = {type_: (planes.of_type(type_),) for type_ in planes.TYPES}
_CHANNELS: Final[dict[str, Term]] = {channel: (planes.reachable_by(channel),) for channel in planes.CHANNELS}


def personal(profile: Profile) -> list[Term]:
    """Birthday and time zone."""
    found, day = zone(profile), born(profile)
    if day is not None:
        found += (
            (planes.HAS_BORN,),
            sliced(planes.BORN, planes.date_slice(number_of(day))),
            sliced(planes.BIRTHDAY, planes.birthday_slice(day.month, day.day)),
        )
    return found


def zone(profile: Profile) -> list[Term]:
    """Whether there is a time zone of their own."""
    return [(planes.ZONE,)] if has_zone(profile) else []


def around(profile: Profile) -> list[Term]:
    """What a profile's place comes to beside its fields."""
    known = profile.context
    return [(planes.GEO,)] if "latitude" in known and "longitude" in known else []


def fields(profile: Profile) -> dict[str, str]:
    """The fields that have codes."""
    known = profile.context
    shown: dict[str, str] = {field: known[field] for field in planes.CONTEXT_FIELDS if field in known}
    return shown | channel(profile)


def channel(profile: Profile) -> dict[str, str]:
    """The channel as far as it is told."""
    if not profile.channel:
        return {}
    told = acquired(profile)
    return {field: told[field] for field in planes.CHANNEL_FIELDS if field in told}


def of_field(directory: Directory, field: str, value: str | None) -> Term:
    """A field's value."""
    if value is None:
        return ()
    return sliced(planes.field_slice(field), directory.code(field, planes.text_of(value)))


def of_property(directory: Directory, name: str, value: Any) -> list[Term]:
    """A property's value. A list without items is none, as it is to who asks whether there is one."""
    if value is None or value == []:
        return []
    number = directory.property(name)
    if number is None:
        return []
    found: list[Term] = [(planes.has_property(number),)]
    if name in planes.EXISTENCE_ONLY:
        return found
    kind = type(value)
    if kind is list:
        return [*found, (planes.is_list(number),), *_items(directory, number, value)]
    if kind is int or kind is float:
        return found + _number(number, value)
    found.append(sliced(planes.code_slice(number), directory.code(str(number), planes.text_of(value))))
    day = day_named(value)
    if day is not None:
        found += ((planes.has_date(number),), sliced(planes.property_date_slice(number), planes.date_slice(day)))
    return found


def _items(directory: Directory, number: int, values: list[Any]) -> Iterator[Term]:
    codes = [directory.code(str(number), planes.text_of(value)) for value in values]
    for code in codes:
        yield (planes.uncoded_item(number) if code >> planes.BUCKET_BIT else planes.item(number, code),)


def _number(number: int, value: float) -> list[Term]:
    found: list[Term] = [(planes.has_number(number),), sliced(planes.value_slice(number), planes.number_slice(value))]
    return found if planes.is_exact(value) else [*found, (planes.inexact_number(number),)]


def of_event(directory: Directory, name: str, count: Count) -> list[Term]:
    """What was done of one event."""
    number = directory.event(name)
    if number is None:
        return []
    oldest, days = directory.oldest, count.days
    found: list[Term] = [(planes.ever(number),)]
    found += [(planes.power(number, k),) for k in range(1, min(count.count.bit_length() - 1, planes.POWERS) + 1)]
    for place in range(0, len(days), 2):
        if oldest is not None and days[place] >= oldest:
            found.append((planes.on_day(number, days[place]),))
            if days[place + 1] > 1:
                found.append((planes.twice_on_day(number, days[place]),))
    if is_busy(days):
        found.append((planes.busy_day(number),))
    return found


def is_busy(days: Sequence[int]) -> bool:
    """Whether on one of these days (day, count, day, count, ...) something was done three times."""
    return any(days[place] >= BUSY for place in range(len(days) - 1, 0, -2))


def seen(slice_: str, day: int) -> Term:
    """The day of a first or last record."""
    return sliced(slice_, planes.day_slice(day))


@lru_cache(maxsize=20_000)
def sliced(slice_: str, value: int) -> Term:
    """The value of a slice."""
    names = _planes_of(slice_)
    return tuple([names[place] for place in planes.bits(value)])


@lru_cache(maxsize=1_000)
def _planes_of(slice_: str) -> list[str]:
    return [planes.bit(slice_, place) for place in range(planes.NUMBER_BITS)]  # no slice is wider
