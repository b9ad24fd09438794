"""Claims in a cluster, where owner rows lie in many slots: all or nothing, whoever dies between any two steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import starmap
from typing import Any

import pytest

from knownas.adapters.intents import Taken, apart, chained, intent
from knownas.adapters.keys import Keys
from knownas.adapters.redis import Command
from knownas.adapters.redis_address import Replicas, address
from knownas.adapters.redis_cluster import SLOTS, ClusterLink, slot_of
from knownas.adapters.store import RedisSourceStore, _Write
from knownas.errors import WorldFault
from knownas.identity.plan import Look, Plan
from knownas.nouns import EVENTS, Identity, Outcome, Owner
from knownas.stages.hold import SourceHold
from knownas.stages.ports import Committed
from tests.builders import NAMES

ANN, BEN, CAT, DAN, EVE = (Identity("email", f"{name}@x.ie") for name in ("ann", "ben", "cat", "dan", "eve"))
NO_PLAN = Plan([], {}, {}, [], [], [], [], {}, {}, 0)
DONE = Committed([True], written=True)
LOST = Committed([True], written=False)


class MortalLink(ClusterLink):
    """A link whose worker dies before it sends a script of that name for the given time."""

    dies_before: tuple[str, int] | None = None
    sent = 0
    steps_left = 1_000

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """Answers, or death."""
        if self.steps_left == 0:
            raise WorldFault("died")
        self.steps_left -= 1
        if self.dies_before is not None and any(self.script(self.dies_before[0], ())[1] in some for some in commands):
            self.sent += 1
            if self.sent == self.dies_before[1]:
                raise WorldFault("died")
        return await super().run(commands)


class Worker:
    """A worker's side of stage 1."""

    def __init__(self, url: str, prefix: str) -> None:
        self.link = MortalLink(address(url))
        self.keys = Keys(prefix)
        self.store = RedisSourceStore(self.link, self.keys, NAMES)

    async def take(self, partition: int) -> SourceHold:
        """Take a partition of events."""
        return next(iter((await self.store.take({(EVENTS, partition): 0})).values()))

    async def claim(self, hold: SourceHold, *looks: Look, **parts: Any) -> Committed:
        """Commit a chunk whose decisions rest on these rows."""
        return await self.store.commit([(hold, NO_PLAN._replace(looks=list(looks), **parts), 9)])

    async def raw(self, identity: Identity) -> bytes | None:
        """What stands in the place of a row."""
        (raw,) = await self.link.run([("GET", self.keys.owner(NAMES.identity(identity)))])
        return None if raw is None else bytes(raw)


@pytest.fixture
async def workers(cluster_url: str, namespace: str) -> AsyncIterator[tuple[Worker, Worker]]:
    """Two workers at one cluster."""
    both = Worker(cluster_url, namespace + ":"), Worker(cluster_url, namespace + ":")
    yield both
    for worker in both:
        await worker.link.close()


def claims(profile: str, partition: int, *identities: Identity) -> list[Look]:
    """Claims of free identities."""
    return [Look(identity, None, Owner(profile, 0, EVENTS, partition, 1)) for identity in identities]


def test_these_identities_lie_in_different_slots() -> None:
    assert len({slot_of(Keys().owner(NAMES.identity(identity))) for identity in (ANN, BEN, CAT)}) == 3


async def test_of_who_died_before_the_commit_nothing_is_left_and_the_commit_cannot_come_late(
    workers: tuple[Worker, Worker],
) -> None:
    first, second = workers
    hold = await first.take(0)
    first.link.dies_before = "resolve", 1
    with pytest.raises(WorldFault):
        await first.claim(hold, *claims("p", 0, ANN, BEN))
    assert intent(await second.raw(ANN)) is not None
    assert await second.store.owners([ANN, BEN]) == {ANN: None, BEN: None}
    assert await second.raw(BEN) is None
    first.link.dies_before = None
    late = first.store._script([_Write(hold, {}, {}, {})], (), 1, b"")
    assert (await first.link.run([late])) == [[0, 1]]
    assert await second.claim(await second.take(1), *claims("q", 1, ANN, BEN)) == DONE


async def test_who_loses_its_partition_half_way_takes_its_intents_back_itself(workers: tuple[Worker, Worker]) -> None:
    first, second = workers
    hold = await first.take(0)
    await second.take(0)
    rows = chained(map(first.store._taken, claims("p", 0, ANN, BEN)))
    assert rows is not None
    assert await first.store._write_group([_Write(hold, {}, {}, {})], [rows]) == [(False, False)]
    assert [await second.raw(ANN), await second.raw(BEN)] == [None, None]


async def test_who_died_after_the_commit_has_claimed_all_of_it(workers: tuple[Worker, Worker]) -> None:
    first, second = workers
    hold = await first.take(0)
    first.link.dies_before = "swap", 2
    with pytest.raises(WorldFault):
        await first.claim(hold, *claims("p", 0, ANN, BEN), outcomes={1: Outcome("p", (0, 1))})
    mine = Owner("p", 0, EVENTS, 0, 1)
    assert await second.store.owners([ANN]) == {ANN: mine}
    assert intent(await second.raw(BEN)) is not None
    taken = await second.take(0)
    assert taken.outcomes == {1: Outcome("p", (0, 1))}
    assert intent(await second.raw(BEN)) is None
    assert await second.store.owners([BEN]) == {BEN: mine}


