"""The store killed in mid-stream, connections cut, sendings failed and answers lost, between any two steps."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from knownas.embedded import start_valkey
from tests.faults.conftest import Logbook, faulty
from tests.faults.crew import Crew, crew_of
from tests.faults.gaps import HALVES, IDLE, REOPENING, STAGES, TAKING
from tests.faults.proxy import ForgetfulProxy
from tests.faults.records import shop
from tests.faults.streams import streaming
from tests.faults.worker import Fate
from tests.pipeline.deployment import Deployment


async def test_a_store_killed_in_mid_stream_and_restarted_on_its_file_leaves_no_difference(
    kafka: str, tmp_path: Path, namespace: str, rng: random.Random, thorough: bool, logbook: Logbook
) -> None:
    began, times = time.monotonic(), 6 if thorough else 2
    with start_valkey(tmp_path / "valkey") as valkey:
        async with faulty(kafka, valkey.url, namespace) as deployment, crew_of(deployment, tmp_path) as crew:
            await asyncio.gather(crew.start(), crew.start())
            async with streaming(deployment, shop(rng.randrange(1_000), 8)) as stream:
                for _ in range(times):
                    await stream.more(rng.randint(200, 600))
                    await asyncio.to_thread(valkey.kill)
                    await asyncio.to_thread(valkey.restart)
            report = await crew.verify()
    assert report.differences == []
    logbook.lines.append(
        f"Valkey killed {times} times while {len(stream.sent)} records came, {time.monotonic() - began:.0f} s"
    )


def misfortunes(rng: random.Random) -> list[Fate]:
    """Every connection cut in every gap, every sending failed in its middle and before its commit, in some order."""
    fates = [Fate(cut, gap) for cut in ("cut-store", "cut-kafka") for gap in (*STAGES, *IDLE)]
    fates += [Fate("fail", gap, rng.randint(1, 3)) for gap in (HALVES, "publish.uncommitted") for _ in range(4)]
    rng.shuffle(fates)
    return [*(Fate("cut", gap) for gap in TAKING), *fates, *(Fate("cut", gap) for gap in REOPENING)]


async def test_connections_cut_and_sendings_failed_between_any_two_steps_leave_no_difference(
    deployment: Deployment, crew: Crew, rng: random.Random, thorough: bool, logbook: Logbook
) -> None:
    began = time.monotonic()
    async with streaming(deployment, shop(rng.randrange(1_000), 8)) as stream:
        sailors = [await crew.start(*misfortunes(rng)) for _ in range(2 if thorough else 1)]
        for sailor in sailors:
            await sailor.at(len(sailor.fates))
    assert (await crew.verify()).differences == []
    met = sum(len(sailor.met) for sailor in sailors)
    logbook.lines.append(
        f"{met} times all connections cut or a sending failed while {len(stream.sent)} records came, "
        f"{time.monotonic() - began:.0f} s"
    )


async def test_answers_of_the_store_that_never_arrive_leave_no_difference(
    kafka: str, redis_url: str, tmp_path: Path, namespace: str, rng: random.Random, thorough: bool, logbook: Logbook
) -> None:
    began, wanted = time.monotonic(), 200 if thorough else 30
    async with (
        ForgetfulProxy(redis_url, rng) as proxy,
        faulty(kafka, proxy.url, namespace) as deployment,
        crew_of(deployment, tmp_path) as crew,
    ):
        await asyncio.gather(crew.start(), crew.start())
        async with streaming(deployment, shop(rng.randrange(1_000), 8)) as stream:
            await stream.more(100)
            await proxy.forget(wanted, chance=0.05)
        report = await crew.verify()
    assert report.differences == []
    logbook.lines.append(
        f"{wanted} answers of the store lost while {len(stream.sent)} records came, {time.monotonic() - began:.0f} s"
    )
