"""`knownas rejected list|resend`, as somebody at a terminal meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.builders import event, login
from tests.cli.test_acting import run
from tests.pipeline.deployment import Deployment

LATER: dict[str, Any] = {"type": "test", "identities": {"email": "ben@x.ie"}, "test": True}


async def listed(deployment: Deployment, *words: str) -> list[dict[str, Any]]:
    """All that is rejected."""
    told = await run(deployment, "rejected", "list", "--json", *words)
    assert told.returncode == 0, told.stderr
    return [json.loads(line) for line in told.stdout.splitlines()]


async def test_what_is_rejected_is_told_by_reason_with_where_it_stands(deployment: Deployment) -> None:
    async with deployment.worker():
        await deployment.send(b"{", b"[1", b'"\xff', partition=0)
        await deployment.send({"type": "event", "device": "[red]", "evtName": ""})
        await deployment.settled()
    told = await run(deployment, "rejected", "list", "--limit", "2")
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0].startswith("3 not_json: ")
    assert "/0/" in lines[1]
    assert lines[3] == "  and 1 more; --limit shows more, --json all"
    assert lines[4].startswith("1 bad_event_name: ")
    named = await listed(deployment, "--reason", "bad_event_name")
    assert [one["value"]["device"] for one in named] == ["[red]"]
    texts = [one.get("text", one.get("base64")) for one in await listed(deployment, "--reason", "not_json")]
    assert texts == ["{", "[1", "Iv8="]
    wrong = await run(deployment, "rejected", "list", "--reason", "bad")
    assert wrong.returncode == 2
    assert "bad is no reason; there are: empty, " in wrong.stderr


async def test_what_is_sent_again_counts_once_however_often_that_is_done(deployment: Deployment) -> None:
    async with deployment.worker():
        await deployment.send(LATER)
        await deployment.settled()
        (one,) = await listed(deployment)
        assert (one["reason"], one["resent"]) == ("nobody_owns", False)
        asked = await run(deployment, "rejected", "resend", "--all")
        assert (asked.returncode, "1 record would be sent again; say --yes" in asked.stderr) == (2, True)
        await deployment.send(login("desk", email="ben@x.ie"))
        await deployment.settled()
        sent = await run(deployment, "rejected", "resend", "--reason", "nobody_owns", "--yes")
        assert (sent.returncode, sent.stdout[:19]) == (0, "1 record sent again"), sent.stderr
        await deployment.settled()
        ben = await deployment.of_identity("email", "ben@x.ie")
        assert (ben.test, ben.version) == (True, 2)
        once_more = await run(deployment, "rejected", "resend", "--all", "--yes", "--json")
        assert once_more.returncode == 2
        (left,) = json.loads(once_more.stdout)["left"]
        assert left["why"].startswith("it was sent again before")
        forced = await run(deployment, "rejected", "resend", "--all", "--again", "--yes", "--json")
        assert json.loads(forced.stdout)["sent"] == 1
        await deployment.settled()
        assert (await deployment.profile(ben.id)).version == 2
        reasons = [(one["reason"], one["resent"]) for one in await listed(deployment)]
        assert sorted(reasons) == [("duplicate", False), ("nobody_owns", True)]
        assert (await deployment.verify()).differences == []


async def test_what_is_mended_in_a_file_is_sent_in_its_place(deployment: Deployment, tmp_path: Path) -> None:
    async with deployment.worker():
        await deployment.send({**event("laptop", ""), "ts": 1_763_700_000}, b"{")
        await deployment.settled()
        told = (await run(deployment, "rejected", "list", "--json")).stdout
        bad = next(json.loads(line) for line in told.splitlines() if "bad_event_name" in line)
        bad["value"]["evtName"] = "Mended"
        file = tmp_path / "mended.jsonl"
        file.write_text(json.dumps(bad) + "\n")
        looked = await run(deployment, "rejected", "resend", "--edit", str(file), "--check")
        assert (looked.returncode, looked.stdout) == (0, "1 record can be sent again; none was sent\n"), looked.stderr
        sent = await run(deployment, "rejected", "resend", "--edit", str(file), "--yes")
        assert sent.returncode == 0, sent.stderr
        await deployment.settled()
    ann = await deployment.of_identity("email", "ann@x.ie")
    assert (ann.events["Mended"].count, ann.events["Mended"].last) == (1, 1_763_700_000)


async def test_what_cannot_be_sent_is_said_with_where_it_stands(deployment: Deployment, tmp_path: Path) -> None:
    async with deployment.worker():
        await deployment.send(b"{", partition=0)
        await deployment.settled()
    (one,) = await listed(deployment)
    place = f"{one['topic']}/{one['partition']}/{one['offset']}"
    left = await run(deployment, "rejected", "resend", place, "--yes")
    assert left.returncode == 2
    assert f"{place} is left out: it would be rejected again: not_json" in left.stderr
    cases = {
        (): "say which: positions, --reason, --all, or --edit with a file",
        ("events/0/9999",): "events/0/9999 is no rejected record",
        ("--edit", str(tmp_path / "none")): "there is no file",
        ("--edit", str(Path(__file__))): ":1: a line has topic, partition, offset and value",
    }
    for words, said in cases.items():
        told = await run(deployment, "rejected", "resend", *words)
        assert (told.returncode, said in told.stderr) == (2, True), told.stderr
