"""What a chunk changes in the index of its shard. Pure.

Whoever folds records says what becomes true or untrue of a profile, when it does: `turn` is told real changes alone, so
what turns there and back within a chunk is no change, and the planes after a chunk are those that its profiles are in
(`terms`), however records came in chunks.

Days pass by the Kafka times of records: a plane lives for `planes.DAYS` days, and each record moves the oldest day by
one at most, so that one record with a wrong clock does not cost every day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from knownas.find import planes, terms
from knownas.find.terms import Coded, Directory, Term
from knownas.nouns import Profile, Timestamp
from knownas.profile.time import Calendar

_QUARTER_MS: Final = 900_000
"""A day begins with a quarter of an hour in every zone: within one, a day does not end."""


IN: Final = 1
OUT: Final = -1


class IndexChange(NamedTuple):
    """What a commit writes of the index.

    `planes` say of each who enters (more than 0) and who leaves, by number; numbers from `unused` on were nobody's.
    `ids` say whom a number is (empty: nobody) from now on; `taken` is how many numbers were taken from the end of the
    free ones and `freed` which then come to it; `expired` are planes that nobody will ask for; `state` is what is new
    of `next`, `oldest`, `latest` and `complete`, and the numbers of events (`e:<name>`) and properties (`p:<name>`).
    """

    planes: Mapping[str, Mapping[int, int]]
    ids: Mapping[int, str]
    codes: Sequence[Coded]
    state: Mapping[str, int]
    expired: Sequence[str]
    taken: int
    freed: Sequence[int]
    unused: int


NO_CHANGE: Final = IndexChange({}, {}, (), {}, (), 0, (), 0)


class Upkeep:
    """The index of a shard while a chunk is being folded. The directory is changed in place."""

    def __init__(self, directory: Directory, calendar: Calendar) -> None:
        self._directory, self._day = directory, calendar.day
        self._calendar = calendar
        self._turned: dict[Term, dict[int, int]] = {}
        self._ids: dict[int, str] = {}
        self._expired: list[int] = []
        self._unused = directory.next
        self._free_before = self._untouched = len(directory.free)
        self.clock_ms = -1
        """Until then no record can move the oldest day."""

    # -- people

    def enter(self, profile: Profile) -> None:
        """A profile begins: it gets its number, and what it begins with."""
        directory = self._directory
        self._seen_on(self._day(profile.last_seen))
        if directory.free:
            number = directory.free.pop()
            self._untouched = min(self._untouched, len(directory.free))
        elif directory.next < planes.MOST_NUMBERS:
            number = directory.next
            directory.next += 1
        else:
            return
        profile.number = number
        self._ids[number] = profile.id
        self.turn(terms.seen(planes.FIRST_SEEN, self._day(profile.first_seen)), number, IN)
        self.turn(terms.seen(planes.LAST_SEEN, self._day(profile.last_seen)), number, IN)

    def adopt(self, profile: Profile) -> None:
        """A profile that an earlier version stored: all that holds of it begins to."""
        self.enter(profile)
        begun = [
            terms.seen(planes.FIRST_SEEN, self._day(profile.first_seen)),
            terms.seen(planes.LAST_SEEN, self._day(profile.last_seen)),
        ]
        self.differ(profile, begun, list(terms.said_of(profile, self._directory, self._calendar)))

    def leave(self, profile: Profile) -> None:
        """A profile ends: nothing holds of it any more, and its number is free."""
        if profile.number < 0:
            return
        self.differ(profile, list(terms.said_of(profile, self._directory, self._calendar)), [])
        self._ids[profile.number] = ""
        self._directory.free.append(profile.number)

    # -- what holds of them

    def differ(self, profile: Profile, before: Sequence[Term], after: Sequence[Term]) -> None:
        """What of a profile held before and what holds now. A term may be said twice."""
        if before == after:
            return
        number = profile.number
        for term in dict.fromkeys(before) if before else ():
            if term not in after:
                self.turn(term, number, OUT)
        for term in dict.fromkeys(after):
            if term not in before:
                self.turn(term, number, IN)

    def move(self, before: Term, after: Term, number: int) -> None:
        """One value of a slice ends and another begins."""
        if before and after:
            before, after = apart(before, after)
        self.turn(before, number, OUT)
        self.turn(after, number, IN)

    def turn(self, term: Term, number: int, way: int) -> None:
        """Something begins to hold (`IN`), or ends (`OUT`)."""
        if number < 0 or not term:
            return
        turned = self._turned.get(term)
        if turned is None:
            self._turned[term] = {number: way}
        else:
            _add(turned, number, way)

    def property(self, profile: Profile, name: str, was: Any, now: Any) -> None:
        """A property's value is another."""
        kind = type(now)
        if was is now or (kind is type(was) and kind is not list and was == now):
            return
        directory = self._directory
        self.differ(profile, terms.of_property(directory, name, was), terms.of_property(directory, name, now))

    def fields(self, profile: Profile, was: Mapping[str, Any], now: Mapping[str, Any], which: Sequence[str]) -> None:
        """The values of these fields may be others."""
        directory = self._directory
        for field in which:
            old, new = was.get(field), now.get(field)
            if old == new:
                continue
            after = terms.of_field(directory, field, new)
            if old is None:
                self.turn(after, profile.number, IN)
            else:
                self.move(terms.of_field(directory, field, old), after, profile.number)

    def seen(self, profile: Profile, slice_: str, was: Timestamp, now: Timestamp) -> None:
        """The first or the last record is another."""
        day = self._day(now)
        earlier, later = terms.seen(slice_, self._day(was)), terms.seen(slice_, day)
        if earlier is not later:
            self._seen_on(day)
            self.move(earlier, later, profile.number)

    def _seen_on(self, day: int) -> None:
        directory = self._directory
        if directory.latest is not None and day > directory.latest:
            directory.latest = day

    def counted(self, profile: Profile, name: str, total: int, day: int, today: int, days: Sequence[int]) -> None:
        """An event was counted: it was the `total`th ever, and on its day (if that is kept) the `today`th."""
        event = self._directory.event(name)
        if event is None:
            return
        number, oldest = profile.number, self._directory.oldest
        if not total & (total - 1):
            exponent = total.bit_length() - 1
            if exponent == 0:
                self.turn((planes.ever(event),), number, IN)
            elif exponent <= planes.POWERS:
                self.turn((planes.power(event, exponent),), number, IN)
        if oldest is not None and day >= oldest:
            if today == 1:
                self.turn((planes.on_day(event, day),), number, IN)
            elif today == 2:
                self.turn((planes.twice_on_day(event, day),), number, IN)
        if today == terms.BUSY and sum(count >= terms.BUSY for count in days[1::2]) == 1:
            self.turn((planes.busy_day(event),), number, IN)

    def let_go(self, profile: Profile, name: str, was: Sequence[int], now: Sequence[int]) -> None:
        """With a new day, earlier days of an event are no longer kept."""
        event = self._directory.event(name)
        if event is None:
            return
        number, oldest = profile.number, self._directory.oldest
        for place in range(0, len(was), 2):
            if oldest is not None and oldest <= was[place] < now[0]:
                self.turn((planes.on_day(event, was[place]),), number, OUT)
                if was[place + 1] > 1:
                    self.turn((planes.twice_on_day(event, was[place]),), number, OUT)
        if terms.is_busy(was) and not terms.is_busy(now):
            self.turn((planes.busy_day(event),), number, OUT)

    # -- time

    def passes(self, at_ms: int) -> None:
        """A record of this Kafka time is folded."""
        directory = self._directory
        wanted = self._day(at_ms // 1000) - planes.DAYS + 1
        if directory.oldest is None:
            directory.oldest = wanted
        elif wanted > directory.oldest:
            self._expired.append(directory.oldest)
            directory.oldest += 1
        if wanted <= directory.oldest:
            self.clock_ms = at_ms // _QUARTER_MS * _QUARTER_MS + _QUARTER_MS

    # -- all of it

    def result(self) -> IndexChange:
        """What is to be written."""
        directory = self._directory
        expired = [
            name(event, day)
            for day in self._expired
            for event in directory.events.values()
            for name in (planes.on_day, planes.twice_on_day)
        ]
        turned = self._by_plane()
        for plane in expired:
            turned.pop(plane, None)
        return IndexChange(
            {plane: numbers for plane, numbers in turned.items() if numbers}, self._ids, directory.tellings(),
            directory.sayings(), expired, self._free_before - self._untouched, directory.free[self._untouched :],
            self._unused,
        )  # fmt: skip

    def _by_plane(self) -> dict[str, dict[int, int]]:
        """A plane that two terms have in common may be left for the one and entered for the other."""
        found: dict[str, dict[int, int]] = {}
        for term, numbers in self._turned.items():
            for plane in term:
                turned = found.get(plane)
                if turned is None:
                    found[plane] = numbers.copy()
                elif turned.keys().isdisjoint(numbers):
                    turned |= numbers
                else:
                    for number, way in numbers.items():
                        _add(turned, number, way)
        return found


def _add(turned: dict[int, int], number: int, way: int) -> None:
    """Ways there and back are none."""
    total = turned.get(number, 0) + way
    if total:
        turned[number] = total
    else:
        del turned[number]


@lru_cache(maxsize=20_000)
def apart(before: Term, after: Term) -> tuple[Term, Term]:
    """The planes of one value that are not the other's, and the other way round."""
    was, now = set(before), set(after)
    return tuple([plane for plane in before if plane not in now]), tuple([plane for plane in after if plane not in was])
