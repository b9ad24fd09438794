"""Who matches a query, by looking at everybody: the answer that an index must give.

A query is its JSON form and is taken to be valid. `matches` says for one profile whether it does, and whether that is
exact: the first day (as a number since 1970) from which on it is, or None. `find` goes through all profiles: tombstones
match nothing, orphans are counted apart.

What is known of the past: totals, first and last times are exact, counts by day for the newest 92 days of each event,
single events as long as the timeline has them. What cannot be told exactly is answered from what is known.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from knownas.nouns import Count, Entry, Profile

_EPOCH: Final = date(1970, 1, 1)
_CHANNELS: Final = (("email", "Email", "email"), ("push", None, None), ("sms", "Phone", "phone"))

Exact = int | None
Answer = tuple[bool, Exact]


class People(NamedTuple):
    """Ids of the people and of the orphans that match, and the day from which on the answer is exact (None: it is)."""

    people: list[str]
    orphans: list[str]
    exact_since: Exact


class Asked(NamedTuple):
    """The time a query is asked at, and the deployment's time zone."""

    now_ms: int
    zone: str = "UTC"

    def day(self, seconds: float) -> int:
        """The day of a moment."""
        zone = UTC if self.zone == "UTC" else ZoneInfo(self.zone)
        return (datetime.fromtimestamp(int(seconds), zone).date() - _EPOCH).days

    @property
    def today(self) -> int:
        """The day it is."""
        return self.day(self.now_ms / 1000)


def find(
    query: Mapping[str, Any], profiles: Iterable[Profile], timelines: Mapping[str, Sequence[Entry]], asked: Asked
) -> People:
    """Everybody who matches."""
    people: list[str] = []
    orphans: list[str] = []
    since: Exact = None
    for profile in profiles:
        if profile.gone:
            continue
        holds, exact = matches(query, profile, timelines.get(profile.id, ()), asked)
        if exact is not None and (since is None or exact > since):
            since = exact
        if holds:
            (people if profile.guest_of is None else orphans).append(profile.id)
    return People(sorted(people), sorted(orphans), since)


def matches(query: Mapping[str, Any], profile: Profile, timeline: Sequence[Entry], asked: Asked) -> Answer:
    """Whether one profile matches, and since when that is exact."""
    if "property" in query:
        held = profile.properties.get(query["property"])
        return _test(query, "property", _items(held.value if held else None), asked.today), None
    if "field" in query:
        return _field(query, profile, asked), None
    if "did" in query:
        return _did(query, profile, timeline, asked)
    if "first" in query or "last" in query:
        which = "first" if "first" in query else "last"
        count = profile.events.get(query[which])
        return count is not None and asked.day(getattr(count, which)) in _days(query, asked), None
    if "near" in query:
        return _near(query["near"], profile), None
    if "not" in query:
        holds, since = matches(query["not"], profile, timeline, asked)
        return not holds, since
    wanted = "any" in query
    answers = [matches(part, profile, timeline, asked) for part in query["any" if wanted else "all"]]
    if (wanted, None) in answers:
        return wanted, None
    since = max((exact for _, exact in answers if exact is not None), default=None)
    return any(holds for holds, _ in answers) if wanted else all(holds for holds, _ in answers), since


# ------------------------------------------------------------------------------------------------ what people did


class _Days(NamedTuple):
    """From one day to another, both included."""

    first: float
    last: float

    def __contains__(self, day: object) -> bool:
        return isinstance(day, int) and self.first <= day <= self.last


def _days(query: Mapping[str, Any], asked: Asked) -> _Days:
    if "inLast" in query:
        return _Days(asked.today - query["inLast"] + 1, math.inf)
    return _Days(
        _number(query["from"]) if "from" in query else -math.inf, _number(query["to"]) if "to" in query else math.inf
    )


def _number(text: str) -> int:
    return (date.fromisoformat(text) - _EPOCH).days


