"""What a query came to, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from knownas.adapters.places import place, places_are_installed
from knownas.find.answer import Found, day
from knownas.find.cursor import LAST_SEEN
from knownas.find.evaluate import Reason
from knownas.find.tree import Did, Edge
from knownas.find.writing import to_line
from knownas.find.wrong import WrongQuery
from knownas.nouns import Profile
from knownas.profile.card import card
from knownas.serve.page.person import name_of
from knownas.serve.page.shown import counted, human_time, number, value

NAMES: Final = 2_000
"""Among so many names one is looked for that may be meant."""
_LIKE: Final = 0.6


class PersonShown(NamedTuple):
    """A row of the results."""

    id: str
    type: str
    name: str
    known: str
    place: str
    last_seen: float
    is_orphan: bool


class ReasonShown(NamedTuple):
    """A condition and its answer for one person; `saw` is what was found there."""

    line: str
    holds: bool
    saw: str
    since: str
    of: Sequence[ReasonShown]
    joined: str


class Marked(NamedTuple):
    """A line cut where something is wrong with it."""

    before: str
    at: str
    after: str
    problem: str
    allowed: Sequence[str]


def people(found: Found) -> str:
    """How many there are."""
    least = counted(found.people, "person", "people")
    if not found.capped:
        return least
    return f"{number(found.people)} to {counted(found.at_most[0], 'person', 'people')}"


def orphans(found: Found) -> str:
    """And how many former guests, apart."""
    if found.capped and found.at_most[1] > found.orphans:
        return f"and {number(found.orphans)} to {number(found.at_most[1])} former guests, counted apart"
    return f"and {counted(found.orphans, 'former guest')}, counted apart" if found.orphans else ""


def notes(found: Found, cap: int, names: Sequence[str]) -> list[str]:
    """What one should know of the number."""
    said = []
    if found.capped:
        said.append(
            f"More than {number(cap)} people would have to be looked at one by one to know exactly, so nobody was. "
            "Ask closer: add a condition that leaves fewer."
        )
    if found.since is not None:
        said.append(
            f"Exact from {_date(found.since)} on. Events are counted by day for 92 days, and single events are known "
            "as long as timelines hold them: somebody may match by what happened before."
        )
    for name in found.unknown:
        like = get_close_matches(name, names[:NAMES], 1, _LIKE)
        also = f" Is “{like[0]}” meant?" if like else ""
        said.append(f"Nobody ever had “{name}”, so it matches nobody.{also}")
    return said


def person(profile: Profile, now_ms: int) -> PersonShown:
    """A row of the results."""
    seen = card(profile, now_ms, place if places_are_installed() else None)
    identities = [text for kind, text in profile.identities]
    known = str(seen["email"] or seen["phone"] or (identities[0] if identities else ""))
    name = name_of(profile)
    where = ", ".join(str(part) for part in (seen["city"], seen["country"]) if part)
    orphan = profile.guest_of is not None
    return PersonShown(profile.id, profile.type, name, "" if known == name else known, where, profile.last_seen, orphan)


def in_order(profiles: Sequence[Profile], sort: str, now_ms: int) -> list[PersonShown]:
    """Rows of the results. The index knows days; whoever is on one page is put in order by the second."""
    shown = [person(profile, now_ms) for profile in profiles]
    return sorted(shown, key=lambda one: -one.last_seen) if sort == LAST_SEEN else shown


_JOINED: Final = {"AllOf": "all of these", "AnyOf": "any of these", "Not": "not"}


def reason(given: Reason) -> ReasonShown:
    """A condition with its answer."""
    holds, since, saw = given.finding
    return ReasonShown(
        to_line(given.condition), bool(holds), _saw(given, saw), day(since) or "",
        [reason(part) for part in given.parts], _JOINED.get(type(given.condition).__name__, ""),
    )  # fmt: skip


def _saw(given: Reason, saw: Any) -> str:
    if given.parts:
        return ""
    if isinstance(given.condition, Did) and given.condition.total is None:
        return counted(saw, "time")
    if isinstance(given.condition, Edge) and saw is not None:
        return human_time(saw)
    return "nothing" if saw is None else value(saw)


def marked(line: str, wrong: WrongQuery) -> Marked:
    """A line with its mistake marked."""
    at = min(max((wrong.column or 1) - 1, 0), len(line))
    end = next((i for i in range(at, len(line)) if line[i] in " ()," and i > at), len(line))
    return Marked(line[:at], line[at:end], line[end:], wrong.problem, tuple(wrong.allowed))


def _date(days: int) -> str:
    return date.fromisoformat(day(days) or "").strftime("%-d %B %Y")


def sorts(numbers: Sequence[str], chosen: str) -> Mapping[str, str]:
    """In which orders people come."""
    usual = {"lastSeen": "last seen first", "firstAcquired": "newest first", "name": "by name"}
    also = [chosen] if chosen not in usual and chosen not in numbers else []
    return usual | {name: f"most {name} first" for name in [*numbers, *also] if name not in usual}
