"""Requests of CleverTap's SDKs in one short expression each."""

from __future__ import annotations

import json
from typing import Any, Final

from knownas.doors import Asked
from knownas.nouns import Names
from tests.doors.lzpack import pack

NOW_MS: Final = 1_795_328_790_000
NAMES: Final = Names(b"a secret of the tests")
GUID: Final = "43c5d176c9e9445cb73b582ca461bc6a"
CHANCE: Final = "0123456789abcdef0123456789abcdef"
CHROME: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"


def push(payload: dict[str, Any], *, headers: dict[str, str] | None = None, **query: str | None) -> Asked:
    """A push of the Web SDK: its query as the SDK makes it, changed or taken away (None) by keyword."""
    said = {"id": "TEST-ACC-000", "pg": 1, "af": {"lib": "web-sdk-v2.5.2", "protocol": "http"}} | payload
    usual: dict[str, str | None] = {
        "t": "96", "type": "push", "d": pack(json.dumps(said, ensure_ascii=False)), "rn": "3", "i": "1795328785",
        "sn": "0", "tries": "1", "origin": "http://127.0.0.1:19210", "useIP": "false", "r": "1795328785407",
    }  # fmt: skip
    pairs = [(name, value) for name, value in (usual | query).items() if value is not None]
    return Asked("GET", "/a", pairs, "", headers or {"accept": "*/*"}, b"", NOW_MS, "203.0.113.9")


def batch(*elements: Any, meta: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Asked:
    """A batch of a mobile SDK, its meta element in front."""
    first = {"g": "__a6f5545051624e2cab7079c7e9cd5424", "type": "meta", "id": "TEST-ACC-000"} | (meta or {})
    body = json.dumps([first, *elements]).encode()
    return Asked("POST", "/a1", [("os", "Android"), ("z", "TEST-ACC-000")], "", headers or {}, body, NOW_MS, "::1")
