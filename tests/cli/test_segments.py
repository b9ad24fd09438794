"""`knownas segments`, as somebody at a terminal meets it."""

from __future__ import annotations

import asyncio
import json
from subprocess import CompletedProcess
from typing import Any

from tests.builders import event
from tests.pipeline.deployment import Deployment

ABOUT_ANN = '{"all": [{"did": "Charged"}, {"property": "Name", "startsWith": "Ann"}]}'


async def run(deployment: Deployment, *words: str) -> CompletedProcess[str]:
    """Run a command beside the worker of this process."""
    return await asyncio.to_thread(deployment.command, "segments", *words)


async def said(deployment: Deployment, *words: str) -> str:
    """What a command that succeeds says to people."""
    ended = await run(deployment, *words)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


async def data(deployment: Deployment, *words: str) -> Any:
    """What a command that succeeds says as data."""
    return json.loads(await said(deployment, *words, "--json"))


async def test_a_segment_is_put_filled_looked_into_replaced_and_removed(deployment: Deployment) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    async with deployment.worker():
        put = await data(deployment, "put", "buyers", "did Charged in 3660d", "--wait", "60")
        assert put == {"segment": "buyers", "version": 1, "filling": 0, "people": 1, "unknown": []}
        assert await said(deployment, "size", "buyers") == "1"
        assert await data(deployment, "size", "buyers") == {
            "segment": "buyers",
            "version": 1,
            "people": 1,
            "filling": 0,
        }
        assert await said(deployment, "members", "buyers") == ann.id
        assert await data(deployment, "members", "buyers") == ann.id

        assert await said(deployment, "put", "buyers", ABOUT_ANN, "--replace", "--wait", "60") == (
            "buyers (version 2): 1 person: did Charged and Name starts with Ann"
        )
        await data(deployment, "put", "away", "not did Charged", "--wait", "60")
        assert (await said(deployment, "list")).splitlines() == [
            "away (version 3): not did Charged", "buyers (version 2): did Charged and Name starts with Ann",
        ]  # fmt: skip
        listed = await data(deployment, "list")
        assert [one["segment"] for one in listed] == ["away", "buyers"]
        assert listed[1]["query"] == json.loads(ABOUT_ANN)

        assert await said(deployment, "remove", "buyers") == "buyers is removed; whoever is in it leaves"
        assert await data(deployment, "remove", "away") == {"segment": "away", "version": 5, "removed": True}
        assert await data(deployment, "list") == []
        assert "there are no segments" in (await run(deployment, "list")).stderr
        typo = (await run(deployment, "put", "typo", "did Chraged or Paln = Gold")).stdout
        assert "nobody ever had Chraged\nnobody ever had Paln" in typo


async def test_without_a_worker_a_segment_waits_to_be_filled_and_says_so(deployment: Deployment) -> None:
    ended = await run(deployment, "put", "buyers", "did Charged", "--wait", "0.3")
    assert (ended.returncode, ended.stdout.strip()) == (1, "buyers (version 1) is being filled: did Charged")
    assert await said(deployment, "size", "buyers") == "0 (it is still being filled)"
    assert (await data(deployment, "size", "buyers"))["filling"] == deployment.layout.shards
    assert await said(deployment, "members", "buyers") == ""
    async with deployment.worker():
        await deployment.send(event("laptop", "Viewed"))
        await deployment.settled()
        put = await data(deployment, "put", "buyers", "did Charged", "--replace", "--wait", "60")
        assert (put["version"], put["filling"], put["people"]) == (2, 0, 1)


REFUSED = [
    (("put", "gold", "Plan like Gold"), "     ^ at 6: an operator is wanted"),
    (("put", "gold", '{"did": "Charged", "when": 1}'), "at when: "),
    (("put", "gold", "not " * 15 + "Plan = Gold"), "at most 10 deep"),
    (("put", "gold", ""), "a condition is wanted"),
    (("put", "", "did Charged"), "1 to 200 printable characters"),
    (("put", "g" * 201, "did Charged"), "1 to 200 printable characters"),
    (("put", "taken", "did Viewed"), "there is a segment 'taken' already; say --replace to replace it"),
    (("remove", "none"), "there is no segment 'none'; `knownas segments list` says which there are"),
    (("size", "none"), "there is no segment 'none'"),
    (("members", "none"), "there is no segment 'none'"),
    (("put", "gold", "did Charged", "--wait", "-1"), "--wait"),
    (("put", "gold"), "--query requires an argument"),
]


async def test_what_cannot_be_is_said_at_its_place_and_changes_nothing(deployment: Deployment) -> None:
    await data(deployment, "put", "taken", "did Charged")
    for words, says in REFUSED:
        ended = await run(deployment, *words)
        assert ended.returncode == 2, (words, ended.stdout)
        assert says in ended.stderr, (says, ended.stderr)
        assert "Traceback" not in ended.stderr
    assert await data(deployment, "list") == [{"segment": "taken", "version": 1, "query": {"did": "Charged"}}]
