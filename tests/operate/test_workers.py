"""Workers that come, restart and go: what each takes, what it keeps, how long it may take to leave."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from knownas.adapters.faust_app import HEARTBEAT_SECONDS, REBALANCE_SECONDS
from knownas.adapters.faust_poll import DROP_TIMEOUT_S
from knownas.adapters.kafka_leaving import leave_to_others
from knownas.adapters.kafka_members import members_of
from knownas.errors import CannotStart, NotDrained, WorldFault
from knownas.operate.named import Named
from knownas.operate.world import World
from knownas.settings import load
from knownas.stages.ports import Gap
from knownas.topics import Layout
from knownas.wiring import Worker
from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed, page_of
from tests.pipeline.health import health_of, until_health

RESOLVE, MATERIALIZE = {"events", "updates"}, {"resolved"}


@pytest.fixture
async def deployment(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """A deployment of this test's own."""
    async with deployed(kafka, redis_url, namespace) as made:
        yield made


class Hand:
    """A worker process, and what it says of itself."""

    def __init__(self, deployment: Deployment, process: subprocess.Popen[str]) -> None:
        self.process, self.port = process, deployment.health_ports[process.pid]

    async def partitions(self) -> set[str]:
        """What it holds, once it is ready."""
        return set((await until_health(self.port, ready=True))["partitions"])

    async def taken(self) -> float:
        """How many partitions it has taken since its start."""
        page = await page_of(self.port)
        return sum(float(n) for n in re.findall(r"^knownas_partitions_taken_total\{.*\} (.*)$", page, re.MULTILINE))

    async def leave(self) -> int:
        """Tell it to stop; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 60)


async def hire(deployment: Deployment, *words: str, **environment: str) -> Hand:
    """A worker that is ready to be asked."""
    return Hand(deployment, await deployment.start_worker(*words, **environment))


async def until_all_are_dealt(*hands: Hand) -> list[set[str]]:
    """Wait until these workers hold all partitions between them; what each holds."""
    while True:
        held = [await hand.partitions() for hand in hands]
        if len(set().union(*held)) == sum(map(len, held)) == 12:
            return held
        await asyncio.sleep(0.05)


async def test_workers_for_one_stage_each_do_the_work_together(deployment: Deployment) -> None:
    resolver = await hire(deployment, "--only", "resolve")
    folder = await hire(deployment, "--only", "materialize")
    of_resolver, of_folder = await until_all_are_dealt(resolver, folder)
    assert {name.partition("/")[0] for name in of_resolver} == RESOLVE
    assert {name.partition("/")[0] for name in of_folder} == MATERIALIZE
    await deployment.send(event("d-1", "A"), login("d-1", email="a@x.ie"))
    await deployment.settled()
    assert (await deployment.of_identity("email", "a@x.ie")).version == 2


async def test_beside_workers_for_one_stage_one_for_both_takes_its_share_of_each(deployment: Deployment) -> None:
    hands = [await hire(deployment, *words) for words in ((), ("--only", "resolve"), ("--only", "materialize"))]
    held = await until_all_are_dealt(*hands)
    assert [{name.partition("/")[0] for name in names} for names in held] == [
        RESOLVE | MATERIALIZE, RESOLVE, MATERIALIZE,
    ]  # fmt: skip


def test_a_stage_that_does_not_exist_is_refused_in_one_line(deployment: Deployment) -> None:
    ended = deployment.command("worker", "--only", "publish")
    assert ended.returncode == 2
    assert "resolve" in ended.stderr


@pytest.fixture
async def patient(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """A deployment whose Kafka waits longer for a named worker than any test does."""
    async with deployed(kafka, redis_url, namespace, session_timeout_ms=90_000) as made:
        yield made


async def test_a_named_worker_that_is_told_to_stop_leaves_its_partitions_to_the_others_at_once(
    patient: Deployment,
) -> None:
    first, second = await hire(patient, **named(0)), await hire(patient, **named(1))
    await until_all_are_dealt(first, second)
    assert await second.leave() == 0
    await until_all_are_dealt(first)
    await until_all_are_dealt(first, await hire(patient, **named(1)))


@pytest.mark.parametrize(
    ("number", "keep"), [(signal.SIGKILL, "false"), (signal.SIGTERM, "true")], ids=["killed", "told to keep its place"]
)
async def test_a_named_worker_that_is_back_in_time_gets_its_partitions_back_and_disturbs_nobody(
    patient: Deployment, number: signal.Signals, keep: str
) -> None:
    first = await hire(patient, **named(0))
    second = await hire(patient, **named(1), KNOWNAS_KEEP_PLACE=keep)
    _, of_second = await until_all_are_dealt(first, second)
    taken = await first.taken()
    second.process.send_signal(number)
    await asyncio.to_thread(second.process.wait, 60)
    second = await hire(patient, **named(1))
    assert await second.partitions() == of_second
    await patient.send(event("d-1", "A"), login("d-1", email="a@x.ie"))
    await patient.settled()
    assert await first.taken() == taken


async def test_a_named_worker_that_is_alone_keeps_its_place_for_nobody_would_go_on(patient: Deployment) -> None:
    only = await hire(patient, **named(0))
    await until_all_are_dealt(only)
    assert await only.leave() == 0
    log, group = patient.world.log, patient.settings.group
    assert [member.client for member in await members_of(log, group)] == ["worker-0"]


async def test_a_named_worker_keeps_its_place_beside_those_who_do_not_read_what_it_reads(patient: Deployment) -> None:
    resolver = await hire(patient, "--only", "resolve", **named(0))
    folder = await hire(patient, "--only", "materialize", **named(1))
    await until_all_are_dealt(resolver, folder)
    log, group = patient.world.log, patient.settings.group
    assert await resolver.leave() == 0
    assert [member.client for member in await members_of(log, group)] == ["worker-0", "worker-1"]
    both = await hire(patient, **named(2))
    await until_all_are_dealt(folder, both, await hire(patient, "--only", "resolve", **named(0)))
    assert await folder.leave() == 0
    assert [member.client for member in await members_of(log, group)] == ["worker-0", "worker-2"]


class Refusing:
    """A Kafka whose password was changed a moment ago."""

    def admin(self) -> Any:
        """Nobody comes in."""
        raise CannotStart("Kafka refuses our name or password")


async def test_a_worker_whose_work_is_done_ends_well_though_kafka_lets_it_say_nothing_more() -> None:
    kafka: Any = Refusing()
    world = World(load(secret="a secret for tests"))
    with capture_logs() as lines:
        await Named(world.link(), world.keys, "worker-0").leave(kafka, "g", "worker-0-1")
    assert [(line["event"], line["reason"]) for line in lines] == [
        ("place_is_kept", "Kafka refuses our name or password")
    ]


class Part:
    """A part of a worker that is stopped or closed, and cannot be stopped."""

    member = "worker-0-1"

    def __init__(self) -> None:
        self.closed = False

    async def stop(self) -> None:
        """Fail."""
        raise CannotStart("no")

    async def close(self) -> None:
        """Be closed."""
        self.closed = True


async def test_what_a_worker_has_open_is_closed_though_its_stages_cannot_be_stopped() -> None:
    outlet, watch, app = Part(), Part(), Part()
    made: Any = lambda *_: outlet  # noqa: E731
    worker: Any = Worker(World(load(secret="a secret for tests")), Layout("k.", 1, 1), outlet=made)
    worker._app, worker._kafka_watch = app, watch
    with pytest.raises(CannotStart):
        await worker._stop(for_good=True)
    assert (outlet.closed, watch.closed) == (True, True)


async def test_whose_name_is_anothers_by_now_cannot_send_that_one_away(patient: Deployment) -> None:
    hands = [await hire(patient, **named(0)), await hire(patient, **named(1))]
    await until_all_are_dealt(*hands)
    log, group = patient.world.log, patient.settings.group
    with pytest.raises(WorldFault, match="worker-1 cannot leave"):
        await leave_to_others(log, group, "worker-1-as-it-was-called-before", "worker-1")
    assert [member.client for member in await members_of(log, group)] == ["worker-0", "worker-1"]


def test_for_a_member_that_does_not_come_the_others_wait_as_long_as_one_may_take_to_finish() -> None:
    finishing = DROP_TIMEOUT_S + HEARTBEAT_SECONDS
    assert finishing < REBALANCE_SECONDS < 2 * finishing


def named(number: int) -> dict[str, str]:
    """What gives a worker its name."""
    return {"KNOWNAS_WORKER_NAME": f"worker-{number}"}


async def test_of_two_workers_with_one_name_the_older_ends_with_a_line_that_says_so(
    deployment: Deployment, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    with said.open("wb") as file:
        deployment.errors = file.fileno()
        older = await hire(deployment, KNOWNAS_WORKER_NAME="worker-0")
        await older.partitions()
        younger = await hire(deployment, KNOWNAS_WORKER_NAME="worker-0")
        assert await asyncio.to_thread(older.process.wait, 60) == 1
    await until_all_are_dealt(younger)
    lines = [line for line in said.read_text().splitlines() if line.startswith("knownas: ")]
    assert lines == [
        "knownas: another worker with the same name has taken this one's place: give each a KNOWNAS_WORKER_NAME of its "
        "own, or none"
    ]


async def test_told_to_stop_a_worker_finishes_what_it_holds_and_says_meanwhile_that_it_leaves(
    kafka: str, redis_url: str, namespace: str
) -> None:
    at_work, go_on = asyncio.Event(), asyncio.Event()

    async def gap(step: str) -> None:
        if step == "resolve.committed":
            at_work.set()
            await go_on.wait()

    async with deployed(kafka, redis_url, namespace) as deployment:
        async with deployment.worker(gap) as worker:
            await deployment.send(event("d-1", "A"))
            await at_work.wait()
            leaving = asyncio.create_task(until_it_leaves(worker, go_on))
        assert "told to stop: finishes what it holds" in await leaving
        positions = await deployment.reader.positions()
        assert sum(at for (topic, _), at in positions.items() if topic == "events") == 1


async def until_it_leaves(worker: Worker, go_on: asyncio.Event) -> list[str]:
    """What a worker says for its not being ready, once it leaves; then what it waits for comes."""
    said = await until_health(worker.health_port, ready=False)
    go_on.set()
    reasons: list[str] = said["reasons"]
    return reasons


async def test_a_worker_that_cannot_finish_ends_all_the_same_in_bounded_time_and_loses_nothing(
    kafka: str, redis_url: str, namespace: str
) -> None:
    stuck, go_on = asyncio.Event(), asyncio.Event()

    async def gap(step: str) -> None:
        if step == "resolve.loaded":
            stuck.set()
            await asyncio.shield(go_on.wait())

    async with deployed(kafka, redis_url, namespace, drain_seconds=0.5) as deployment:
        with pytest.raises(NotDrained, match=r"did not finish within 0\.5 s.*KNOWNAS_DRAIN_SECONDS"):
            await leave_while_stuck(deployment, gap, stuck)
        go_on.set()
    async with deployed(kafka, redis_url, namespace) as again, again.worker():
        await again.settled()
        assert (await again.of_identity("email", "a@x.ie")).version == 2


async def leave_while_stuck(deployment: Deployment, gap: Gap, stuck: asyncio.Event) -> None:
    """Send a record to a worker that hangs with it, and tell that to stop."""
    async with deployment.worker(gap):
        await deployment.send(event("d-1", "A"), login("d-1", email="a@x.ie"))
        await stuck.wait()


async def test_alive_and_ready_are_told_apart(deployment: Deployment) -> None:
    async with deployment.worker() as worker:
        await until_health(worker.health_port, ready=True)
        worker.health.leaving = True
        assert (await health_of(worker.health_port, "/health/live")) == {"live": True}
        said = await health_of(worker.health_port, "/health/ready")
    assert (said["live"], said["ready"]) == (True, False)
