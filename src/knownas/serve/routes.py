"""A route: a method and a path, who may call it, and the function that answers. It knows no HTTP library.

A module `routes_<door>.py` has one function, `routes(services) -> list[Route]`, and is named in `app.ROOMS`. A handler
is given an `Asked` whose body is unpacked and within the limits, and whose caller has shown a key that may do what the
route `needs`; it returns an `Answer`. What goes wrong on the way is an error of `faults.py`, not an answer of its own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from knownas.doors import Answer, Asked
from knownas.nouns import Names
from knownas.records.identities import IdentityRules
from knownas.serve.gateway import Gateway
from knownas.serve.keys import Right
from knownas.serve.people import People
from knownas.settings import Settings

Handler = Callable[[Asked], Awaitable["Answer | Stream"]]
KeysOf = Callable[[Asked], Sequence[str]]
"""The keys that a request shows, most telling first: a door knows where its vendor's clients put them."""


Refused = Callable[[int, str, str], Answer]
"""What a fault (status, code, words) is told as."""


class Stream(NamedTuple):
    """An answer without an end: parts as they come, until the caller leaves or the gateway stops."""

    headers: Mapping[str, str]
    parts: AsyncGenerator[bytes, None]


def event_stream(parts: AsyncGenerator[bytes, None]) -> Stream:
    """Server-sent events, which no proxy on the way may hold back."""
    kind = "text/event-stream; charset=utf-8"
    return Stream({"Content-Type": kind, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}, parts)


def bearer(asked: Asked) -> Sequence[str]:
    """The key of knownas' own calls: `Authorization: Bearer KEY`."""
    scheme, _, key = asked.headers.get("authorization", "").partition(" ")
    return (key.strip(),) if scheme.lower() == "bearer" and key.strip() else ()


class Route(NamedTuple):
    """One way in. `path` may hold `{name}`; what stands there is in `Asked.inside`.

    `needs` is the right that a key must have, None for those that anybody may call. `keys` finds the keys in a
    request. `refused` makes of a fault (status, code, words) the answer that the vendor's clients understand. `browser`
    says that pages of other origins may call it (those the settings list), `keys_in_body` that a key may be in the body
    where the head shows none. `about` is for the OpenAPI document.
    """

    method: str
    path: str
    handle: Handler
    needs: Right | None
    about: About
    keys: KeysOf = bearer
    refused: Refused | None = None
    browser: bool = False
    keys_in_body: bool = False


class About(NamedTuple):
    """What the OpenAPI document says of a route. `takes` and `gives` are types that msgspec can describe."""

    summary: str
    group: str
    takes: Any = None
    gives: Any = None
    query: Mapping[str, str] = {}
    """Query parameters and what they mean."""
    media: str = "application/json"


class Services(NamedTuple):
    """What handlers use."""

    gateway: Gateway
    people: People
    names: Names
    rules: IdentityRules
    settings: Settings
