"""Where everybody must stand in the index, said of one profile at a time.

A plane is a name, and who is in it. Names are made of what a shard calls its events, its properties and their values:
that it learns as records come, so it is given here (`Book`), and nothing else is. Numbers are written in planes bit by
bit, so a number is the planes of its bits.

What a shard has no number for it had no room for: 128 events, 100 properties, 4,095 values of each, 65,536 in all, none
with a text of more than 100 characters. Where there was room and there is no number, the plane is called `?`.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date
from typing import Any, NamedTuple

from knownas.nouns import PROPERTY_OF_KIND, Count, Profile, Timestamp
from knownas.plain.calendar import birthday, day_number, newest_birthday, zone_named, zone_of_person
from knownas.plain.folding import Shard, reachable
from knownas.plain.noting import CHANNEL, acquired

FIELDS = ("city", "country", "os", "osVersion", "browser", "appVersion", "make", "model", "language", "timezone")
EIGHTEEN_FIFTY = date(1850, 1, 1)
NO_CODE = 2**20
"""What a value has that was never given a code: a plane that no index has."""


class Book(NamedTuple):
    """What a shard calls things: events and properties by name, values by property (its number) or field. `oldest` is
    the oldest day that has planes; after the day `latest` (None: not known) nobody was seen; days are those of a zone.
    """

    events: Mapping[str, int]
    properties: Mapping[str, int]
    values: Mapping[str, Mapping[str, int]]
    oldest: int | None
    zone: str = "UTC"
    latest: int | None = None


class Index(NamedTuple):
    """The index of a shard as it is stored: what things are called, whom a number is, which numbers are free, the next
    one, what number each stored profile says it has, and who is in each plane."""

    book: Book
    ids: Mapping[int, str]
    free: Sequence[int]
    next: int
    numbers: Mapping[str, int]
    planes: Mapping[str, Collection[int]]


def differences(shard: Shard, index: Index) -> Iterator[str]:
    """Everything in which the index of a shard is not what its profiles are, a line each."""
    book, where = index.book, f"index of shard {shard.number}"
    living = {profile.id: profile for profile in shard.profiles.values() if not profile.gone}
    yield from (f"{where}: {line}" for line in _wrong_days(shard, book))
    for what, names, first in (("events", book.events, 0), ("properties", book.properties, 0), *_values_in(book)):
        if sorted(names.values()) != list(range(first, first + len(names))):
            yield f"{where}: the numbers of {what} are not one after the other"
    if sorted([*index.ids, *index.free]) != list(range(index.next)):
        yield f"{where}: {index.next} numbers are not those of {len(index.ids)} people and {len(index.free)} free ones"
    for profile in living.keys() & index.numbers.keys():  # one that is not stored is told of elsewhere
        number = index.numbers[profile]
        if index.ids.get(number) != profile:
            yield f"{where}: {profile} says that it is number {number}, which is {index.ids.get(number)}"
    if len(index.ids) != len(living):
        yield f"{where}: {len(index.ids)} people have a number, {len(living)} are there"
    wanted = {(plane, profile.id) for profile in living.values() for plane in planes(profile, book)}
    members = ((plane, number) for plane, numbers in index.planes.items() for number in numbers)
    found = {(plane, index.ids.get(number, f"number {number}")) for plane, number in members}
    for plane, profile in sorted(wanted - found):
        yield f"{where}: {plane} lacks {profile}"
    for plane, profile in sorted(found - wanted):
        yield f"{where}: {plane} should not have {profile}"


def _wrong_days(shard: Shard, book: Book) -> Iterator[str]:
    if book.oldest != shard.oldest_day:
        yield f"its oldest day is {book.oldest}, not {shard.oldest_day}"
    latest = max((_day(one.last_seen, book) for one in shard.profiles.values() if not one.gone), default=0)
    if book.latest is not None and book.latest < latest:
        yield f"its latest day is {book.latest}, and somebody was seen on {latest}"


def _values_in(book: Book) -> Iterator[tuple[str, Mapping[str, int], int]]:
    for of, values in book.values.items():
        yield f"values of {of}", values, 1


def planes(profile: Profile, book: Book) -> set[str]:
    """All planes that somebody is in."""
    if profile.gone:
        return set()
    return {*_who(profile), *_when(profile, book), *_where(profile, book), *_has(profile, book), *_did(profile, book)}


def _who(profile: Profile) -> Iterator[str]:
    yield "all"
    yield f"t:{profile.type}"
    yield from (f"s{number}" for number in profile.segments)
    for channel in reachable(profile):
        yield f"r:{channel}"
    for name, holds in (
        ("orphan", profile.guest_of is not None),
        ("test", profile.test),
        ("guests", len(profile.guests) + profile.guests_more > 0),
    ):
        if holds:
            yield name
    born = newest_birthday(profile)
    if born is not None:
        yield "hasborn"
        yield from _bits("born", _since_1850(born))
        yield from _bits("bday", born.month << 5 | born.day)


def _when(profile: Profile, book: Book) -> Iterator[str]:
    for name, seen in (("first", profile.first_seen), ("last", profile.last_seen)):
        yield from _bits(name, min(_day(seen, book), 65_535))


def _where(profile: Profile, book: Book) -> Iterator[str]:
    if {"latitude", "longitude"} <= profile.context.keys():
        yield "geo"
    if zone_of_person(profile)[1] is not UTC:
        yield "zone"
    said = {field: value for field, value in profile.context.items() if field in FIELDS}
    said |= {field: value for field, value in acquired(profile).items() if field in CHANNEL}
    for field, value in said.items():
        yield from _bits(f"c{field}", _code(book, field, "s:" + value))


def _has(profile: Profile, book: Book) -> Iterator[str]:
    for name, held in profile.properties.items():
        if held.value is None or held.value == []:
            continue
        number = book.properties.get(name)
        if number is None:
            if len(book.properties) < 100:
                yield f"?{name}"
            continue
        yield f"x{number}"
        if name != "Photo" and name not in PROPERTY_OF_KIND.values():
            yield from _is(number, held.value, book)


def _is(number: int, value: Any, book: Book) -> Iterator[str]:
    if isinstance(value, list):
        yield f"m{number}"
        for one in value:
            code = _code(book, str(number), _named(one))
            yield f"k{number}" if code >= 4096 else f"i{number}:{code}"
    elif isinstance(value, bool | str):
        yield from _bits(f"v{number}", _code(book, str(number), _named(value)))
        day = _day_in(value)
        if day is not None:
            yield f"hy{number}"
            yield from _bits(f"y{number}", _since_1850(day))
    else:
        yield f"hn{number}"
        bits = _order(value)
        yield from _bits(f"n{number}", bits >> 40)
        # What a double has in its last 40 bits, or has no double.
        if float(value) != value or _rest(float(value)):
            yield f"nx{number}"


def _did(profile: Profile, book: Book) -> Iterator[str]:
    for name, count in profile.events.items():
        number = book.events.get(name)
        if number is not None:
            yield from _did_one(number, count, book)
        elif len(book.events) < 128:
            yield f"?{name}"


def _did_one(number: int, count: Count, book: Book) -> Iterator[str]:
    yield f"e{number}"
    for power in range(1, 17):
        if count.count >= 2**power:
            yield f"e{number}+{power}"
    for day, times in zip(count.days[::2], count.days[1::2], strict=True):
        if times >= 3:
            yield f"b{number}"
        if book.oldest is not None and day >= book.oldest:
            yield f"d{number}:{day}"
            if times >= 2:
                yield f"dd{number}:{day}"


def _bits(name: str, value: int) -> Iterator[str]:
    """The bits of a number that are 1, the last digit first."""
    for place, digit in enumerate(reversed(f"{value:b}")):
        if digit == "1":
            yield f"{name}.{place}"


def _code(book: Book, of: str, text: str) -> int:
    values = book.values.get(of, {})
    if text in values:
        return values[text]
    if len(text) <= 100 and len(values) < 4095 and sum(map(len, book.values.values())) < 65_536:
        return NO_CODE
    return 4096 + int(hashlib.blake2b(text.encode(), digest_size=2).hexdigest(), 16) % 4096


def _named(value: Any) -> str:
    if isinstance(value, bool):
        return f"b:{value:d}"
    if isinstance(value, str):
        return "s:" + value
    return f"n:{int(value)}" if value == int(value) else f"n:{value}"


def _order(value: float) -> int:
    """The bits of a double, so turned that greater numbers have greater ones."""
    bits = int.from_bytes(struct.pack(">d", 0.0 if value == 0 else value), "big")
    return bits + 2**63 if bits < 2**63 else 2**64 - 1 - bits


def _rest(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big") % 2**40


def _since_1850(day: date) -> int:
    return min(max((day - EIGHTEEN_FIFTY).days, 0), 131_071)


def _day_in(value: Any) -> date | None:
    """The day that a text names, with or without a time of day behind it."""
    found = birthday(value)
    if found is None and isinstance(value, str) and len(value) > 10 and value[10] in "T " and value[4] == "-":
        found = birthday(value[:10])
    return found


def _day(ts: Timestamp, book: Book) -> int:
    zone = zone_named(book.zone)
    assert zone is not None
    return day_number(ts, zone)
