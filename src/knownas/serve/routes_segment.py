"""Segment's tracking API, for its own client libraries and those that speak its protocol.

Beside what takes messages there is what browsers' libraries ask for before they send any: settings that name this
gateway and nobody else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from knownas.doors import Answer, Asked, Reading, answer_json
from knownas.doors.segment import (
    CALLS,
    Batch,
    Message,
    Tracked,
    answer_tracked,
    keys_of,
    read_batch,
    read_single,
    refused,
)
from knownas.serve.routes import About, Handler, Route, Services

GROUP: Final = "Segment tracking API"


def routes(services: Services) -> list[Route]:
    """The tracking API's ways in."""

    def takes(read: Callable[[Asked], Reading]) -> Handler:
        async def handle(asked: Asked) -> Answer:
            reading = read(asked)
            records = [taken.record for taken in reading.taken]
            return answer_tracked(reading, await services.gateway.put(records, asked.now_ms) if records else [])

        return handle

    def single(call: str) -> Handler:
        return takes(lambda asked: read_single(asked, call))

    batches = [_writes(f"/v1/{path}", takes(read_batch), _BATCH) for path in ("batch", "import", "b")]
    singles = [
        _writes(f"/v1/{path}", single(call), _about(call)) for short, call in CALLS.items() for path in (call, short)
    ]
    return [
        *batches,
        *singles,
        Route("POST", "/v1/m", _nothing, None, _METRICS, browser=True),
        Route("GET", "/v1/projects/{key}/settings", _settings, None, _SETTINGS, browser=True),
        Route("GET", "/sourceConfig", _source, None, _SOURCE, browser=True),
    ]


def _writes(path: str, handle: Handler, about: About) -> Route:
    return Route("POST", path, handle, "write", about, keys_of, refused, browser=True, keys_in_body=True)


async def _nothing(_: Asked) -> Answer:
    return answer_json({"success": True})


async def _settings(asked: Asked) -> Answer:
    """What analytics.js is configured with: to send here."""
    scheme = "https" if asked.headers.get("x-forwarded-proto") == "https" else "http"
    here = {"apiKey": asked.inside["key"], "apiHost": f"{asked.headers.get('host', '')}/v1", "protocol": scheme}
    return answer_json({"integrations": {"Segment.io": here}, "plan": {"track": {"__default": {"enabled": True}}}})


async def _source(asked: Asked) -> Answer:
    """What RudderStack's browser library is configured with: no destinations beside this."""
    key = asked.said("writeKey")
    source = {"id": key, "name": "knownas", "writeKey": key, "enabled": True, "destinations": [], "config": {}}
    return answer_json({"source": source})


def _about(call: str) -> About:
    return About(f"One message: {call}", GROUP, Message, Tracked)


_BATCH: Final = About("Messages of any call", GROUP, Batch, Tracked)
_METRICS: Final = About("What a client measures of itself: nobody here looks at it", GROUP)
_SETTINGS: Final = About("What analytics.js asks before it sends", GROUP)
_SOURCE: Final = About("What RudderStack's browser library asks before it sends", GROUP)
