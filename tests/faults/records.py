"""The records that come while faults happen, of all kinds: a shop's with what few send among them, and some that hinge
on no race.

Their Kafka time goes a day further every few hundred records, so that sessions end, days change, and a repeat comes
now within the week in which it is one, now after it. `LONG_AGO` is so long before all others that the guests of then
are idle, and no others.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from knownas.demo.shop import traffic
from knownas.nouns import EVENTS, UPDATES, Identity, murmur2
from tests.builders import NAMES, NOON, event, login, logout, profile

DAY: Final = 86_400
BEGIN: Final = NOON - 300 * DAY
LONG_AGO: Final = BEGIN - 400 * DAY
IDLE_BEFORE: Final = BEGIN - 200 * DAY
"""Guests without a record since then are to go. Nothing lies near it, so it does not matter when a clock is read."""

SHOP_RECORDS: Final = 60_000
RECORDS_A_DAY: Final = 250
OTHERS_SHARE: Final = 0.13
"""How many of the records are not the shop's own."""
IDS_SHARE: Final = 0.2
"""How many of the shop's get an id."""

Record = dict[str, Any]


class Placed(NamedTuple):
    """A record and where it is put."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    at: int


def time_of(number: int) -> int:
    """The Kafka time of a record, in milliseconds; another for each."""
    return (BEGIN + number + number // RECORDS_A_DAY * DAY) * 1000


def shop(seed: int, partitions: int) -> Iterator[Placed]:
    """The shop's traffic, and what operators, other servers and forgetful programs send meanwhile."""
    rng = random.Random(seed)
    others = Others(rng, partitions)
    number = 0
    for topic, key, value, _ in traffic(seed, SHOP_RECORDS, BEGIN):
        number += 1
        yield others.note(Placed(topic, murmur2(key) % partitions, key, value, time_of(number)))
        while rng.random() < OTHERS_SHARE:
            number += 1
            yield others.next(time_of(number))


class Others:
    """Those who send something about the people whom they have just seen."""

    def __init__(self, rng: random.Random, partitions: int) -> None:
        self._rng, self._partitions = rng, partitions
        self._devices = deque(["ann-laptop"], 60)
        self._identities = deque([("identity", "ann")], 60)
        self._with_id: deque[Placed] = deque(maxlen=100)

    def note(self, placed: Placed) -> Placed:
        """Remember whom a record is about; some get an id, to be sent once more later."""
        record = _read(placed.value)
        if isinstance(record.get("device"), str):
            self._devices.append(record["device"])
        self._identities.extend((kind, str(value)) for kind, value in (record.get("identities") or {}).items())
        if record and "id" not in record and self._rng.random() < IDS_SHARE:
            placed = placed._replace(value=placed.value[:-1] + b',"id":"r-%d"}' % placed.at)
            self._with_id.append(placed)
        return placed

    def next(self, at: int) -> Placed:
        """One record more."""
        rng = self._rng
        if self._with_id and rng.random() < 0.15:
            return rng.choice(self._with_id)._replace(at=at)
        record = rng.choice((self._leaving, self._leaving, self._leaving, self._mark, self._opt, self._about, _of_old))(
            rng
        )
        topic = EVENTS if "device" in record else UPDATES
        key = str(record.get("device") or record.get("profile") or next(iter(record["identities"].items()))).encode()
        partition = murmur2(key) % self._partitions
        if rng.random() < 0.1:
            topic, partition = rng.choice((EVENTS, UPDATES)), rng.randrange(self._partitions)
        return Placed(topic, partition, key, orjson.dumps(record), at)

    def _leaving(self, rng: random.Random) -> Record:
        kind = rng.choice(("delete", "delete", "demerge", "demerge", "release"))
        address = self._identities_of_somebody() if kind == "release" else self._address()
        return {"type": kind} | address | ({"suppress": True} if kind == "delete" and rng.random() < 0.5 else {})

    def _mark(self, rng: random.Random) -> Record:
        return {"type": "test", "test": rng.random() < 0.7} | self._address()

    def _opt(self, rng: random.Random) -> Record:
        addresses = {rng.choice(("ann@example.com", "nobody@example.org", "null")): rng.random() < 0.5}
        phones = {rng.choice(("+353861234567", "12")): False}
        return profile(self._device(), {"Plan": "Gold"}) | {"subscriptions": {"email": addresses, "phone": phones}}

    def _about(self, rng: random.Random) -> Record:
        born = rng.choice(("1992-02-29", "12-31-2001", "$D_-86400", "1990-02-30", {"$setOnce": "1980-01-01"}))
        context = {
            "source": "google", "os": rng.choice(("iOS", "Android", 5)), "latitude": rng.choice((51.9, 91)),
            "longitude": -8.5, "timezone": rng.choice(("Pacific/Auckland", "Utopia")),
        }  # fmt: skip
        return profile(self._device(), {"DOB": born, "visits": {"$incr": 1}}) | {"context": context}

    def _call(self, _: random.Random) -> Record:
        return event(None, "Called") | self._identities_of_somebody()

    def _address(self) -> Record:
        dice = self._rng.random()
        if dice < 0.4:
            return {"device": self._device()}
        if dice < 0.8:
            return self._identities_of_somebody()
        ids = NAMES.guest(self._device(), 0), NAMES.person(Identity(*self._identity()), 0)
        return {"profile": self._rng.choice(ids)}

    def _identities_of_somebody(self) -> Record:
        """One, or two that may be different people's."""
        return {"identities": dict(self._identity() for _ in range(self._rng.choice((1, 1, 2))))}

    def _device(self) -> str:
        return self._rng.choice(self._devices)

    def _identity(self) -> tuple[str, str]:
        return self._rng.choice(self._identities) if self._rng.random() < 0.7 else ("email", _old_email(self._rng))


