"""Commands as somebody at a terminal meets them, on real services."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import event, login
from tests.pipeline.deployment import Deployment, deployed


@pytest.fixture
async def deployment(kafka: str, redis_url: str, namespace: str) -> AsyncIterator[Deployment]:
    """A deployment with a little story in it."""
    async with deployed(kafka, redis_url, namespace) as made:
        async with made.worker():
            await made.send(event("laptop", "Viewed"), login("laptop", {"Name": "Ann [bold]"}, email="ann@x.ie"))
            await made.send(event("laptop", "Charged", {"Amount": 3}))
            await made.settled()
            await made.send(event("phone", "Viewed"), login("phone", email="ann@x.ie"))
            await made.settled()
        yield made


def run(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `knownas` with nothing but PATH in its environment."""
    return subprocess.run(
        [sys.executable, "-m", "knownas", *words], cwd=cwd, env={"PATH": os.environ["PATH"]} | environment, text=True,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip


async def test_a_profile_is_found_by_id_identity_and_device(deployment: Deployment) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    for who in (ann.id, "email:ann@x.ie", "email: ANN@x.ie", "device:phone"):
        shown = deployment.command("profile", who, "--json")
        assert shown.returncode == 0, shown.stderr
        profile = json.loads(shown.stdout)
        assert (profile["id"], profile["type"], profile["guests"]) == (ann.id, "customer", ann.guests)
        assert profile["events"]["Charged"]["count"] == 1


async def test_a_profile_is_shown_to_people_with_names_as_they_are_and_guests_marked(deployment: Deployment) -> None:
    shown = deployment.command("profile", "email:ann@x.ie").stdout
    assert "Ann [bold]" in shown
    assert sum("(guest)" in line for line in shown.splitlines()) == 1


async def test_explain_tells_the_story_of_device_identity_and_profile(deployment: Deployment) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    told = deployment.command("explain", "phone").stdout
    assert "seen for the first time" in told
    assert f"turned out to be {ann.id}" in told
    assert "gained this email" in deployment.command("explain", "email:ann@x.ie").stdout
    rows = json.loads(deployment.command("explain", ann.id, "--json").stdout)
    assert [row["kind"] for row in rows] == ["bound", "bound", "claimed", "bound", "linked"]
    assert "ann@x.ie" not in json.dumps(rows)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("profile", "email:nobody@x.ie"), "nobody is known as email:nobody@x.ie"),
        (("profile", "phone:+353123"), "phone is no declared identity kind"),
        (("profile", "email:null"), "cannot be anybody's email"),
        (("profile", "f" * 32), "nobody is known as"),
        (("explain", "no-such-device"), "the ledger knows nothing of no-such-device"),
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
