"""What people do in the shop, from a single step to a whole visit. Who has done something is busy for a while after."""

from __future__ import annotations

from typing import Any, Final

from knownas.demo.dice import Dice
from knownas.demo.pen import Pen
from knownas.demo.people import Device, People, Visitor
from knownas.demo.world import CATEGORIES, PRODUCTS, SEARCHES

PAUSE_SECONDS: Final = 3600
"""Between two visits of one person, and of one tablet in a store."""

# ---------------------------------------------------------------------------------------------------- single steps


def launch(pen: Pen, device: Device) -> None:
    """Open the app or the first page; the very first time it is known what brought the visitor."""
    pen.event(device, "App Launched", {"screen": "Home"}, device.arrival or device.context)
    device.arrival = None


def view(pen: Pen, device: Device) -> dict[str, Any]:
    """Look at a product."""
    product = pen.dice.pick(PRODUCTS)
    pen.event(device, "Product Viewed", product)
    return product


def browse(pen: Pen, device: Device, steps: int) -> list[dict[str, Any]]:
    """Search and look around; what ends in the cart is returned."""
    cart = []
    for _ in range(steps):
        if pen.dice.chance(0.15):
            pen.event(device, "Search", {"query": pen.dice.pick(SEARCHES), "results": pen.dice.between(0, 40)})
            continue
        product = view(pen, device)
        if pen.dice.chance(0.2):
            add_to_cart(pen, device, product)
            cart.append(product)
    return cart


def add_to_cart(pen: Pen, device: Device, product: dict[str, Any]) -> None:
    """Put something aside to buy it."""
    pen.event(device, "Added to Cart", {**product, "quantity": pen.dice.between(1, 3)})


def register(pen: Pen, visitor: Visitor, device: Device) -> None:
    """Make an account: the first time that a person says who they are."""
    properties: dict[str, Any] = {"Name": visitor.name, "signup": "web" if not device.is_app else "app"}
    if pen.dice.chance(0.3):
        day = f"{pen.dice.between(1950, 2006)}-{pen.dice.between(1, 12):02d}-{pen.dice.between(1, 28):02d}"
        properties["DOB"] = day
    pen.login(device, visitor.identities, properties)
    visitor.registered = device.logged_in = True


def log_in(pen: Pen, visitor: Visitor, device: Device) -> None:
    """Say who one is, in one of the ways that an account allows: a name at the shop, or an address typed by hand."""
    if pen.dice.chance(0.5):
        pen.login(device, {"identity": visitor.identity})
    else:
        pen.login(device, {"email": f" {visitor.email.title()} " if pen.dice.chance(0.3) else visitor.email})
    device.logged_in = True


def log_out(pen: Pen, device: Device) -> None:
    """Leave the device to whoever comes next."""
    pen.logout(device)
    device.logged_in = False


def buy(pen: Pen, device: Device, cart: list[dict[str, Any]]) -> None:
    """Pay for what is in the cart, or for the one thing that was wanted."""
    pen.event(device, "Charged", bill(pen.dice, cart))


def bill(dice: Dice, cart: list[dict[str, Any]]) -> dict[str, Any]:
    """The data of a purchase."""
    items = [{**product, "quantity": dice.between(1, 3)} for product in cart or [dice.pick(PRODUCTS)]]
    return {
        "Charged ID": f"o-{dice.digits(40)}",
        "Amount": round(sum(item["price"] * item["quantity"] for item in items), 2),
        "Currency": "EUR",
        "Items": items,
    }


def allow_push(pen: Pen, device: Device) -> None:
    """Let the app send notifications."""
    pen.profile(device, {"MSG-push": True}, {"pushToken": f"fcm:{pen.dice.digits(48)}{pen.dice.digits(48)}"})


def opt_out(pen: Pen, device: Device) -> None:
    """Want no more e-mail."""
    pen.profile(device, {"MSG-email": False})


def change_profile(pen: Pen, device: Device) -> None:
    """One of the things that a shop learns about its visitors."""
    pen.profile(device, what_is_learned(pen.dice, pen.dice.between(0, KINDS_OF_LEARNING - 1)))


KINDS_OF_LEARNING: Final = 6


