"""The pages of profiles and the overview in Chromium: signing in, watching somebody live, acting on them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio

from tests.browser.chromium import Chromium, Visitor
from tests.browser.conftest import Machine
from tests.browser.looking import beyond, picture, serious
from tests.builders import event, login
from tests.page.shop import HOSTILE, shop
from tests.serve.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.services]

PHONE: Final[dict[str, Any]] = {"viewport": {"width": 360, "height": 740}, "isMobile": True, "hasTouch": True}
WIDE: Final[dict[str, Any]] = {"viewport": {"width": 1600, "height": 1000}, "colorScheme": "dark"}
LIVE: Final = "document.querySelector('[data-live]').classList.contains('is-live')"
LINES: Final = """[...document.querySelectorAll('#lines .line')].map(
  (line) => [line.querySelector('b').textContent, line.classList.contains('gray')])"""
COUNTS: Final = """[...document.querySelectorAll('.counts tbody tr')].map(
  (row) => [...row.cells].slice(0, 3).map((cell) => cell.textContent))"""
HERE: Final = "location.pathname"


class Desk(NamedTuple):
    """The shop's gateway, whose page asks for a key, and a browser."""

    gateway: Gateway
    chromium: Chromium
    machine: Machine

    async def visitor(self, path: str, right: str = "read", **looks: Any) -> Visitor:
        """Somebody who signs in on the way to a page."""
        who = await self.chromium.visitor(uuid.uuid4().hex, **looks)
        await who.visit(self.gateway.url + path)
        await who.type(self.gateway.keys[right])
        await who.press("Enter")
        await who.until("!document.querySelector('#key') && document.readyState === 'complete'")
        return who

    async def looks_well(self, who: Visitor, name: str, but: str = "nothing") -> None:
        """Nothing serious for axe, nothing cut off, nothing that the policy forbids (the console says `but` one thing);
        a picture is kept."""
        await picture(who, name)
        assert await serious(who, self.machine.packages) == []
        assert await beyond(who) == []
        assert [said for said in await who.said() if but not in said] == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(machine: Machine, chromium: Chromium, kafka: str, redis_url: str) -> AsyncIterator[Desk]:
    """The shop."""
    async with shop(kafka, redis_url, f"d{uuid.uuid4().hex[:8]}", is_open=False) as gateway:
        yield Desk(gateway, chromium, machine)
        await chromium.forget()


async def known(desk: Desk, email: str, *records: Any) -> str:
    """The path of the page of whoever has an e-mail address, when what was sent can be read."""
    put = await desk.gateway.put(*records) if records else None
    wait = {"wait": put.json["position"]} if put else {}
    read = await desk.gateway.get(f"/v1/profiles/by/email/{email}", params=wait)
    return f"/people/{read.json['id']}"


async def test_nobody_sees_anything_without_a_key_and_comes_back_to_where_they_wanted_to_be(desk: Desk) -> None:
    path = await known(desk, "ann@x.ie")
    who = await desk.chromium.visitor(uuid.uuid4().hex)
    await who.visit(desk.gateway.url + path)
    assert await who.run(HERE) == "/sign-in"
    assert await who.run("document.body.textContent.includes('Ann')") is False
    await desk.looks_well(who, "sign-in")
    await who.type("nonsense")
    await who.press("Enter")
    await who.until("document.querySelector('[role=alert]')?.textContent.includes('not a key')")
    await who.run("document.querySelector('#key').focus()")
    await who.type(desk.gateway.keys["read"])
    await who.press("Enter")
    await who.until(f"{HERE} === '{path}' && document.querySelector('h1').textContent === 'Ann'")
    assert await who.run("document.cookie") == ""


async def test_scenario_one_a_guest_logs_in_and_it_was_them_all_along(desk: Desk) -> None:
    put = await desk.gateway.put(event("x-desktop", "A"))
    guest = (await desk.gateway.get("/v1/profiles/by/device/x-desktop", params={"wait": put.json["position"]})).json
    who = await desk.visitor(f"/people/{guest['id']}")
    await who.until(LIVE)
    assert await who.run("document.querySelector('#head .type').textContent") == "anonymous"
    await desk.gateway.put(login("x-desktop", {"Name": "Xenia"}, email="x@x.ie"), event("x-desktop", "B"))
    await who.until("document.querySelector('#head h1').textContent === 'Xenia'")
    await who.until("document.querySelector('#lines .line b').textContent === 'B'")
    assert await who.run(LINES) == [["B", False], ["Logged in", False], ["A", False]]
    await who.until("document.querySelector('#head .type').textContent === 'addressable'")
    await desk.looks_well(who, "scenario-1")


async def test_scenario_two_a_second_browsers_guest_is_gray_and_counts_for_nobody_else(desk: Desk) -> None:
    path = await known(desk, "y@x.ie", login("y-desktop", {"Name": "Yann"}, email="y@x.ie"))
    who = await desk.visitor(path)
    await who.until(LIVE)
    await desk.gateway.put(event("y-browser", "A"), login("y-browser", email="y@x.ie"), event("y-browser", "B"))
    await who.until("document.querySelectorAll('#lines .line').length === 4")
    assert sorted(await who.run(LINES)) == [["A", True], ["B", False], ["Logged in", False], ["Logged in", False]]
    await who.until("document.querySelector('#activity .counts')?.textContent.includes('B')")
    assert await who.run(COUNTS) == [["B", "1", ""], ["A", "0", "1"]]
    await who.until("document.getElementById('note').textContent.includes('not for Yann')")
    assert "New: B" in await who.run("document.getElementById('news').textContent")
    await who.run("document.getElementById('story').scrollIntoView()")
    await who.until("document.querySelector('.story')?.textContent.includes('what the guest did stays the guest')")
    await desk.looks_well(who, "scenario-2")


