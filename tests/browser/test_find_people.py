"""Find People in Chromium: suggestions and counts as one edits, by mouse, by keyboard alone, on a phone."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
import pytest_asyncio

from tests.browser.chromium import Chromium, Visitor
from tests.browser.conftest import Machine
from tests.browser.looking import beyond, picture, serious
from tests.page.shop import HOSTILE, shop
from tests.serve.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.services]

ROW = "document.getElementById('{}')"
COUNT = "document.getElementById('count').textContent.trim().replace(/\\s+/g, ' ')"
TYPES_ON = """document.addEventListener('htmx:beforeSwap', () => {{ document.activeElement.value = '{}'; }},
  {{ once: true }})"""
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "isMobile": True, "hasTouch": True}


class Page(NamedTuple):
    """The page of the shop, open, and whoever looks at it."""

    gateway: Gateway
    chromium: Chromium
    machine: Machine

    async def visitor(self, path: str, **looks: Any) -> Visitor:
        """Somebody on a page of the gateway."""
        who = await self.chromium.visitor(uuid.uuid4().hex, **looks)
        await who.visit(self.gateway.url + path)
        return who


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(machine: Machine, chromium: Chromium, kafka: str, redis_url: str) -> AsyncIterator[Page]:
    """The shop, its page asking for no key."""
    async with shop(kafka, redis_url, f"b{uuid.uuid4().hex[:8]}", is_open=True) as gateway:
        yield Page(gateway, chromium, machine)
        await chromium.forget()


def counts(text: str) -> str:
    """A script that is true once the count says this."""
    return f"{COUNT} === '{text}'"


def focused(name: str) -> str:
    """A script that is true once the focus is there."""
    return f"document.activeElement.id === '{name}'"


def query(line: str) -> str:
    """The address of a query."""
    return f"/people?q={quote(line)}"


async def test_somebody_is_found_by_email(page: Page) -> None:
    who = await page.visitor("/people")
    await who.fill("#by-who", "ANN@x.ie")
    await who.press("Enter")
    await who.until("/^\\/people\\/[0-9a-f]{32}$/.test(location.pathname)")
    assert "Ann" in await who.run("document.querySelector('h1').textContent")


async def test_a_search_by_three_criteria_counts_as_one_types_and_is_in_the_address(page: Page) -> None:
    who = await page.visitor("/people")
    await who.until(counts("3 people and 1 former guest, counted apart"))
    await who.click('[id="q.add-did"]')
    await who.until(focused("q.0.event"))
    await who.type("Charged")
    await who.until(counts("1 person"))
    await who.click('[id="q.add-not-did"]')
    await who.until(focused("q.1.event"))
    await who.type("Viewed")
    await who.until("location.search === '?q=did+Charged+and+not+did+Viewed'")
    await who.click('[id="q.add-property"]')
    await who.until(focused("q.2.test.name"))
    await who.type("Plan")
    await who.until(ROW.format("q.2.test.values"))
    assert await who.run("[...document.getElementById('q.2.test.values').options].map(o => o.value).sort()") == [
        "Gold", "Silver",
    ]  # fmt: skip
    await who.fill('[id="q.2.test.value"]', "Silver")
    await who.until(counts("0 people"))
    await who.fill('[id="q.2.test.value"]', "Gold")
    await who.until(counts("1 person"))
    await who.until("document.querySelector('.people tbody a')?.textContent === 'Ann'")
    await picture(who, "people-three-criteria")
    address = await who.run("location.href")
    await who.visit(address)
    assert await who.run(COUNT) == "1 person"
    assert await who.run("document.querySelectorAll('.cond').length") == 3
    assert await serious(who, page.machine.packages) == []


async def test_what_is_wrong_is_said_while_one_types_and_the_field_is_left_alone(page: Page) -> None:
    who = await page.visitor(query("did Charged in 7d"))
    await who.run(TYPES_ON.format("many days"))
    await who.fill('[id="q.0.days"]', "many")
    await who.until("document.getElementById('q.0.wrong')?.textContent.includes('a number of days')")
    assert await who.run("[document.activeElement.id, document.activeElement.value]") == ["q.0.days", "many days"]
    assert await serious(who, page.machine.packages) == []
    await who.fill('[id="q.0.days"]', "8")
    await who.until(counts("1 person"))


async def test_an_answer_to_what_was_typed_before_is_not_waited_for(page: Page) -> None:
    who = await page.visitor(query("did Charged in 7d"))
    await who.run("document.addEventListener('htmx:sendAbort', () => { window.left = true; }, { once: true })")
    await who.run("""(() => {
        const days = document.getElementById('q.0.days');
        document.getElementById('sort').dispatchEvent(new Event('change', { bubbles: true }));
        days.focus();
        days.value = 'many';
        days.dispatchEvent(new Event('input', { bubbles: true }));
    })()""")
    await who.until("window.left && document.getElementById('q.0.wrong')")
    assert await who.run("document.getElementById('q.0.days').value") == "many"


async def test_a_line_that_is_typed_becomes_rows_and_is_marked_where_it_is_wrong(page: Page) -> None:
    who = await page.visitor("/people")
    await who.click("#line summary")
    await who.fill("#q-line", "Plan in (Gold, Silver) and did Chargd >")
    await who.until("document.querySelector('.pointed mark')")
    assert await who.run("document.querySelectorAll('.cond').length") == 0
    await who.fill("#q-line", "Plan in (Gold, Silver) and did Viewed")
    await who.until(counts("1 person"))
    assert await who.run("document.querySelectorAll('.cond').length") == 2
    assert await who.run("document.activeElement.id") == "q-line"


async def test_everything_is_reached_by_keyboard(page: Page) -> None:
    who = await page.visitor("/people")
    await who.run("document.getElementById('q.add-did').focus()")
    await who.press("Enter")
    await who.until(focused("q.0.event"))
    await who.type("Viewed")
    await who.until(counts("1 person and 1 former guest, counted apart"))
    await who.press("Tab")
    assert await who.run(focused("q.0.often"))
    await who.type("a n")  # to "a number of times"
    await who.until(ROW.format("q.0.bound.value"))
    await who.press("Tab", "Tab")
    await who.until(focused("q.0.bound.value"))
    await who.press("Control+a")
    await who.type("1")
    await who.until("location.search.includes('%3E%3D+1')")
    await who.press("Tab", "Tab", "Tab", "Enter")  # past "when" and "where", on the button that removes
    await who.until(counts("3 people and 1 former guest, counted apart"))
    assert await who.run("document.activeElement !== document.body")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_nothing_is_cut_off(page: Page, scheme: str) -> None:
    who = await page.visitor(
        query(
            "sum Amount of Charged where (Amount > 5) >= 2 in 30d and (not did Viewed in 7d or Plan in (Gold, Silver))"
        )
        + "&why=email:ann@x.ie",
        **PHONE,
        colorScheme=scheme,
    )
    assert await beyond(who) == []
    assert await who.run("document.documentElement.scrollWidth") == 360
    await picture(who, f"people-phone-{scheme}")
    assert await serious(who, page.machine.packages) == []


async def test_hostile_values_are_text(page: Page) -> None:
    who = await page.visitor("/people")
    await who.click('[id="q.add-property"]')
    await who.until(focused("q.0.test.name"))
    await who.type(HOSTILE)
    await who.fill('[id="q.0.test.value"]', HOSTILE)
    await who.until("document.querySelectorAll('.people tbody tr').length === 1 && location.search.length > 20")
    assert await who.run("document.querySelector('.people tbody a').textContent") == HOSTILE
    assert await who.run("document.querySelectorAll('main script').length") == 0
    await who.visit(await who.run("location.href"))
    assert await who.run("document.querySelector('[id=\"q.0.test.value\"]').value") == HOSTILE
    assert not [said for said in await who.said() if "Content Security Policy" in said or "Error" in said]


async def test_a_segment_is_put_and_removed_with_a_confirmation(page: Page) -> None:
    who = await page.visitor(query("did Charged"))
    await who.fill("#segment-name", "buyers")
    await who.press("Enter")
    await who.until("location.pathname === '/segments/buyers'")
    await who.until("document.getElementById('size').textContent.trim() === '1 person'")
    await who.until("document.querySelector('.people tbody a')?.textContent === 'Ann'")
    assert await serious(who, page.machine.packages) == []
    await picture(who, "segment")
    await who.visit(f"{page.gateway.url}/segments")
    await picture(who, "segments")
    assert await serious(who, page.machine.packages) == []
    await who.visit(f"{page.gateway.url}/segments/buyers")
    await who.click("a.danger")
    await who.until("location.pathname.endsWith('/remove')")
    assert await serious(who, page.machine.packages) == []
    await who.click("button.danger")
    await who.until("location.pathname === '/segments'")
    assert "There is no segment yet" in await who.run("document.body.textContent")


async def test_without_script_the_same_form_is_sent_by_its_buttons(page: Page) -> None:
    who = await page.visitor("/people", javaScriptEnabled=False)
    await who.click('[id="q.add-did"]')
    await who.fill('[id="q.0.event"]', "Charged")
    await who.press("Enter")
    await who.until("location.search === '?q=did+Charged' && location.hash === '#found'")
    assert await who.run(COUNT) == "1 person"
    await who.choose('[id="q.0.often"]', "count")
    await who.click("noscript button:not(.main)")
    await who.until(ROW.format("q.0.bound.value"))
    await picture(who, "people-without-script")