def _did(query: Mapping[str, Any], profile: Profile, timeline: Sequence[Entry], asked: Asked) -> Answer:
    days, name = _days(query, asked), query["did"]
    count = profile.events.get(name)
    if count is None:
        return _none_is_fine(query), None
    known, since = _known_by_day(count, days, asked)
    if known == 0 and since is None:
        return _none_is_fine(query), None
    if not any(key in query for key in ("where", "sum", "average")):
        return _bounded(query, known, since)
    events = [entry for entry in timeline if entry.type == "event" and entry.name == name]
    since = _complete_from(count, events, asked)
    if since is not None and since <= max(days.first, asked.day(count.first)):
        since = None
    passing = [
        data
        for entry in events
        if asked.day(entry.ts) in days
        and (data := json.loads(entry.data or b"null") or {}) is not None
        and all(
            _test(test, "property", _inside(data, test["property"]), asked.today) for test in query.get("where", [])
        )
    ]
    if "sum" not in query and "average" not in query:
        return _bounded(query, len(passing), since)
    if not passing:
        return bool(query.get("orNone")), since
    bound = query.get("sum") or query.get("average") or {}
    values = [value for data in passing for value in _inside(data, bound["of"]) if type(value) in (int, float)]
    total = sum(map(Fraction, values), Fraction(0)) / (len(passing) if "average" in query else 1)
    return _compare(bound, total), since


def _known_by_day(count: Count, days: _Days, asked: Asked) -> tuple[int, Exact]:
    """How often at least within these days, and from which day on there cannot have been more."""
    by_day = dict(zip(count.days[::2], count.days[1::2], strict=True))
    first, last = asked.day(count.first), asked.day(count.last)
    within = sum(number for day, number in by_day.items() if day in days)
    if sum(by_day.values()) == count.count:
        return within, None
    oldest = max(by_day) - 91 if by_day else last + 1
    # What is not known by day lies between the first time and the oldest day kept: all in the window, none, or some.
    if days.first <= first and days.last >= oldest - 1:
        return within + count.count - sum(by_day.values()), None
    if days.last < first or days.first >= oldest:
        return within, None
    return within + (first in days), oldest


def _complete_from(count: Count, events: list[Entry], asked: Asked) -> Exact:
    """The day from which on the timeline has every one of these events."""
    if len(events) == count.count:
        return None
    by_day = dict(zip(count.days[::2], count.days[1::2], strict=True))
    lacking = [day for day, number in by_day.items() if number != sum(asked.day(e.ts) == day for e in events)]
    if lacking:
        return max(lacking) + 1
    if sum(by_day.values()) == count.count:
        return asked.day(count.first)
    return max(by_day) - 91 if by_day else asked.day(count.last) + 1


def _none_is_fine(query: Mapping[str, Any]) -> bool:
    """Whoever has none is left out unless asked for by name or by number."""
    bound = query.get("count", {})
    zero = bound.get("equals") == 0 or bound.get("atLeast") == 0 or (bound.get("between") or [1])[0] == 0
    return bool(query.get("orNone")) or zero


def _bounded(query: Mapping[str, Any], number: int, since: Exact) -> Answer:
    if number == 0:
        return _none_is_fine(query), since
    bound = query.get("count", {"atLeast": 1})
    # More of them, beyond what is known, could only matter while some greater number would be judged otherwise.
    reached = {_compare(bound, more) for more in (number, number + 1, *_edges(bound, number))}
    return _compare(bound, number), None if len(reached) == 1 else since


def _edges(bound: Mapping[str, Any], number: int) -> list[int]:
    """Numbers just around the bounds, as far as they are greater than this one, and one beyond all."""
    named = [value for held in bound.values() for value in (held if isinstance(held, list) else [held])]
    return [n for value in named for n in (value - 1, value, value + 1) if n > number] + [max([number, *named]) + 2]


def _compare(bound: Mapping[str, Any], value: Any) -> bool:
    checks: dict[str, Callable[[Any], bool]] = {
        "equals": lambda held: value == held,
        "greater": lambda held: value > held,
        "atLeast": lambda held: value >= held,
        "less": lambda held: value < held,
        "atMost": lambda held: value <= held,
        "between": lambda held: held[0] <= value <= held[1],
    }
    return all(checks[key](held) for key, held in bound.items() if key in checks)


