"""Workers killed at every gap between two effects while the stream goes on: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import deque
from pathlib import Path

from knownas.nouns import EVENTS, murmur2
from knownas.operate.verify import Report
from tests.builders import login
from tests.faults.conftest import Logbook, faulty
from tests.faults.crew import Crew, Sailor, crew_of
from tests.faults.gaps import CONTROLS, GAPS, GIVING_UP, ONLY_IN_TESTS, RACE, STAGES, STORE, named_in_source
from tests.faults.outcome import outcome
from tests.faults.records import ROUND, shop, without_races
from tests.faults.streams import Stream, send_all, streaming
from tests.faults.worker import Fate
from tests.pipeline.deployment import Deployment, deployed

PLACES_AT_WORK = 2
MOST_PASSAGES = dict.fromkeys(STAGES, 4) | dict.fromkeys(CONTROLS, 3) | {STORE: 300}
"""At which passage of a gap a worker dies at the latest; at any other gap it does so at the first."""

NO_TICKS = {"tick_seconds": 3_600, "idle_guest_days": 0}


def test_the_campaign_knows_every_gap_that_the_source_names() -> None:
    assert named_in_source() == set(GAPS) - ONLY_IN_TESTS


def plan(kills: int, rng: random.Random) -> list[str]:
    """The gaps of so many kills: each once if they suffice, the rest by chance."""
    gaps = [gap for gap in GAPS if gap != RACE]
    chosen = rng.sample(gaps, min(kills, len(gaps)))
    return chosen + [rng.choice((*STAGES, *CONTROLS, STORE)) for _ in range(kills - len(chosen))]


async def lose_one(crew: Crew, gap: str, rng: random.Random) -> None:
    """Have a worker die at a gap."""
    sailor = await crew.start(Fate("kill", gap, rng.randint(1, MOST_PASSAGES.get(gap, 1))))
    await sailor.ready()
    while gap in GIVING_UP and sailor.process.returncode is None:
        await shove(crew)
    status = await sailor.ended()
    assert status == -signal.SIGKILL, f"ended with {status} before {gap}: {sailor.last_words()}"


async def shove(crew: Crew) -> None:
    """Another worker joins and leaves, so that those at work have to give up what they hold."""
    visitor = await (await crew.start()).ready()
    await visitor.leave()


async def lose_many(crew: Crew, gaps: list[str], rng: random.Random) -> None:
    """Have workers die at all these gaps, two at work at a time, the next started at once."""
    waiting = deque(gaps)

    async def place() -> None:
        while waiting:
            await lose_one(crew, waiting.popleft(), rng)

    await asyncio.gather(*(place() for _ in range(PLACES_AT_WORK)))


async def finish(crew: Crew) -> Report:
    """Workers without a fate do the rest; what is found then."""
    await crew.start()
    await crew.start()
    return await crew.verify()


async def test_workers_killed_at_every_gap_leave_no_difference(
    deployment: Deployment, crew: Crew, rng: random.Random, kills: int, thorough: bool, logbook: Logbook
) -> None:
    began = time.monotonic()
    async with streaming(deployment, shop(rng.randrange(1_000), 8)) as stream:
        await lose_many(crew, plan(max(kills, len(GAPS)) if thorough else kills, rng), rng)
    if thorough:
        await lose_race(crew, rng)
    report = await finish(crew)
    logbook.kills += crew.kills()
    logbook.lines.append(
        f"{crew.kills().total()} workers killed while {len(stream.sent)} records of the shop came, "
        f"{report.equal_profiles} profiles equal, {time.monotonic() - began:.0f} s"
    )
    assert report.differences == []
    assert report.equal_profiles == report.profiles > 10
    if thorough:
        assert [gap for gap in GAPS if not crew.kills()[gap]] == [], "gaps at which nobody was killed"


async def lose_race(crew: Crew, rng: random.Random) -> None:
    """Two workers hold a login each of the same new person; the one whose claim comes second is killed there."""
    deployment = crew.deployment
    quiet = await (await crew.start()).ready()
    await crew.settled()
    await quiet.leave()
    fates = Fate("wait", "resolve.loaded"), Fate("kill", RACE)
    rivals = [await crew.start(*fates) for _ in range(2)]
    homes = [await some_home(rival, rivals) for rival in rivals]
    email = f"race-{rng.random()}@example.com"
    for home in homes:
        device = next(name for n in range(1_000) if murmur2((name := f"racer-{n}").encode()) % 8 == home)
        await deployment.send(login(device, email=email))
    for rival in rivals:
        await rival.at(1)
    for rival in rivals:
        await rival.go_on()
    ends = [asyncio.create_task(rival.ended()) for rival in rivals]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()


async def some_home(rival: Sailor, rivals: list[Sailor]) -> int:
    """A partition of `events` that this one holds, once each of them holds its half."""
    while True:
        held = [await one.partitions() for one in rivals if one.health_port]
        events = {name for name in await rival.partitions() if name.startswith(f"{EVENTS}/")}
        if events and sum(map(len, held)) == 3 * 8 == len(set().union(*held)):
            return int(min(events).rpartition("/")[2])
        await asyncio.sleep(0.05)


async def test_kills_without_races_end_in_the_bytes_of_a_quiet_run(
    kafka: str, redis_url: str, tmp_path: Path, rng: random.Random, kills: int, namespace: str, logbook: Logbook
) -> None:
    """No tick, which comes when it comes: what the clock decides is no record's doing."""
    began = time.monotonic()
    gaps = [rng.choice((*STAGES, *CONTROLS, STORE)) for _ in range(1 + kills // 4)]
    async with faulty(kafka, redis_url, namespace, **NO_TICKS) as deployment, crew_of(deployment, tmp_path) as crew:
        async with streaming(deployment, without_races(rng.randrange(1_000), 8)) as stream:
            await crew.start()  # or the stream would stand still at its first pause until everybody is dead
            await lose_many(crew, gaps, rng)
            await stream.more(2 * ROUND)
        assert (await finish(crew)).differences == []
        logbook.kills += crew.kills()
        await compare_with_quiet_run(deployment, stream, namespace)
    logbook.lines.append(
        f"{len(gaps)} workers killed while {len(stream.sent)} records without races came, same bytes as in a quiet "
        f"run, {time.monotonic() - began:.0f} s"
    )


async def compare_with_quiet_run(deployment: Deployment, stream: Stream, namespace: str) -> None:
    """The same records at the same places with the same pauses, one worker, no faults: the same bytes."""
    settings = deployment.settings
    async with deployed(settings.kafka, settings.redis.get_secret_value(), f"{namespace}quiet", 8, 8) as quiet:
        producer = await quiet.producer()
        async with quiet.worker():
            for part in stream.parts:
                await send_all(quiet, producer, part)
                await quiet.settled()
        wanted, found = await outcome(quiet), await outcome(deployment)
    assert [name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)] == []
