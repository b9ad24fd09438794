"""Requests in one short expression, and answers read."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from knownas.doors import Answer, Asked

NOW_MS = 1_795_329_000_000


def asked(
    path: str, body: Any = b"", query: str = "", headers: dict[str, str] | None = None, method: str = "POST"
) -> Asked:
    """A request; a body that is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    pairs = parse_qsl(query, keep_blank_values=True)
    return Asked(method, path, pairs, query, headers or {}, raw, NOW_MS, "127.0.0.1")


def decoded(answer: Answer) -> Any:
    """The JSON of an answer."""
    assert answer.headers["Content-Type"] == "application/json"
    return msgspec.json.decode(answer.body)
