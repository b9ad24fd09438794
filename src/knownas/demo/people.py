"""The visitors and what they hold in their hands."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from knownas.demo.dice import Dice
from knownas.demo.world import (
    CAMPAIGNS,
    CLIENTS,
    FIRST_NAMES,
    LAST_NAMES,
    PLACES,
    Client,
    Place,
    as_address,
)


@dataclass(slots=True)
class Device:
    """A browser or an app.

    `arrival` is its context at the first launch, where something brought its user; `logged_in` is whether its owner
    is. `free_from` counts for tablets in a store: one group of customers at a time.
    """

    id: str
    key: bytes
    context: orjson.Fragment
    arrival: orjson.Fragment | None = None
    logged_in: bool = False
    is_app: bool = False
    free_from: int = 0


@dataclass(slots=True)
class Visitor:
    """A person. `free_from` is the time before which they do nothing new, so their records never overlap."""

    name: str
    email: str
    identity: str
    place: Place
    devices: list[Device] = field(default_factory=list)
    registered: bool = False
    free_from: int = 0

    @property
    def identities(self) -> dict[str, str]:
        """Who they say they are."""
        return {"identity": self.identity, "email": self.email}


def make_device(device_id: str, client: Client, place: Place, arrival: dict[str, str] | None = None) -> Device:
    """A device whose context is encoded once: every launch sends it."""
    context = {
        "os": client.os,
        "osVersion": client.os_version,
        "city": place.city,
        "country": place.country,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "timezone": place.timezone,
        "language": place.language,
    }
    context |= {"browser": client.browser} if client.browser else {"appVersion": client.app_version}
    return Device(
        id=device_id,
        key=device_id.encode(),
        context=orjson.Fragment(orjson.dumps(context)),
        arrival=orjson.Fragment(orjson.dumps(context | arrival)) if arrival else None,
        is_app=client.app_version is not None,
    )


class People:
    """Makes newcomers and remembers those who may come back.

    It remembers so many and no more: a newcomer takes the place of somebody who then never returns.
    """

    REMEMBERED = 4096

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._number = dice.between(100_000, 899_999)
        self._known: list[Visitor] = []

    def newcomer(self) -> Visitor:
        """Somebody who was never here, with a first device."""
        dice = self._dice
        self._number += 1
        first, last = dice.pick(FIRST_NAMES), dice.pick(LAST_NAMES)
        domain = "example.com" if dice.chance(0.7) else "example.org"
        visitor = Visitor(
            name=f"{first} {last}",
            email=f"{_ADDRESS[first]}.{_ADDRESS[last]}{self._number}@{domain}",
            identity=f"cust-{self._number}",
            place=dice.pick(PLACES),
        )
        self.new_device(visitor, dice.pick(CAMPAIGNS) if dice.chance(0.2) else None)
        self._remember(visitor)
        return visitor

    def new_device(self, visitor: Visitor, arrival: dict[str, str] | None = None) -> Device:
        """One more device of a visitor, on which nobody knows them yet."""
        client = self._dice.pick(CLIENTS)
        device = make_device(f"{client.prefix}-{self._dice.digits(48)}", client, visitor.place, arrival)
        visitor.devices.append(device)
        return device

    def returning(self, ts: int) -> Visitor:
        """Somebody who was here before and is free now; a newcomer where the one thought of is not."""
        return self._recall(ts) or self.newcomer()

    def customer(self, ts: int) -> Visitor:
        """Somebody who was here before, with an account if one comes to mind soon."""
        known = [visitor for visitor in (self._recall(ts) for _ in range(4)) if visitor is not None]
        for visitor in known:
            if visitor.registered:
                return visitor
        return known[0] if known else self.newcomer()

    def lose(self, visitor: Visitor) -> None:
        """Somebody who will not come back."""
        self._known = [known for known in self._known if known is not visitor]

    def _recall(self, ts: int) -> Visitor | None:
        if not self._known:
            return None
        visitor = self._dice.pick(self._known)
        return visitor if visitor.free_from <= ts else None

    def _remember(self, visitor: Visitor) -> None:
        if len(self._known) < self.REMEMBERED:
            self._known.append(visitor)
        else:
            self._known[self._dice.between(0, self.REMEMBERED - 1)] = visitor


_ADDRESS = {name: as_address(name) for name in (*FIRST_NAMES, *LAST_NAMES)}
