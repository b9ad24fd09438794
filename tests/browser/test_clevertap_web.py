"""CleverTap's Web SDK as published, in Chromium: what its users do and what becomes of it in the profiles."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from knownas.doors.lzstring import unpack
from knownas.nouns import CHANGED, Profile
from knownas.serve.tokens import Claims, Tokens
from tests.browser.chromium import Visitor
from tests.browser.conftest import ACCOUNT, TOKEN_KEY, Shop
from tests.browser.line import nothing
from tests.browser.pages import welcome
from tests.browser.waiting import becomes, speaks_for, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANSWERED = "Object.keys(JSON.parse(decodeURIComponent(localStorage.WZRK_L || '%7B%7D'))).length === 0"
"""The SDK has an answer to everything it sent."""
READY = f"clevertap.getCleverTapID() && {ANSWERED}"


async def arrives(site: Shop, who: str, page: str = "clevertap") -> Visitor:
    """Somebody opens the shop for the first time."""
    visitor = await site.chromium.visitor(who)
    await visitor.visit(f"{site.url}/{page}")
    await visitor.until(READY)
    return visitor


async def does(visitor: Visitor, *scripts: str) -> None:
    """Something happens in the page, and is answered before the next."""
    for script in scripts:
        await visitor.run(script)
        await visitor.until(READY)


def event(name: str, data: str = "{}") -> str:
    return f"void clevertap.event.push({name!r}, {data})"


def login(fields: dict[str, Any]) -> str:
    return f"void clevertap.onUserLogin.push({{Site: {json.dumps(fields)}}})"


async def guid(visitor: Visitor) -> str:
    found: str = await visitor.run("clevertap.getCleverTapID()")
    return found


def counted(profile: Profile) -> dict[str, int]:
    """How often each event that a page pushed is counted."""
    return {name: count.count for name, count in profile.events.items() if name != "Page Viewed"}


async def changes(site: Shop) -> dict[str, dict[str, Any]]:
    """The newest change of each profile on `knownas.profile-changed`."""
    await site.deployment.settled()
    found = {}
    async for record in site.deployment.world.log.read(site.deployment.layout.name(CHANGED), committed_only=True):
        change = json.loads(record.value)
        found[change["id"]] = change
    return found


async def test_a_visitor_who_logs_in_keeps_the_guid_and_everything_counts(site: Shop) -> None:
    ann = await arrives(site, "ann")
    device = await guid(ann)
    await does(ann, event("A"), login({"Identity": 61026032, "Email": "Ann@Example.com", "Phone": "+14155551234"}))
    await does(ann, event("B"))
    person = await speaks_for(site, device)
    assert await guid(ann) == device
    assert person.devices == [device]
    assert counted(person) == {"A": 1, "B": 1}
    assert person.events["Page Viewed"].count == 1
    assert [*person.identities] == [("identity", "61026032"), ("email", "ann@example.com")]
    assert person.properties["Phone"].value == "+14155551234"
    assert person.context["browser"] == "Chrome"
    assert not (await site.deployment.verify()).differences


async def test_what_a_known_person_did_as_a_guest_in_another_browser_stays_the_guests_in_gray(site: Shop) -> None:
    desk, phone = await arrives(site, "desk"), await arrives(site, "phone")
    await does(desk, event("A"), login({"Email": "x@example.com"}), event("B"))
    await does(phone, event("A"))
    guest = await speaks_for(site, await guid(phone))
    await does(phone, login({"Email": "X@example.com"}), event("B"))
    person = await speaks_for(site, await guid(phone))
    assert person.id == (await speaks_for(site, await guid(desk))).id != guest.id
    assert counted(person) == {"A": 1, "B": 2}
    assert counted(await site.deployment.profile(guest.id)) == {"A": 1}
    shown = await site.api("/v1/profiles/by/email/x@example.com")
    assert (shown["id"], shown["guests"]) == (person.id, [guest.id])
    story = await site.api(f"/v1/profiles/{person.id}/timeline")
    assert {line["profile"]: line["guest"] for line in story["entries"] if line.get("evtName") == "A"} == {
        person.id: False, guest.id: True,
    }  # fmt: skip
    assert not any(line["guest"] for line in story["entries"] if line.get("evtName") == "B")
    changed = await changes(site)
    assert changed[person.id]["profile"]["guests"] == [guest.id]
    assert changed[guest.id]["profile"]["guestOf"] == person.id
    assert not (await site.deployment.verify()).differences


async def test_another_user_of_the_browser_has_a_guid_of_her_own_and_the_first_keeps_his(
    site: Shop,
) -> None:
    browser = await arrives(site, "shared")
    first = await guid(browser)
    await does(browser, login({"Identity": "jack-1"}), event("Jack"))
    await does(browser, login({"Identity": "rani-2", "Name": "Rani"}), event("Rani"))
    second = await guid(browser)
    await does(browser, login({"Identity": "jack-1"}), event("Jack again"))
    assert await guid(browser) == first != second
    jack, rani = await speaks_for(site, first), await speaks_for(site, second)
    assert (jack.devices, counted(jack)) == ([first], {"Jack": 1, "Jack again": 1})
    assert (rani.devices, counted(rani)) == ([second], {"Rani": 1})
    assert (await site.deployment.reader.counters())["links"] == 0
    assert not (await site.deployment.verify()).differences


async def test_a_user_known_elsewhere_who_takes_over_a_browser_is_the_same_person_there(site: Shop) -> None:
    home, office = await arrives(site, "home"), await arrives(site, "office")
    await does(home, login({"Identity": "rani-2"}))
    await does(office, login({"Identity": "jack-1"}), login({"Identity": "rani-2"}), event("B"))
    rani = await speaks_for(site, await guid(office))
    assert rani.devices == [await guid(home), await guid(office)]
    assert rani.guests == []
    assert counted(rani) == {"B": 1}


async def test_a_login_before_the_first_answer_has_one_guid_and_one_person(site: Shop) -> None:
    visitor = await site.chromium.visitor("hasty")
    await visitor.visit(f"{site.url}/hasty")
    await visitor.until(READY)
    person = await speaks_for(site, await guid(visitor))
    assert person.devices == [await guid(visitor)]
    assert [*person.identities] == [("identity", "hasty-1")]
    assert counted(person) == {"Early": 1}
    assert (await site.deployment.reader.counters())["orphans"] == 0


def value_of(person: Profile, name: str) -> Any:
    """A property's value, None where there is none."""
    held = person.properties.get(name)
    return None if held is None else held.value


