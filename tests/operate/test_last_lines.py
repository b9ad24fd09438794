"""What a worker says when it must end while it is at work: one line for people, after lines for machines alone."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import FunctionType

import pytest
import redis
from aiokafka.errors import ProducerFenced

from knownas.cli.output import is_news
from knownas.embedded import Valkey, start_valkey
from knownas.errors import CannotStart, WorldFault
from knownas.operate.beside import beside
from tests.builders import event
from tests.pipeline.deployment import Deployment, deployed


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that a test may spoil."""
    with start_valkey(tmp_path / "valkey") as started:
        yield started


def assert_told_in_one_line(said: Path) -> None:
    """What is said last, and plainly, is that the password is refused; all before it are lines of the log."""
    *lines, last = said.read_text().splitlines()
    assert last.startswith("knownas: the store at ")
    assert "refuses our name or password" in last
    assert [line for line in lines if not is_object(line)] == []


async def test_a_password_that_changed_under_load_ends_the_worker_with_one_line_and_no_trace(
    kafka: str, valkey: Valkey, namespace: str, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    with said.open("wb") as file:
        async with deployed(kafka, valkey.url, namespace) as deployment:
            deployment.errors = file.fileno()
            worker = await deployment.start_worker(KNOWNAS_LOG_JSON="true")
            await deployment.send(event("d-1"))
            await deployment.settled()
            async with records_under_way(deployment):
                await asyncio.to_thread(change_password, valkey)
                assert await asyncio.to_thread(worker.wait, 60) == 1
    assert_told_in_one_line(said)


async def test_a_password_that_changed_ends_the_gateway_too_or_revoked_keys_would_hold_for_ever(
    kafka: str, valkey: Valkey, namespace: str, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    with said.open("wb") as file:
        async with deployed(kafka, valkey.url, namespace) as deployment:
            deployment.errors = file.fileno()
            gateway = await deployment.start_gateway(KNOWNAS_LOG_JSON="true")
            await asyncio.to_thread(change_password, valkey)
            assert await asyncio.to_thread(gateway.wait, 60) == 1
    assert_told_in_one_line(said)


async def test_a_gateways_own_work_that_fails_ends_it_with_that_and_what_waits_for_the_world_does_not() -> None:
    left: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append("the other work")

    async def serve() -> None:
        async with beside(waits(), crashed(CannotStart("the password was changed"))):
            try:
                await asyncio.Event().wait()
            finally:
                left.append("the block")

    with pytest.raises(CannotStart, match="the password was changed"):
        await serve()
    assert sorted(left) == ["the block", "the other work"]


async def test_what_a_block_ends_with_is_told_as_it_is_and_the_work_beside_it_ends() -> None:
    async def listen() -> None:
        async with beside(asyncio.Event().wait()):
            raise CannotStart("cannot listen")

    async with beside(asyncio.Event().wait()):
        pass
    with pytest.raises(CannotStart, match="cannot listen"):
        await listen()


@asynccontextmanager
async def records_under_way(deployment: Deployment) -> AsyncIterator[None]:
    """Records are sent for as long as the block runs, and before it begins."""
    under_way = asyncio.Event()

    async def send_on() -> None:
        while True:
            await deployment.send(*[event(f"d-{number}") for number in range(100)])
            under_way.set()

    async with beside(send_on()):
        await under_way.wait()
        yield


def change_password(valkey: Valkey) -> None:
    """Let nobody in any more, those neither who are in."""
    with redis.Redis.from_url(valkey.url) as store:
        store.config_set("requirepass", "another")
        store.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def is_object(line: str) -> bool:
    """Whether a line is for machines."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


async def crashed(error: BaseException) -> None:
    """A task that ends with an error."""
    raise error


async def raised_in(module: str | None, error: BaseException) -> None:
    """Let a task that this module began end with an error; None: it is raised nowhere."""
    if module is not None:
        begun = FunctionType(crashed.__code__, {"__name__": module})
        await asyncio.gather(begun(error), return_exceptions=True)


FAUSTS, OURS, TASKS, THREADS = "mode.services", "knownas.adapters.faust_poll", "asyncio", "concurrent.futures"
CRASHED, STOPPING, UNHEARD = "[^---X]: Crashed reason=%r", "[^-X]: Error while stopping child %r: %r", "never retrieved"
ENDED = "Event loop is closed"
RAISED = {
    "ours, with which the process ends": (FAUSTS, CRASHED, CannotStart("x"), "knownas.stages", False),
    "ours, out of a service of ours": (OURS, CRASHED, CannotStart("x"), "knownas.stages", False),
    "Kafka's, with which the process ends": (FAUSTS, CRASHED, ProducerFenced(), "faust", False),
    "a task's that was told to stop": (FAUSTS, CRASHED, asyncio.CancelledError(), None, False),
    "a task's that was told to stop at the end": (FAUSTS, STOPPING, asyncio.CancelledError(), None, False),
    "ours, with which nothing ends": (FAUSTS, STOPPING, WorldFault("x"), "knownas.stages", True),
    "Kafka's client's to itself": (TASKS, UNHEARD, ProducerFenced(), "aiokafka.producer.sender", False),
    "Kafka's client's, raised nowhere": (TASKS, UNHEARD, ProducerFenced(), None, False),
    "ours in a task that nobody waits for": (TASKS, UNHEARD, CannotStart("x"), "knownas.stages", True),
    "Kafka's in a task of ours": (TASKS, UNHEARD, ProducerFenced(), "knownas.stages", True),
    "ours in the server": ("aiohttp.server", "Error handling request", CannotStart("x"), "knownas.serve", True),
    "a thread's that ended after the loop": (THREADS, "exception calling", RuntimeError(ENDED), "asyncio", False),
    "the same of anybody else": (TASKS, UNHEARD, RuntimeError(ENDED), "asyncio", True),
    "anything else": (FAUSTS, CRASHED, RuntimeError("something broke"), "knownas.stages", True),
}


@pytest.mark.parametrize("whose", RAISED)
async def test_of_libraries_only_what_nobody_else_says_is_a_line(whose: str) -> None:
    library, said, error, module, expected = RAISED[whose]
    await raised_in(module, error)
    raised = (type(error), error, error.__traceback__)
    assert is_news(logging.LogRecord(library, logging.ERROR, "", 0, said, (), raised)) is expected


def test_a_line_of_a_library_without_an_error_is_news() -> None:
    assert is_news(logging.LogRecord("mode.services", logging.ERROR, "", 0, "something", (), None))
