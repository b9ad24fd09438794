"""Bad days of a deployment at work: each ends, or waits, with one line that says what it is and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from aiokafka.admin import NewPartitions

from knownas.cli.topics import check_numbers
from knownas.embedded import Valkey, start_valkey
from knownas.errors import CannotStart, WrongInput
from knownas.nouns import EVENTS, REJECTED, RESOLVED
from knownas.operate.layout import Fit, fit, layout_problems, topic_problems, topics
from knownas.operate.watch import TopicsWatch
from knownas.topics import Layout
from knownas.wiring import Worker
from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.health import until_health


@pytest.fixture
async def deployment(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """A deployment of this test's own."""
    async with deployed(kafka, redis_url, namespace) as made:
        yield made


def test_of_topics_everything_that_is_wrong_is_named_at_once() -> None:
    counts = dict.fromkeys(("p." + short for short in topics()), 4) | {"p.updates": 3, "p.profile-changed": 8}
    del counts["p.rejected"]
    problems = topic_problems(counts, "p.")
    assert [problem.split(";")[0].split(":")[0] for problem in problems] == [
        "Kafka has no topic p.rejected",
        "topic p.updates has 3 partitions and p.events 4",
        "topic p.profile-changed has 8 partitions and p.resolved 4",
    ]


def test_of_partitions_that_were_added_to_one_topic_that_topic_is_named_and_not_the_others() -> None:
    counts = dict.fromkeys(("p." + short for short in topics()), 4) | {"p.events": 12}
    (problem,) = topic_problems(counts, "p.")
    assert problem.startswith("topic p.events has 12 partitions and p.updates 4; they must be the same")
    assert '"More partitions"' in problem


FITS = {
    "nothing is there": ({}, Fit(Layout("p.", 8, 6))),
    "the first is missing": ({"p.updates": 3, "p.changed": 1}, Fit(Layout("p.", 3, 6), "p.updates")),
    "one has grown": (
        {"p.events": 12, "p.updates": 3, "p.rejected": 3, "p.resolved": 5},
        Fit(Layout("p.", 3, 5), "p.updates", "p.resolved"),
    ),
}


@pytest.mark.parametrize("there", FITS)
def test_missing_topics_are_made_as_most_of_those_that_are_there(there: str) -> None:
    counts, expected = FITS[there]
    assert fit(counts, Layout("p.", 8, 6)) == expected


def test_other_numbers_are_refused_by_the_name_of_a_topic_that_is_there() -> None:
    fitting = fit({"p.updates": 3, "p.profile-changed": 5}, Layout("p.", 8, 8))
    check_numbers(fitting, 3, 5)
    check_numbers(fitting, None, None)
    with pytest.raises(WrongInput) as refused:
        check_numbers(fitting, 8, 8)
    assert [line.partition(", not ")[0] for line in str(refused.value).splitlines()] == [
        "there are 3 partitions already (p.updates)",
        "there are 5 shards already (p.profile-changed)",
    ]


async def test_a_topic_that_is_made_again_is_made_as_the_others_are(kafka: str, redis_url: str, namespace: str) -> None:
    async with deployed(kafka, redis_url, namespace, partitions=3, shards=5) as deployment:
        names = [deployment.layout.name(short) for short in (REJECTED, RESOLVED)]
        async with deployment.world.log.admin() as admin:
            await admin.delete_topics(names)
        for short in (REJECTED, RESOLVED):
            await until_gone(deployment, short)
        made = deployment.command("topics", "create")
        assert (made.returncode, made.stdout.splitlines()[-1].rpartition(": ")[2]) == (0, "3 partitions, 5 shards")
        assert await deployment.world.log.partition_counts(names) == dict(zip(names, (3, 5), strict=True))


def test_numbers_of_partitions_that_are_not_those_there_are_are_refused(deployment: Deployment) -> None:
    refused = deployment.command("topics", "create", "--partitions", "32", "--shards", "4")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"knownas: there are 4 partitions already ({deployment.layout.name(EVENTS)}), not 32")


