"""The plans of queries, one a shard, kept for who asks again or turns the page.

A plan is made by what is known of a shard, in two goes: the first says which planes it takes, these are looked at, and
the second leaves out those that nobody is in. It says what it rests on, and the shard checks that at every run; so a
plan is good until the shard refuses it, whatever came since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from knownas.find import planes
from knownas.find.algebra import NOBODY, Algebra, Program
from knownas.find.asking import Shards
from knownas.find.bounds import ANYBODY, Bounds
from knownas.find.moment import Moment
from knownas.find.plan import Plan
from knownas.find.tree import Condition
from knownas.find.view import View, Wanted, wanted

MOST_STEPS: Final = 3_000
"""A program that would be longer is not run: everybody is a candidate instead."""
_OPERANDS: Final = 16
"""So many operands of a step take the store as long as another step."""
PROGRAMS: Final = 512

SURE, SURE_ORPHANS, MAYBE, MAYBE_ORPHANS, CANDIDATES, SHOWN, EVERY = range(7)
"""The results of a program. `SHOWN` are those who are sure, `EVERY` those who may be, both as a page wants them."""
COUNTS: Final = (SURE, SURE_ORPHANS, MAYBE, MAYBE_ORPHANS)


class Planned(NamedTuple):
    """A program for a shard; whether nobody has to be looked at beside it; what it rests on."""

    program: Program
    is_exact: bool
    rests_on: tuple[object, ...]
    view: View


_Key = tuple[str, int, int, int, bool | None]
"""A query, a shard, the day there and in UTC, and whom a page shows."""


class Plans:
    """The plans of queries."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._known: dict[_Key, Planned] = {}

    async def of(
        self, query: Condition, moment: Moment, shows_orphans: bool | None, shards: Sequence[int], *, anew: bool
    ) -> list[Planned]:
        """A plan for each of these shards: one that was made before, or a new one. `shows_orphans` None: people are
        counted alone."""
        text = repr(query)  # to tell queries apart: to Python 1, 1.0 and True are one
        keys = [(text, shard, moment.today, moment.now_ms // 86_400_000, shows_orphans) for shard in shards]
        lacking = [key for key in keys if anew or key not in self._known]
        if lacking:
            needs = wanted(query)
            views = await self._shards.views(needs, fresh=anew)
            drafts = [_Draft(query, views[key[1]], moment) for key in lacking]
            if await self._shards.look({key[1]: draft.planes() for key, draft in zip(lacking, drafts, strict=True)}):
                drafts = [_Draft(query, views[key[1]], moment) for key in lacking]
            # Nobody else had a turn between the draft and this: the plan rests on what the view says now.
            found = {key: draft.planned(needs, shows_orphans) for key, draft in zip(lacking, drafts, strict=True)}
            while len(self._known) > PROGRAMS - len(found):
                del self._known[next(iter(self._known))]
            self._known |= found
        return [self._known[key] for key in keys]

    async def told(self, query: Condition, moment: Moment) -> tuple[int, list[str]]:
        """The steps of a query in the first shard, and the planes that it takes."""
        draft = _Draft(query, (await self._shards.views(wanted(query), fresh=False))[0], moment)
        return draft.steps(), draft.planes()


class _Draft:
    """A query planned for one shard, by what its view knows."""

    def __init__(self, query: Condition, view: View, moment: Moment) -> None:
        self._view, self._algebra = view, Algebra(view.lacks)
        self._bounds = Plan(self._algebra, view, moment).of(query)

    def planes(self) -> list[str]:
        """The planes it takes, but for those that are known to be empty."""
        return self._algebra.planes([*self._bounds, self._algebra.plane(planes.ORPHAN)])

    def steps(self) -> int:
        """How many steps it takes to tell who matches and who may."""
        return len(self._algebra.program(self._bounds).steps)

    def planned(self, needs: Wanted, shows_orphans: bool | None) -> Planned:
        """The program."""
        algebra, bounds = self._algebra, self._bounds
        program = _written(algebra, bounds, shows_orphans)
        if len(program.steps) + sum(len(step.operands) for step in program.steps) // _OPERANDS > MOST_STEPS:
            algebra, bounds = Algebra(), ANYBODY
            program = _written(algebra, bounds, shows_orphans)
        rests_on = self._view.rests_on(needs, tuple(algebra.absent))
        return Planned(program, bounds.sure == bounds.maybe, rests_on, self._view)


def _written(algebra: Algebra, bounds: Bounds, shows_orphans: bool | None) -> Program:
    orphan = algebra.plane(planes.ORPHAN)
    sure, maybe = bounds
    shown = every = NOBODY
    if shows_orphans is not None:
        shown, every = (
            (sure, maybe) if shows_orphans else (algebra.without(sure, orphan), algebra.without(maybe, orphan))
        )
    candidates = algebra.without(maybe, sure) if sure != maybe else NOBODY
    return algebra.program(
        [sure, algebra.both(sure, orphan), maybe, algebra.both(maybe, orphan), candidates, shown, every]
    )
