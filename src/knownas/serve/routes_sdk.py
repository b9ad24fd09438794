"""CleverTap's SDKs: the web's `GET /a`, the mobile ones' `POST /a1` and `GET /hello`.

A page that may read its person back has a token (`tokens.py`) in the host that its SDK is given, for that is the one
thing of a page's own that the SDK sends along: `clevertap.init(ACCOUNT, '', 'events.shop.example/t/TOKEN')`. A token
that is refused takes nothing away: what the page sends is recorded, and read back as without one.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from knownas.doors import Answer, Asked, Put, Reading, answer_json, unacknowledged
from knownas.doors.clevertap_mobile import account_of as account_of_app
from knownas.doors.clevertap_mobile import answer_hello, answer_mobile, read_mobile
from knownas.doors.clevertap_web import account_of as account_of_page
from knownas.doors.clevertap_web import answer_web, is_encrypted, read_web, refuse_encrypted
from knownas.serve.faults import unavailable
from knownas.serve.reading_back import ReadingBack
from knownas.serve.routes import About, Route, Services

GROUP: Final = "CleverTap SDKs"
REFUSED_BECAUSE: Final = "Knownas-Token"
"""The header that says why a token was refused."""


def routes(services: Services) -> list[Route]:
    """The SDKs' ways in."""
    back = ReadingBack(services)

    async def web(asked: Asked) -> Answer:
        if is_encrypted(asked):
            return refuse_encrypted()
        call = read_web(asked, services.names, secrets.token_hex(16))
        puts = await _put(services, call.reading, asked.now_ms)
        if not call.wants_profile or call.choice:
            return answer_web(call, puts, None)
        shown, refused = await back.shown(call.device, asked.inside.get("token"), asked.now_ms)
        answer = answer_web(call, puts, shown)
        return answer if refused is None else answer._replace(headers={**answer.headers, REFUSED_BECAUSE: refused})

    async def mobile(asked: Asked) -> Answer:
        batch = read_mobile(asked, services.names)
        puts = await _put(services, batch.reading, asked.now_ms)
        if not batch.wants_profile:
            return answer_mobile(batch, puts, None)
        shown, _ = await back.shown(batch.device, None, asked.now_ms)
        return answer_mobile(batch, puts, shown)

    async def hello(asked: Asked) -> Answer:
        return answer_hello(asked)

    return [
        Route("GET", "/a", web, "write", _WEB, account_of_page, refused_sdk, browser=True),
        Route("GET", "/t/{token}/a", web, "write", _WITH_TOKEN, account_of_page, refused_sdk, browser=True),
        Route("POST", "/a1", mobile, "write", _MOBILE, account_of_app, refused_sdk),
        Route("GET", "/hello", hello, None, _HELLO),
    ]


def refused_sdk(status: int, code: str, text: str) -> Answer:
    """A fault as the SDKs take it: by its status; the words are for whoever looks."""
    return answer_json({"status": "fail", "code": code, "error": text}, status)


async def _put(services: Services, reading: Reading, now_ms: int) -> Sequence[Put]:
    """Everything or a fault: an SDK that gets no answer sends all of it again, and what was taken counts once."""
    puts = await services.gateway.put([taken.record for taken in reading.taken], now_ms) if reading.taken else []
    if unacknowledged(puts):
        raise unavailable("Kafka has not acknowledged the records; send them again")
    return puts


_WEB: Final = About(
    "A push of the Web SDK",
    GROUP,
    query={
        "type": "push, page, ping or data",
        "d": "the payload: JSON, LZ-string, base64",
        "gc": "the GUID; none: one is made",
        "rn": "the number of the request, which the answer repeats",
        "i": "seconds since 1970 when it was made",
        "sn": "its number within that second",
        "s": "the session",
        "optOut": "true or false: what the visitor chose just now",
    },
    media="text/javascript",
)
_WITH_TOKEN: Final = _WEB._replace(summary="The same from a page that may read its person back: a token says so")
_MOBILE: Final = About("A batch of a mobile SDK: an array whose first element is of type `meta`", GROUP, takes=list)
_HELLO: Final = About("Where a mobile SDK is to send its batches", GROUP)
