"""What goes wrong in every real stream: records that must be rejected, that sit in the wrong place, that name nobody.

A flaw is a record that does not count. A misplaced record is a good one with the wrong key or topic: it must come to
its device all the same. A placeholder is what a program sends that has no name to send.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import orjson

from knownas.demo.pen import Pen
from knownas.demo.people import Device, People
from knownas.demo.visits import leave
from knownas.nouns import EVENTS, UPDATES

Mishap = Callable[[Pen, Device], None]

PLACEHOLDERS: Final = ("undefined", "null", "0", "[object Object]", "anonymous", "-")


def no_device(pen: Pen, _: Device) -> None:
    """A page that had no device id when it sent its event."""
    name = pen.dice.pick(("undefined", "null", "anonymous"))
    pen.send(EVENTS, name.encode(), _event(name, pen.ts), name)


def milliseconds(pen: Pen, device: Device) -> None:
    """An app whose clock is read in the wrong unit: a time far ahead."""
    pen.send(EVENTS, device.key, _event(device.id, pen.ts * 1000), device.id)


def unknown_type(pen: Pen, device: Device) -> None:
    """A record in another vendor's words."""
    record = {"type": "pageview", "device": device.id, "ts": pen.ts, "url": "/tea"}
    pen.send(EVENTS, device.key, orjson.dumps(record), device.id)


def cut_short(pen: Pen, device: Device) -> None:
    """A record of which the end is missing."""
    pen.send(EVENTS, device.key, _event(device.id, pen.ts)[:-9], device.id)


def wrong_key(pen: Pen, device: Device) -> None:
    """A producer that keys its events by the page's session."""
    pen.send(EVENTS, f"session-{pen.dice.digits(32)}".encode(), _event(device.id, pen.ts), device.id)


def wrong_topic(pen: Pen, device: Device) -> None:
    """An event of a device among the records of servers."""
    pen.send(UPDATES, device.key, _event(device.id, pen.ts), device.id)


def nameless_login(pen: Pen, device: Device) -> None:
    """A page that logs in before it knows whom."""
    pen.login(device, {"identity": pen.dice.pick(PLACEHOLDERS)})


def nameless_form(pen: Pen, device: Device) -> None:
    """A form that nobody filled in."""
    pen.profile(device, {"Email": pen.dice.pick(PLACEHOLDERS), "newsletter": True})


FLAWS: Final[tuple[Mishap, ...]] = (no_device, milliseconds, unknown_type, cut_short)
MISPLACED: Final[tuple[Mishap, ...]] = (wrong_key, wrong_topic)
NAMELESS: Final[tuple[Mishap, ...]] = (nameless_login, nameless_form)


def stumble(mishaps: Sequence[Mishap]) -> Callable[[Pen, People], None]:
    """A visit in which one of several things goes wrong, and nothing else happens."""

    def visit(pen: Pen, people: People) -> None:
        visitor = people.returning(pen.ts)
        pen.dice.pick(mishaps)(pen, visitor.devices[0])
        leave(pen, visitor)

    return visit


def _event(device: str, ts: int) -> bytes:
    return orjson.dumps(
        {"type": "event", "device": device, "ts": ts, "evtName": "Page Viewed", "evtData": {"page": "/tea"}}
    )
