"""What must not go on: one line that says what is wrong and what to do, and exit status 1."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from knownas.adapters import keys as k
from tests.builders import event
from tests.pipeline.deployment import Deployment


async def run_some(deployment: Deployment) -> None:
    """Have a worker store something and commit its offsets."""
    async with deployment.worker():
        await deployment.send(event("d-1"))
        await deployment.settled()


def refusal(deployment: Deployment, *command: str, **environment: str) -> str:
    """The one line a command ends with."""
    ended = subprocess.run(
        [sys.executable, "-m", "knownas", *(command or ("worker",))],
        env=deployment.environment() | environment,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("knownas: ")]
    assert len(lines) == 1, ended.stderr
    return lines[0]


async def test_a_missing_topic_is_named_with_the_command_that_makes_it(deployment: Deployment) -> None:
    said = refusal(deployment, KNOWNAS_TOPIC_PREFIX="elsewhere.")
    assert "elsewhere.events" in said
    assert "knownas topics create" in said


async def test_another_secret_than_the_store_was_made_with_is_refused(deployment: Deployment) -> None:
    said = refusal(deployment, KNOWNAS_SECRET="another secret")
    assert "KNOWNAS_SECRET" in said
    assert "another secret" not in said


async def test_other_identity_kinds_than_the_store_was_made_with_are_refused(deployment: Deployment) -> None:
    assert "KNOWNAS_IDENTITY_KINDS is 'email'" in refusal(deployment, KNOWNAS_IDENTITY_KINDS="email")


async def test_the_days_of_another_time_zone_than_the_store_was_made_with_are_refused(deployment: Deployment) -> None:
    assert "KNOWNAS_DAY_TIMEZONE is 'Asia/Tokyo'" in refusal(deployment, KNOWNAS_DAY_TIMEZONE="Asia/Tokyo")


async def test_another_group_than_the_store_was_made_for_is_refused(deployment: Deployment) -> None:
    assert "KNOWNAS_GROUP is 'other'" in refusal(deployment, KNOWNAS_GROUP="other")


async def test_a_deployment_without_a_secret_is_told_how_to_make_one(deployment: Deployment) -> None:
    environment = deployment.environment()
    assert "no secret is set" in refusal(deployment, KNOWNAS_SECRET_FILE="missing", KNOWNAS_SECRET="") or environment


async def test_a_wrong_number_of_partitions_is_refused(deployment: Deployment) -> None:
    await deployment.world.link().run([("HSET", deployment.world.keys.layout, "partitions", 12)])
    assert "has 4 partitions, the store was made for 12" in refusal(deployment)


async def test_a_store_written_by_a_newer_version_is_refused(deployment: Deployment) -> None:
    await deployment.world.link().run([("HSET", deployment.world.keys.layout, "format", 99)])
    assert "newer knownas" in refusal(deployment)


async def test_a_store_that_is_gone_is_noticed(deployment: Deployment) -> None:
    await run_some(deployment)
    link = deployment.world.link()
    for key in await deployment.reader.keys_like(f"{deployment.settings.redis_prefix}*"):
        await link.run([("DEL", key)])
    assert "the store is gone" in refusal(deployment)


async def test_a_store_put_back_to_an_older_state_is_noticed(deployment: Deployment) -> None:
    await run_some(deployment)
    at: Any = deployment.world.keys.source("events", 0) + k.AT
    facts = await deployment.reader.positions()
    moved = next(tp for tp, position in facts.items() if tp[0] == "events" and position)
    at = deployment.world.keys.source(*moved) + k.AT
    await deployment.world.link().run([("HSET", at, "pos", 0)])
    assert "the store lost acknowledged writes" in refusal(deployment)


async def test_a_position_beyond_what_kafka_holds_is_refused(deployment: Deployment) -> None:
    at = deployment.world.keys.source("events", 0) + k.AT
    await deployment.world.link().run([("HSET", at, "pos", 5_000)])
    assert "records are gone" in refusal(deployment)


async def test_a_kafka_that_does_not_answer_is_named(deployment: Deployment) -> None:
    said = refusal(deployment, "verify", KNOWNAS_KAFKA="127.0.0.1:9")
    assert "Kafka" in said
    assert "127.0.0.1:9" in said