LOST = ("Lost answer", "ann-1", "Visits", "$incr")


def words(path: str) -> set[str]:
    """What of the words whose answers are lost is in what the SDK sent."""
    sent = unpack(parse_qs(urlsplit(path).query).get("d", [""])[0])
    return {word for word in LOST if word in sent}


async def test_what_is_stored_and_not_answered_is_sent_again_and_counts_once(site: Shop) -> None:
    ann = await arrives(site, "ann")
    device = await guid(ann)
    site.tls.loses = lambda request: request.path == "/a"
    await ann.run(event("Lost answer", "{Price: 5}"))
    await ann.run(login({"Identity": "ann-1"}))
    await ann.run("clevertap.profile.push({Site: {Visits: 1}}); void clevertap.handleIncrementValue('Visits', 5)")
    await until(lambda: set(LOST) <= {word for path in site.tls.lost for word in words(path)})
    site.tls.loses = nothing

    async def comes_back() -> None:
        """It sends again what it holds when a page is opened; what is under way when that is left, at the next."""
        await ann.visit(f"{site.url}/clevertap")
        with suppress(AssertionError):
            await ann.until(READY, seconds=5)

    person = await becomes(site, device, lambda one: value_of(one, "Visits") not in (None, 1), comes_back)
    assert counted(person) == {"Lost answer": 1}
    assert person.properties["Visits"].value == 6
    assert {reason for reason, _ in (await site.deployment.rejected()).values()} == {"duplicate"}
    assert not (await site.deployment.verify()).differences


