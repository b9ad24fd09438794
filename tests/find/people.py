"""Random people with their history, and random queries about them: whatever the language can say."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from knownas.nouns import FORMAT, Count, Entry, Profile, Property
from knownas.plain.finding import Asked

TODAY = 20_779  # 2026-11-22
NOW_MS = (TODAY * 86_400 + 13 * 3_600) * 1_000
ZONES = ("UTC", "Europe/Dublin", "Pacific/Auckland", "America/Los_Angeles")
EVENTS = ("Charged", "Viewed", "App Launched")
KEPT_DAYS = 92

_names = st.sampled_from(["Plan", "visits", "Customer Type", "age"])
_dates = st.sampled_from(
    ["2026-11-22", "2026-11-21", "2026-11-28", "11-29-2026", "$D_1794700800", "2026-11-20T10:00:00Z", "2026-02-30", "x"]
)
_scalars = st.one_of(
    st.sampled_from(["Gold", "gold", "Silver", "ß", "SS", "5", "", "2026-11-22"]),
    st.sampled_from([0, 1, 5, 5.0, 5.5, -3, 1e300, 2**62, 2**62 + 1]),
    st.booleans(),
    _dates,
)
_values = _scalars | st.lists(_scalars, max_size=3)
_birthdays = st.sampled_from(
    ["1996-02-29", "2000-11-22", "11-23-1990", "1985-12-01", "$D_-86400", "2026-11-22", "1990-02-30", "soon", None]
)
_texts = st.sampled_from(["Dublin", "Mumbai", "DUBLIN", "2.9.1", "2.10", "Apple", "iPhone 15", "en", "ads"])
_contexts = st.fixed_dictionaries(
    {},
    optional={
        "city": _texts, "country": _texts, "os": _texts, "osVersion": _texts, "appVersion": _texts, "make": _texts,
        "model": _texts, "language": _texts, "timezone": st.sampled_from([*ZONES, "Nowhere/Land"]),
    },
)  # fmt: skip
_places = st.sampled_from([{}, {"latitude": 53.35, "longitude": -6.26}, {"latitude": -89.9, "longitude": 179.9}])
_data = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "Amount": st.sampled_from([3, 5, 7.5, 0.1, 1e308, "9", None, [1, 2]]),
        "sku": _values,
        "Items": st.lists(
            st.fixed_dictionaries({}, optional={"sku": _scalars, "price": st.integers(0, 9)}), max_size=3
        ),
        "Items.price": st.sampled_from([1, None]),
    },
)


_mostly_charged = st.sampled_from(["Charged", "Charged", "Charged", "Viewed", "App Launched"])
_days_ago = st.sampled_from([-1, 0, 0, 1, 2, 6, 7, 29, 30, 90, 91, 92, 93, 199, 200, 201, 300]) | st.integers(0, 400)


class Person:
    """A profile, the timeline that is kept, and everything that ever happened."""

    def __init__(self, profile: Profile, kept: list[Entry], whole: list[Entry]) -> None:
        self.profile, self.kept, self.whole = profile, kept, whole

    def __repr__(self) -> str:
        return f"Person({self.profile}, kept={self.kept}, whole={self.whole})"


@st.composite
def people(draw: st.DrawFn, zone: str) -> Person:
    """Somebody, with counts as the fold would have made them."""
    happened = draw(st.lists(st.tuples(_mostly_charged, _days_ago, st.integers(0, 86_399), _data), max_size=14))
    whole = [
        Entry(
            FORMAT,
            (TODAY - ago) * 86_400 + second,
            "event",
            name,
            json.dumps(data).encode() if data else None,
            "events",
            0,
            i,
        )
        for i, (name, ago, second, data) in enumerate(happened)
    ]
    whole.append(Entry(FORMAT, TODAY * 86_400, "login", None, None, "events", 0, len(whole)))
    seen = [entry.ts for entry in whole]
    properties = {name: Property(draw(_values | st.none()), 5) for name in draw(st.lists(_names, unique=True))}
    for field in draw(st.sets(st.sampled_from(["DOB", "Birthday"]))):
        properties[field] = Property(draw(_birthdays), draw(st.integers(1, 2)))
    for field, value in draw(_contactable).items():
        properties[field] = Property(value, 5)
    profile = Profile(
        format=FORMAT, id=draw(st.sampled_from("abcd")), version=len(whole),
        type=draw(st.sampled_from(["anonymous", "addressable", "customer"])),
        guests=draw(st.lists(st.just("g"), max_size=2)), guest_of=draw(st.sampled_from([None, None, "p"])),
        properties=properties, events=_counted(whole, Asked(NOW_MS, zone)),
        first_seen=min(seen), last_seen=max(seen), tokens=draw(st.sampled_from([{}, {"d": "t"}])),
        context=draw(_contexts) | draw(_places), channel=draw(st.sampled_from([{}, {"source": "ads"}])),
        channel_ts=min(seen) + draw(st.sampled_from([0, 1_200, 1_201])),
        subscriptions=draw(st.sampled_from([{}, {"email:a@x.ie": Property(value=False, ts=1)}])),
        test=draw(st.booleans()), gone=draw(st.integers(0, 9)) == 0,
    )  # fmt: skip
    return Person(profile, whole[-draw(st.sampled_from([3, 6, 500])) :], whole)


_contactable = st.fixed_dictionaries(
    {},
    optional={
        "Email": st.sampled_from(["a@x.ie", " A@x.ie", "b@x.ie", "", 5]),
        "Phone": st.just("+3531"),
        "MSG-email": st.booleans(),
        "MSG-push": st.booleans(),
        "Timezone": st.sampled_from([*ZONES, "Nowhere/Land", 5]),
    },
)


def _counted(whole: list[Entry], asked: Asked) -> dict[str, Count]:
    counts = {}
    for name in EVENTS:
        times = [entry.ts for entry in whole if entry.name == name]
        if times:
            by_day = Counter(map(asked.day, times))
            kept = [n for day in sorted(by_day) if day > max(by_day) - KEPT_DAYS for n in (day, by_day[day])]
            counts[name] = Count(len(times), min(times), max(times), kept)
    return counts


# ---------------------------------------------------------------------------------------------------- queries

_iso = st.sampled_from(
    ["2026-11-22", "2026-11-20", "2026-08-22", "2026-08-23", "2026-08-24", "2025-12-01", "2024-02-29"]
)
_day_counts = st.sampled_from([1, 2, 7, 30, 90, 91, 92, 93, 95, 200, 201, 250, 400])


def _ordered(values: SearchStrategy[Any], *, key: Any = None) -> SearchStrategy[dict[str, Any]]:
    """One of the operators that compare, with its values."""
    one = st.sampled_from(["greater", "atLeast", "less", "atMost"])
    pair = st.tuples(values, values).map(lambda two: {"between": sorted(two, key=key)})
    return st.builds(lambda name, value: {name: value}, one, values) | pair


def _same(values: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    one = st.builds(lambda name, value: {name: value}, st.sampled_from(["equals", "not"]), values)
    return one | st.lists(values, min_size=1, max_size=3).map(lambda some: {"in": some})


_there = st.sampled_from([{"exists": True}, {"missing": True}])
_in_text = st.builds(
    lambda name, value: {name: value},
    st.sampled_from(["contains", "startsWith"]),
    st.sampled_from(["go", "S", "ss", ""]),
)
_dated = _iso.map(lambda day: {"date": day})
_tests = st.one_of(
    _same(_scalars | _dated),
    _there,
    _in_text,
    _ordered(st.sampled_from([0, 1, 5, 5.5, 2**62])),
    _ordered(st.sampled_from(["5", "Gold", "x"])),
    _ordered(_dated, key=lambda day: day["date"]),
    st.builds(lambda name, days: {name: days}, st.sampled_from(["inLast", "inNext"]), _day_counts),
)
_windows: SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    _day_counts.map(lambda days: {"inLast": days}),
    _iso.map(lambda day: {"from": day}),
    _iso.map(lambda day: {"to": day}),
    st.tuples(_iso, _iso).map(lambda two: {"from": min(two), "to": max(two)}),
)
_where = st.lists(
    st.builds(
        lambda name, test: {"property": name, **test},
        st.sampled_from(["Amount", "sku", "Items.sku", "Items.price"]),
        _tests,
    ),
    min_size=1,
    max_size=2,
).map(lambda tests: {"where": tests})
_counts = st.one_of(
    st.integers(0, 4).map(lambda n: {"equals": n}),
    st.integers(2, 4).map(lambda n: {"less": n}),
    st.integers(1, 4).map(lambda n: {"atMost": n}),
    st.builds(lambda name, n: {name: n}, st.sampled_from(["greater", "atLeast"]), st.integers(0, 4)),
    st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda two: {"between": sorted(two)}),
).map(lambda bound: {"count": bound})
_totals = st.builds(
    lambda kind, name, bound: {kind: {"of": name, **bound}},
    st.sampled_from(["sum", "average"]),
    st.sampled_from(["Amount", "Items.price"]),
    _ordered(st.sampled_from([0, 1, 3.5, 5, 12])) | st.integers(0, 9).map(lambda n: {"equals": n}),
)
_dids = st.builds(
    lambda event, window, where, bound, none: {"did": event, **where, **bound, **window, **none},
    _mostly_charged | st.just("Unheard Of"),
    _windows,
    st.just({}) | _where,
    st.just({}) | _counts | _totals,
    st.sampled_from([{}, {}, {"orNone": True}]),
)
_edges = st.builds(
    lambda which, event, window: {which: event, **window},
    st.sampled_from(["first", "last"]),
    st.sampled_from(EVENTS),
    _windows.filter(bool),
)
_some_texts = _same(_texts) | _there | _in_text
_versions = _some_texts | st.sampled_from(
    [{"greater": "2.9"}, {"atLeast": "2.10"}, {"less": "2.10.0"}, {"between": ["2.9", "2.10"]}]
)
_fields = st.one_of(
    _same(st.sampled_from(["anonymous", "customer"])).map(lambda t: {"field": "type", **t}),
    (_same(st.sampled_from(["email", "push", "sms"])) | _there).map(lambda t: {"field": "reachable", **t}),
    (_same(st.integers(0, 40)) | _there | _ordered(st.integers(0, 40))).map(lambda t: {"field": "age", **t}),
    st.one_of(
        st.just({"today": True}),
        st.sampled_from(["02-29", "11-22", "03-01"]).map(lambda day: {"on": day}),
        st.sampled_from([1, 2, 7, 99, 100, 365, 400]).map(lambda days: {"inNext": days}),
        st.sampled_from([2, 11]).map(lambda month: {"month": month}),
        _there,
    ).map(lambda t: {"field": "birthday", **t}),
    st.booleans().map(lambda yes: {"field": "test", "equals": yes}),
    st.builds(
        lambda name, test: {"field": name, **test},
        st.sampled_from(["firstAcquired", "lastSeen"]),
        _ordered(_iso) | _day_counts.map(lambda days: {"inLast": days}) | _iso.map(lambda day: {"not": day}),
    ),
    _ordered(st.integers(0, 2)).map(lambda t: {"field": "linkedGuests", **t}),
    st.builds(
        lambda name, test: {"field": name, **test},
        st.sampled_from(["city", "country", "language", "device", "os", "source", "campaign"]),
        _some_texts,
    ),
    st.builds(lambda name, test: {"field": name, **test}, st.sampled_from(["osVersion", "appVersion"]), _versions),
)
_near = st.builds(
    lambda lat, lon, km: {"near": {"latitude": lat, "longitude": lon, "km": km}},
    st.sampled_from([53.35, 53, 90.0]),
    st.sampled_from([-6.26, 0, 180]),
    st.sampled_from([0.0, 10, 50.5, 1e-7, 500, 20_000]),
)
_properties = st.builds(lambda name, test: {"property": name, **test}, _names, _tests)
_leaves = st.one_of(_properties, _dids, _dids, _fields, _edges, _near)

queries: SearchStrategy[dict[str, Any]] = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=5,
)
"""Queries in their JSON form."""
