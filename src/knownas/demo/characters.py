"""Those who come first: people with names to look up after every demo, then one of each thing that happens in a shop.

**Ann** looks around as a guest on her laptop, logs in and buys: the guest was her all along, and all of it counts.
Later her phone's browser knows nobody, so what she looks at there is a guest's, until she logs in. From then on the
phone speaks for her; what the guest did stays the guest's, is shown gray on her timeline and never counts for her.

**Ben and Chloe** use one tablet in a store. Ben does not log out, so when Chloe logs in the tablet changes hands:
nothing of his becomes hers. Chloe logs out, and the next customer, who never says who they are, is a guest.

**Dara** has her account deleted soon after she bought a blanket. Nothing of her is left but the ledger's word
that it happened. **Finn** works for the shop and marks the profile he tries things out with.

The order of records holds within a partition only. Ann's two devices have ids whose murmur2 hashes are the same
modulo 64, 48, 40 and every number up to 16, so with that many partitions they share one: her story is told in order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from knownas.demo.mishaps import FLAWS, MISPLACED, NAMELESS
from knownas.demo.pen import Pen
from knownas.demo.people import People, make_device
from knownas.demo.requests import stop_letters
from knownas.demo.visits import (
    KINDS_OF_LEARNING,
    allow_push,
    browse,
    import_from_crm,
    launch,
    leave,
    log_out,
    opt_out,
    order_by_phone,
    register,
    what_is_learned,
)
from knownas.demo.world import CLIENTS, PLACES, PRODUCT_BY_NAME, TABLET

Scene = Callable[[Pen, People], None]


class Ann(NamedTuple):
    """What of Ann is the same in every run."""

    name: str = "Ann Byrne"
    identity: str = "ann"
    email: str = "ann@example.com"
    laptop: str = "ann-laptop"
    phone: str = "ann-phone-5699191"
    counted: int = 8
    """Events that count for her: six on the laptop, guest and all, and two on the phone after she logged in."""
    gray: int = 4
    """Events of the guest on her phone."""
    born: str = "1992-02-29"


ANN: Final = Ann()
DARA_EMAIL: Final = "dara@example.com"
DARAS_PHONE: Final = "dara-phone-1"
TEST_PHONE: Final = "finn-test-phone-1"
STORE_TABLET: Final = "tablet-dublin-1"

_DUBLIN: Final = PLACES[0]
_TEAPOT: Final = PRODUCT_BY_NAME["Teapot, stoneware"]
_SENCHA: Final = PRODUCT_BY_NAME["Sencha"]
_BLANKET: Final = PRODUCT_BY_NAME["Wool blanket"]


def ann_on_her_laptop(pen: Pen, _: People) -> None:
    """A guest turns out to be Ann, and buys a teapot."""
    laptop = make_device(ANN.laptop, CLIENTS[3], _DUBLIN)
    launch(pen, laptop)
    pen.event(laptop, "Search", {"query": "teapot", "results": 3})
    pen.event(laptop, "Product Viewed", _TEAPOT)
    pen.event(laptop, "Product Viewed", _SENCHA)
    pen.event(laptop, "Added to Cart", _TEAPOT | {"quantity": 1})
    about = {"Name": ANN.name, "Plan": "Plus", "DOB": ANN.born}
    pen.login(laptop, {"identity": ANN.identity, "email": "Ann@Example.com"}, about)
    pen.event(laptop, "Charged", _receipt("o-ann-1", _TEAPOT))
    pen.profile(laptop, {"points": {"$incr": 39}, "interests": {"$add": ["tea"]}})


def ann_on_her_phone(pen: Pen, _: People) -> None:
    """Another guest turns out to be Ann, who is known already: what the guest looked at is shown gray."""
    phone = make_device(ANN.phone, CLIENTS[4], _DUBLIN)
    launch(pen, phone)
    pen.event(phone, "Search", {"query": "blanket", "results": 2})
    pen.event(phone, "Product Viewed", _BLANKET)
    pen.event(phone, "Product Viewed", _SENCHA)
    pen.login(phone, {"email": ANN.email})
    pen.event(phone, "Product Viewed", _BLANKET)
    pen.event(phone, "Added to Cart", _BLANKET | {"quantity": 1})


def ben_and_chloe_in_the_store(pen: Pen, _: People) -> None:
    """One tablet, three customers."""
    tablet = make_device(STORE_TABLET, TABLET, _DUBLIN)
    pen.login(tablet, {"identity": "ben", "email": "ben@example.com"}, {"Name": "Ben Okafor"})
    pen.event(tablet, "Product Viewed", _SENCHA)
    pen.login(tablet, {"identity": "chloe", "email": "chloe@example.com"}, {"Name": "Chloe Novák"})
    pen.event(tablet, "Charged", _receipt("o-chloe-1", _BLANKET))
    log_out(pen, tablet)
    pen.event(tablet, "Product Viewed", _TEAPOT)


def dara_is_forgotten(pen: Pen, _: People) -> None:
    """Somebody makes an account, buys, and wants to be forgotten. Her app sends the purchase twice; it counts once."""
    phone = make_device(DARAS_PHONE, CLIENTS[6], _DUBLIN)
    launch(pen, phone)
    pen.login(phone, {"identity": "dara", "email": DARA_EMAIL}, {"Name": "Dara Quinn", "DOB": "11-21-1988"})
    pen.record(phone, "event", evtName="Charged", evtData=_receipt("o-dara-1", _BLANKET), id="o-dara-1")
    pen.again()
    pen.record(phone, "profile", profileData={}, subscriptions={"email": {DARA_EMAIL: False}})
    pen.record(phone, "delete")


def finn_tries_things_out(pen: Pen, _: People) -> None:
    """Somebody of the shop marks his profile as a test user's."""
    phone = make_device(TEST_PHONE, CLIENTS[8], _DUBLIN)
    pen.login(phone, {"identity": "finn", "email": "finn@example.com"}, {"Name": "Finn Walsh"})
    pen.record(phone, "test", test=True)
    pen.event(phone, "Charged", _receipt("o-finn-1", _TEAPOT))


def a_new_regular(pen: Pen, people: People) -> None:
    """Somebody makes an account, tells the shop much about themselves and wants no e-mail."""
    visitor = people.newcomer()
    device = visitor.devices[0]
    launch(pen, device)
    browse(pen, device, 2)
    register(pen, visitor, device)
    for kind in range(KINDS_OF_LEARNING):
        pen.profile(device, what_is_learned(pen.dice, kind))
    allow_push(pen, device)
    opt_out(pen, device)
    leave(pen, visitor)


def a_bad_day(pen: Pen, people: People) -> None:
    """Each thing that goes wrong, once, on the device of somebody who never minds."""
    visitor = people.newcomer()
    device = visitor.devices[0]
    launch(pen, device)
    for mishap in (*FLAWS, *MISPLACED, *NAMELESS):
        mishap(pen, device)
    leave(pen, visitor)


def _receipt(number: str, product: dict[str, Any]) -> dict[str, Any]:
    items = [product | {"quantity": 1}]
    return {"Charged ID": number, "Amount": product["price"], "Currency": "EUR", "Items": items}


OPENING: Final[Sequence[Scene]] = (
    ann_on_her_laptop,
    ann_on_her_phone,
    ben_and_chloe_in_the_store,
    a_new_regular,
    import_from_crm,
    order_by_phone,
    a_bad_day,
)
"""The opening scenes in their order; each begins when the one before is over."""

SELDOM_SEEN: Final[Sequence[Scene]] = (dara_is_forgotten, finn_tries_things_out, stop_letters)
"""Those that come after them, where few visitors ask for something too."""