async def test_a_login_of_another_user_that_is_not_answered_is_sent_again_and_makes_one_device(site: Shop) -> None:
    browser = await arrives(site, "shared")
    await does(browser, login({"Identity": "jack-1"}))
    jack = await guid(browser)
    site.tls.loses = lambda request: request.path == "/a"
    await browser.run(login({"Identity": "rani-2"}))
    await until(lambda: bool(site.tls.lost))
    site.tls.loses = nothing
    await browser.visit(f"{site.url}/clevertap")
    await browser.until(READY)
    await does(browser, event("Rani"))
    rani = await speaks_for(site, await guid(browser))
    assert rani.devices == [await guid(browser)] != [jack]
    assert [*rani.identities] == [("identity", "rani-2")]
    assert counted(rani) == {"Rani": 1}
    assert counted(await speaks_for(site, jack)) == {}


async def test_profiles_are_counted_up_added_to_and_taken_from(site: Shop) -> None:
    ann = await arrives(site, "ann")
    await does(
        ann,
        "clevertap.profile.push({Site: {'Plan type': 'Silver', Score: 10, Prefs: ['a', 'b'], Born: new Date(0),"
        " Home: {City: 'Cork', Rooms: [{Name: 'x'}]}}}); 0",
        "void clevertap.handleIncrementValue('Score', 5)",
        "void clevertap.handleDecrementValue('Score', 1)",
        "void clevertap.addMultiValuesForKey('Prefs', ['c'])",
        "void clevertap.removeMultiValueForKey('Prefs', 'a')",
        "void clevertap.removeValueForKey('Plan type')",
        "void clevertap.getLocation(19.07, 72.88)",
    )
    await does(
        ann,
        event(
            "Charged",
            "{Amount: 300, Currency: 'USD', 'Charged ID': 24052013, Items: [{Category: 'books', Quantity: 1}]}",
        ),
    )
    person = await speaks_for(site, await guid(ann))
    properties = {field: kept.value for field, kept in person.properties.items() if kept.value is not None}
    assert {"Score": 14, "Prefs": ["b", "c"], "Born": "$D_0", "Home.City": "Cork"}.items() <= properties.items()
    assert properties["Home.Rooms[0].Name"] == "x"
    assert "Plan type" not in properties
    assert (person.context["latitude"], person.context["longitude"]) == (19.07, 72.88)
    assert person.type == "customer"
    (purchase,) = [
        line.entry for line in (await site.deployment.reader.timeline(person, 20)).lines if line.entry.name == "Charged"
    ]
    assert json.loads(purchase.data or b"")["Items"] == [{"Category": "books", "Quantity": 1}]


async def test_a_visit_says_where_it_came_from(site: Shop) -> None:
    ann = await site.chromium.visitor("ann")
    await ann.visit(f"{site.url}/clevertap?utm_source=google&utm_medium=cpc&utm_campaign=diwali")
    await ann.until(READY)
    person = await speaks_for(site, await guid(ann))
    assert person.channel == {"source": "google", "medium": "cpc", "campaign": "diwali"}
    assert person.context["language"] == "en-IE"


async def test_who_opts_out_is_not_recorded_until_opting_in_again(site: Shop) -> None:
    ann = await arrives(site, "ann")
    device = await guid(ann)
    await does(ann, event("Before"), "void clevertap.privacy.push({optOut: true})")
    assert await guid(ann) == f"{device}:OO"
    await ann.run(event("Meanwhile"))
    await ann.visit(f"{site.url}/silent")
    await ann.run("clevertap.privacy.push({optOut: false}); 0")
    await ann.until(f"clevertap.getCleverTapID() === '{device}'")
    await ann.visit(f"{site.url}/clevertap")
    await ann.until(READY)
    await does(ann, event("After"))
    assert await guid(ann) == device
    person = await speaks_for(site, device)
    assert counted(person) == {"Before": 1, "After": 1}
    assert person.properties["ct_optout"].value is False


