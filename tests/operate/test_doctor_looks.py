"""The doctor looks at real services whose settings are wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from knownas.embedded import Valkey, start_valkey
from knownas.operate.doctor import Doctor
from knownas.settings import load
from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey whose settings a test may spoil."""
    with start_valkey(tmp_path / "valkey") as started:
        yield started


def visit(deployment: Deployment, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """A visit's exit status, and the findings by what they are about."""
    ended = deployment.command("doctor", "--json", "--watch-seconds", "0.2", **environment)
    assert ended.stderr == ""
    return ended.returncode, {finding["about"]: finding for finding in json.loads(ended.stdout)["findings"]}


def ill(findings: dict[str, dict[str, Any]]) -> set[str]:
    """What is to be done about."""
    return {about for about, finding in findings.items() if finding["state"] in ("warning", "wrong")}


async def configure(deployment: Deployment, short: str, **config: str) -> None:
    """Set a topic's settings, `_` for a dot."""
    configs = {name.replace("_", "."): value for name, value in config.items()}
    resource = ConfigResource(ConfigResourceType.TOPIC, deployment.layout.name(short), configs)
    async with deployment.world.log.admin() as admin:
        await admin.alter_configs([resource])


async def test_of_a_deployment_at_work_nothing_is_to_be_done(kafka: str, valkey: Valkey, namespace: str) -> None:
    async with deployed(kafka, valkey.url, namespace) as deployment:
        for short in ("events", "updates"):
            await configure(deployment, short, retention_ms="604800000")
        await deployment.start_worker()
        await deployment.send(event("d-1"), login("d-1", email="a@x.ie"))
        await deployment.settled()
        status, findings = visit(deployment)
        disks = ill(findings) & {"Kafka disk"}  # of the machine that tests run on
        assert ill(findings) == disks
        assert status == int(bool(disks))
        assert findings["workers"]["said"] == "1, with 12 partitions"
        assert findings["store persistence"]["said"] == "appendonly yes, appendfsync always"
        assert "a@x.ie" not in str(findings)


async def test_every_wrong_setting_is_found_in_one_visit(kafka: str, valkey: Valkey, namespace: str) -> None:
    async with deployed(kafka, valkey.url, namespace) as deployment:
        await configure(deployment, "events", retention_ms="3600000", message_timestamp_type="CreateTime")
        with redis.Redis.from_url(valkey.url) as store:
            for name, value in {"appendonly": "no", "maxmemory-policy": "volatile-lru", "maxmemory": "1100000"}.items():
                store.config_set(name, value)
        deployment.settings = deployment.settings.model_copy(update={"day_timezone": "Europe/Dublin"})
        await deployment.send(event("d-1"))
        status, findings = visit(deployment)
        assert status == 1
        assert {
            "store persistence", "store eviction", "store memory", "retention", "settings", "workers",
        } <= ill(findings)  # fmt: skip
        assert "events: retention.ms is 3600000, should be 604800000" in findings["retention"]["said"]
        assert "--add-config retention.ms=604800000" in findings["retention"]["do"]
        assert "KNOWNAS_DAY_TIMEZONE is 'Europe/Dublin'" in findings["settings"]["said"]


async def test_what_takes_connections_and_says_nothing_is_not_waited_for() -> None:
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as silent:
        address = f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        settings = load(kafka=address, redis=f"redis://{address}", secret="a secret")
        visit = Doctor(settings, 0, look_seconds=0.3)
        findings = {finding.about: finding async for finding in visit.findings()}
        await visit.close()
    for about, variable in (("Kafka", "KNOWNAS_KAFKA"), ("store", "KNOWNAS_REDIS")):
        assert findings[about].state == "wrong"
        assert findings[about].said == f"what {variable} leads to has not answered for 0.3 s"
        assert "something on the way swallows packets" in findings[about].means


async def test_what_falls_silent_while_work_is_looked_at_is_not_waited_for_either(
    kafka: str, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knownas.operate.doctor.lags", lambda *_: asyncio.Event().wait())
    async with deployed(kafka, redis_url, namespace) as deployment:
        visit = Doctor(deployment.settings, 0, look_seconds=60)
        findings = {}
        async for finding in visit.findings():
            findings[finding.about] = finding
            if finding.about.startswith("store"):
                visit.look_seconds = 0.1
        await visit.close()
    assert (findings["work"].state, findings["work"].said) == ("wrong", "Kafka or the store has not answered for 0.1 s")


async def test_what_is_away_is_said_and_the_rest_is_looked_at(kafka: str, valkey: Valkey, namespace: str) -> None:
    async with deployed(kafka, valkey.url, namespace) as deployment:
        valkey.stop()
        status, findings = visit(deployment)
        assert (status, findings["store"]["state"]) == (1, "wrong")
        assert "does not answer" in findings["store"]["said"]
        assert "KNOWNAS_REDIS" in findings["store"]["do"]
        assert findings["topics"]["state"] == "fine"


async def test_it_writes_nothing_and_says_it_in_words_for_people(kafka: str, valkey: Valkey, namespace: str) -> None:
    async with deployed(kafka, valkey.url, namespace) as deployment:
        with redis.Redis.from_url(valkey.url) as store:
            store.flushall()
            ended = deployment.command("doctor", "--watch-seconds", "0")
            assert store.dbsize() == 0
        assert "store contents: nothing is stored yet" in ended.stdout
        assert "that means: workers begin at the start of the topics" in ended.stdout
        assert ended.stdout.endswith(("0 things to do\n", "thing to do\n", "things to do\n"))