def _inside(data: Any, path: str) -> list[Any]:
    """What an event says at a name or a dotted path, lists looked through."""
    if isinstance(data, list):
        return [value for item in data for value in _inside(item, path)]
    if not isinstance(data, dict):
        return []
    if _items(data.get(path)):
        return _items(data[path])
    if "." not in path:
        return []
    return _inside(data.get(path.split(".", 1)[0]), path.split(".", 1)[1])


# ------------------------------------------------------------------------------------------------ what people are


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _test(query: Mapping[str, Any], head: str, items: list[Any], today: int) -> bool:
    """The one operator beside the head, asked of the items that are there."""
    ((operator, held),) = [(key, value) for key, value in query.items() if key != head]
    if operator == "exists":
        return items != []
    if operator == "missing":
        return items == []
    if operator == "not":
        return not any(_equal(item, held) for item in items)
    return any(_one(operator, item, held, today) for item in items)


def _one(operator: str, item: Any, held: Any, today: int) -> bool:
    if operator in ("equals", "in"):
        return any(_equal(item, wanted) for wanted in (held if operator == "in" else [held]))
    if operator in ("contains", "startsWith"):
        if not isinstance(item, str):
            return False
        text, part = item.casefold(), held.casefold()
        return part in text if operator == "contains" else text[: len(part)] == part
    if operator in ("inLast", "inNext"):
        day = _day_in(item)
        return day is not None and (0 <= today - day < held if operator == "inLast" else 0 <= day - today < held)
    bounds = held if operator == "between" else [held]
    if isinstance(bounds[0], dict):
        bounds = [_number(bound["date"]) for bound in bounds]
        item = _day_in(item)
    if item is None or _sort(item) != _sort(bounds[0]) or isinstance(item, bool):
        return False
    return _compare({operator: bounds if operator == "between" else bounds[0]}, item)


def _sort(value: Any) -> str:
    return (
        "boolean" if isinstance(value, bool) else "number" if isinstance(value, int | float) else type(value).__name__
    )


