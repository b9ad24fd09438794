"""In which order people are shown, and how a page says where the next one begins.

People come in pages by a slice: by the day of their last or first record, or by a numeric property, the greatest
first, whoever has none last; by name they come in the order of the alphabet. Those who are equal come by number and
shard. A cursor names the last one shown by these; so who changes their place between two pages is shown where they are
then: nobody else moves.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, NamedTuple

import msgspec

from knownas.errors import WrongInput
from knownas.find import planes
from knownas.find.asking import From, Order
from knownas.find.view import View

LAST_SEEN: Final = "lastSeen"
FIRST_ACQUIRED: Final = "firstAcquired"
NAME: Final = "name"
ORDERS: Final = (LAST_SEEN, FIRST_ACQUIRED, NAME)

_SLICES: Final = {LAST_SEEN: planes.LAST_SEEN, FIRST_ACQUIRED: planes.FIRST_SEEN}


class Place(NamedTuple):
    """Whoever was shown last: by which order, their value or name, shard and number (or id)."""

    sort: str
    value: int | str
    shard: int
    number: int
    id: str = ""


_read: Final = msgspec.json.Decoder(tuple[str, int | str, int, int, str]).decode


def encode(place: Place) -> str:
    """A cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(tuple(place))).rstrip(b"=").decode()


def decode(text: str, sort: str) -> Place:
    """Where a cursor leads."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        place = Place(*_read(raw))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise WrongInput("the cursor is not one that a page gave") from None
    if place.sort != sort or isinstance(place.value, str) != (sort == NAME) or not 0 <= place.number < 2**31:
        raise WrongInput(f"the cursor is of a page in another order, {place.sort!r}")
    return place


def order_of(sort: str, view: View) -> Order:
    """The planes of an order in a shard."""
    if sort in _SLICES:
        return Order(_highest_first(_SLICES[sort], planes.DAY_BITS))
    number = view.number_of(sort)
    return Order(() if number is None else _highest_first(planes.value_slice(number), planes.NUMBER_BITS))


def begins(place: Place | None, shard: int) -> From:
    """Where a page begins in a shard."""
    if place is None or isinstance(place.value, str):
        return From()
    return From(place.value, place.number + (shard <= place.shard))


def _highest_first(slice_: str, width: int) -> tuple[str, ...]:
    return tuple(planes.bit(slice_, place) for place in reversed(range(width)))
