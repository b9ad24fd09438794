"""A store that takes no writes for a while: the worker says why, waits, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed
from tests.valkeys import ConfiguredValkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ConfiguredValkey]:
    """A Valkey that a test may spoil."""
    with ConfiguredValkey(tmp_path) as made:
        made.start()
        yield made


BAD_DAYS = [
    (("CONFIG", "SET", "maxmemory", 1), ("CONFIG", "SET", "maxmemory", 0), "is full: raise its maxmemory"),
    (("REPLICAOF", "127.0.0.1", 9), ("REPLICAOF", "NO", "ONE"), "is read-only, so it is a replica"),
]


@pytest.mark.parametrize(("spoil", "mend", "line"), BAD_DAYS)
async def test_a_worker_waits_says_why_and_loses_nothing(
    kafka: str, valkey: ConfiguredValkey, namespace: str, spoil: Any, mend: Any, line: str
) -> None:
    async with deployed(kafka, valkey.url, namespace) as deployment:
        worker = await deployment.start_worker()
        await deployment.send(*[event(f"d-{number}") for number in range(20)])
        await deployment.settled()
        valkey.say(*spoil)
        await deployment.send(*[login(f"d-{number}", identity=f"cust-{number}") for number in range(20)])
        await told(deployment, worker.pid, line)
        valkey.say(*mend)
        await deployment.settled()
        assert worker.poll() is None
        report = await deployment.verify()
        assert not report.differences
        assert report.profiles == 20


async def told(deployment: Deployment, pid: int, line: str) -> None:
    """Wait until the worker's health page says so."""
    while not any(line in reason for reason in await asyncio.to_thread(_reasons, deployment.health_ports[pid])):
        await asyncio.sleep(0.1)


def _reasons(port: int) -> list[str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            said = json.load(answer)
    except urllib.error.HTTPError as error:
        said = json.load(error)
    return [str(reason) for reason in said["reasons"]]