def _equal(item: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return _day_in(item) == _number(wanted["date"])
    return _sort(item) == _sort(wanted) and bool(item == wanted)


def _day_in(value: Any) -> int | None:
    """The day that a text names."""
    if not isinstance(value, str):
        return None
    if len(value) > 10 and value[10] in "T " and value[4] == "-":
        value = value[:10]
    born = _birthday(value)
    return None if born is None else (born - _EPOCH).days


def _birthday(value: Any) -> date | None:
    if not isinstance(value, str) or not value.isascii():
        return None
    try:
        if value.startswith("$D_"):
            digits = value[3:].removeprefix("-")
            if not digits.isdecimal() or len(digits) > 12:
                return None
            return _EPOCH + timedelta(days=int(value[3:]) // 86_400)
        parts = value.split("-")
        if not all(part.isdecimal() for part in parts):
            return None
        if [len(part) for part in parts] == [4, 2, 2]:
            return date(*map(int, parts))
        if [len(part) for part in parts] == [2, 2, 4]:
            return date(int(parts[2]), int(parts[0]), int(parts[1]))
    except (ValueError, OverflowError):
        return None
    return None


def _field(query: Mapping[str, Any], profile: Profile, asked: Asked) -> bool:
    name = query["field"]
    if name == "birthday":
        return _birthday_test(query, profile, asked)
    if name in ("firstAcquired", "lastSeen"):
        seen = asked.day(profile.first_seen if name == "firstAcquired" else profile.last_seen)
        return _time_test(query, seen, asked.today)
    if name in ("osVersion", "appVersion"):
        return _version_test(query, profile.context.get(name))
    return _test(query, "field", _items(_field_value(name, profile, asked)), asked.today)


def _field_value(name: str, profile: Profile, asked: Asked) -> Any:
    if name == "type":
        return profile.type
    if name == "reachable":
        return _reachable(profile)
    if name == "test":
        return profile.test
    if name == "linkedGuests":
        return len(profile.guests) + profile.guests_more
    if name == "age":
        born, today = _born(profile), _today_there(profile, asked)
        if born is None:
            return None
        return max(0, today.year - born.year - ((today.month, today.day) < (born.month, born.day)))
    if name == "device":
        parts = [profile.context[key] for key in ("make", "model") if key in profile.context]
        return [*parts, " ".join(parts)] if parts else None
    if name in ("source", "medium", "campaign", "referrer"):
        return profile.channel.get(name) if profile.channel_ts <= profile.first_seen + 1200 else None
    return profile.context.get(name)


def _time_test(query: Mapping[str, Any], seen: int, today: int) -> bool:
    if "inLast" in query:
        days: int = query["inLast"]
        return seen > today - days
    if "not" in query:
        return seen != _number(query["not"])
    ((operator, held),) = [(key, value) for key, value in query.items() if key != "field"]
    return _compare({operator: list(map(_number, held)) if operator == "between" else _number(held)}, seen)


def _version_test(query: Mapping[str, Any], held: str | None) -> bool:
    ((operator, wanted),) = [(key, value) for key, value in query.items() if key != "field"]
    if operator not in ("greater", "atLeast", "less", "atMost", "between"):
        return _test(query, "field", _items(held), 0)
    if held is None:
        return False
    return _compare({operator: list(map(_parts, wanted)) if operator == "between" else _parts(wanted)}, _parts(held))


def _parts(version: str) -> list[int]:
    digits = "".join(c if c.isascii() and c.isdecimal() else " " for c in version)
    return [int(part) for part in digits.split()]


def _born(profile: Profile) -> date | None:
    said = [(held.ts, field == "DOB", born) for field in ("DOB", "Birthday")
            if (held := profile.properties.get(field)) and (born := _birthday(held.value))]  # fmt: skip
    return max(said)[2] if said else None


def _today_there(profile: Profile, asked: Asked) -> date:
    named = [profile.properties[key].value for key in ("Timezone", "tz") if key in profile.properties]
    for name in [*named, profile.context.get("timezone")]:
        if isinstance(name, str) and name:
            try:
                return datetime.fromtimestamp(asked.now_ms // 1000, ZoneInfo(name)).date()
            except (LookupError, ValueError, OSError):
                continue
    return datetime.fromtimestamp(asked.now_ms // 1000, UTC).date()


def _birthday_test(query: Mapping[str, Any], profile: Profile, asked: Asked) -> bool:
    born = _born(profile)
    if "exists" in query or "missing" in query:
        return (born is not None) == ("exists" in query)
    if born is None:
        return False
    if "on" in query:
        wanted: str = query["on"]
        return wanted == f"{born.month:02d}-{born.day:02d}"
    if "month" in query:
        return bool(born.month == query["month"])
    today = _today_there(profile, asked)
    coming = {today + timedelta(days=n) for n in range(min(query.get("inNext", 1), 366))}
    return any(_is_birthday(born, day) for day in coming)


def _is_birthday(born: date, day: date) -> bool:
    leaps = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
    if (born.month, born.day) == (2, 29) and not leaps:
        return (day.month, day.day) == (3, 1)
    return (day.month, day.day) == (born.month, born.day)


def _near(place: Mapping[str, float], profile: Profile) -> bool:
    """By the angle between two directions from the centre of the earth."""
    here = profile.context
    if "latitude" not in here or "longitude" not in here:
        return False
    one, other = _direction(here["latitude"], here["longitude"]), _direction(place["latitude"], place["longitude"])
    km = 2 * 6371.0088 * math.asin(min(1.0, math.dist(one, other) / 2))
    return km <= place["km"]


def _direction(latitude: float, longitude: float) -> tuple[float, float, float]:
    up, round_ = math.radians(latitude), math.radians(longitude)
    return math.cos(up) * math.cos(round_), math.cos(up) * math.sin(round_), math.sin(up)


def _reachable(profile: Profile) -> list[str]:
    found = []
    for channel, field, address in _CHANNELS:
        switch = profile.properties.get(f"MSG-{channel}")
        if switch is not None and switch.value is False:
            continue
        if field is None or address is None:
            if profile.tokens:
                found.append(channel)
            continue
        held = profile.properties.get(field)
        if held is None or type(held.value) not in (str, int) or held.value in ("", 0):
            continue
        text = str(held.value).strip()
        text = text.lower() if address == "email" else "+" + "".join(c for c in text if c.isdigit()).lstrip("0")
        opted = profile.subscriptions.get(f"{address}:{text}")
        if opted is None or opted.value is not False:
            found.append(channel)
    return found
