"""Random queries over random histories, on the real store: after kills, replays, links, demerges and deletions people
are found, and are in live segments, as the plain model says.

KNOWNAS_SEED chooses others; it is printed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from knownas.adapters.find_store import StoredShards
from knownas.adapters.finder import Finder
from knownas.find.answer import Page
from knownas.find.moment import Moment
from knownas.find.reading import from_object
from knownas.find.writing import to_line
from knownas.nouns import Definition
from knownas.plain.finding import Asked, find
from knownas.profile.time import Calendar
from tests.builders import event, login, logout, profile, setting
from tests.engines import Sent, place_of, value_of
from tests.find.lives import NOW_MS, PLANS, context, properties, queries
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.live import DAY, let_time_be_told, pass_time
from tests.pipeline.stored import people_of

SEED = int(os.environ.get("KNOWNAS_SEED", "7"))
RECORDS, QUERIES, SEGMENTS = 450, 150, 12
KEPT = 12
"""So few entries are kept of a timeline."""
ZONE = "America/Los_Angeles"
SETTING = setting(day_timezone=ZONE)


def record(dice: Random) -> dict[str, Any]:
    """Something happens on one of a few devices, or to one of a few people."""
    device, email = f"d-{dice.randrange(40)}", f"p{dice.randrange(25)}@x.ie"
    what = dice.random()
    if what < 0.55:
        said = event(device, dice.choice(["Charged", "Viewed", "Viewed"]), {"Amount": dice.choice([*PLANS, 7.5])})
    elif what < 0.7:
        said = login(device, properties(dice), email=email)
    elif what < 0.85:
        said = profile(device, properties(dice))
    elif what < 0.9:
        said = logout(device)
    elif what < 0.94:
        said = {"type": "test", "test": dice.random() < 0.7, "identities": {"email": email}}
    else:
        said = {"type": dice.choice(["demerge", "delete", "release"]), "identities": {"email": email}}
    if said["type"] in ("event", "profile"):
        said["context"] = context(dice)
    days = dice.choice([0, 0, 0, 1, 2, 3, 6, 7, 29, 30, 90, 91, 92, 93, 200])
    return said | {"ts": NOW_MS // 1_000 - days * DAY - dice.randrange(DAY)}


async def send(deployment: Deployment, records: Sequence[dict[str, Any]], first: int) -> None:
    """Put records where they belong, as fast as it goes; one comes each second."""
    producer = await deployment.producer()
    for number, said in enumerate(map(Sent, records), first):
        topic, partition = place_of(said, SETTING)
        device = said.record.get("device", "") if isinstance(said.record, dict) else ""
        await producer.send(
            deployment.layout.name(topic), value_of(said), key=device.encode(), partition=partition,
            timestamp_ms=NOW_MS + number * 1_000,
        )  # fmt: skip
    await producer.flush()


async def lived(deployment: Deployment, dice: Random, segments: Sequence[Definition]) -> None:
    """A history with two workers, each killed once while records flow; then days pass."""
    await let_time_be_told(deployment)
    records = [record(dice) for _ in range(RECORDS)]
    third = RECORDS // 3
    await pass_time(deployment, NOW_MS, segments[: SEGMENTS // 2])
    workers = list(await asyncio.gather(deployment.start_worker(), deployment.start_worker()))
    for part in range(3):
        sending = asyncio.create_task(send(deployment, records[part * third : (part + 1) * third], part * third))
        if part < 2:
            workers[part].kill()
            workers[part].wait()
            workers.append(await deployment.start_worker())
        await sending
    await deployment.settled()
    for days, put in ((0, segments[SEGMENTS // 2 :]), (1, ()), (8, ())):
        await pass_time(deployment, NOW_MS + 600_000 + days * DAY * 1_000, put)
        await deployment.settled()


@pytest.mark.parametrize("number", range(2))
async def test_after_kills_demerges_and_deletions_random_queries_and_segments_find_whom_the_plain_model_finds(
    number: int, kafka: str, redis_url: str, namespace: str
) -> None:
    print(f"\nKNOWNAS_SEED={SEED}")  # noqa: T201
    dice = Random(f"{SEED} {number}")
    asked = queries(dice, QUERIES)
    segments = [Definition(name=f"s{n}", version=n + 1, query=query) for n, query in enumerate(asked[:SEGMENTS])]
    more: dict[str, Any] = {"day_timezone": ZONE, "tick_seconds": 3_600, "timeline_entries": KEPT}
    async with deployed(kafka, redis_url, namespace, 2, 2, poll_max_records=25, **more) as deployment:
        await lived(deployment, dice, segments)
        report = await deployment.verify()
        assert (report.differences, report.filling, report.waiting) == ([], [], 0)
        stored = await people_of(deployment)
        people, timelines = [one for one, _ in stored], {one.id: timeline for one, timeline in stored}
        assert len(people) > 20
        world = deployment.world
        finder = Finder(StoredShards(world.link(), world.keys, 2), 1_000)
        matched = 0
        for query in asked:
            now_ms = NOW_MS + dice.choice([0, 0, 1, 8, 60]) * DAY * 1_000
            plain = find(query, people, timelines, Asked(now_ms, ZONE))
            page = Page(1_000, orphans=True)
            found = await finder.find(from_object(query), Moment(now_ms, Calendar(ZONE)), page)
            line = to_line(from_object(query))
            assert sorted(one.id for one in found.profiles) == sorted([*plain.people, *plain.orphans]), line
            assert (found.people, found.orphans) == (len(plain.people), len(plain.orphans)), line
            assert found.since == plain.exact_since, line
            matched += 0 < found.people < len(people)
        assert matched > QUERIES / 3
