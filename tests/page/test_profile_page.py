"""The page of a profile as a browser without script sees it: every step is a form or a link."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import Any

import aiohttp
import orjson
import pytest

from tests.builders import event, login
from tests.page.shop import HOSTILE, Browser, Seen, signed_in
from tests.serve.running import Gateway

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.services]


async def made(gateway: Gateway, name: str, *records: dict[str, Any]) -> str:
    """The id of somebody new, when all about them can be read."""
    put = await gateway.put(login(f"{name}-laptop", {"Name": name}, email=f"{name}@x.ie"), *records)
    read = await gateway.get(f"/v1/profiles/by/email/{name}@x.ie", params={"wait": put.json["position"]})
    return str(read.json["id"])


async def named(gateway: Gateway, email: str) -> str:
    """Who has an e-mail address."""
    return str((await gateway.get(f"/v1/profiles/by/email/{email}")).json["id"])


def token(seen: Seen) -> str:
    """The token of the forms of a page."""
    return seen.html.partition('name="token" value="')[2].partition('"')[0]


def lines(seen: Seen) -> list[tuple[str, bool]]:
    """What the timeline says, and whether it is gray."""
    found = re.findall(r'<li class="line( gray)?" id="l-.*?<b>(.*?)</b>', seen.html, re.DOTALL)
    return [(unescape(words), bool(gray)) for gray, words in found]


async def test_an_identity_leads_to_its_person(gateway: Gateway, reader: Browser) -> None:
    seen = await reader.get("/people/by/email/ANN@x.ie")
    assert (seen.status, seen.goes_to) == (303, f"/people/{await named(gateway, 'ann@x.ie')}")
    nobody = await reader.get("/people/by/email/nobody@x.ie")
    assert (nobody.status, nobody.text("what")) == (404, "nobody is known by this email")


async def test_the_guests_events_are_gray_in_the_timeline_and_counted_apart(gateway: Gateway, reader: Browser) -> None:
    seen = await reader.get(f"/people/{await named(gateway, 'ann@x.ie')}")
    assert lines(seen)[0] == ("Logged in", False)
    assert ("Viewed", True) in lines(seen)
    assert ("Charged", False) in lines(seen)
    assert "and count for the guest, not for Ann." in seen.text("timeline")
    viewed = re.search(
        r">Viewed</a></td>\s*<td class=\"number\">(\d+)</td><td class=\"number quiet\">(\d+)</td>", seen.html
    )
    assert viewed is not None
    assert viewed.groups() == ("0", "1")
    (guest,) = re.findall(r'<a class="tag" href="(/people/[0-9a-f]{32})"', seen.html)
    assert "turned out to be somebody known" in (await reader.get(guest)).text("head")


async def test_the_card_the_identities_and_the_properties_are_there(gateway: Gateway, reader: Browser) -> None:
    seen = await reader.get(f"/people/{await named(gateway, 'ann@x.ie')}")
    for said in (
        "Location",
        "Email ann@x.ie",
        "Initially acquired from",
        "Last session",
        "Customer Type",
        "CustomerID",
    ):
        assert said in seen.text("card"), said
    assert "email ann@x.ie" in seen.text("held")
    assert "laptopphone" in seen.text("held")
    assert "PlanGold" in seen.text("properties")
    assert "customer" in seen.text("head")


async def test_hostile_names_events_and_values_are_text(gateway: Gateway, reader: Browser) -> None:
    seen = await reader.get(f"/people/{(await gateway.get('/v1/profiles/by/device/evil')).json['id']}")
    assert "<script>alert" not in seen.html
    assert "{{ 7*7 }}" in unescape(seen.html)
    assert HOSTILE in seen.text("head")
    narrowed = re.findall(r'hx-get="([^"]*only=[^"]*)"', seen.html)
    assert (await reader.get(unescape(narrowed[0]))).status == 303


async def test_a_timeline_is_narrowed_and_goes_on_where_it_ends(gateway: Gateway, reader: Browser) -> None:
    who = await made(gateway, "many", *(event("many-laptop", f"E{n % 3}", ts=1_763_700_000 + n) for n in range(120)))
    first = await reader.get(f"/people/{who}", only="event:E1")
    assert [words for words, _ in lines(first)] == ["E1"] * 40
    everything, path = [], f"/people/{who}"
    while path:
        seen = await reader.get(path)
        everything += lines(seen)
        older = re.search(r'data-older><a class="button" href="([^"#]*)', seen.html)
        path = unescape(older[1]) if older else ""
    assert len(everything) == 121
    part = await gateway.call(
        "GET", f"/people/{who}/timeline?only=type:login", headers=reader._headers() | {"HX-Request": "true"}
    )
    assert b"<html" not in part.body
    assert lines(Seen(part)) == [("Logged in", False)]


async def test_the_ledger_is_a_story_of_records_that_decided_it(gateway: Gateway, reader: Browser) -> None:
    who = await named(gateway, "ann@x.ie")
    seen = await reader.get(f"/people/{who}/story")
    assert "This profile is somebody known" in seen.html
    assert "gained email ann@x.ie" in seen.html
    assert "turned out to be this profile; what the guest did stays the guest" in seen.html
    (record, *_) = re.findall(r'href="(/records/events/\d+/\d+)"', seen.html)
    told = await reader.get(record)
    assert (told.status, "it was counted for" in told.html) == (200, True)
    assert "What the record says is shown to those with an admin key." in told.html
    assert "ann@x.ie" in (await reader.get("/why/email/ann@x.ie")).html
    assert "The guest on the device logged in as somebody known" in (await reader.get("/why/device/phone")).html


async def test_a_record_is_shown_to_who_administers(gateway: Gateway, admin: Browser) -> None:
    who = await named(gateway, "ann@x.ie")
    record = re.findall(r'href="(/records/[^"]*)"', (await admin.get(f"/people/{who}")).html)[0]
    assert "&#34;type&#34;: " in (await admin.get(record)).html
    for wrong in ("/records/events/99/0", "/records/none/0/0", "/records/events/0/x", "/records/events/0/999999"):
        assert (await admin.get(wrong)).status == 400, wrong


async def test_raw_json_is_one_click_away(gateway: Gateway, reader: Browser) -> None:
    who = await named(gateway, "ann@x.ie")
    seen = await reader.get(f"/people/{who}/json")
    assert orjson.loads(seen.heard.body)["id"] == who
    assert f'href="/people/{who}/json"' in (await reader.get(f"/people/{who}")).html


async def test_a_mark_is_a_switch_for_who_administers(gateway: Gateway, admin: Browser, reader: Browser) -> None:
    who = await made(gateway, "tester")
    page = await admin.get(f"/people/{who}")
    assert 'aria-checked="false"' in page.html
    marked = await admin.post(f"/people/{who}/test", [("token", token(page)), ("test", "yes")])
    assert (marked.status, marked.goes_to) == (303, f"/people/{who}")
    assert "test profile" in (await reader.get(f"/people/{who}")).text("head")
    htmx = await signed_in(gateway, "admin", part=True)
    fields = [("token", token(await htmx.get(f"/people/{who}"))), ("test", "no")]
    part = await htmx.post(f"/people/{who}/test", fields)
    assert (part.status, 'aria-checked="false"' in part.html, "<html" in part.html) == (200, True, False)
    assert re.search(r'role="switch"[^>]* disabled', (await reader.get(f"/people/{who}")).html)


async def test_a_deletion_says_what_will_happen_and_asks_for_an_admin_key_again(
    gateway: Gateway, admin: Browser, reader: Browser
) -> None:
    who = await made(gateway, "leaver")
    page = await reader.get(f"/people/{who}/delete")
    assert "1 identity and 1 device are set free" in page.html
    fields = [("token", token(page)), ("suppress", "email:leaver@x.ie")]
    for wrong in ("", gateway.keys["read"], "nonsense"):
        refused = await reader.post(f"/people/{who}/delete", [*fields, ("key", wrong)])
        assert (refused.status, "This is not an admin key" in refused.html) == (403, True)
    assert (await reader.get(f"/people/{who}")).status == 200
    done = await reader.post(f"/people/{who}/delete", [*fields, ("key", gateway.keys["admin"])])
    assert (done.status, done.goes_to) == (303, f"/people/{who}")
    gone = await reader.get(f"/people/{who}")
    assert (gone.status, "This profile was deleted" in gone.html) == (404, True)
    async with asyncio.timeout(20):  # what stage 2 did reaches the ledger's topic a moment after the store
        while "was deleted on request" not in (await reader.get(f"/people/{who}/story")).html:
            await asyncio.sleep(0.05)
    audit = (await admin.get("/audit")).html
    assert "asked to delete" in audit
    assert "leaver" not in audit
    assert "suppressed" in (await reader.get("/people/by/email/leaver@x.ie")).html


async def test_a_demerge_takes_identities_and_leaves_what_was_done(gateway: Gateway, reader: Browser) -> None:
    who = await made(gateway, "splitter", event("splitter-laptop", "Viewed"))
    page = await reader.get(f"/people/{who}/demerge")
    assert "Nobody can undo it" in page.html
    await reader.post(f"/people/{who}/demerge", [("token", token(page)), ("key", gateway.keys["admin"])])
    seen = await reader.get(f"/people/{who}")
    assert "demerged" in seen.text("head")
    assert "No identity." in seen.text("held")
    assert ("Viewed", False) in lines(seen)


async def test_only_an_identity_of_the_person_can_be_kept_out_with_a_deletion(
    gateway: Gateway, reader: Browser
) -> None:
    who, other = await made(gateway, "mallory"), await made(gateway, "victim")
    page = await reader.get(f"/people/{who}/delete")
    fields = [("token", token(page)), ("suppress", "email:victim@x.ie"), ("key", gateway.keys["admin"])]
    await reader.post(f"/people/{who}/delete", fields)
    assert (await reader.get(f"/people/{who}")).status == 404
    assert (await reader.get(f"/people/{other}")).status == 200


async def test_who_looks_is_kept_without_what_was_seen(gateway: Gateway, reader: Browser, admin: Browser) -> None:
    who = await named(gateway, "ben@x.ie")
    await reader.get(f"/people/{who}")
    audit = (await admin.get("/audit")).html
    assert re.search(rf"<td>looked</td><td><a class=\"id\" href=\"/people/{who}\"", audit)
    assert "Ben" not in audit


async def test_what_is_new_comes_as_parts_of_the_page(gateway: Gateway, reader: Browser) -> None:
    who = await made(gateway, "live")
    url = f"{gateway.url}/people/{who}/live?version=1"
    async with aiohttp.ClientSession(headers=reader._headers()) as session, session.get(url) as got:
        assert got.headers["Content-Type"].startswith("text/event-stream")
        await gateway.put(event("live-laptop", "Arrived"))
        parts = b""
        while b"Arrived" not in parts:
            parts += await got.content.readline()
    assert b"event: changed\n" in parts
    assert b'id="card"' in parts
    assert b"<html" not in parts


async def test_somebody_who_is_deleted_while_one_looks_is_said_to_be(gateway: Gateway, reader: Browser) -> None:
    who = await made(gateway, "vanishing")
    url = f"{gateway.url}/people/{who}/live"
    async with aiohttp.ClientSession(headers=reader._headers()) as session, session.get(url) as got:
        await gateway.put({"type": "delete", "profile": who})
        parts = await got.content.read()
    assert b"was deleted while you looked" in parts


async def test_the_overview_shows_types_links_rejections_and_workers(gateway: Gateway, reader: Browser) -> None:
    await gateway.call(
        "POST", "/v1/records", "write", json={"records": [{"type": "release", "identities": {"email": "z@x.ie"}}]}
    )
    seen = await reader.get("/")
    for part in ("figures", "rate", "changes", "links", "rejected", "work"):
        assert seen.text(part), part
    assert "records a second" in seen.text("figures")
    assert "1 worker" in seen.text("work")
    assert "Ann" in seen.text("links")


async def test_the_overview_hears_what_is_new(gateway: Gateway, reader: Browser) -> None:
    async with aiohttp.ClientSession(headers=reader._headers()) as session, session.get(f"{gateway.url}/live") as got:
        await made(gateway, "newcomer")
        parts = b""
        while b"newcomer" not in parts:
            parts += await got.content.readline()
    assert b'id="changes"' in parts


async def test_what_somebody_has_many_of_has_a_page_of_its_own(gateway: Gateway, reader: Browser) -> None:
    who = await made(gateway, "busy", *(login(f"busy-{n}", email="busy@x.ie") for n in range(110)))
    assert f'<a href="/people/{who}/devices">11 more</a>' in (await reader.get(f"/people/{who}")).html
    listed = (await reader.get(f"/people/{who}/devices")).html
    assert listed.count("busy-") >= 220
    assert "email:busy@x.ie" in (await reader.get(f"/people/{who}/identities")).html
