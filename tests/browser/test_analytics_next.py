"""Segment's browser library as published, in Chromium: a page of a listed origin sends to the gateway by itself."""

from __future__ import annotations

import pytest
from aiohttp import web

from tests.browser.chromium import Visitor
from tests.browser.conftest import Shop
from tests.browser.line import nothing
from tests.browser.waiting import speaks_for, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAYS = ("/v1/p", "/v1/t", "/v1/i")


async def arrives(site: Shop, who: str, page: str = "segment") -> Visitor:
    """Somebody opens the shop for the first time."""
    visitor = await site.chromium.visitor(who)
    await visitor.visit(f"{site.url}/{page}")
    return visitor


async def sends(site: Shop, visitor: Visitor, *calls: str) -> None:
    """Calls of the library, each answered before the next."""
    for call in calls:
        before = len(answered(site))
        await visitor.run(f"analytics.{call}; 0")
        await until(lambda before=before: len(answered(site)) > before)  # type: ignore[misc]


def answered(site: Shop) -> list[int]:
    """The statuses of what the library says of its visitors; it also asks for settings and tells of itself."""
    return [status for path, status in site.plain.carried if path in SAYS]


async def device_of(visitor: Visitor) -> str:
    found: str = await visitor.run("analytics.user().then((user) => user.anonymousId())")
    return found


def is_track(request: web.Request) -> bool:
    return request.method == "POST" and request.path == "/v1/t"


async def test_a_visitor_who_is_identified_keeps_everything(site: Shop) -> None:
    ann = await arrives(site, "ann")
    await sends(
        site, ann, "page()", "track('A', {price: 5})", "identify('ann-1', {email: 'Ann@Example.com', plan: 'Gold'})",
        "track('B')",
    )  # fmt: skip
    device = await device_of(ann)
    person = await speaks_for(site, device)
    assert person.devices == [device]
    assert {("identity", "ann-1"), ("email", "ann@example.com")} <= {*person.identities}
    assert (person.events["A"].count, person.events["B"].count) == (1, 1)
    assert person.properties["plan"].value == "Gold"
    assert {*answered(site)} == {200}
    assert not any("CORS" in line for line in await ann.said())


async def test_a_page_that_names_the_gateway_alone_is_configured_by_it(site: Shop) -> None:
    ann = await arrives(site, "ann", "configured")
    await sends(site, ann, "track('A')")
    assert (await speaks_for(site, await device_of(ann))).events["A"].count == 1


async def test_what_was_done_in_another_browser_before_it_was_known_stays_the_guests(site: Shop) -> None:
    desk, phone = await arrives(site, "desk"), await arrives(site, "phone")
    await sends(site, desk, "identify('x-1')")
    await sends(site, phone, "track('A')", "identify('x-1')", "track('B')")
    person = await speaks_for(site, await device_of(phone))
    assert "A" not in person.events
    assert person.events["B"].count == 1
    (guest,) = person.guests
    assert (await site.deployment.profile(guest)).events["A"].count == 1


async def test_what_is_stored_and_not_answered_is_sent_again_and_counts_once(site: Shop) -> None:
    ann = await arrives(site, "ann")
    await sends(site, ann, "page()")
    site.plain.loses = is_track
    await ann.run("analytics.track('Lost answer'); 0")
    await until(lambda: len(site.plain.lost) >= 2)
    site.plain.loses = nothing
    await until(lambda: any(path == "/v1/t" for path, _ in site.plain.carried))
    person = await speaks_for(site, await device_of(ann))
    assert person.events["Lost answer"].count == 1
    assert {reason for reason, _ in (await site.deployment.rejected()).values()} == {"duplicate"}
