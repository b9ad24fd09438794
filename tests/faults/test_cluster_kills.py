"""Workers killed on a store that is a cluster, in the middle of commits that span its nodes among others, and of ticks
at which idle guests go.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.conftest import Logbook, faulty
from tests.faults.crew import crew_of
from tests.faults.gaps import STAGES, STORE
from tests.faults.records import shop
from tests.faults.streams import streaming
from tests.faults.test_kills import finish, lose_many


@pytest.mark.timeout(900)
async def test_workers_killed_between_any_two_round_trips_to_a_cluster_leave_no_difference(
    kafka: str, cluster_url: str, tmp_path: Path, rng: random.Random, kills: int, namespace: str, logbook: Logbook
) -> None:
    gaps = [rng.choice((STORE, STORE, *STAGES)) for _ in range(kills)]
    async with faulty(kafka, cluster_url, namespace) as deployment, crew_of(deployment, tmp_path) as crew:
        async with streaming(deployment, shop(rng.randrange(1_000), 8)) as stream:
            await lose_many(crew, gaps, rng)
        report = await finish(crew)
        logbook.kills += crew.kills()
        logbook.lines.append(f"{len(gaps)} workers killed on a cluster, {len(stream.sent)} records")
        assert report.differences == []
        assert report.equal_profiles == report.profiles > 10
