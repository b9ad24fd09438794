"""People for the bench of finding: whole profiles with 90 days behind them, the same ones for the same seed.

Twenty event names, some daily and some rare; few are very active, many hardly at all. Cities are many and unevenly
lived in, a third of all people have tags, all have a birthday, none says a time zone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

from knownas.nouns import FORMAT, Count, Entry, Identity, Profile, Property
from knownas.profile.time import DAY_SECONDS, EPOCH

TODAY: Final = 20_779
NOW_MS: Final = (TODAY * DAY_SECONDS + 13 * 3_600) * 1_000
EVENTS: Final = ("App Launched", "Viewed", "Charged", "Added", "Searched", *(f"Event {i}" for i in range(15)))
DAILY: Final = {"App Launched": 0.10, "Viewed": 0.08, "Charged": 0.01, "Added": 0.03, "Searched": 0.03}
RARE: Final = 0.004
CITIES: Final = ("Mumbai", *(f"City {i}" for i in range(499)))
PLANS: Final = ("Gold", "Silver", "Bronze")
TAGS: Final = tuple(f"tag {i}" for i in range(20))

_WEIGHTS: Final = [1 / (i + 2) for i in range(500)]
_NOW: Final = NOW_MS // 1000


class Somebody(NamedTuple):
    """A person with their timeline."""

    profile: Profile
    timeline: list[Entry]


def crowd(people: int, seed: int = 7, entries: int = 5) -> Iterator[Somebody]:
    """So many people, each with so many of their newest events."""
    dice = random.Random(seed)
    for number in range(people):
        profile = _profile(dice, number)
        yield Somebody(profile, _timeline(profile, entries))


def email(number: int) -> Identity:
    """The e-mail of a person by number."""
    return Identity("email", f"person{number}@example.com")


def _profile(dice: random.Random, number: int) -> Profile:
    events = _events(dice)
    first = TODAY - dice.randrange(1, 700)
    last = max((count.days[-2] for count in events.values()), default=first)
    first = min(first, last)
    born = date(1950, 1, 1) + timedelta(dice.randrange(57 * 365))
    properties = {
        "Name": Property(f"Person {number}", _NOW),
        "Email": Property(email(number).value, _NOW),
        "Plan": Property(dice.choices(PLANS, [1, 3, 6])[0], _NOW),
        "DOB": Property(born.isoformat(), _NOW),
        "visits": Property(dice.randrange(2_000), _NOW),
    }
    if dice.random() < 0.3:
        tags = dice.sample(TAGS, dice.randrange(1, 4))
        properties["tags"] = Property([*tags, "vip"] if dice.random() < 0.15 else tags, _NOW)
    city = dice.choices(CITIES, _WEIGHTS)[0] if dice.random() > 0.05 else "Mumbai"
    return Profile(
        format=FORMAT, id=f"{dice.getrandbits(128):032x}", version=5, identities=[email(number)],
        type="customer" if "Charged" in events else dice.choice(("addressable", "addressable", "anonymous")),
        devices=[f"device-{number:09}"], properties=properties, events=events,
        first_seen=first * DAY_SECONDS, last_seen=last * DAY_SECONDS + 3_600,
        tokens={f"device-{number:09}": "t" * 40} if dice.random() < 0.6 else {},
        context={"os": "iOS", "appVersion": "2.1", "city": city, "country": "IN"},
    )  # fmt: skip


def _events(dice: random.Random) -> dict[str, Count]:
    activity = dice.random() ** 2 * 3
    events = {}
    for name in EVENTS:
        daily = DAILY.get(name, RARE) * activity
        chance = 1.0 if daily >= 0.02 else 0.35 if name == "Charged" else 0.15
        days = [day for day in range(TODAY - 89, TODAY + 1) if dice.random() < daily] if dice.random() < chance else []
        if days:
            kept = [number for day in days for number in (day, 1 + min(int(dice.expovariate(1)), 9))]
            earlier = dice.randrange(5)
            first = (days[0] - (200 if earlier else 0)) * DAY_SECONDS
            events[name] = Count(sum(kept[1::2]) + earlier, first, days[-1] * DAY_SECONDS + 3_600, kept)
    return events


def _timeline(profile: Profile, entries: int) -> list[Entry]:
    newest = sorted(((count.last, name) for name, count in profile.events.items()), reverse=True)[:entries]
    return [
        Entry(FORMAT, ts, "event", name, b'{"Amount": 30, "sku": "A-17"}', "events", 0, place)
        for place, (ts, name) in enumerate(reversed(newest))
    ]


def day_of(number: int) -> date:
    """A day since 1970."""
    return date.fromordinal(number + EPOCH)
