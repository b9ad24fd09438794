"""Records in which everything meets everything: few devices, few identities, several at once, some misplaced."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import orjson

from knownas.nouns import EVENTS, UPDATES, Definition, Identity, murmur2
from tests.builders import NAMES, NOON

DEVICES = ("d-1", "d-2", "d-3", "d-4")
EMAILS = ("a@x.ie", "b@x.ie", "c@x.ie")
NUMBERS = ("1", "2", "3")
DAY_SECONDS = 86_400


class Placed(NamedTuple):
    """A record and where a producer puts it."""

    topic: str
    partition: int
    value: bytes
    at: int


def history(rng: random.Random, partitions: int) -> list[Placed]:
    """Two to fourteen records."""
    placed = []
    later = rng.choice([0, 0, 3 * DAY_SECONDS, 8 * DAY_SECONDS])
    count = rng.randint(2, 14)
    for number in range(count):
        record = _record(rng) | {"n": number} | ({"id": rng.choice("ab")} if rng.random() < 0.4 else {})
        topic, partition = _home(record, partitions)
        if rng.random() < 0.2:
            topic, partition = rng.choice([EVENTS, UPDATES]), rng.randrange(partitions)
        seconds = NOON + number + (later if number > count // 2 else 0)
        placed.append(Placed(topic, partition, orjson.dumps(record), seconds * 1000))
    return placed


def _record(rng: random.Random) -> dict[str, Any]:
    kinds = ["event", "login", "profile", "logout", "server", "garbage", "leaving"]
    kind = rng.choices(kinds, [4, 6, 2, 2, 2, 0.5, 3])[0]
    device = {"device": rng.choice(DEVICES)}
    if kind == "leaving":
        return _leaving(rng, device)
    if kind == "garbage":
        return {"type": "party"} | device
    if kind == "event":
        return {"type": "event", "evtName": rng.choice(["Viewed", "Charged"])} | device
    if kind == "logout":
        return {"type": "logout"} | device
    identities = {"identities": _identities(rng)}
    if kind == "server":
        return {"type": "event", "evtName": "Called"} | identities
    if kind == "profile":
        properties = {"profileData": {"Plan": rng.choice(["Gold", "Silver"]), "visits": {"$incr": 1}}}
        return {"type": "profile"} | device | properties | (identities if rng.random() < 0.5 else {})
    return {"type": "login"} | device | identities


def _leaving(rng: random.Random, device: dict[str, Any]) -> dict[str, Any]:
    """A demerge, deletion, release or test mark of whom a device, identities or an id say."""
    record: dict[str, Any] = {"type": rng.choices(["delete", "demerge", "release", "test"], [4, 3, 2, 1])[0]}
    if record["type"] == "test":
        record["test"] = rng.random() < 0.5
    if record["type"] == "delete" and rng.random() < 0.2:
        record["suppress"] = True
    if record["type"] == "release" or rng.random() < 0.5:
        return record | {"identities": _identities(rng)}
    return record | (device if rng.random() < 0.7 else {"profile": _profile(rng)})


def _profile(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return NAMES.guest(rng.choice(DEVICES), rng.randint(0, 1))
    return NAMES.person(Identity("email", rng.choice(EMAILS)), rng.randint(0, 1))


def _identities(rng: random.Random) -> dict[str, str]:
    chosen = {"email": rng.choice(EMAILS)}
    if rng.random() < 0.5:
        chosen["identity"] = rng.choice(NUMBERS)
    return chosen


def _home(record: dict[str, Any], partitions: int) -> tuple[str, int]:
    if "device" in record:
        return EVENTS, murmur2(record["device"].encode()) % partitions
    if "profile" in record:
        return UPDATES, murmur2(record["profile"].encode()) % partitions
    return UPDATES, murmur2(f"email:{record['identities']['email']}".encode()) % partitions


_QUERIES: tuple[dict[str, Any], ...] = (
    {"did": "Viewed"},
    {"did": "Viewed", "count": {"atLeast": 2}},
    {"not": {"did": "Charged"}},
    {"property": "Plan", "equals": "Gold"},
    {"property": "visits", "atLeast": 2},
    {"all": [{"field": "type", "equals": "customer"}, {"did": "Called", "inLast": 7}]},
    {"field": "linkedGuests", "atLeast": 1},
    {"field": "lastSeen", "inLast": 1},
)


def definitions(rng: random.Random) -> list[Definition]:
    """Live segments, some of them put twice or removed."""
    found = []
    for version in range(1, rng.randint(0, 9) + 1):
        query = rng.choice([*_QUERIES, None])
        found.append(Definition(name=rng.choice("abcd"), version=version, query=query))
    return list({definition.name: definition for definition in found}.values())
