"""Options of `make faults`, and what it prints in the end."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.crew import Crew, crew_of
from tests.faults.gaps import GAPS
from tests.faults.records import DAY, IDLE_BEFORE
from tests.pipeline.deployment import Deployment, deployed

SHORT_KILLS = 4
_log = pytest.StashKey["Logbook"]()


@dataclass
class Logbook:
    """What the campaign did."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    used: bool = False


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("faults")
    group.addoption("--kills", type=int, help="how many workers are killed: all scenarios run, every gap is hit")
    group.addoption("--seed", type=int, help="chooses gaps, passages and traffic; printed")


def pytest_configure(config: pytest.Config) -> None:
    seed = config.getoption("--seed", None)
    config.stash[_log] = Logbook(random.randrange(10_000) if seed is None else seed)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    logbook = config.stash.get(_log, None)
    if logbook is None or not logbook.used:
        return
    terminalreporter.section(f"faults, seed {logbook.seed}")
    for line in logbook.lines:
        terminalreporter.write_line(line)
    for gap in GAPS:
        terminalreporter.write_line(f"  killed at {gap:24}{logbook.kills[gap]:4}")


@pytest.fixture
def logbook(request: pytest.FixtureRequest) -> Logbook:
    """Where scenarios write what they did; its seed is that of all of them."""
    return request.config.stash[_log]


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How many workers are to be killed."""
    return request.config.getoption("--kills", None) or SHORT_KILLS


@pytest.fixture
def thorough(request: pytest.FixtureRequest) -> bool:
    """Whether everything runs, not only the short form."""
    return request.config.getoption("--kills", None) is not None


@pytest.fixture
def rng(logbook: Logbook, request: pytest.FixtureRequest) -> random.Random:
    """Chance of this test's own: the same for the same seed, whichever tests run."""
    logbook.used = True
    return random.Random(f"{logbook.seed} {request.node.name}")


@pytest.fixture
async def deployment(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """Topics and keys of this test's own; small polls, so that many gaps are passed, and an early miss of the dead."""
    async with faulty(kafka, redis_url, namespace) as made:
        yield made


def faulty(kafka: str, redis_url: str, namespace: str, **more: Any) -> AbstractAsyncContextManager[Deployment]:
    """A deployment for faults: a day that is long past for guests, and a look at the clock every few seconds."""
    days = int(time.time() - IDLE_BEFORE) // DAY
    given: dict[str, Any] = {
        "poll_max_records": 100, "session_timeout_ms": 2_000, "tick_seconds": 2, "idle_guest_days": days,
    }  # fmt: skip
    return deployed(kafka, redis_url, namespace, 8, 8, **given | more)


@pytest.fixture
async def crew(deployment: Deployment, tmp_path: Path) -> AsyncIterator[Crew]:
    """Workers for the deployment."""
    async with crew_of(deployment, tmp_path) as made:
        yield made
