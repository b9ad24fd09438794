"""Records in which everything meets everything: few devices, few identities, several at once, some misplaced."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import orjson

from knownas.nouns import EVENTS, UPDATES, murmur2
from tests.builders import NOON

DEVICES = ("d-1", "d-2", "d-3", "d-4")
EMAILS = ("a@x.ie", "b@x.ie", "c@x.ie")


class Placed(NamedTuple):
    """A record and where a producer puts it."""

    topic: str
    partition: int
    value: bytes
    at: int


def history(rng: random.Random, partitions: int) -> list[Placed]:
    """Two to fourteen records."""
    placed = []
    for number in range(rng.randint(2, 14)):
        record = _record(rng) | {"n": number}
        topic, partition = _home(record, partitions)
        if rng.random() < 0.2:
            topic, partition = rng.choice([EVENTS, UPDATES]), rng.randrange(partitions)
        placed.append(Placed(topic, partition, orjson.dumps(record), (NOON + number) * 1000))
    return placed


def _record(rng: random.Random) -> dict[str, Any]:
    kind = rng.choices(["event", "login", "profile", "logout", "server", "garbage"], [4, 6, 2, 2, 2, 0.5])[0]
    device = {"device": rng.choice(DEVICES)}
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


def _identities(rng: random.Random) -> dict[str, str]:
    chosen = {"email": rng.choice(EMAILS)}
    if rng.random() < 0.5:
        chosen["identity"] = rng.choice(["1", "2", "3"])
    return chosen


def _home(record: dict[str, Any], partitions: int) -> tuple[str, int]:
    if "device" in record:
        return EVENTS, murmur2(record["device"].encode()) % partitions
    return UPDATES, murmur2(f"email:{record['identities']['email']}".encode()) % partitions
