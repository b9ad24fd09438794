"""Random queries and what happens to one person, close enough together that most of it matters to most of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random
from typing import Any

from knownas.find.reading import from_object
from knownas.find.wrong import WrongQuery

NOW_MS = (20_779 * 86_400 + 13 * 3_600) * 1_000  # 2026-11-22
ZONES = ("UTC", "Europe/Dublin", "Pacific/Auckland", "America/Los_Angeles")
EVENTS = ("Charged", "Viewed")
PLANS = (
    "Gold",
    "gold",
    "Silver",
    "5",
    0,
    1,
    5,
    5.0,
    5.5,
    True,
    False,
    "2026-11-22",
    "2026-11-28",
    "$D_1794700800",
    "2026-12-20",
    "2026-11-24T10:00:00Z",
)
DAYS = (1, 2, 3, 7, 30, 91, 92, 93, 94, 200)
ISO = ("2026-08-20", "2026-08-23", "2026-11-20", "2026-11-22", "2026-11-25", "2027-02-01")
CITIES = ("Dublin", "Mumbai", "DUBLIN")


def queries(dice: Random, number: int) -> list[dict[str, Any]]:
    """So many queries, most of them of one condition."""
    found: list[dict[str, Any]] = []
    while len(found) < number:
        query = _query(dice, 2)
        with suppress(WrongQuery):  # some say nothing, and are refused for it
            from_object(query)
            found.append(query)
    return found


def _query(dice: Random, depth: int) -> dict[str, Any]:
    if depth == 0 or dice.random() < 0.6:
        return dice.choice(_LEAVES)(dice)
    parts = [_query(dice, depth - 1) for _ in range(dice.randint(1, 3))]
    return dice.choice([{"all": parts}, {"any": parts}, {"not": parts[0]}])


def _one_of(dice: Random, *values: dict[str, Any]) -> dict[str, Any]:
    return dice.choice(values)


def _window(dice: Random) -> dict[str, Any]:
    first, last = sorted([dice.choice(ISO), dice.choice(ISO)])
    days = {"inLast": dice.choice(DAYS)}
    return _one_of(dice, {}, days, days, days, days, {"from": first}, {"to": first}, {"from": first, "to": last})


def _bound(dice: Random, values: tuple[Any, ...]) -> dict[str, Any]:
    low, high = sorted([dice.choice(values), dice.choice(values)])
    name = dice.choice(["atLeast", "greater", "less", "atMost", "equals", "between"])
    return {name: [low, high] if name == "between" else low}


def _count(dice: Random) -> dict[str, Any]:
    return _bound(dice, (0, 1, 2, 3, 4, 6))


def _did(dice: Random) -> dict[str, Any]:
    said: dict[str, Any] = {"did": dice.choice(EVENTS), **_window(dice)}
    what = dice.random()
    if what < 0.25:
        tests = [{"property": "Amount", **_test(dice)}]
        said["where"] = tests
    if 0.1 < what < 0.6:
        said["count"] = _count(dice)
    elif what > 0.9:
        said[dice.choice(["sum", "average"])] = {"of": "Amount", **_bound(dice, (0, 1, 5, 7.5, 12))}
    return said | dice.choice([{}, {}, {}, {"orNone": True}])


def _edge(dice: Random) -> dict[str, Any]:
    return {dice.choice(["first", "last"]): dice.choice(EVENTS), **(_window(dice) or {"inLast": 7})}


def _test(dice: Random) -> dict[str, Any]:
    day = {"date": dice.choice(ISO)}
    some = [dice.choice(PLANS) for _ in range(3)]
    return _one_of(
        dice, {"equals": some[0]}, {"not": some[0]}, {"in": some}, {"exists": True}, {"missing": True},
        {"contains": "o"}, {"startsWith": "g"}, {"greater": 1}, {"between": [1, 5]}, {"atMost": "Gold"},
        {"equals": day}, {"less": day}, {"inLast": dice.choice(DAYS)}, {"inNext": dice.choice(DAYS)},
    )  # fmt: skip


def _property(dice: Random) -> dict[str, Any]:
    if dice.random() < 0.3:
        return {"property": "Plan", dice.choice(["inLast", "inNext"]): dice.choice(DAYS)}
    return {"property": dice.choice(["Plan", "tags"]), **_test(dice)}


def _field(dice: Random) -> dict[str, Any]:
    texts: list[dict[str, Any]] = [
        {"equals": "Dublin"},
        {"in": ["Dublin", "2.10"]},
        {"contains": "dub"},
        {"missing": True},
    ]
    text = dice.choice(texts)
    return _one_of(
        dice,
        {"field": "type", **_one_of(dice, {"equals": "customer"}, {"not": "anonymous"}, {"in": ["addressable"]})},
        {"field": "reachable", **_one_of(dice, {"equals": "email"}, {"in": ["push"]}, {"missing": True})},
        {"field": "test", "equals": dice.random() < 0.5},
        {"field": "linkedGuests", **_bound(dice, (0, 1, 2))},
        {"field": "age", **_one_of(dice, {"between": [29, 31]}, {"equals": 30}, {"less": 31}, {"exists": True})},
        {"field": "birthday", **_one_of(dice, {"today": True}, {"inNext": dice.choice([1, 2, 7, 365])})},
        {"field": "birthday", **_one_of(dice, {"on": "02-29"}, {"month": 11}, {"missing": True})},
        {"field": dice.choice(["firstAcquired", "lastSeen"]), "inLast": dice.choice(DAYS)},
        {"field": dice.choice(["firstAcquired", "lastSeen"]), dice.choice(["less", "not"]): ISO[3]},
        {"field": dice.choice(["city", "device", "os", "source", "timezone"]), **text},
        {"field": dice.choice(["appVersion", "osVersion"]), **_one_of(dice, {"greater": "2.9"}, {"atMost": "2.9.1"})},
        {"near": {"latitude": 53.35, "longitude": -6.26, "km": dice.choice([1, 100, 5_000])}},
    )  # fmt: skip


_LEAVES: tuple[Callable[[Random], dict[str, Any]], ...] = (_did, _did, _did, _edge, _property, _field, _field)


# ------------------------------------------------------------------------------------------------- what happens


def history(dice: Random, steps: int) -> Iterator[dict[str, Any]]:
    """What happens: records, links to guests, time that passes; now and then it turns out to be somebody's guest."""
    for _ in range(steps):
        what = dice.random()
        if what < 0.25:
            yield {"tick": dice.choice([60, 3_600, 7 * 3_600, 86_400, 86_400, 2 * 86_400, 29 * 86_400, 95 * 86_400])}
        elif what < 0.27:
            yield {"guest": f"g{dice.random()}"}
        elif what < 0.275:
            yield {"guestOf": "q"}
        else:
            yield {"record": _record(dice)}


