"""Finding people: a query, planned for each shard, worked out in all of them at once, and its candidates looked at.

The order of effects: views of the shards (kept from question to question), a program a shard, all programs in one round
trip; whoever may match and is not sure is read and evaluated, some at a time. A program that rests on what a shard no
longer is like is planned anew. Where more people than the cap would have to be looked at nobody is, and the answer says
between which numbers it lies.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Final, NamedTuple

from knownas.adapters.plans import CANDIDATES, COUNTS, EVERY, SHOWN, Planned, Plans
from knownas.errors import WrongInput
from knownas.find import planes
from knownas.find.answer import Explained, Found, Page
from knownas.find.asking import Ask, Shards, Shown, Told
from knownas.find.cursor import LAST_SEEN, NAME, Place, begins, decode, encode, order_of
from knownas.find.evaluate import evaluate, standing
from knownas.find.moment import Moment
from knownas.find.tree import Condition, conditions, mentions
from knownas.find.view import Wanted
from knownas.nouns import Profile

MOST_LOOKED_AT: Final = 20_000
AT_ONCE: Final = 1_000
"""So many profiles are in memory while candidates are looked at."""
TIMELINES_AT_ONCE: Final = 100
PLANNED_ANEW: Final = 3


class Finder:
    """Answers queries."""

    def __init__(self, shards: Shards, most_looked_at: int = MOST_LOOKED_AT) -> None:
        self._shards, self._cap = shards, most_looked_at
        self._plans = Plans(shards)

    async def find(self, query: Condition, moment: Moment, page: Page | None = None) -> Found:
        """How many there are, and a page of them."""
        place = decode(page.cursor, page.sort) if page is not None and page.cursor else None
        if page is not None:
            await self._check_order(page.sort)
        question = _Question(query, moment, page, place)
        told, exact = await self._ask(question)
        sure, sure_orphans, maybe, maybe_orphans = _sums(told)
        most = maybe - maybe_orphans, maybe_orphans
        found = Found(sure - sure_orphans, sure_orphans, None, most, await self.unknown(query))
        asked = maybe - sure
        passing: dict[int, list[int]] = {}
        if not exact:
            if asked > self._cap or any(one.members[0] is None for one in told):
                found = found._replace(capped=True)
            else:
                found, passing = await self._looked_at(question, told, found)
        if page is None:
            return found
        if page.sort == NAME:
            return await self._by_name(question, page, place, found, passing)
        if passing:
            question = question._replace(others=passing)
            told, _ = await self._ask(question)
        return await self._page(question, page, told, found)

    async def everyone(self, query: Condition, moment: Moment, *, orphans: bool) -> AsyncIterator[list[Profile]]:
        """All who match, by shard and number, some at a time, each as it is when it is read; the first is empty."""
        question = _Question(query, moment, Page(0, orphans=orphans), None, every=True)
        told, _ = await self._ask(question)
        for shard, one in enumerate(told):
            for some in _some(_members(one.members[-1] or b"")):
                profiles = (await self._shards.people({shard: some})).get(shard, [])
                there = [p for p in profiles if p is not None and (orphans or standing(p) == "person")]
                findings = await self._evaluated(query, there, moment)
                yield [profile for profile, (holds, _) in zip(there, findings, strict=True) if holds]

    async def explained(self, query: Condition, moment: Moment) -> list[Explained]:
        """Each condition of a query by itself: who is sure, who may be, the planes and steps it takes."""
        found = []
        for part in conditions(query):
            started = perf_counter()
            told, _ = await self._ask(_Question(part, moment, None, None))
            ms = (perf_counter() - started) * 1000
            counts = _sums(told)
            steps, names = await self._plans.told(part, moment)
            found.append(Explained(part, counts[0], counts[2], names, steps, ms))
        return found

    # -- asking

    async def _ask(self, question: _Question) -> tuple[list[Told], bool]:
        """All shards' answers, and whether nobody has to be looked at."""
        told: list[Told | None] = [None] * self._shards.count
        exact = True
        for attempt in range(PLANNED_ANEW + 1):
            left = [shard for shard, one in enumerate(told) if one is None]
            asks = []
            shows = None if question.page is None else question.page.orphans
            plans = await self._plans.of(question.query, question.moment, shows, left, anew=attempt > 0)
            for shard, planned in zip(left, plans, strict=True):
                rests_on = planned.rests_on if attempt < PLANNED_ANEW else ()
                asks.append(self._asked(question, shard, planned, rests_on))
                exact = exact and planned.is_exact
            for shard, answer in zip(left, await self._shards.ask(asks), strict=True):
                told[shard] = answer
            if all(one is not None for one in told):
                break
        return [one for one in told if one is not None], exact

    def _asked(self, question: _Question, shard: int, planned: Planned, rests_on: tuple[object, ...]) -> Ask:
        members, shown = [], None
        if question.others is None and not question.every:
            members.append((CANDIDATES, self._cap))
        page = question.page
        by_name = page is not None and page.sort == NAME
        if question.every:
            members.append((EVERY, -1))
        elif by_name and question.others is not None:
            members.append((SHOWN, self._cap))
        elif page is not None and not by_name:
            others = tuple((question.others or {}).get(shard, ()))
            order = order_of(page.sort, planned.view)
            shown = Shown(SHOWN, self._rows(question, page), order, begins(question.place, shard), others)
        counts = () if question.every or question.others is not None else COUNTS
        return Ask(shard, planned.program, rests_on, counts, tuple(members), shown)

    # -- looking at people

    async def _looked_at(
        self, question: _Question, told: Sequence[Told], found: Found
    ) -> tuple[Found, dict[int, list[int]]]:
        """The candidates, evaluated; who of them matches, by shard and number."""
        people, orphans, since, asked = found.people, found.orphans, found.since, 0
        passing: dict[int, list[int]] = {}
        shows_orphans = question.page is not None and question.page.orphans
        for numbers in _batches({shard: _members(one.members[0] or b"") for shard, one in enumerate(told)}):
            loaded = await self._shards.people(numbers)
            whose = [
                (shard, number, profile)
                for shard, profiles in loaded.items()
                for number, profile in zip(numbers[shard], profiles, strict=True)
                if profile is not None
            ]
            asked += len(whose)
            findings = await self._evaluated(question.query, [one for _, _, one in whose], question.moment)
            for (shard, number, profile), (holds, exact_since) in zip(whose, findings, strict=True):
                if exact_since is not None:
                    since = exact_since if since is None else max(since, exact_since)
                if holds:
                    is_person = standing(profile) == "person"
                    people, orphans = people + is_person, orphans + (not is_person)
                    if is_person or shows_orphans:
                        passing.setdefault(shard, []).append(number)
        exact = found._replace(people=people, orphans=orphans, since=since, at_most=(people, orphans), looked_at=asked)
        return exact, passing

    async def _evaluated(
        self, query: Condition, profiles: Sequence[Profile], moment: Moment
    ) -> list[tuple[bool, int | None]]:
        findings = [evaluate(query, profile, None, moment) for profile in profiles]
        open_ = [i for i, finding in enumerate(findings) if finding.holds is None]
        for start in range(0, len(open_), TIMELINES_AT_ONCE):
            some = open_[start : start + TIMELINES_AT_ONCE]
            timelines = await self._shards.timelines([profiles[i] for i in some])
            for i, timeline in zip(some, timelines, strict=True):
                findings[i] = evaluate(query, profiles[i], timeline, moment)
        return [(bool(finding.holds), finding.since) for finding in findings]

    # -- pages

    def _rows(self, question: _Question, page: Page) -> int:
        """How many rows of each shard: people are spread evenly, so some more than its share will nearly always do."""
        share = -(-page.limit // self._shards.count)
        return page.limit + 1 if question.whole else min(page.limit + 1, 2 * share + 8)

    async def _page(self, question: _Question, page: Page, told: Sequence[Told], found: Found) -> Found:
        first = _merged(told, page.limit + 1)
        asked = self._rows(question, page)
        if asked <= page.limit and any(_lacks(shard, one, asked, first, page) for shard, one in enumerate(told)):
            told, _ = await self._ask(question._replace(whole=True))
            first = _merged(told, page.limit + 1)
        shown = first[: page.limit]
        cursor = None
        if len(first) > page.limit and shown:
            value, number, shard = shown[-1]
            cursor = encode(Place(page.sort, -value, shard, number))
        numbers: dict[int, list[int]] = {}
        for _, number, shard in shown:
            numbers.setdefault(shard, []).append(number)
        loaded = await self._shards.people(numbers)
        whose = {
            (shard, number): profile
            for shard, profiles in loaded.items()
            for number, profile in zip(numbers[shard], profiles, strict=True)
        }
        there = [whose[shard, number] for _, number, shard in shown]
        return found._replace(profiles=[p for p in there if p is not None and not p.gone], cursor=cursor)

    async def _by_name(
        self, question: _Question, page: Page, place: Place | None, found: Found, passing: Mapping[int, list[int]]
    ) -> Found:
        """By name nobody is indexed: everybody found is read."""
        told, _ = await self._ask(question._replace(others=passing))
        if any(one.members[-1] is None for one in told) or found.people > self._cap:
            raise WrongInput(
                f"at most {self._cap:,} people are put in order by name; sort by {LAST_SEEN}, or ask closer"
            )
        numbers = {s: sorted({*_members(one.members[-1] or b""), *passing.get(s, ())}) for s, one in enumerate(told)}
        after = (str(place.value), place.id) if place is not None else None
        kept: list[tuple[tuple[str, str], Profile]] = []
        for some in _batches(numbers):
            loaded = await self._shards.people(some)
            named = [(_name(p), p) for profiles in loaded.values() for p in profiles if p is not None and not p.gone]
            named += kept
            later = [one for one in named if after is None or one[0] > after]
            kept = heapq.nsmallest(page.limit + 1, later, key=lambda one: one[0])
        shown = kept[: page.limit]
        more = len(kept) > page.limit and bool(shown)
        cursor = encode(Place(NAME, shown[-1][0][0], 0, 0, shown[-1][0][1])) if more else None
        return found._replace(profiles=[profile for _, profile in shown], cursor=cursor)

    async def _check_order(self, sort: str) -> None:
        if sort in (NAME, LAST_SEEN, "firstAcquired"):
            return
        views = await self._shards.views(Wanted({}, {}), fresh=False)
        if all(view.number_of(sort) is None for view in views):
            raise WrongInput(
                f"nobody is put in order by {sort!r}: sort by {LAST_SEEN}, firstAcquired, name or a numeric property"
            )

    async def unknown(self, query: Condition) -> list[str]:
        """Events and properties of a query that nobody ever had."""
        named = mentions(query)
        views = await self._shards.views(Wanted({}, {}), fresh=False)
        events = [
            name for name in named.events if all(view.event(name) is None and view.knows_all_events for view in views)
        ]
        return events + [
            name
            for name in named.properties
            if all(view.number_of(name) is None and view.knows_all_properties for view in views)
        ]


class _Question(NamedTuple):
    """A query on its way. `others` are candidates that were looked at and match, once they were; `every`: all members
    are wanted; `whole`: of each shard as many as a page has."""

    query: Condition
    moment: Moment
    page: Page | None
    place: Place | None
    others: Mapping[int, list[int]] | None = None
    every: bool = False
    whole: bool = False


def _sums(told: Sequence[Told]) -> list[int]:
    return [sum(one.counts[i] for one in told) for i in COUNTS]


def _members(bits: bytes) -> list[int]:
    return list(planes.members(bits))


def _some(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), AT_ONCE):
        yield numbers[start : start + AT_ONCE]


