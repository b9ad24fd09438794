"""The answer to a query: how many there are, what the number includes, and a page of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from knownas.find.cursor import LAST_SEEN
from knownas.find.tree import Condition
from knownas.nouns import Profile
from knownas.profile.time import EPOCH
from knownas.profile.view import view


class Page(NamedTuple):
    """Which people are wanted beside their number."""

    limit: int
    sort: str = LAST_SEEN
    cursor: str | None = None
    orphans: bool = False


class Found(NamedTuple):
    """An answer. `since` is the day from which on it is exact, None where it is. Where it is `capped` nobody was looked
    at: there are at least so many, and at most `at_most` people and orphans. `unknown` are names that nobody ever had.
    """

    people: int
    orphans: int
    since: int | None
    at_most: tuple[int, int]
    unknown: Sequence[str]
    capped: bool = False
    profiles: Sequence[Profile] = ()
    cursor: str | None = None
    looked_at: int = 0


class Explained(NamedTuple):
    """A condition by itself: how many match for sure, how many at most, its planes and steps in the first shard, and
    how long all shards took."""

    condition: Condition
    sure: int
    most: int
    planes: list[str]
    steps: int
    ms: float


def numbers(found: Found) -> dict[str, Any]:
    """The numbers of an answer, and what they include."""
    said: dict[str, Any] = {"people": found.people, "orphans": found.orphans, "exact_since": day(found.since)}
    if found.capped:
        said |= {"capped": True, "atMost": dict(zip(("people", "orphans"), found.at_most, strict=True))}
    return said | {"unknown": list(found.unknown)}


def with_people(found: Found, now_ms: int) -> dict[str, Any]:
    """An answer with its page."""
    profiles = [view(profile, now_ms) for profile in found.profiles]
    return numbers(found) | {"profiles": profiles, "cursor": found.cursor}


def day(since: int | None) -> str | None:
    """A day as people write it."""
    return None if since is None else date.fromordinal(since + EPOCH).isoformat()