async def test_the_sdk_works_by_fetch_too(site: Shop) -> None:
    ann = await arrives(site, "ann", "fetching")
    await does(ann, event("A"), login({"Identity": "ann-1"}), event("B"), login({"Identity": "rani-2"}), event("C"))
    rani = await speaks_for(site, await guid(ann))
    assert ([*rani.identities], counted(rani)) == ([("identity", "rani-2")], {"C": 1})
    assert counted(await site.deployment.of_identity("identity", "ann-1")) == {"A": 1, "B": 1}


async def test_an_sdk_that_encrypts_falls_back_and_nothing_is_lost(site: Shop) -> None:
    ann = await arrives(site, "ann", "encrypting")
    await does(ann, event("A"), login({"Identity": "ann-1"}))
    assert counted(await speaks_for(site, await guid(ann))) == {"A": 1}
    assert 402 in {status for _, status in site.tls.carried}
    assert any("disabled on server side" in line for line in await ann.said())


async def test_a_guid_of_the_sites_own_is_kept(site: Shop) -> None:
    ann = await arrives(site, "ann", "named")
    await does(ann, event("A"))
    assert await guid(ann) == "_w_abc123"
    assert counted(await speaks_for(site, "_w_abc123")) == {"A": 1}


FORGETS = "delete localStorage.WZRK_PR; delete localStorage.WZRK_EV; delete localStorage.WZRK_META; 0"
"""What the SDK knows of its user is gone; who it is, it still knows."""


async def test_the_sdk_reads_back_what_its_own_device_has_set(site: Shop) -> None:
    ann = await arrives(site, "ann")
    await does(ann, "clevertap.profile.push({Site: {'Plan type': 'Gold'}}); 0", event("Viewed"), event("Viewed"))
    await does(ann, login({"Identity": "ann-1", "Email": "ann@example.com"}))
    await site.deployment.settled()
    await ann.run(FORGETS)
    await ann.visit(f"{site.url}/clevertap")
    await ann.until(READY)
    assert await ann.run("clevertap.profile.getAttribute('Plan type')") == "Gold"
    assert await ann.run("clevertap.profile.getAttribute('Identity')") == "ann-1"
    assert await ann.run("clevertap.event.getDetails('Viewed').count") == 2


async def test_a_page_whose_server_vouches_for_its_visitor_reads_back_all_of_the_person(site: Shop) -> None:
    home, office = await arrives(site, "home"), await arrives(site, "office")
    await does(home, "clevertap.profile.push({Site: {Plan: 'Gold'}}); 0", login({"Identity": "ann-1"}), event("A"))
    await does(office, login({"Identity": "ann-1"}))
    await site.deployment.settled()
    claims = Claims("identity:ann-1", time.time() + 300, await guid(office))
    site.pages["ann"] = welcome(ACCOUNT, f"127.0.0.1:{site.tls.port}", Tokens([TOKEN_KEY], 600).sign(claims))
    for page, plan, times in (("clevertap", None, None), ("ann", "Gold", 1)):
        await office.run(FORGETS)
        await office.visit(f"{site.url}/{page}")
        await office.until(READY)
        assert await office.run("clevertap.profile.getAttribute('Plan') ?? null") == plan
        assert await office.run("clevertap.event.getDetails('A')?.count ?? null") == times


async def test_nobody_gets_a_profile_by_claiming_its_email(site: Shop) -> None:
    ann, mallory = await arrives(site, "ann"), await arrives(site, "mallory")
    await does(ann, "clevertap.profile.push({Site: {Secret: 'mine'}}); 0", login({"Email": "ann@example.com"}))
    await does(mallory, login({"Email": "ann@example.com"}))
    assert (await speaks_for(site, await guid(mallory))).properties["Secret"].value == "mine"
    for visitor in (mallory, ann):
        await visitor.run(FORGETS)
        await visitor.visit(f"{site.url}/clevertap")
        await visitor.until(READY)
        assert await visitor.run("clevertap.profile.getAttribute('Secret') ?? null") is None
    assert "mine" not in str(await mallory.run("JSON.stringify(localStorage)"))
