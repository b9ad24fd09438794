"""`knownas profile` and `knownas explain`, as somebody at a terminal meets them."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from rich.console import Console

from knownas.cli.showing import show_page
from knownas.nouns import EVENTS, FORMAT, UPDATES, Entry, murmur2
from knownas.profile.timeline import Line, Page
from tests.builders import event, login, logout, profile
from tests.pipeline.deployment import Deployment


def said(deployment: Deployment, *words: str) -> str:
    """What a command that succeeds says."""
    ended = deployment.command(*words)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def data(deployment: Deployment, *words: str) -> Any:
    """What a command that succeeds says as data."""
    return json.loads(said(deployment, *words, "--json"))


def home(deployment: Deployment, device: str) -> int:
    """The partition of `events` where a device belongs."""
    return murmur2(device.encode()) % deployment.layout.partitions


async def test_a_profile_is_found_by_id_identity_and_device(deployment: Deployment) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    for who in (ann.id, "email:ann@x.ie", "email: ANN@x.ie", "device:phone"):
        shown = data(deployment, "profile", who)
        assert (shown["id"], shown["type"], shown["guests"]) == (ann.id, "customer", ann.guests)
        assert shown["events"]["Charged"]["count"] == 1
        assert (shown["card"]["email"], shown["card"]["devices"], shown["card"]["guests"]) == ("ann@x.ie", 2, 1)


async def test_a_profile_is_shown_to_people_with_names_as_they_are_and_guests_marked(deployment: Deployment) -> None:
    shown = said(deployment, "profile", "email:ann@x.ie")
    assert "Ann [bold]" in shown
    assert sum("(guest)" in line for line in shown.splitlines()) == 1


async def test_the_story_comes_in_pages_that_new_events_do_not_shift(deployment: Deployment) -> None:
    whole = data(deployment, "profile", "email:ann@x.ie")["timeline"]
    assert [entry.get("evtName", entry["type"]) for entry in whole["entries"]] == [
        "login", "Viewed", "Charged", "login", "Viewed",
    ]  # fmt: skip
    assert [entry["guest"] for entry in whole["entries"]] == [False, True, False, False, False]
    assert whole["cursor"] is None
    first = data(deployment, "profile", "email:ann@x.ie", "--timeline", "2")["timeline"]
    async with deployment.worker():
        await deployment.send(event("phone", "Later"), event("phone", "Before all", ts=1))
        await deployment.settled()
    rest = data(deployment, "profile", "email:ann@x.ie", "--cursor", first["cursor"])["timeline"]
    assert first["entries"] + rest["entries"][:-1] == whole["entries"]
    assert rest["entries"][-1]["evtName"] == "Before all"
    page = said(deployment, "profile", "email:ann@x.ie", "--timeline", "2", "--cursor", first["cursor"])
    assert "older: knownas profile email:ann@x.ie --cursor " in page
    assert "reachable" not in page


@pytest.mark.parametrize("colours", ["standard", None])
def test_a_guests_line_is_dim_where_there_are_colours_and_always_says_so(colours: Any) -> None:
    entry = Entry(FORMAT, 1, "event", "Viewed", None, EVENTS, 0, 0)
    to = Console(force_terminal=colours is not None, width=200, color_system=colours, highlight=False)
    with to.capture() as captured:
        show_page(Page([Line(entry, "guest", guest=True), Line(entry, "ann", guest=False)], None), "ann", to)
    gray, own = captured.get().splitlines()[1:]
    assert "(guest)" in gray
    assert "(guest)" not in own
    assert ("\x1b[2m" in gray) == (colours is not None)
    assert "\x1b" not in own


async def test_explain_tells_the_story_of_device_identity_and_profile(deployment: Deployment) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    phone = said(deployment, "explain", "phone")
    assert phone.startswith(f"phone speaks for {ann.id}  (Ann [bold], customer)\n  since 20")
    assert "device phone was seen for the first time" in phone
    assert f"turned out to be {ann.id}" in phone
    assert "gained this email" in said(deployment, "explain", "email:ann@x.ie")
    whole = said(deployment, "explain", ann.id)
    assert whole.startswith(f"{ann.id} is somebody known  (Ann [bold], customer)")
    assert "device laptop was seen for the first time" in whole
    assert "gained email ann@x.ie" in whole


async def test_a_story_as_data_has_whose_it_is_and_the_rows_without_personal_data(deployment: Deployment) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    story = data(deployment, "explain", ann.id)
    assert [row["kind"] for row in story["rows"]] == ["bound", "bound", "claimed", "bound", "linked"]
    assert (story["about"], story["standing"]["state"], story["asOf"]) == ("profile", "identified", None)
    assert "ann@x.ie" not in json.dumps(story)
    assert "laptop" not in json.dumps(story)
    (guest,) = ann.guests
    assert data(deployment, "explain", guest)["standing"]["state"] == "linked"
    phone = data(deployment, "explain", "device:phone")["standing"]
    assert (phone["state"], phone["profile"]) == ("identified", ann.id)
    assert phone["position"]["topic"] == EVENTS


async def test_explain_as_of_a_time_and_as_a_record_met_it(deployment: Deployment) -> None:
    (guest,) = (ann := await deployment.of_identity("email", "ann@x.ie")).guests
    where = home(deployment, "phone")
    login_at = next(row for row in await deployment.ledger() if row.kind == "linked").position
    met = data(deployment, "explain", "phone", "--event", f"events/{where}/{login_at.offset}")
    assert (met["standing"]["state"], met["standing"]["profile"]) == ("guest", guest)
    after = data(deployment, "explain", "phone", "--at", "2999-01-01")
    assert after["standing"]["profile"] == ann.id
    before = said(deployment, "explain", "phone", "--at", "1970-01-02")
    assert before.startswith("as of 1970-01-02 00:00:00 UTC: phone has not been seen\n")


async def test_a_record_is_asked_for_by_its_position(deployment: Deployment) -> None:
    ann = await deployment.of_identity("email", "ann@x.ie")
    laptop, updates = home(deployment, "laptop"), UPDATES
    server = orjson.dumps(event(None, "Server", identities={"email": "ann@x.ie"}))
    lost = orjson.dumps(event("laptop", "Lost"))
    async with deployment.worker():
        addressed = await deployment.produce(updates, 1, b"x", server)
        misplaced = await deployment.produce(updates, 2, b"x", lost)
        bad = await deployment.produce(EVENTS, laptop, b"laptop", b'{"type":"event","device":"laptop"}')
        named = await deployment.produce(updates, 1, b"x", orjson.dumps({"type": "profile", "profile": "f" * 32}))
        await deployment.settled()

    def asked(topic: str, partition: int, offset: int) -> Any:
        return data(deployment, "explain", "--event", f"{topic}/{partition}/{offset}")

    counted = asked(updates, 1, addressed)
    assert (counted["state"], counted["profile"], counted["rows"]) == ("counted", ann.id, [])
    sent = asked(deployment.layout.name(updates), 2, misplaced)
    assert (sent["state"], sent["home"]["topic"], sent["home"]["partition"]) == ("sent_home", EVENTS, laptop)
    there = asked(EVENTS, laptop, sent["home"]["offset"])
    assert (there["state"], there["profile"], there["speaker"]["profile"]) == ("counted", ann.id, ann.id)
    rejected = asked(EVENTS, laptop, bad)
    assert (rejected["state"], rejected["reason"]) == ("rejected", "bad_event_name")
    unknown = asked(updates, 1, named)
    assert (unknown["state"], unknown["reason"]) == ("rejected", "unknown_profile")
    waiting = await deployment.produce(updates, 1, b"x", server)
    assert asked(updates, 1, waiting)["state"] == "waiting"
    text = said(deployment, "explain", "--event", f"events/{laptop}/{bad}")
    assert "it was rejected, and counts for nobody: bad_event_name. The field `evtName` is missing" in text


async def test_a_device_that_changed_hands_and_what_was_refused_are_told(deployment: Deployment) -> None:
    async with deployment.worker():
        await deployment.send(login("phone", email="ben@x.ie"))
        await deployment.send(profile("phone", {"Plan": {"$set": ["x"] * 101}}, email="ann@x.ie"), logout("phone"))
        await deployment.send(event("phone"))
        await deployment.settled()
    ann = await deployment.of_identity("email", "ann@x.ie")
    ben = await deployment.of_identity("email", "ben@x.ie")
    phone = said(deployment, "explain", "phone")
    assert phone.startswith("phone is guest ")
    for sentence in (
        f"device phone went from {ann.id} to {ben.id}; nothing of either was touched",
        f"was refused for {ben.id}: the identity belongs to another profile and stays with it (owned_by_another)",
        "property Plan was refused",
        "device phone logged out; its next record makes a fresh guest",
    ):
        assert sentence in phone
    assert f"went from {ann.id} to {ben.id}" in said(deployment, "explain", ann.id)
    assert "logged out" in said(deployment, "explain", ben.id)
    gone = deployment.command("profile", "device:phone")
    assert gone.returncode == 0


WRONG = [
    (("profile", "email:nobody@x.ie"), "nobody is known as email:nobody@x.ie"),
    (("profile", "phone:+353123"), "phone is no declared identity kind"),
    (("profile", "device:no-such"), "nobody is known as device:no-such"),
    (("profile", "email:ann@x.ie", "--cursor", "x"), "'x' is no cursor"),
    (("profile", "email:ann@x.ie", "--timeline", "-1"), "timeline"),
    (("explain",), "say what to explain"),
    (("explain", "no-such-device"), "the ledger knows nothing of no-such-device"),
    (("explain", "f" * 32), "the ledger knows nothing of"),
    (("explain", "phone", "--at", "yesterday"), "'yesterday' is no time"),
    (("explain", "--at", "2026-01-01"), "say what to explain"),
    (("explain", "phone", "--at", "1", "--event", "events/0/0"), "give one of them"),
    (("explain", "--event", "events/99/0"), "has the partitions 0 to 3, not 99"),
    (("explain", "--event", "events/0/99"), "holds no record 99 yet"),
]


async def test_what_cannot_be_looked_at_is_said_in_one_line(deployment: Deployment) -> None:
    for words, line in WRONG:
        ended = deployment.command(*words)
        assert (ended.returncode, ended.stdout) == (2, ""), words
        assert line in ended.stderr
        assert len(ended.stderr.splitlines()) <= 2
        assert "Traceback" not in ended.stderr
