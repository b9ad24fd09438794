"""CleverTap's SDKs: the web's `GET /a`, the mobile ones' `POST /a1` and `GET /hello`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from knownas.doors import Answer, Asked, Put, Reading, answer_json, unacknowledged
from knownas.doors.clevertap_mobile import account_of as account_of_app
from knownas.doors.clevertap_mobile import answer_hello, answer_mobile, read_mobile
from knownas.doors.clevertap_sdk import is_all_own, may_read, read_back
from knownas.doors.clevertap_web import account_of as account_of_page
from knownas.doors.clevertap_web import answer_web, is_encrypted, read_web, refuse_encrypted
from knownas.errors import WorldFault
from knownas.serve.faults import unavailable
from knownas.serve.routes import About, Route, Services

GROUP: Final = "CleverTap SDKs"


def routes(services: Services) -> list[Route]:
    """The SDKs' ways in."""

    async def web(asked: Asked) -> Answer:
        if is_encrypted(asked):
            return refuse_encrypted()
        call = read_web(asked, services.names, secrets.token_hex(16))
        puts = await _put(services, call.reading, asked.now_ms)
        asks = call.wants_profile and not call.choice
        return answer_web(call, puts, await _shown(services, call.device) if asks else None)

    async def mobile(asked: Asked) -> Answer:
        batch = read_mobile(asked, services.names)
        puts = await _put(services, batch.reading, asked.now_ms)
        return answer_mobile(batch, puts, await _shown(services, batch.device) if batch.wants_profile else None)

    async def hello(asked: Asked) -> Answer:
        return answer_hello(asked)

    return [
        Route("GET", "/a", web, "write", _WEB, account_of_page, refused_sdk, browser=True),
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


async def _shown(services: Services, device: str) -> dict[str, Any]:
    """What a device may read back: a profile all of which it set itself. The store may be away: then nothing."""
    if not may_read(device):
        return read_back(None)
    people, kept = services.people, services.settings.timeline_entries
    try:
        profile = await people.by_device(device)
        page = await people.timeline(profile, None, kept) if profile is not None else None
    except WorldFault:
        return read_back(None)
    if profile is None or page is None:
        return read_back(None)
    entries = [line.entry for line in page.lines if not line.guest]
    return read_back(profile if is_all_own(profile, device, entries, kept) else None)


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
_MOBILE: Final = About("A batch of a mobile SDK: an array whose first element is of type `meta`", GROUP, takes=list)
_HELLO: Final = About("Where a mobile SDK is to send its batches", GROUP)