def _batches(numbers: Mapping[int, Sequence[int]]) -> Iterator[dict[int, list[int]]]:
    """People of all shards, some at a time."""
    batch: dict[int, list[int]] = {}
    held = 0
    for shard, all_of_it in numbers.items():
        for number in all_of_it:
            batch.setdefault(shard, []).append(number)
            held += 1
            if held == AT_ONCE:
                yield batch
                batch, held = {}, 0
    if batch:
        yield batch


_Row = tuple[int, int, int]
"""A value turned round, a number, a shard: in the order of pages."""


def _merged(told: Sequence[Told], most: int) -> list[_Row]:
    return heapq.nsmallest(most, _rows_of(told))


def _rows_of(told: Sequence[Told]) -> Iterator[_Row]:
    for shard, one in enumerate(told):
        for number, value in one.shown:
            yield -value, number, shard


def _lacks(shard: int, one: Told, asked: int, first: Sequence[_Row], page: Page) -> bool:
    """Whether a shard may have people who belong among the first and were not asked for."""
    if len(one.shown) < asked:
        return False
    last = max((-value, number, shard) for number, value in one.shown)
    return len(first) <= page.limit or last < first[-1]


def _name(profile: Profile) -> tuple[str, str]:
    held = profile.properties.get("Name")
    text = held.value if held is not None and isinstance(held.value, str) else "\U0010ffff"
    return text.casefold(), profile.id