def _record(dice: Random) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": dice.choice(["event"] * 5 + ["login", "profile", "profile", "test"]),
        "ago": dice.choice([-95, -40, -1, 0, 0, 0, 0, 0, 0, 1, 2, 6, 7, 29, 30, 90, 91, 92, 93, 200]),
        "second": dice.choice([0, 3_000, 40_000, 86_399]),
    }
    if said["type"] == "test":
        return said | {"test": dice.random() < 0.5}
    said["device"] = "d"
    if said["type"] == "event":
        said["evtName"] = dice.choice([*EVENTS, "Charged", "Other"])
        said["evtData"] = dice.choice([None, {"Amount": dice.choice([*PLANS, 7.5, [1, 2]])}])
    if said["type"] != "event" or dice.random() < 0.1:
        said["profileData"] = properties(dice)
    if said["type"] == "login":
        said["claims"] = dice.random() < 0.5
    if dice.random() < 0.3:
        said["context"] = context(dice)
    return said


def properties(dice: Random) -> dict[str, Any]:
    """What a record says of somebody's properties."""
    found: dict[str, Any] = {}
    if dice.random() < 0.5:
        found["Plan"] = dice.choice([*PLANS, {"$delete": 1}])
    if dice.random() < 0.3:
        found["tags"] = dice.choice([["Gold", 5], [1], {"$add": ["Silver"]}, {"$remove": ["Gold"]}])
    if dice.random() < 0.3:
        found[dice.choice(["DOB", "Birthday"])] = dice.choice(
            ["1996-02-29", "1996-11-22", "11-24-1996", "1995-12-01", "2026-11-22"]
        )
    if dice.random() < 0.2:
        found[dice.choice(["Timezone", "tz"])] = dice.choice([*ZONES, "Nowhere/Land"])
    if dice.random() < 0.2:
        found |= {"Email": dice.choice(["a@x.ie", "", "b@x.ie"])}
    if dice.random() < 0.2:
        found[dice.choice(["MSG-email", "MSG-push"])] = dice.random() < 0.5
    return found


def context(dice: Random) -> dict[str, Any]:
    """Where a record comes from."""
    every: dict[str, Any] = {
        "city": dice.choice(CITIES), "os": dice.choice(["iOS", "Dublin", None]), "appVersion": "2.10",
        "osVersion": dice.choice(["2.9.1", "2.9"]), "make": "Apple", "model": dice.choice(["Dublin", "15"]),
        "timezone": dice.choice(ZONES), "source": "Dublin", "pushToken": dice.choice(["t", None]),
        "latitude": dice.choice([53.35, 52.9, -33.0]), "longitude": dice.choice([-6.26, -6.2]),
    }  # fmt: skip
    return {key: every[key] for key in dice.sample(sorted(every), dice.randint(1, 4))}
