"""An example or more of everything that has a schema; the tests hold each against its own, and records against the
intake."""

from __future__ import annotations

from typing import Any, Final

ANN: Final = "5b1c7f0a2d8e4c6f9a3b5d7e1f2a4c6e"
GUEST: Final = "c0ffee00c0ffee00c0ffee00c0ffee00"
PHONE: Final = "9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b"

_RECORDS: Final[dict[str, list[dict[str, Any]]]] = {
    "event": [
        {
            "type": "event", "device": "d-1", "ts": 1763700000, "id": "e-1", "evtName": "Product Viewed",
            "evtData": {"sku": "A1", "price": 9.5}, "context": {"os": "Android", "city": "Cork", "country": "IE"},
        },
        {
            "type": "event", "identities": {"email": "ann@example.com"}, "ts": 1763700011, "evtName": "Charged",
            "evtData": {"Amount": 30, "Items": [{"sku": "A1"}]},
        },
    ],
    "login": [
        {
            "type": "login", "device": "d-1", "ts": 1763700009,
            "identities": {"identity": "cust-7", "email": "Ann@Example.com"}, "profileData": {"Name": "Ann"},
        },
    ],
    "profile": [
        {
            "type": "profile", "device": "d-1", "ts": 1763700010,
            "profileData": {"Plan": "Gold", "visits": {"$incr": 1}, "tags": {"$add": ["new"]}},
            "subscriptions": {"email": {"ann@example.com": False}},
        },
    ],
    "logout": [{"type": "logout", "device": "d-1", "ts": 1763700020}],
    "demerge": [{"type": "demerge", "identities": {"identity": "cust-7"}, "ts": 1763700030}],
    "delete": [{"type": "delete", "identities": {"email": "ann@example.com"}, "suppress": True, "ts": 1763700030}],
    "release": [{"type": "release", "identities": {"phone": "+35312345678"}, "ts": 1763700031}],
    "test": [{"type": "test", "profile": ANN, "test": True, "ts": 1763700032}],
}  # fmt: skip

_PROFILE: Final[dict[str, Any]] = {
    "id": ANN, "version": 7, "type": "customer", "reachable": ["email"],
    "identities": {"identity": ["cust-7"], "email": ["ann@example.com"]},
    "devices": ["d-1"], "guests": [GUEST], "guestOf": None,
    "properties": {"Name": "Ann", "Email": "ann@example.com", "Plan": "Gold"},
    "system": {"age": 31, "ct_is_test_user": "No"},
    "events": {"Charged": {"count": 2, "first": 1763700011, "last": 1763700500}},
    "firstSeen": 1763700000, "lastSeen": 1763700500, "identifiedAt": 1763700009,
    "acquired": {"at": 1763700000, "source": "newsletter"},
    "session": {"count": 2, "start": 1763700000, "last": 1763700500, "previousStart": 1763600000},
    "context": {"os": "Android"}, "location": {"city": "Cork", "country": "IE"}, "timezone": "Europe/Dublin",
}  # fmt: skip

EXAMPLES: Final[dict[str, list[Any]]] = {
    "record": [one for some in _RECORDS.values() for one in some],
    **{f"record-{kind}": some for kind, some in _RECORDS.items()},
    "profile": [_PROFILE],
    "profile-changed": [
        {
            "id": ANN, "since": 6, "version": 7, "type": "customer", "previousType": "addressable", "ts": 1763700500,
            "changed": {
                "type": {"from": "addressable", "to": "customer"},
                "properties.Plan": {"from": None, "to": "Gold"},
            },
            "links": [GUEST], "profile": _PROFILE,
        },
    ],
    "segment-changed": [
        {
            "segment": "lapsed", "segmentVersion": 3, "profile": ANN, "entered": True, "ts": 1763700500, "version": 7,
        },
    ],
    "ledger": [
        {
            "kind": "linked", "position": ["events", 3, 41], "index": 2, "ts": 1763700009, "at": 1763700009120,
            "profile": ANN, "reason": "link", "device": PHONE, "from": GUEST,
        },
        {
            "kind": "refused", "position": ["events", 3, 42], "index": 0, "ts": 1763700010, "at": 1763700010120,
            "profile": ANN, "reason": "too_long", "key": "Biography", "device": PHONE,
        },
    ],
    "resolved": [
        {
            "profile": ANN, "source": ["events", 3, 41, 0], "at": 1763700009120, "ts": 1763700009,
            "record": _RECORDS["login"][0], "binds": "d-1", "claims": [["identity", "cust-7"]],
            "sets": {"Email": "ann@example.com"}, "guest": GUEST,
        },
    ],
    "rejected-headers": [
        {
            "reason": "future_ts", "detail": "ts 1763700000000 is more than 24 hours after the record's Kafka time "
            "1763700000.12; it looks like milliseconds, seconds are wanted",
            "topic": "knownas.events", "partition": "3", "offset": "43", "source": "d-1",
        },
    ],
    "timeline": [
        {
            "entries": [
                {
                    "ts": 1763700011, "type": "event", "evtName": "Charged", "evtData": {"Amount": 30},
                    "profile": ANN, "guest": False, "source": {"topic": "updates", "partition": 0, "offset": 5},
                },
                {
                    "ts": 1763700000, "type": "event", "evtName": "Product Viewed", "profile": GUEST, "guest": True,
                    "source": {"topic": "events", "partition": 3, "offset": 40},
                },
            ],
            "cursor": None,
        },
    ],
    "overview": [
        {
            "at": 1763700500.5, "zone": "UTC",
            "people": {"anonymous": 10, "addressable": 4, "customer": 2, "orphans": 1, "gray": 3},
            "traffic": {
                "perSecond": 1.5, "perMinute": [{"at": 1763700480, "records": 90}],
                "perHour": [{"at": 1763697600, "records": 900}], "lastAt": 1763700480,
            },
            "changes": [], "links": {"total": 1, "perDay": [{"day": "2025-11-21", "count": 1}], "newest": []},
            "rejected": [], "lag": [], "workers": [], "segments": [], "trouble": [],
        },
    ],
}  # fmt: skip
"""By the name of its schema's file."""
