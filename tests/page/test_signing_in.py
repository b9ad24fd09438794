"""Who may look: sessions begin with a key and end with it; forms from elsewhere do nothing; what was done is kept."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import pytest
import pytest_asyncio

from knownas.nouns import Names
from knownas.serve.keys import KeyStore
from knownas.serve.page.rendering import POLICY
from knownas.serve.page.session import COOKIE, IDLE_SECONDS, RENEWED_AFTER_SECONDS, Sessions
from tests.page.weight import weight
from tests.pipeline.deployment import SECRET, deployed
from tests.serve.running import Gateway, Heard, gateway

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.services]

OURS = {"Sec-Fetch-Site": "same-origin"}
PAGES = ("/", "/people", "/segments", "/audit", "/people/x", "/people/by/email/a@x.ie", "/why/device/d", "/live",
         "/records/events/0/0", "/people/x/live", "/people/x/json", "/people/x/delete")  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(kafka: str, redis_url: str) -> AsyncIterator[Gateway]:
    """A gateway whose page asks for a key."""
    async with deployed(kafka, redis_url, f"g{uuid.uuid4().hex[:8]}") as made, gateway(made) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unlocked(kafka: str, redis_url: str) -> AsyncIterator[Gateway]:
    """One that asks for none."""
    async with deployed(kafka, redis_url, f"u{uuid.uuid4().hex[:8]}") as made, gateway(made, is_open=True) as running:
        yield running


async def opened(served: Gateway, path: str, cookie: str = "", **headers: str) -> Heard:
    """A page, as it comes without being sent on."""
    said = {"Cookie": cookie} if cookie else {}
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return await served.call("GET", path, headers=said | named, allow_redirects=False)


async def sent(
    served: Gateway, path: str, cookie: str = "", headers: dict[str, str] | None = None, **fields: str
) -> Heard:
    """A form of ours, unless the headers say otherwise."""
    said = (OURS if headers is None else headers) | ({"Cookie": cookie} if cookie else {})
    return await served.call("POST", path, headers=said, data=fields, allow_redirects=False)


async def signed_in(served: Gateway, key: str, **headers: str) -> tuple[Heard, str]:
    """What signing in is answered with, and the cookie."""
    heard = await sent(served, "/sign-in", headers=OURS | headers, key=key, next="/people?q=x")
    return heard, heard.headers.get("Set-Cookie", "").partition(";")[0]


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_is_shown_without_a_session(served: Gateway, path: str) -> None:
    heard = await opened(served, path)
    assert (heard.status, heard.body) == (303, b"")
    assert heard.headers["Location"].startswith("/sign-in")


async def test_a_key_that_may_read_begins_a_session_that_holds_no_key(served: Gateway) -> None:
    heard, cookie = await signed_in(served, served.keys["read"])
    assert (heard.status, heard.headers["Location"]) == (303, "/people?q=x")
    assert served.keys["read"] not in heard.headers["Set-Cookie"]
    (morsel,) = SimpleCookie(heard.headers["Set-Cookie"]).values()
    assert (morsel["httponly"], morsel["samesite"], morsel["secure"]) == (True, "Strict", "")
    assert (await opened(served, "/", cookie)).status == 200


async def test_behind_tls_the_cookie_goes_over_tls_alone(served: Gateway) -> None:
    heard, _ = await signed_in(served, served.keys["read"], **{"X-Forwarded-Proto": "https"})
    assert "; Secure" in heard.headers["Set-Cookie"]


@pytest.mark.parametrize("right", ["write", None])
async def test_another_key_begins_none(served: Gateway, right: str | None) -> None:
    heard, cookie = await signed_in(served, served.keys[right] if right else "nonsense<b>")
    assert (heard.status, cookie) == (403, "")
    assert b"not a key that may look" in heard.body
    assert b"<b>" not in heard.body


async def test_who_may_only_read_neither_reads_the_audit_nor_marks(served: Gateway) -> None:
    _, cookie = await signed_in(served, served.keys["read"])
    assert (await opened(served, "/audit", cookie)).status == 403
    marked = await sent(served, "/people/x/test", cookie, test="yes")
    assert marked.status == 403
    assert b"needs a key that may admin" in marked.body


async def test_a_revoked_key_ends_its_sessions(served: Gateway) -> None:
    world = served.house
    store: KeyStore = world._keys._store
    key, row = await store.create("short", ["read"])
    await world._keys.look()
    _, cookie = await signed_in(served, key)
    assert (await opened(served, "/", cookie)).status == 200
    await store.revoke(row.id)
    await world._keys.look()
    assert (await opened(served, "/", cookie)).status == 303


async def test_signing_out_takes_the_cookie_away(served: Gateway) -> None:
    _, cookie = await signed_in(served, served.keys["read"])
    page = (await opened(served, "/", cookie)).body.decode()
    token = page.partition('name="token" value="')[2].partition('"')[0]
    out = await sent(served, "/sign-out", cookie, token=token)
    assert (out.status, out.headers["Location"]) == (303, "/sign-in")
    assert "Max-Age=0" in out.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("headers", "token", "code"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, True, b"another site"),
        ({"Origin": "http://evil.example"}, True, b"another site"),
        ({}, True, b"another site"),
        (OURS, False, b"not of your session"),
    ],
)
async def test_a_forged_form_does_nothing(served: Gateway, headers: dict[str, str], token: bool, code: bytes) -> None:
    _, cookie = await signed_in(served, served.keys["admin"])
    page = (await opened(served, "/", cookie)).body.decode()
    text = page.partition('name="token" value="')[2].partition('"')[0] if token else "0" * 32
    for path in ("/sign-out", "/people/x/test", "/people/x/delete", "/people/x/demerge"):
        heard = await sent(served, path, cookie, headers, token=text, key=served.keys["admin"])
        assert heard.status == 403, path
        assert code in heard.body


async def test_a_sign_in_form_of_another_site_signs_nobody_in(served: Gateway) -> None:
    heard = await sent(served, "/sign-in", headers={"Origin": "http://evil.example"}, key=served.keys["read"])
    assert heard.status == 403
    assert "Set-Cookie" not in heard.headers


async def test_who_comes_by_a_link_of_another_site_stays_signed_in(served: Gateway) -> None:
    heard = await opened(served, "/people?q=did+%22A%22", Sec_Fetch_Site="cross-site")
    assert heard.status == 200
    assert b'<meta http-equiv="refresh" content="0; url=/people?q=did+%22A%22">' in heard.body
    assert (await opened(served, "/people?q=x", Sec_Fetch_Site="same-origin")).status == 303


async def test_a_part_that_is_asked_for_after_the_session_has_the_page_load_again(served: Gateway) -> None:
    heard = await opened(served, "/people", HX_Request="true")
    assert (heard.status, heard.headers["HX-Refresh"]) == (401, "true")


async def test_every_page_forbids_what_it_does_not_use(served: Gateway) -> None:
    _, cookie = await signed_in(served, served.keys["admin"])
    for path in ("/", "/sign-in", "/audit", "/people/none", "/people"):
        heard = await opened(served, path, cookie)
        assert heard.headers["Content-Security-Policy"] == POLICY
        assert heard.headers["X-Content-Type-Options"] == "nosniff"
        assert heard.headers["Referrer-Policy"] == "same-origin"
        assert heard.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'; script-src 'self'; style-src 'self';" in POLICY
    assert "unsafe" not in POLICY


async def test_where_no_key_is_asked_for_the_page_says_so_and_strangers_sign_in(unlocked: Gateway) -> None:
    assert b"No key is asked for" in (await opened(unlocked, "/")).body
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Referer": "http://evil.example/"}):
        heard = await unlocked.call("GET", "/", headers=headers, allow_redirects=False)
        assert heard.status == 303, headers
    marked = await sent(unlocked, "/people/x/test", headers={"Sec-Fetch-Site": "cross-site"}, test="yes")
    assert marked.status == 403


async def test_what_somebody_did_is_kept_by_the_id_of_the_key(served: Gateway) -> None:
    _, cookie = await signed_in(served, served.keys["admin"])
    audit = (await opened(served, "/audit", cookie)).body.decode()
    row = served.house._keys.find([served.keys["admin"]])[0]
    assert "signed in" in audit
    assert row.id in audit
    assert all(key not in audit for key in served.keys.values())


async def test_a_session_that_is_used_is_renewed_and_one_that_is_not_ends(served: Gateway) -> None:
    _, cookie = await signed_in(served, served.keys["read"])
    assert "Set-Cookie" not in (await opened(served, "/", cookie)).headers
    sessions, now = Sessions(Names(SECRET.encode()).digest), int(time.time())
    session = sessions.read(cookie.partition("=")[2], now)
    assert session is not None
    used = f"{COOKIE}={sessions.write(session._replace(seen=now - RENEWED_AFTER_SECONDS))}"
    assert (await opened(served, "/", used)).headers["Set-Cookie"].startswith(COOKIE)
    unused = f"{COOKIE}={sessions.write(session._replace(seen=now - IDLE_SECONDS))}"
    assert (await opened(served, "/", unused)).status == 303


@pytest.mark.parametrize("path", ["/", "/people", "/segments", "/sign-in"])
async def test_a_first_look_weighs_less_than_a_hundred_kilobytes(served: Gateway, path: str) -> None:
    _, cookie = await signed_in(served, served.keys["read"])

    async def fetched(part: str) -> tuple[str, int]:
        heard = await served.call("GET", part, headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
        assert heard.status == 200
        return heard.body.decode(), int(heard.headers["Content-Length"])

    weights = await weight(path, fetched)
    assert len(weights) > 4
    assert sum(weights.values()) < 100_000, weights


async def test_who_comes_to_a_path_that_there_is_not_is_told_so_on_a_page(served: Gateway) -> None:
    browser = await opened(served, "/peple", Accept="text/html,*/*;q=0.8")
    assert (browser.status, browser.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    program = await opened(served, "/peple", Accept="*/*")
    assert (program.status, program.json["reason"]) == (404, "no_such_path")


async def test_a_form_may_not_weigh_what_an_upload_may(served: Gateway) -> None:
    assert (await sent(served, "/sign-in", key="x" * 1_000_001)).status == 413
