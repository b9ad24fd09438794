"""Writes the records of one visit, each some seconds after the one before, with the topic and key they belong to."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from knownas.demo.dice import Dice
from knownas.demo.people import Device
from knownas.nouns import EVENTS, UPDATES


class Sending(NamedTuple):
    """One record for Kafka: the topic by its short name, its key, its JSON; `device` is None for a server's record."""

    topic: str
    key: bytes
    value: bytes
    device: str | None


class Pen:
    """Writes one visit, from `ts` on; `written` is what is to be sent, and when."""

    __slots__ = ("dice", "ts", "written")

    def __init__(self, dice: Dice, ts: int) -> None:
        self.dice = dice
        self.ts = ts
        self.written: list[tuple[int, Sending]] = []

    def send(self, topic: str, key: bytes, value: bytes, device: str | None) -> None:
        """Send bytes as they are; then time passes."""
        self.written.append((self.ts, Sending(topic, key, value, device)))
        self.ts += self.dice.between(4, 60)

    def event(self, device: Device, name: str, data: dict[str, Any], context: orjson.Fragment | None = None) -> None:
        """Something that happens on a device."""
        record = {"type": "event", "device": device.id, "ts": self.ts, "evtName": name, "evtData": data}
        if context is not None:
            record["context"] = context
        self.send(EVENTS, device.key, orjson.dumps(record), device.id)

    def login(self, device: Device, identities: dict[str, Any], properties: dict[str, Any] | None = None) -> None:
        """Somebody says who they are."""
        record = {"type": "login", "device": device.id, "ts": self.ts, "identities": identities}
        if properties:
            record["profileData"] = properties
        self.send(EVENTS, device.key, orjson.dumps(record), device.id)

    def profile(self, device: Device, properties: dict[str, Any], context: dict[str, Any] | None = None) -> None:
        """What is known about whoever uses the device changes."""
        record = {"type": "profile", "device": device.id, "ts": self.ts, "profileData": properties}
        if context:
            record["context"] = context
        self.send(EVENTS, device.key, orjson.dumps(record), device.id)

    def logout(self, device: Device) -> None:
        """Whoever uses the device leaves it."""
        self.send(EVENTS, device.key, orjson.dumps({"type": "logout", "device": device.id, "ts": self.ts}), device.id)

    def record(self, device: Device, kind: str, **fields: Any) -> None:
        """A record of any other kind, or with more than is usual."""
        record = {"type": kind, "device": device.id, "ts": self.ts} | fields
        self.send(EVENTS, device.key, orjson.dumps(record), device.id)

    def again(self) -> None:
        """Send what was sent last once more, as a program does that had no answer."""
        _, sending = self.written[-1]
        self.send(*sending)

    def server(self, identities: dict[str, str], record: dict[str, Any]) -> None:
        """A record that a server sends about a person; its key is the first of the identities."""
        kind, value = next(iter(identities.items()))
        whole = {"type": record["type"], "identities": identities, "ts": self.ts} | record
        self.send(UPDATES, f"{kind}:{value}".encode(), orjson.dumps(whole), None)