@pytest.mark.parametrize("steps", range(7))
async def test_whatever_the_step_at_which_a_worker_dies_each_of_its_chunks_is_all_or_nothing(
    workers: tuple[Worker, Worker], steps: int
) -> None:
    first, second = workers
    one, two = await first.take(0), await first.take(1)
    released = Owner("", 1, EVENTS, 1, 1)
    assert await first.claim(two, *claims("r", 1, DAN)) == DONE
    plans = [
        NO_PLAN._replace(looks=[*claims("p", 0, ANN, BEN), Look(EVE, None, None)], outcomes={1: Outcome("p", (0, 1))}),
        NO_PLAN._replace(
            looks=[Look(DAN, Owner("r", 0, EVENTS, 1, 1), released), *claims("q", 1, CAT)], outcomes={1: Outcome("q")}
        ),
    ]
    first.link.steps_left = steps
    try:
        await first.store.commit([(one, plans[0], 9), (two, plans[1], 9)])
    except WorldFault:
        assert steps < 6
    again, other = await second.take(0), await second.take(1)
    rows = await second.store.owners([ANN, BEN, CAT, DAN, EVE])
    mine, theirs = Owner("p", 0, EVENTS, 0, 1), Owner("q", 0, EVENTS, 1, 1)
    assert [rows[ANN], rows[BEN]] == ([mine, mine] if again.outcomes else [None, None])
    assert [rows[CAT], rows[DAN]] == ([theirs, released] if other.outcomes else [None, Owner("r", 0, EVENTS, 1, 1)])
    assert rows[EVE] is None
    assert bool(again.outcomes) == (steps >= 4)
    assert not [raw for raw in [await second.raw(one) for one in (ANN, BEN, CAT, DAN, EVE)] if intent(raw) is not None]


async def test_a_commit_waits_for_the_replicas_of_every_node_that_it_read_or_wrote(
    workers: tuple[Worker, Worker], cluster_url: str
) -> None:
    first, _ = workers
    hold = await first.take(0)
    async with ClusterLink(address(cluster_url, replicas=Replicas(1, 100))) as link:
        waiting = RedisSourceStore(link, first.keys, NAMES)
        for looks in (claims("p", 0, ANN, BEN, CAT), [Look(DAN, None, None), Look(EVE, None, None)]):
            with pytest.raises(WorldFault, match="0 of 1 replicas"):
                await waiting.commit([(hold, NO_PLAN._replace(looks=looks), 9)])
        assert len(link._touched) == 0
        await waiting.owners([ANN, BEN, CAT])
        rows = {slot_of(first.keys.owner(NAMES.identity(one))) for one in (ANN, BEN, CAT)}
        assert len(link._touched) == len({slot * 3 // SLOTS for slot in rows})


CHAINS = [
    ([("a", b"", b"1"), ("a", b"1", b"2"), ("b", b"x", b"")], [("a", b"", b"2"), ("b", b"x", b"")]),
    ([("a", b"", b""), ("a", b"", b"1"), ("a", b"1", b"")], [("a", b"", b"1")]),
    ([("a", b"", b"1"), ("a", b"", b"2")], None),
]


@pytest.mark.parametrize(("looks", "rows"), CHAINS)
def test_looks_at_one_row_follow_from_each_other_or_are_lost(looks: list[Any], rows: list[Any] | None) -> None:
    assert chained(starmap(Taken, looks)) == rows


def test_chunks_with_a_row_in_common_are_committed_one_after_the_other() -> None:
    rows = [[Taken(key, b"", b"1") for key in keys] for keys in ("ab", "c", "da", "e", "e")]
    assert apart(rows) == [[0, 1], [2, 3], [4]]


async def test_a_commit_rests_on_rows_that_were_all_so_at_one_moment_even_if_it_takes_none(
    workers: tuple[Worker, Worker],
) -> None:
    first, second = workers
    hold, other = await first.take(0), await second.take(1)
    assert await second.claim(other, *claims("q", 1, ANN)) == DONE
    assert await first.claim(hold, Look(ANN, None, None), Look(BEN, None, None)) == LOST
    assert await first.claim(hold, Look(ANN, None, None), *claims("p", 0, BEN)) == LOST
    assert await second.raw(BEN) is None
    assert await first.claim(hold, Look(ANN, Owner("q", 0, EVENTS, 1, 1), None), *claims("p", 0, BEN)) == DONE


async def test_of_two_who_want_the_same_in_opposite_order_one_gets_all_of_it(
    workers: tuple[Worker, Worker],
) -> None:
    holds = [await worker.take(number) for number, worker in enumerate(workers)]
    for turn in range(20):
        some = [Identity("email", f"{name}{turn}@x.ie") for name in "abc"]

        async def wants(number: int, identities: list[Identity]) -> bool:
            """Try as long as nobody has them; whether we got them."""
            while True:
                looks = claims(f"p{number}", number, *identities)
                if (await workers[number].claim(holds[number], *looks)).written:
                    return True
                if any((await workers[number].store.owners(identities)).values()):
                    return False

        got = await asyncio.gather(wants(0, some), wants(1, some[::-1]))
        rows = (await workers[0].store.owners(some)).values()
        assert sorted(got) == [False, True]
        assert {row.profile for row in rows if row is not None} == {f"p{got.index(True)}"}
        assert None not in rows
