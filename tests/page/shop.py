"""A small shop whose people are looked for on the page, and how a browser without script asks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from html import unescape
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlencode

from knownas.serve.keys import Right
from tests.builders import event, login
from tests.pipeline.deployment import deployed
from tests.serve.running import Gateway, Heard, gateway

HOSTILE = '"><script>alert(1)</script>&{{ 7*7 }}'
VOID = frozenset({"input", "meta", "link", "br", "hr", "img", "use"})


class Seen(NamedTuple):
    """A page as it came."""

    heard: Heard

    @property
    def html(self) -> str:
        """Its markup."""
        return self.heard.body.decode()

    @property
    def status(self) -> int:
        """Of the answer."""
        return self.heard.status

    @property
    def goes_to(self) -> str:
        """Where it leads on."""
        return self.heard.headers.get("Location", "")

    def text(self, of: str) -> str:
        """The text of the element with this id."""
        return _Text(of).of(self.html)

    def names(self) -> list[str]:
        """Who is in the table of people."""
        return [
            unescape(name)
            for name in re.findall(r'<a href="/people/[0-9a-f]{32}">([^<]*)</a>(?! (?:match|does))', self.html)
        ]

    def form(self) -> dict[str, str]:
        """What the form of rows would send: its fields as they are."""
        found = re.search(r'<form id="ask".*?</form>', self.html, re.DOTALL)
        return _Fields().of(found[0] if found else "")


class _Text(HTMLParser):
    def __init__(self, wanted: str) -> None:
        super().__init__()
        self._wanted, self._depth, self._said = wanted, 0, list[str]()

    def of(self, html: str) -> str:
        """The text, its white space as one reads it."""
        self.feed(html)
        return " ".join("".join(self._said).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if (self._depth or ("id", self._wanted) in attrs) and tag not in VOID:
            self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        if self._depth and tag not in VOID:
            self._depth -= 1

    def handle_data(self, data: str) -> None:
        if self._depth:
            self._said.append(data)


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self._fields: dict[str, str] = {}
        self._select = ""

    def of(self, html: str) -> dict[str, str]:
        """Names and texts."""
        self.feed(html)
        return self._fields

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "input" and (said.get("type") != "checkbox" or "checked" in said):
            self._fields[said.get("name") or ""] = said.get("value") or ("on" if said.get("type") == "checkbox" else "")
        elif tag == "select":
            self._select = said.get("name") or ""
        elif tag == "option" and self._select and ("selected" in said or self._select not in self._fields):
            self._fields[self._select] = said.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""


class Browser:
    """Somebody who looks, without script: signed in with a key, or where no key is asked for."""

    def __init__(self, gateway: Gateway, cookie: str = "", part: bool = False) -> None:
        self._gateway, self._cookie, self._part = gateway, cookie, part

    async def get(self, path: str, **query: str) -> Seen:
        """Open a page."""
        where = f"{path}?{urlencode(query)}" if query else path
        return Seen(await self._gateway.call("GET", where, headers=self._headers(), allow_redirects=False))

    async def post(self, path: str, fields: Iterable[tuple[str, str]]) -> Seen:
        """Send a form."""
        headers = {**self._headers(), "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(list(fields))
        return Seen(await self._gateway.call("POST", path, headers=headers, data=body, allow_redirects=False))

    def _headers(self) -> dict[str, str]:
        said = {"Sec-Fetch-Site": "same-origin", "Origin": self._gateway.url}
        said |= {"HX-Request": "true"} if self._part else {}
        return {**said, "Cookie": self._cookie} if self._cookie else said


async def signed_in(gateway: Gateway, right: Right, part: bool = False) -> Browser:
    """Somebody with a session; `part`: whose pages' script asks for parts of pages."""
    seen = await Browser(gateway).post("/sign-in", [("key", gateway.keys[right]), ("next", "/people")])
    return Browser(gateway, seen.heard.headers["Set-Cookie"].partition(";")[0], part)


@asynccontextmanager
async def shop(kafka: str, redis_url: str, namespace: str, *, is_open: bool) -> AsyncIterator[Gateway]:
    """Ann who charged twice, Ben who looked, somebody who means harm, and what Ann did as a guest on her phone."""
    async with (
        deployed(kafka, redis_url, namespace, http_wait_seconds=30.0) as made,
        made.worker(),
        gateway(made, is_open=is_open) as running,
    ):
        await running.put(event("phone", "Viewed", {"sku": "A1"}))
        put = await running.put(
            login("laptop", {"Name": "Ann", "Plan": "Gold", "visits": 7}, email="ann@x.ie"),
            event("laptop", "Charged", {"Amount": 30, "Items": [{"sku": "A1"}]}),
            event("laptop", "Charged", {"Amount": 12}),
            login("tablet", {"Name": "Ben", "Plan": "Silver", "visits": 9}, email="ben@x.ie"),
            event("tablet", "Viewed", {"sku": "B2"}),
            login("evil", {"Name": HOSTILE, HOSTILE: HOSTILE}, identity=HOSTILE),
            event("evil", HOSTILE, {HOSTILE: HOSTILE}),
            login("phone", email="ann@x.ie"),
        )
        for email in ("ann@x.ie", "ben@x.ie"):
            await running.get(f"/v1/profiles/by/email/{email}", params={"wait": put.json["position"]})
        yield running
