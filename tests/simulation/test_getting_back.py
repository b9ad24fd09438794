"""Any history, with crashes and all, in which the store is lost, or put back, and got back by the real commands."""

from __future__ import annotations

import asyncio
import copy
import random
from collections import Counter
from typing import Any, Literal, NamedTuple

import pytest

from knownas.adapters.kafka_log import NOWHERE
from knownas.nouns import SNAPSHOTS
from knownas.plain import Contradiction
from tests.builders import setting
from tests.simulation.comparing import differences, faults_within
from tests.simulation.getting_back import Back, SimulatedLog, hinges_on_what_was_not_sent, rebuilt, repaired
from tests.simulation.histories import Placed, definitions, history
from tests.simulation.snapshots import latest_beginning, snapshot_faults
from tests.simulation.test_simulation import FIRST_SEED, HISTORIES
from tests.simulation.world import Faults, World

How = Literal["lost", "cut", "put back"]


class Played(NamedTuple):
    """A history; what the command said; whether it hinged on a race of which nothing had been sent."""

    world: World
    placed: list[Placed]
    back: Back
    hinged: bool


def simulate(seed: int, how: How, redis_url: str, prefix: str) -> Played:
    """One history, in whose midst the store is lost."""
    rng = random.Random(seed)
    crash, zombie, lost_answer, no_effect = (rng.choice([0, 0.01, 0.03]) for _ in range(4))
    faults = Faults(crash, zombie, lost_answer, no_effect, rng.choice([0, 0.1]))
    world = World(setting(), rng, faults, rng.choice([0.3, 0.9]), rng.choice([0, 1]), rng.choice([1e-9, 5e-7]))
    world.definitions += definitions(rng)
    placed = history(rng, world.setting.partitions)
    first, second = sorted(rng.choices(range(len(placed) + 1), k=2))
    world.play(_work(world, placed[:first], rng.randint(0, 200)))
    older = copy.deepcopy(world.store)
    world.go_on_with(world.store)
    world.play(_work(world, placed[first:second], rng.randint(0, 200)))
    while world.kafka.on_its_way:
        world.kafka.arrive()
    hinged = hinges_on_what_was_not_sent(world)
    begins = NOWHERE
    if how == "put back" and any(at.pos is not None for at in older.at.values()):
        back = asyncio.run(repaired(world, older, redis_url, prefix))
    else:
        if how == "cut":
            begins = {n: rng.randint(0, latest_beginning(world, n)) for n in range(world.setting.shards)}
        back = asyncio.run(rebuilt(world, redis_url, prefix, begins))
    world.trace.append(f"{how}: {back.done.as_json()}")
    world.go_on_with(back.store, begins)
    world.play(_to_the_end(world, placed[second:]))
    return Played(world, placed, back, hinged)


async def _work(world: World, placed: list[Placed], steps: int) -> None:
    for record in placed:
        world.produce(*record)
    await world.begin(workers=world.rng.randint(1, 3))
    await world.run_some(steps)


async def _to_the_end(world: World, placed: list[Placed]) -> None:
    for record in placed:
        world.produce(*record)
    await world.begin(workers=world.rng.randint(1, 3))
    await world.run(steps=world.rng.choice([60, 150]))


def compared(world: World) -> list[str]:
    """Everything that is not the model's."""
    try:
        return differences(world) + snapshot_faults(world)
    except Contradiction as contradiction:
        return [str(contradiction)]


def test_a_rebuild_reads_the_snapshots_of_each_shard_once(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, namespace: str
) -> None:
    reads: Counter[tuple[str, tuple[int, ...]]] = Counter()
    read = SimulatedLog.read

    def noted(log: SimulatedLog, topic: str, committed_only: bool, partitions: Any = None, **more: Any) -> Any:
        reads[topic, tuple(partitions or ())] += 1
        return read(log, topic, committed_only, partitions, **more)

    monkeypatch.setattr(SimulatedLog, "read", noted)
    world = simulate(FIRST_SEED, "lost", redis_url, f"{namespace}:").world
    topic = world.layout.name(SNAPSHOTS)
    wanted = {(topic, (shard,)): 1 for shard in range(world.setting.shards)}
    assert {what: times for what, times in reads.items() if what[0] == topic} == wanted


@pytest.mark.parametrize("how", ["lost", "cut", "put back"])
def test_a_store_that_is_lost_in_any_history_comes_back_and_the_end_is_the_models(
    how: How, redis_url: str, namespace: str
) -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + max(1, HISTORIES // 10))
    hinged = otherwise = 0
    for seed in seeds:
        played = simulate(seed, how, redis_url, f"{namespace}-{seed}:")
        world, found = played.world, compared(played.world)
        hinged += played.hinged
        if found and played.hinged:  # in whose favour the race was decided, nothing but the store has known
            otherwise += 1
            found = faults_within(world)
        story = "\n".join([*(f"{r.topic}/{r.partition} {r.value.decode()}" for r in played.placed), *world.trace])
        assert not found, f"seed {seed}\n{story}\n" + "\n".join(found)
    assert hinged <= max(1, len(seeds) // 4)
    assert otherwise <= max(1, len(seeds) // 40)
