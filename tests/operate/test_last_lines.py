"""What a worker says when it must end while it is at work: one line for people, after lines for machines alone."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from aiokafka.errors import ProducerFenced

from knownas.cli.output import is_news
from knownas.embedded import Valkey, start_valkey
from knownas.errors import CannotStart, WorldFault
from tests.builders import event
from tests.pipeline.deployment import Deployment, deployed


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that a test may spoil."""
    with start_valkey(tmp_path / "valkey") as started:
        yield started


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
            under_way = asyncio.Event()
            sending = asyncio.create_task(send_on(deployment, under_way))
            await under_way.wait()
            await asyncio.to_thread(change_password, valkey)
            assert await asyncio.to_thread(worker.wait, 60) == 1
            sending.cancel()
    *lines, last = said.read_text().splitlines()
    assert last.startswith("knownas: the store at ")
    assert "refuses our name or password" in last
    assert [line for line in lines if not is_object(line)] == []


async def send_on(deployment: Deployment, under_way: asyncio.Event) -> None:
    """Send until told to stop; tells when it is in the middle of it."""
    while True:
        await deployment.send(*[event(f"d-{number}") for number in range(100)])
        under_way.set()


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


RAISED = {
    "ours, with which the process ends": (CannotStart("x"), False),
    "ours, for which is waited": (WorldFault("x"), False),
    "Kafka's client's to itself": (ProducerFenced(), False),
    "a task's that was told to stop": (asyncio.CancelledError(), False),
    "a thread's that ended first": (RuntimeError("Event loop is closed"), False),
    "anything else": (RuntimeError("something broke"), True),
    "nothing": (None, True),
}


@pytest.mark.parametrize("whose", RAISED)
def test_of_libraries_only_what_nobody_else_says_is_a_line(whose: str) -> None:
    error, expected = RAISED[whose]
    raised = (type(error), error, None) if error is not None else None
    assert is_news(logging.LogRecord("asyncio", logging.ERROR, "", 0, "crashed", (), raised)) is expected
