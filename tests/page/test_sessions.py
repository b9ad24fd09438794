"""Sessions: sealed, short-lived, without a key; forms that only a page of one's own can send."""

from __future__ import annotations

from typing import Final

import pytest

from knownas.doors import Asked
from knownas.nouns import Names
from knownas.serve.faults import Fault
from knownas.serve.page.forms import form_of, inside, must_be_ours
from knownas.serve.page.session import (
    COOKIE,
    IDLE_SECONDS,
    LONGEST_SECONDS,
    Sessions,
    cookie_in,
    set_cookie,
)

NOW: Final = 1_763_700_000
SESSIONS: Final = Sessions(Names(b"a secret for tests").digest)
SESSION: Final = SESSIONS.begin("12ab34cd", 1_763_600_000, NOW)


def test_a_session_is_read_back_and_names_a_key_without_holding_it() -> None:
    text = SESSIONS.write(SESSION)
    assert SESSIONS.read(text, NOW) == SESSION
    assert "12ab34cd" in text


@pytest.mark.parametrize(
    ("seconds", "alive"), [(0, True), (IDLE_SECONDS - 1, True), (IDLE_SECONDS, False), (LONGEST_SECONDS, False)]
)
def test_a_session_ends_when_it_is_not_used(seconds: int, alive: bool) -> None:
    assert (SESSIONS.read(SESSIONS.write(SESSION), NOW + seconds) is not None) is alive


def test_a_session_that_is_used_all_the_time_ends_after_a_day() -> None:
    used = SESSION._replace(seen=NOW + LONGEST_SECONDS - 1)
    assert SESSIONS.read(SESSIONS.write(used), NOW + LONGEST_SECONDS - 1) == used
    assert SESSIONS.read(SESSIONS.write(used), NOW + LONGEST_SECONDS) is None


@pytest.mark.parametrize(
    "text",
    ["", ".", "a", "a.b.c.d.e.f", "é" * 20, "x" * 500, SESSIONS.write(SESSION)[:-1], "1" + SESSIONS.write(SESSION),
     SESSIONS.write(SESSION).replace("12ab34cd", "12ab34ce"),
     Sessions(Names(b"another secret").digest).write(SESSION)],
)  # fmt: skip
def test_a_cookie_that_is_not_ours_is_no_session(text: str) -> None:
    assert SESSIONS.read(text, NOW) is None


def test_a_forms_token_is_of_one_session() -> None:
    other = SESSIONS.begin(SESSION.key, SESSION.created, NOW)
    assert SESSIONS.is_form_token(SESSION, SESSIONS.form_token(SESSION))
    assert not SESSIONS.is_form_token(SESSION, SESSIONS.form_token(other))
    assert not SESSIONS.is_form_token(SESSION, "")
    assert not SESSIONS.is_form_token(SESSION, "é")


def test_the_cookie_is_kept_from_scripts_other_sites_and_open_lines() -> None:
    said = set_cookie("text", secure=True)
    assert said.startswith(f"{COOKIE}=text; ")
    assert {"HttpOnly", "SameSite=Strict", "Secure", "Path=/"} < set(said.split("; "))
    assert "Secure" not in set_cookie("text", secure=False)
    assert "Max-Age=0" in set_cookie("", secure=False)


@pytest.mark.parametrize(
    ("header", "text"),
    [("", ""), ("a=b", ""), (f"{COOKIE}=x", "x"), (f"a=b; {COOKIE}=x.y=z; c=d", "x.y=z"), (f"not{COOKIE}=x", "")],
)
def test_a_session_is_found_among_cookies(header: str, text: str) -> None:
    assert cookie_in(header) == text


def asked(headers: dict[str, str], body: bytes = b"") -> Asked:
    """A form that was sent."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Asked("POST", "/", [], "", {"host": "k.example:8088"} | named, body, NOW * 1000, "127.0.0.1")


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site", "origin": "http://k.example:8088"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"origin": "http://k.example:8088"}, True),
        ({"origin": "https://k.example:8088"}, True),
        ({"origin": "http://k.example"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://[::bad"}, False),
        ({}, False),
    ],
)
def test_a_form_is_done_only_where_a_page_of_ours_sent_it(headers: dict[str, str], ours: bool) -> None:
    if ours:
        must_be_ours(asked(headers))
        return
    with pytest.raises(Fault) as refused:
        must_be_ours(asked(headers))
    assert (refused.value.status, refused.value.code) == (403, "from_elsewhere")


@pytest.mark.parametrize(
    ("wished", "gone"),
    [("/people?q=did+A", "/people?q=did+A"), ("/", "/"), ("//evil.example", "/"), ("//[", "/"), ("people", "/"),
     ("https://evil.example/", "/"), ("/\\evil.example", "/"), ("javascript:alert(1)", "/"), ("/a\r\nb", "/"),
     ("", "/")],
)  # fmt: skip
def test_after_signing_in_one_stays_here(wished: str, gone: str) -> None:
    assert inside(wished) == gone


@pytest.mark.parametrize("body", [b"a=%ff", b"&".join(b"a=%d" % n for n in range(2_000)), b"\xff"])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Fault) as refused:
        form_of(asked({}, body))
    assert refused.value.status == 400
