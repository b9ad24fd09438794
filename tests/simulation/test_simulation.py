"""Crashes, zombies, lost answers and failing batches between any two steps: the plain model's bytes in the end."""

from __future__ import annotations

import os
import random
from collections import Counter

from tests.builders import setting
from tests.simulation.comparing import differences
from tests.simulation.histories import Placed, definitions, history
from tests.simulation.snapshots import snapshot_faults
from tests.simulation.world import Faults, World

HISTORIES = int(os.environ.get("KNOWNAS_TEST_HISTORIES", "300"))
FIRST_SEED = int(os.environ.get("KNOWNAS_TEST_SEED", "0"))


def simulate(seed: int) -> tuple[World, list[Placed], list[str]]:
    """One history under one schedule; what differs in the end."""
    rng = random.Random(seed)
    crash, zombie, lost_answer, no_effect = (rng.choice([0, 0.01, 0.03]) for _ in range(4))
    faults = Faults(crash, zombie, lost_answer, no_effect, rng.choice([0, 0.1]))
    world = World(setting(), rng, faults, rng.choice([0, 0.5]), rng.choice([0, 1, 1]))
    world.snapshot_days = rng.choice([0, 1e-9, 5e-7])
    world.definitions += definitions(rng)
    placed = history(rng, world.setting.partitions)
    world.play(_simulate(world, placed, rng))
    return world, placed, differences(world) + snapshot_faults(world)


async def _simulate(world: World, placed: list[Placed], rng: random.Random) -> None:
    cut = rng.randint(0, len(placed))
    for record in placed[:cut]:
        world.produce(*record)
    await world.begin(workers=rng.randint(1, 3))
    await world.run_some(rng.randint(0, 60))
    for record in placed[cut:]:
        world.produce(*record)
    await world.run(steps=rng.choice([60, 150, 400]))


def test_any_history_under_any_schedule_with_any_faults_gives_the_models_bytes() -> None:
    crashes: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for seed in range(FIRST_SEED, FIRST_SEED + HISTORIES):
        world, placed, found = simulate(seed)
        crashes += world.crashes
        passed += world.passed
        story = "\n".join([*(f"{r.topic}/{r.partition} {r.value.decode()}" for r in placed), *world.trace])
        assert not found, f"seed {seed}\n{story}\n" + "\n".join(found)
    often = {name for name, times in passed.items() if times > HISTORIES}
    missed = {name for name in often if name.startswith("gap") and not crashes[name]}
    assert not missed, f"no crash at {missed}"
