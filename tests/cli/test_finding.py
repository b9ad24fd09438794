"""`knownas find`, as somebody at a terminal meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.pipeline.deployment import Deployment


def data(deployment: Deployment, *words: str) -> Any:
    """What a command that succeeds says as data."""
    ended = deployment.command("find", *words, "--json")
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


async def test_people_are_found_counted_explained_and_exported(deployment: Deployment, tmp_path: Path) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    assert data(deployment, "email: ANN@x.ie")["profiles"][0]["id"] == ann.id
    found = data(deployment, "did Charged >= 1 in 3660d and Name starts with ann")
    assert (found["people"], found["orphans"], [one["id"] for one in found["profiles"]]) == (1, 0, [ann.id])
    counted = data(deployment, "did Viewed", "--count")
    assert counted == {"people": 1, "orphans": 1, "exact_since": None, "unknown": []}
    shown = deployment.command("find", "did Viewed or did Flown")
    assert "1 person, and 1 orphan apart" in shown.stdout
    assert "nobody ever had Flown" in shown.stdout
    assert "Ann [bold], ann@x.ie" in shown.stdout
    explained = deployment.command("find", "did Viewed and not did Charged", "--explain").stdout
    assert "not did Charged" in explained
    assert "exact without looking at anybody" in explained
    why = data(deployment, "did Charged and Plan = Gold", "--why", "email:ann@x.ie")
    assert [part["matches"] for part in why["of"]] == [True, False]
    out = tmp_path / "ann.csv"
    assert deployment.command("find", "everyone", "--export", str(out), "--fields", "id,Name").returncode == 0
    assert out.read_bytes() == f"id,Name\r\n{ann.id},Ann [bold]\r\n".encode()
    known = data(deployment, "--catalog")
    assert {one["name"] for one in known["events"]} == {"Viewed", "Charged"}


async def test_what_cannot_be_asked_is_said_at_its_place(deployment: Deployment) -> None:
    for words, said in (
        (("did Charged >= many",), "               ^"),
        (("did Charged", "--sort", "colour"), "numeric property"),
        (("phone:+353861234567",), "KNOWNAS_IDENTITY_KINDS=identity,email,facebook,google,phone"),
        (("did Charged", "--cursor", "x"), "cursor"),
        (("did Charged", "--export", "people.xls"), ".csv"),
        ((), "ask something"),
    ):
        ended = deployment.command("find", *words)
        assert ended.returncode == 2, ended.stdout
        assert said in ended.stderr, (said, ended.stderr)