async def test_a_timeline_is_narrowed_and_what_is_new_still_comes(desk: Desk) -> None:
    path = await known(
        desk, "t@x.ie", login("t-phone", email="t@x.ie"), *(event("t-phone", f"E{n % 2}") for n in range(70))
    )
    who = await desk.visitor(path)
    await who.until("document.querySelectorAll('#lines .line').length === 50")
    await who.click("[data-older] a")
    await who.until("document.querySelectorAll('#lines .line').length === 71")
    await who.choose("#only", "event:E1")
    await who.until("document.querySelectorAll('#lines .line').length === 35")
    await who.until(LIVE)
    await desk.gateway.put(event("t-phone", "E0"), event("t-phone", "E1"))
    await who.until("document.querySelectorAll('#lines .line').length === 36")
    assert {name for name, _ in await who.run(LINES)} == {"E1"}
    await desk.looks_well(who, "narrowed")


async def test_a_test_mark_is_set_by_keyboard_alone(desk: Desk) -> None:
    path = await known(desk, "m@x.ie", login("m-phone", {"Name": "Mo"}, email="m@x.ie"))
    who = await desk.visitor(path, "admin")
    for _ in range(30):
        await who.press("Tab")
        if await who.run("document.activeElement.getAttribute('role') === 'switch'"):
            break
    assert await who.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await who.press("Enter")
    await who.until("document.querySelector('[role=switch]').ariaChecked === 'true'")
    await who.until("document.querySelector('#head').textContent.includes('test profile')")
    read = await desk.gateway.get("/v1/profiles/by/email/m@x.ie")
    assert read.json["system"]["ct_is_test_user"] == "Yes"


async def test_somebody_is_deleted_after_one_has_read_what_will_happen(desk: Desk) -> None:
    path = await known(desk, "d@x.ie", login("d-phone", {"Name": "Dee"}, email="d@x.ie"))
    who = await desk.visitor(path)
    await who.click("#head a.danger")
    await who.until("document.querySelector('h1')?.textContent === 'Delete Dee?'")
    await desk.looks_well(who, "delete")
    await who.fill("#key", desk.gateway.keys["admin"])
    await who.click("button.danger")
    await who.until("document.querySelector('h1')?.textContent === 'This profile was deleted'")
    assert await who.run(HERE) == path
    await desk.looks_well(who, "deleted", but="status of 404")
    assert (await desk.gateway.get(f"/v1/profiles/{path.rpartition('/')[2]}")).json["reason"] == "deleted"


async def test_hostile_names_events_and_values_are_text(desk: Desk) -> None:
    evil = (await desk.gateway.get("/v1/profiles/by/device/evil")).json["id"]
    who = await desk.visitor(f"/people/{evil}")
    await who.until(LIVE)
    assert await who.run("document.querySelector('h1').textContent") == HOSTILE
    await desk.gateway.put(event("evil", "<img src=x onerror=alert(1)>", {"<b>": "</li><script>alert(1)</script>"}))
    await who.until("document.querySelector('#lines .line b').textContent.startsWith('<img')")
    assert await who.run("document.querySelectorAll('main script, main img, main b b').length") == 0
    await who.click(".counts a")
    await who.until("document.querySelector('#only').value.startsWith('event:')")
    await desk.looks_well(who, "hostile")


@pytest.mark.parametrize("looks", [PHONE, WIDE], ids=["phone", "wide-dark"])
async def test_pages_fit_any_screen(desk: Desk, looks: dict[str, Any], request: pytest.FixtureRequest) -> None:
    path, name = await known(desk, "ann@x.ie"), request.node.callspec.id
    who = await desk.visitor(path, "admin", **looks)
    await who.until(LIVE)
    await desk.looks_well(who, f"profile-{name}")
    for page, where in (
        ("overview", "/"),
        ("audit", "/audit"),
        ("why", "/why/device/phone"),
        ("record", "/records/events/0/0"),
    ):
        await who.visit(desk.gateway.url + where)
        await desk.looks_well(who, f"{page}-{name}")


async def test_the_overview_moves_while_one_looks(desk: Desk) -> None:
    who = await desk.visitor("/")
    await who.until(LIVE)
    before = await who.run("document.querySelector('#figures').textContent")
    path = await known(desk, "o@x.ie", login("o-phone", {"Name": "Olga"}, email="o@x.ie"))
    await who.until(f"document.querySelector('#changes').innerHTML.includes('{path}')")
    await who.until(f"document.querySelector('#figures').textContent !== {before!r}")
    await desk.looks_well(who, "overview")


async def test_times_are_those_of_the_reader_and_said_to_be(desk: Desk) -> None:
    path = await known(desk, "z@x.ie", login("z-phone", email="z@x.ie") | {"ts": 1_763_700_000})
    who = await desk.visitor(path, timezoneId="Asia/Kolkata")
    assert await who.run("document.querySelector('#lines time').textContent") == "21 Nov 2025, 10:10:00"
    zone = await who.run("Intl.DateTimeFormat().resolvedOptions().timeZone")
    assert await who.run("document.querySelector('[data-zone]').textContent") == zone != "UTC"
