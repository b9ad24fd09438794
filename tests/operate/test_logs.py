"""What workers log: lines for machines where asked for, and nothing of the people whose records they are."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from knownas.embedded import Valkey, start_valkey
from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.health import until_health

PERSONAL = ("ann@x.ie", "Annabel", "+353861234567", "laptop-of-ann", "Charged", "secret of ann")


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that a test may stop."""
    with start_valkey(tmp_path / "valkey") as started:
        yield started


async def send_everything(deployment: Deployment) -> None:
    """Records that are fine, and all kinds that are not, each with something of a person in it."""
    await deployment.send(
        event("laptop-of-ann", "Charged"),
        login("laptop-of-ann", {"Name": "Annabel", "Phone": "+353861234567"}, email="ann@x.ie"),
        b'{"type": "event", "device": "laptop-of-ann", "evtName": ann@x.ie}',
        b'{"type": "Annabel"}',
        {"type": "event", "device": "laptop-of-ann", "evtName": "Charged", "ts": "secret of ann"},
        {"type": "delete", "identities": {"email": "nobody@x.ie"}},
        {"type": "profile", "device": "laptop-of-ann", "profileData": {"DOB": "secret of ann"}},
    )
    await deployment.send(event("laptop-of-ann", "Charged"), partition=0)


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_no_line_holds_anything_of_a_person_and_each_is_an_object(
    kafka: str, valkey: Valkey, namespace: str, tmp_path: Path, level: str
) -> None:
    said = tmp_path / "said"
    with said.open("wb") as file:
        async with deployed(kafka, valkey.url, namespace) as deployment:
            deployment.errors = file.fileno()
            worker = await deployment.start_worker(KNOWNAS_LOG_JSON="true", KNOWNAS_LOG_LEVEL=level)
            await send_everything(deployment)
            await deployment.settled()
            await meanwhile_the_store_is_away(deployment, worker, valkey)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
    text = said.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"waiting", "resumed"} <= {line["event"] for line in lines}
    assert all({"event", "level", "timestamp"} <= set(line) for line in lines)
    assert [word for word in PERSONAL if word in text] == []


async def meanwhile_the_store_is_away(deployment: Deployment, worker: subprocess.Popen[str], valkey: Valkey) -> None:
    """More records, for which the worker has to wait."""
    port = deployment.health_ports[worker.pid]
    valkey.kill()
    await send_everything(deployment)
    await until_health(port, ready=False)
    valkey.restart()
    await until_health(port, ready=True)
    await deployment.settled()
