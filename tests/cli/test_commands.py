"""Commands as somebody at a terminal meets them, on real services."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders import event, login
from tests.pipeline.deployment import Deployment


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `knownas` with nothing but PATH in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "knownas", *words], cwd=cwd, env={"PATH": os.environ["PATH"]} | environment, text=True,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("send",), "name at least one file"),
        (("send", "no-such-file.jsonl"), "there is no file no-such-file.jsonl"),
        (("profle",), "Did you mean"),
        (("worker", "--health-port", "x"), "health-port"),
    ],
)
async def test_wrong_input_ends_with_a_clear_line_and_status_2(
    deployment: Deployment, words: tuple[str, ...], said: str
) -> None:
    ended = deployment.command(*words)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_send_says_what_is_wrong_line_by_line_and_sends_the_rest(deployment: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    lines = [json.dumps(event("tablet")), "", "{", json.dumps(login("tablet", email="ben@x.ie")), '{"type":"event"}']
    file.write_text("\n".join(lines))
    checked = deployment.command("send", str(file), "--check")
    assert "2 of 4 records would be sent" in checked.stdout
    sent = deployment.command("send", str(file), "--json")
    assert sent.returncode == 2
    said: dict[str, Any] = json.loads(sent.stdout)
    assert (said["records"], said["sent"]) == (4, 2)
    assert [(p["line"].rpartition(":")[2], p["reason"]) for p in said["problems"]] == [
        ("3", "not_json"),
        ("5", "bad_event_name"),
    ]
    async with deployment.worker():
        await deployment.settled()
    assert (await deployment.of_identity("email", "ben@x.ie")).version == 2


async def test_send_reads_standard_input(deployment: Deployment) -> None:
    sent = deployment.command("send", "-", input=json.dumps(event("piped")) + "\n")
    assert (sent.returncode, sent.stdout.strip()) == (0, "1 of 1 records sent")


async def test_verify_says_that_nothing_differs_and_names_what_does(deployment: Deployment) -> None:
    assert "no difference" in deployment.command("verify").stdout
    ann = await deployment.of_identity("email", "ann@x.ie")
    (key,) = await deployment.reader.keys_like(f"{deployment.settings.redis_prefix}*:p:{ann.id}")
    await deployment.world.link().run([("DEL", key)])
    report = deployment.command("verify", "--json")
    assert report.returncode == 1
    assert json.loads(report.stdout)["differences"] == [f"profile {ann.id} is missing"]


async def test_the_demo_ends_with_figures_that_verify_confirms(
    kafka: str, redis_url: str, namespace: str, tmp_path: Path
) -> None:
    environment = {
        "KNOWNAS_KAFKA": kafka, "KNOWNAS_REDIS": redis_url, "KNOWNAS_TOPIC_PREFIX": f"{namespace}.",
        "KNOWNAS_REDIS_PREFIX": f"{namespace}:", "KNOWNAS_GROUP": namespace,
    }  # fmt: skip
    ended = run("demo", "--exit", "--events", "3000", "--json", cwd=tmp_path, **environment)
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout.splitlines()[-1])
    assert figures["events"] == 3_000
    assert figures["verified"] == sum(figures["profiles"].values()) > 200
    assert min(figures["links"], figures["gray"], figures["rejected"]) > 0


def test_up_serves_commands_in_its_folder_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    up = subprocess.Popen(
        [sys.executable, "-m", "knownas", "up"], cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE
    )
    assert up.stdout is not None
    try:
        while not (line := up.stdout.readline()).startswith("worker ready"):
            assert line, "up ended before its worker was ready"
        assert run("verify", cwd=tmp_path).stdout.endswith("no difference\n")
        assert (tmp_path / ".knownas" / "environment").stat().st_mode & 0o777 == 0o600
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
        up.stdout.close()
    assert not (tmp_path / ".knownas" / "environment").exists()
    assert run("verify", cwd=tmp_path, KNOWNAS_KAFKA="127.0.0.1:9").returncode == 1