def what_is_learned(dice: Dice, kind: int) -> dict[str, Any]:
    """Property values and every operator, one kind at a time."""
    match kind:
        case 0:
            return {"visits": {"$incr": 1}, "points": {"$incr": dice.between(1, 50)}}
        case 1:
            return {
                "interests": {"$add": [dice.pick(CATEGORIES)]},
                "firstInterest": {"$setOnce": dice.pick(CATEGORIES)},
            }
        case 2:
            return {"Plan": {"$set": dice.pick(("Basic", "Plus", "Family"))}, "giftWrap": dice.chance(0.5)}
        case 3:
            return {"interests": {"$remove": [dice.pick(CATEGORIES)]}, "points": {"$decr": dice.between(1, 20)}}
        case 4:
            return {"shoeSize": dice.between(35, 46), "Gender": dice.pick(("F", "M", "X"))}
        case _:
            return {"giftWrap": None, "wishlist": {"$delete": True}}


def leave(pen: Pen, busy: Visitor | Device) -> None:
    """The end of a visit."""
    busy.free_from = pen.ts + PAUSE_SECONDS


# ---------------------------------------------------------------------------------------------------- whole visits


def visit(pen: Pen, visitor: Visitor, device: Device) -> None:
    """Somebody comes, looks around, and perhaps does something about it."""
    launch(pen, device)
    cart = browse(pen, device, pen.dice.between(2, 6))
    if not visitor.registered:
        if pen.dice.chance(0.4):
            register(pen, visitor, device)
    elif not device.logged_in and pen.dice.chance(0.8):
        log_in(pen, visitor, device)
    if pen.dice.chance(0.3 if device.logged_in else 0.03):
        buy(pen, device, cart)
    _afterthoughts(pen, device)
    leave(pen, visitor)


def _afterthoughts(pen: Pen, device: Device) -> None:
    if pen.dice.chance(0.15):
        change_profile(pen, device)
    if device.is_app and pen.dice.chance(0.15):
        allow_push(pen, device)
    if device.logged_in and pen.dice.chance(0.05):
        opt_out(pen, device)
    if device.logged_in and pen.dice.chance(0.04):
        log_out(pen, device)


def come_back(pen: Pen, people: People) -> None:
    """Somebody returns, at times on a device where nobody knows them."""
    visitor = people.returning(pen.ts)
    if len(visitor.devices) < 4 and pen.dice.chance(0.25 if visitor.registered else 0.1):
        device = people.new_device(visitor)
    else:
        device = pen.dice.pick(visitor.devices)
    visit(pen, visitor, device)


def arrive(pen: Pen, people: People) -> None:
    """Somebody is here for the first time."""
    visitor = people.newcomer()
    visit(pen, visitor, visitor.devices[0])


def share_tablet(pen: Pen, tablet: Device, people: People) -> None:
    """Customers in a store use its tablet one after the other; not all of them log out."""
    launch(pen, tablet)
    for _ in range(pen.dice.between(2, 3)):
        visitor = people.customer(pen.ts)
        if visitor.registered:
            log_in(pen, visitor, tablet)
        else:
            register(pen, visitor, tablet)
        cart = browse(pen, tablet, pen.dice.between(1, 3))
        if pen.dice.chance(0.4):
            buy(pen, tablet, cart)
        if pen.dice.chance(0.4):
            log_out(pen, tablet)
        leave(pen, visitor)
    leave(pen, tablet)


def import_from_crm(pen: Pen, people: People) -> None:
    """The customer care system sends what it knows, also about people who were never seen here."""
    for _ in range(pen.dice.between(3, 6)):
        visitor = people.newcomer() if pen.dice.chance(0.4) else people.customer(pen.ts)
        known = {
            "Name": visitor.name,
            "Customer Type": pen.dice.pick(("Gold", "Silver", "Bronze")),
            "careCalls": {"$incr": 1},
        }
        pen.server(visitor.identities, {"type": "profile", "profileData": known})
        visitor.registered = True
        leave(pen, visitor)


def order_by_phone(pen: Pen, people: People) -> None:
    """The order desk knows its caller's address; no device has a part in it."""
    visitor = people.customer(pen.ts)
    data = bill(pen.dice, []) | {"channel": "phone"}
    pen.server({"email": visitor.email}, {"type": "event", "evtName": "Charged", "evtData": data})
    visitor.registered = True
    leave(pen, visitor)