def _of_old(rng: random.Random) -> Record:
    """Somebody who was here long ago, and may have been known then."""
    device, ts = f"old-{rng.randrange(60)}", LONG_AGO + rng.randrange(DAY)
    if rng.random() < 0.2:
        return login(device, email=_old_email(rng)) | {"ts": ts}
    return event(device, "Viewed", ts=ts)


def _old_email(rng: random.Random) -> str:
    return f"old-{rng.randrange(12)}@example.com"


def _read(value: bytes) -> Record:
    """A record that is what it should be; nothing of any other."""
    try:
        record = orjson.loads(value)
    except ValueError:
        return {}
    is_usual = isinstance(record, dict) and isinstance(record.get("identities") or {}, dict)
    return record if is_usual else {}


class Pause:
    """Everything before it is done when what follows is sent."""


ROUND: Final = 120
"""So many records come between two pauses."""


def without_races(seed: int, partitions: int) -> Iterator[Placed | Pause]:
    """Guests, logins, switches, links, logouts, marks, repeats and leavings of people whose devices all lie in one
    partition, each with an identity of that partition alone: whatever comes first between two partitions, the outcome
    is the same. Who leaves does so between two pauses, for what follows from that races with what comes next."""
    rng = random.Random(seed)
    homes = [Home(rng, home, partitions) for home in range(partitions)]
    number = 0
    while True:
        for _ in range(ROUND):
            number += 1
            yield rng.choice(homes).any(time_of(number))
        yield Pause()
        for home in homes:
            number += 1
            yield home.leaving(time_of(number))
        yield Pause()


class Home:
    """Devices and people of one partition of `events`."""

    def __init__(self, rng: random.Random, number: int, partitions: int) -> None:
        self._rng, self._number = rng, number
        names = [f"device-{n}" for n in range(partitions * 40)]
        self._devices = [name for name in names if murmur2(name.encode()) % partitions == number]
        self._with_id: deque[Placed] = deque(maxlen=60)

    def any(self, at: int) -> Placed:
        """Any record of which it does not matter what becomes of others at the same time."""
        if self._with_id and self._rng.random() < 0.05:
            return self._rng.choice(self._with_id)._replace(at=at)
        record = self._record()
        if self._rng.random() < 0.2:
            record["id"] = f"r-{at}"
        placed = self._place(record, at)
        if "id" in record:
            self._with_id.append(placed)
        return placed

    def _record(self) -> Record:
        rng, device, email = self._rng, self._rng.choice(self._devices), self._email()
        dice = rng.random()
        if dice < 0.5:
            return event(device, rng.choice(["Viewed", "Search", "Charged"]), {"sku": f"A{rng.randrange(9)}"})
        if dice < 0.7:
            return login(device, {"Plan": rng.choice(["Gold", "Silver"])}, email=email)
        if dice < 0.8:
            return profile(device, {"visits": {"$incr": 1}}, email=email)
        if dice < 0.85:
            return event(None, "Charged", identities={"email": email})
        if dice < 0.9:
            return {"type": "test", "device": device, "test": rng.random() < 0.7}
        if dice < 0.95:
            context = {"os": rng.choice(["iOS", "Android"]), "source": "google", "pushToken": rng.choice(["t", None])}
            subscriptions = {"email": {email: rng.random() < 0.5}}
            return profile(device, {"DOB": "1992-02-29"}) | {"context": context, "subscriptions": subscriptions}
        return logout(device)

    def leaving(self, at: int) -> Placed:
        """Somebody leaves, or what they are known by."""
        rng = self._rng
        record: Record = {"type": rng.choice(("delete", "delete", "demerge", "demerge", "release"))}
        if record["type"] != "release" and rng.random() < 0.5:
            return self._place(record | {"device": rng.choice(self._devices)}, at)
        if record["type"] == "delete" and rng.random() < 0.4:
            record["suppress"] = True
        return self._place(record | {"identities": {"email": self._email()}}, at)

    def _email(self) -> str:
        return f"person-{self._rng.randrange(25)}@{self._number}.example.com"

    def _place(self, record: Record, at: int) -> Placed:
        key = record.get("device") or record["identities"]["email"]
        return Placed(EVENTS, self._number, key.encode(), orjson.dumps(record), at)