def test_of_a_store_that_is_another_deployments_everything_is_named_at_once() -> None:
    stored = {
        "format": "1", "partitions": "4", "shards": "4", "secret": "a", "kinds": "email", "region": "", "days": "UTC",
        "group": "g",
    }  # fmt: skip
    now = stored | {"partitions": "8", "secret": "b", "kinds": "email,phone", "days": "Europe/Dublin"}
    said = "\n".join(layout_problems(stored, now, "p."))
    for part in ("the secret is not", "KNOWNAS_IDENTITY_KINDS", "KNOWNAS_DAY_TIMEZONE", "p.events has 8 partitions"):
        assert part in said
    assert layout_problems(stored, stored, "p.") == []


@pytest.mark.parametrize("short", [EVENTS, RESOLVED, REJECTED])
async def test_a_topic_that_vanished_ends_the_worker_with_a_line_that_names_it(
    deployment: Deployment, short: str
) -> None:
    watch = TopicsWatch(deployment.world.log, deployment.layout)
    await watch.look_once()
    async with deployment.world.log.admin() as admin:
        await admin.delete_topics([deployment.layout.name(short)])
    await until_gone(deployment, short)
    with pytest.raises(
        CannotStart, match=rf"Kafka has no topic {deployment.layout.name(short)}: run .*Nothing is lost"
    ):
        await watch.look_once()


async def until_gone(deployment: Deployment, short: str) -> None:
    """Kafka deletes topics in its own time."""
    name = deployment.layout.name(short)
    while await deployment.world.log.partition_counts([name]):
        await asyncio.sleep(0.05)


async def test_partitions_that_were_added_end_the_worker_with_a_line_that_says_how_many(
    deployment: Deployment,
) -> None:
    names = {deployment.layout.name(short) for short in ("events", "updates", "ledger", "rejected")}
    async with deployment.world.log.admin() as admin:
        await admin.create_partitions({name: NewPartitions(6) for name in names})
    while set((await deployment.world.log.partition_counts(names)).values()) != {6}:
        await asyncio.sleep(0.05)
    with pytest.raises(CannotStart, match=r"has changed while workers ran: sources 4 to 6, shards 4 to 4"):
        await TopicsWatch(deployment.world.log, deployment.layout).look_once()


async def test_a_worker_ends_with_what_its_watch_of_the_topics_finds(deployment: Deployment) -> None:
    worker, started = Worker(deployment.world, deployment.layout), asyncio.Event()
    worker.topics_watch.every_seconds = 0.05
    running = asyncio.create_task(worker.run(asyncio.Event(), lambda _: started.set()))
    await started.wait()
    async with deployment.world.log.admin() as admin:
        await admin.delete_topics([deployment.layout.name(REJECTED)])
    with pytest.raises(CannotStart, match="has no topic"):
        await running


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that a test may spoil."""
    with start_valkey(tmp_path / "valkey") as started:
        yield started


SPOILT = {
    "full": (("maxmemory", "1100000"), ("maxmemory", "0"), "is full: raise its maxmemory"),
    "without its replicas": (("min-replicas-to-write", "1"), ("min-replicas-to-write", "0"), "too few replicas"),
}


@pytest.mark.parametrize("how", SPOILT)
async def test_a_store_that_takes_no_writes_is_waited_for_and_the_line_says_why(
    kafka: str, valkey: Valkey, namespace: str, how: str
) -> None:
    spoil, mend, said = SPOILT[how]
    async with deployed(kafka, valkey.url, namespace) as deployment, deployment.worker() as worker:
        await deployment.send(event("d-1", "A"))
        await deployment.settled()
        await set_in(valkey, *spoil)
        await deployment.send(event("d-1", "B"), login("d-1", email="a@x.ie"))
        reasons: list[Any] = (await until_health(worker.health_port, ready=False))["reasons"]
        assert said in " ".join(reasons)
        await set_in(valkey, *mend)
        await until_health(worker.health_port, ready=True)
        await deployment.settled()
        assert sorted((await deployment.of_identity("email", "a@x.ie")).events) == ["A", "B"]


async def set_in(valkey: Valkey, name: str, value: str) -> None:
    """Change a setting of a running store."""

    def change() -> None:
        with redis.Redis.from_url(valkey.url) as store:
            store.config_set(name, value)

    await asyncio.to_thread(change)
