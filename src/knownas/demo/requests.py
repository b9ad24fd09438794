"""What few visitors ask for, and what few programs do: opt-outs of one address, test marks, a purchase sent twice under
one id, and to be forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from knownas.demo.pen import Pen
from knownas.demo.people import Device, People, Visitor
from knownas.demo.visits import add_to_cart, bill, launch, leave, view

Request = Callable[[Pen, People], None]


def buy_twice(pen: Pen, people: People) -> None:
    """An app that had no answer sends the purchase again; its id is the same, so it counts once."""
    visitor, device = _somebody(pen, people)
    launch(pen, device)
    product = view(pen, device)
    add_to_cart(pen, device, product)
    purchase = bill(pen.dice, [product])
    pen.record(device, "event", evtName="Charged", evtData=purchase, id=purchase["Charged ID"])
    pen.again()
    leave(pen, visitor)


def stop_letters(pen: Pen, people: People) -> None:
    """Somebody wants no more e-mail at this address; at another one it may be."""
    visitor, device = _somebody(pen, people)
    launch(pen, device)
    pen.record(device, "profile", profileData={}, subscriptions={"email": {visitor.email: False}})
    leave(pen, visitor)


def try_out(pen: Pen, people: People) -> None:
    """Somebody of the shop looks how it works, and marks the profile so that it is left out of reports."""
    visitor, device = _somebody(pen, people)
    launch(pen, device)
    pen.record(device, "test", test=True)
    view(pen, device)
    leave(pen, visitor)


def be_forgotten(pen: Pen, people: People) -> None:
    """Somebody has their account deleted, in the shop or by its customer care, and never returns. What customer care
    deletes stays away: later records with that address are rejected."""
    visitor, device = _somebody(pen, people)
    launch(pen, device)
    if pen.dice.chance(0.5):
        pen.record(device, "delete")
    else:
        pen.server(visitor.identities, {"type": "delete", "suppress": True})
    people.lose(visitor)


def _somebody(pen: Pen, people: People) -> tuple[Visitor, Device]:
    visitor = people.customer(pen.ts)
    return visitor, visitor.devices[0]


REQUESTS: Final[tuple[Request, ...]] = (buy_twice, stop_letters, try_out, be_forgotten)
