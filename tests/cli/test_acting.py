"""`knownas test-user`, `demerge`, `release`, `delete`, as somebody at a terminal meets them."""

from __future__ import annotations

import asyncio
import json
from subprocess import CompletedProcess

from tests.builders import login
from tests.pipeline.deployment import Deployment


async def run(deployment: Deployment, *words: str) -> CompletedProcess[str]:
    """A command beside the worker in this process."""
    return await asyncio.to_thread(deployment.command, *words)


async def test_a_test_user_is_marked_and_the_mark_taken_away(deployment: Deployment) -> None:
    async with deployment.worker():
        marked = await run(deployment, "test-user", "email:ann@x.ie")
        ann = await deployment.of_identity("email", "ann@x.ie")
        assert (marked.returncode, marked.stdout) == (0, f"{ann.id} is a test user now\n"), marked.stderr
        assert ann.test
        off = await run(deployment, "test-user", "device:laptop", "--off", "--json")
        answer = json.loads(off.stdout)
        assert (answer["state"], answer["profile"]) == ("done", ann.id)
        assert not (await deployment.profile(ann.id)).test
    told = (await run(deployment, "explain", ann.id)).stdout
    assert f"{ann.id} was marked as a test user" in told
    assert f"{ann.id} is no test user any more" in told
    position = answer["position"]
    where = f"{position['topic']}/{position['partition']}/{position['offset']}"
    asked = json.loads((await run(deployment, "explain", "--event", where, "--json")).stdout)
    assert (asked["state"], asked["profile"], [row["kind"] for row in asked["rows"]]) == ("counted", ann.id, ["tested"])


async def test_a_released_identity_is_nobodys_and_whoever_comes_with_it_next_has_it(deployment: Deployment) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    async with deployment.worker():
        released = await run(deployment, "release", "email:Ann@x.ie")
        assert (released.returncode, released.stdout) == (0, f"{ann.id} does not own email:Ann@x.ie any more\n")
        looked = await run(deployment, "profile", "email:ann@x.ie")
        assert looked.returncode == 2
        assert "email:ann@x.ie is nobody's any more; `knownas explain email:ann@x.ie`" in looked.stderr
        again = await run(deployment, "release", "email:ann@x.ie")
        assert again.returncode == 2
        await deployment.send(login("tablet", email="ann@x.ie"))
        await deployment.settled()
    other = await deployment.of_identity("email", "ann@x.ie")
    assert other.id != ann.id
    told = (await run(deployment, "explain", "email:ann@x.ie")).stdout
    assert told.startswith(f"email:ann@x.ie belongs to {other.id}")
    assert f"this email was taken from {ann.id} by a release; nobody owns it" in told


async def test_a_demerged_profile_says_so_and_its_devices_are_free(deployment: Deployment) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    async with deployment.worker():
        demerged = await run(deployment, "demerge", "email:ann@x.ie")
        assert demerged.stdout == f"{ann.id} is demerged; its identities and devices are being set free\n"
        await deployment.settled()
        assert "  demerged: its identities and devices were taken" in (await run(deployment, "profile", ann.id)).stdout
        guest = await run(deployment, "demerge", ann.guests[0])
        assert guest.returncode == 2
        assert "rejected as not_identified: A profile that owns no identity cannot be demerged." in guest.stderr
    told = (await run(deployment, "explain", "phone")).stdout
    assert told.startswith("phone speaks for nobody; its next record makes a fresh guest\n")
    assert "device phone was taken from the profile it spoke for, which was demerged" in told
    assert f"{ann.id} is demerged" in (await run(deployment, "explain", ann.id)).stdout
    control = next(row for row in await deployment.ledger() if row.reason == "demerged" and row.device).position
    asked = (await run(deployment, "explain", "--event", "/".join(map(str, control)))).stdout
    assert f"knownas wrote it itself, because {ann.id} was demerged" in asked


async def test_a_deletion_asks_for_yes_and_leaves_a_hint(deployment: Deployment) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    asking = await run(deployment, "delete", "email:ann@x.ie")
    assert asking.returncode == 2
    assert f"Ann [bold], customer, {ann.id} (linked guests: 1) would be deleted for ever; say --yes" in asking.stderr
    async with deployment.worker():
        deleted = await run(deployment, "delete", "email:ann@x.ie", "--suppress", "--yes")
        assert (deleted.returncode, deleted.stdout) == (0, f"{ann.id} is deleted, and email:ann@x.ie suppressed\n")
        await deployment.settled()
        nobody = await run(deployment, "delete", "email:ben@x.ie", "--suppress", "--yes")
        assert (nobody.returncode, nobody.stdout) == (0, "email:ben@x.ie is suppressed; nobody owned it\n")
    for who, said in (
        (ann.id, f"{ann.id} is deleted; `knownas explain {ann.id}` says when and why"),
        ("email:ann@x.ie", "email:ann@x.ie is suppressed: records that carry it are rejected"),
        ("device:phone", "device:phone speaks for nobody until its next record, which makes a fresh guest"),
        (ann.guests[0], "is deleted"),
    ):
        looked = await run(deployment, "profile", who)
        assert (looked.returncode, looked.stdout) == (2, "")
        assert said in looked.stderr
    told = (await run(deployment, "explain", ann.id)).stdout
    assert told.startswith(f"{ann.id} is deleted\n")
    assert "ann@x.ie" not in told
    email = (await run(deployment, "explain", "email:ann@x.ie")).stdout
    assert "it is suppressed" in email
    assert f"this email became free, because {ann.id} was deleted" in email


async def test_without_a_worker_the_wait_ends_and_says_how_to_ask_later(deployment: Deployment) -> None:
    ended = await run(deployment, "test-user", "email:ann@x.ie", "--wait", "0.5")
    assert ended.returncode == 1
    assert "no worker has decided it yet: is one running?" in ended.stderr
    where = ended.stderr.partition("--event ")[2].partition("`")[0]
    assert "no worker has decided it yet" in (await run(deployment, "explain", "--event", where)).stdout


WRONG = [
    (("delete", "email:nobody@x.ie", "--yes"), "nobody is known as email:nobody@x.ie"),
    (("delete", "device:laptop", "--suppress", "--yes"), "what is suppressed is an identity: name it as kind:value"),
    (("release", "device:laptop"), "a release takes one identity: name it as kind:value, not as device:laptop"),
    (("demerge", "laptop"), "nobody is known as laptop"),
    (("test-user", "email:ann@x.ie", "--wait", "-1"), "wait"),
]


async def test_what_cannot_be_done_is_said_in_one_line(deployment: Deployment) -> None:
    for words, line in WRONG:
        ended = await run(deployment, *words)
        assert (ended.returncode, ended.stdout) == (2, ""), words
        assert line in ended.stderr
        assert len(ended.stderr.splitlines()) <= 2
        assert "Traceback" not in ended.stderr
