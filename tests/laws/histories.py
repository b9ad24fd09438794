"""Random histories: few devices, few identities and few properties, so that everything meets everything."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from knownas.nouns import EVENTS, UPDATES, Identity
from tests.builders import NAMES, NOON, setting
from tests.engines import Sent, place_of, time_of
from tests.harness import Bench, Partition, Poll

PARTITIONS = 2
SHARDS = 2
DEVICES = [f"d-{n}" for n in range(5)]
SETTING = setting(
    PARTITIONS, SHARDS, kinds=("identity", "email", "phone"), region="IE", day_timezone="America/St_Johns"
)
PLACES: list[Partition] = [(topic, number) for topic in (EVENTS, UPDATES) for number in range(PARTITIONS)]


class Send(NamedTuple):
    """A producer sends a record; `hint` is where it ends up if not where it belongs."""

    value: bytes | None
    where: Partition


class Step(NamedTuple):
    """The worker of a partition (or of a shard, after those) goes on by `gaps`; a new poll takes up to `size`."""

    worker: int
    size: int
    gaps: int


class Crash(NamedTuple):
    """The worker of a partition or shard dies where it stands."""

    worker: int


Act = Send | Step | Crash
WORKERS = len(PLACES) + SHARDS

_junk_values = st.sampled_from(["", " ", "null", "NaN", "'0'", "--", False, None, 0, "unknown", "[object Object]"])
_times = st.none() | st.integers(NOON - 30, NOON + 30) | st.sampled_from([NOON + 0.5, float(NOON), NOON + 90_000, -1])
_other_days = st.sampled_from([0, -100, -93, -92, -91, -1, 1]).flatmap(
    lambda days: st.sampled_from([-1201, -1200, -600, 0, 0.5, 1200, 1201]).map(lambda s: NOON + s + (days - 1) * 86_400)
)
"""Around the ends of sessions and of what is kept of days."""

_emails = st.sampled_from(["ann@x.ie", " Ann@X.ie", "bob@x.ie", "cy@x.ie"])
_identities = st.fixed_dictionaries(
    {},
    optional={
        "identity": st.sampled_from([1, 1.0, "1", "2", "3", 2**70]) | _junk_values,
        "email": _emails | _junk_values,
        "phone": st.sampled_from(["086 123 4567", "+353861234567", 353861234567, "12", "+44 20 7946 0000"]),
        "facebook": st.sampled_from(["f1", None, True, [1], "x" * 600]),
        "loyalty": st.sampled_from(["gold", 5, None, {"a": 1}]),
    },
)
_scalars = st.sampled_from(["a", "b", 1, 1.0, 2.5, True, False, None, 2**63 - 1, "y" * 600, -0.0])
_lists = st.lists(st.sampled_from(["a", "b", 1, 1.0, True, 3]), max_size=4)
_operators = st.one_of(
    st.builds(lambda name, value: {name: value}, st.sampled_from(["$set", "$setOnce"]), _scalars | _lists),
    st.builds(lambda name, value: {name: value}, st.sampled_from(["$add", "$remove"]), _scalars | _lists),
    st.builds(lambda name, value: {name: value}, st.sampled_from(["$incr", "$decr"]), _scalars),
    st.sampled_from([{"$delete": 1}, {"$unknown": 1}, {}, {"$set": {"a": 1}}, {"$set": 1, "$add": 2}]),
)
_properties = st.fixed_dictionaries(
    {},
    optional={
        "Plan": _scalars | _lists | _operators,
        "visits": _scalars | _operators,
        "tags": _lists | _operators,
        "Email": _emails | _junk_values | st.sampled_from([{"$set": "bob@x.ie"}, {"$delete": 1}, ["ann@x.ie"]]),
        "Phone": st.sampled_from(["+353861234567", "12", None]),
        "MSG-email": st.booleans(),
        "age": st.just(5),
        "DOB": st.sampled_from(
            ["1992-02-29", "$D_-86400", "1990-02-30", None, 5, {"$setOnce": "2001-12-31"}, {"$add": "x"}]
        ),
        "Birthday": st.sampled_from(["11-21-2000", "2025-11-23", "1875-11-20", "", {"$set": "$D_0"}, {"$delete": 1}]),
        "Timezone": st.sampled_from(["Pacific/Auckland", "Utopia", "", 5, None]),
    },
)
_places = st.fixed_dictionaries(
    {},
    optional={
        "city": st.sampled_from(["Cork", "Oslo", "", None]),
        "country": st.sampled_from(["IE", "NO", None]),
        "latitude": st.sampled_from([51.9, 59, 59.0, -0.0, 90.5, True, "51", None]),
        "longitude": st.sampled_from([-8.5, 10.75, 180, -181, None]),
    },
)
_systems = st.fixed_dictionaries(
    {},
    optional={
        "os": st.sampled_from(["iOS", "Android", "", "x" * 600, 5, None]),
        "appVersion": st.sampled_from(["1.0", "2.0"]),
        "timezone": st.sampled_from(["Europe/Dublin", "America/St_Johns", "../etc", None]),
        "source": st.sampled_from(["google", "", None, ["x"]]),
        "campaign": st.sampled_from(["spring", "y" * 600]),
        "ip": st.just("10.0.0.1"),
        "pushToken": st.sampled_from(["t1", None, 5]),
    },
)
_contexts = st.none() | st.builds(lambda system, place: system | place, _systems, _places)
_answers = st.booleans()
_subscriptions = st.fixed_dictionaries(
    {},
    optional={
        "email": st.dictionaries(_emails | st.sampled_from(["null", "x" * 600]), _answers, max_size=3),
        "phone": st.dictionaries(st.sampled_from(["086 123 4567", "12", "+442079460000"]), _answers, max_size=2),
    },
)
_odd_subscriptions = st.sampled_from([{"sms": {}}, {"email": None}, {"email": {"ann@x.ie": 1}}, [], {}])
_profiles = st.sampled_from(
    [
        NAMES.guest(DEVICES[0], 0),
        NAMES.guest(DEVICES[1], 1),
        NAMES.person(Identity("email", "ann@x.ie"), 0),
        NAMES.person(Identity("email", "ann@x.ie"), 1),
        "no-such",
        "",
    ]
)


def _mostly(usual: SearchStrategy[Any], odd: SearchStrategy[Any], often: int = 9) -> SearchStrategy[Any]:
    """So many usual values for an odd one."""
    return st.integers(0, often).flatmap(lambda dice: usual if dice else odd)


_people = st.fixed_dictionaries(
    {}, optional={"identity": st.sampled_from([1, "1", "2", "3"]), "email": _emails, "phone": st.just("+353861234567")}
)
_odd_addresses: SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"device": st.sampled_from(["null", "", "d" * 129, "0-0"])}),
    st.fixed_dictionaries({"profile": _profiles, "device": st.just("d-1")}),
    st.fixed_dictionaries({"device": st.sampled_from(DEVICES), "identities": _identities}),
    st.just({}),
)
_named = _mostly(_people, _identities, 4)
_addresses = {
    "login": _mostly(st.fixed_dictionaries({"device": st.sampled_from(DEVICES), "identities": _named}), _odd_addresses),
    "logout": _mostly(st.fixed_dictionaries({"device": st.sampled_from(DEVICES)}), _odd_addresses),
    "event": _mostly(
        st.one_of(
            st.fixed_dictionaries({"device": st.sampled_from(DEVICES)}),
            st.fixed_dictionaries({"device": st.sampled_from(DEVICES)}),
            st.fixed_dictionaries({"device": st.sampled_from(DEVICES), "identities": _named}),
            st.fixed_dictionaries({"identities": _named}),
            st.fixed_dictionaries({"profile": _profiles}),
        ),
        _odd_addresses,
    ),
}
_contents = st.fixed_dictionaries(
    {},
    optional={
        "ts": _mostly(st.none() | st.integers(NOON - 30, NOON + 30) | _other_days, _times),
        "evtName": _mostly(st.sampled_from(["Viewed", "Charged", "Shared\0"]), st.just("")),
        "evtData": _mostly(
            st.sampled_from([None, {"sku": "A1", "price": 9.5}, {"a\0b": {"c": [1e16, "é"]}}]), st.just({"n": 2**63})
        ),
        "profileData": _properties | st.none(),
        "context": _contexts,
        "subscriptions": _mostly(_subscriptions, _odd_subscriptions),
        "test": st.sampled_from([True, False, None]),
        "id": _mostly(st.sampled_from(["a", "b", None]), st.sampled_from(["", "z" * 129, 5])),
        "suppress": _mostly(st.just(value=False), st.just(value=True)),
        "extra": st.sampled_from([1, "\0", None]),
    },
)


_KINDS = ["event", "event", "login", "login", "profile", "logout"]
_ADDRESSED = ["demerge", "delete", "release", "test", "test"]


@st.composite
def _records(draw: st.DrawFn, operators: bool) -> dict[str, Any]:
    kinds = st.sampled_from(_KINDS)
    kind = draw(_mostly(kinds, st.sampled_from(_ADDRESSED), 4) if operators else kinds)
    address = draw(_addresses[kind if kind in _addresses else "event"])
    record: dict[str, Any] = {"type": kind, "evtName": "Viewed"} | draw(_contents) | address
    return record


def _texts(operators: bool) -> SearchStrategy[bytes]:
    return st.builds(
        lambda record, style: json.dumps(record, **style).encode(),
        _records(operators),
        st.sampled_from([{}, {"indent": 1}, {"ensure_ascii": False, "separators": (",", ":")}]),
    )


_oddities = st.sampled_from(
    [None, b"", b"[]", b"5", b"{", b'{"type":"event","device":5', b'{"type":"event","x":"\xff"}', b"{}" * 40_000,
     b'{"device":5,"type":"dance"}', b'{"type":"event","device":"d-1","evtName":"A","evtData":{"x":1e999}}',
     b'{"type":"event","device":"d-1","evtName":"A","x":' + b"[" * 3000 + b"]" * 3000 + b"}",
     b' {"type":"event","device":"d-1","evtName":"\\\\u0000" , "evtData" : { "a" : 1 } , "device":"d-2"}\n',
     b'{"type":"event","device":"d-1","evtName":"A","y":"\\ud800"}', b'{"type":"event","device":"d-1","y":NaN}']
)  # fmt: skip


@st.composite
def _sends(draw: st.DrawFn, operators: bool) -> Send:
    value = draw(_mostly(_texts(operators), _oddities, 20))
    goes_home, elsewhere = draw(st.integers(0, 7)), draw(st.sampled_from(PLACES))
    record = None
    if value is not None and value.startswith(b"{") and goes_home:
        # Whether it is too deep hinges on how deep the stack is: nothing may be drawn after that.
        with suppress(ValueError, RecursionError):
            record = json.loads(value)
    where = place_of(Sent(record), SETTING) if isinstance(record, dict) else elsewhere
    return Send(value, where)


def histories(*, operators: bool = True) -> SearchStrategy[list[Act]]:
    """Records, steps of workers and crashes, in any order; with or without what operators send:
    demerges, deletions, releases and test marks."""
    steps = st.builds(Step, st.integers(0, WORKERS - 1), st.integers(1, 7), st.integers(1, 8))
    crashes = st.builds(Crash, st.integers(0, WORKERS - 1))
    acts: SearchStrategy[Act] = st.integers(0, 12).flatmap(
        lambda dice: _sends(operators) if dice < 5 else crashes if dice > 10 else steps
    )
    return st.integers(1, 70).flatmap(lambda count: st.lists(acts, min_size=count, max_size=count))


def play(history: list[Act]) -> Bench:
    """Run a history on a bench, then let the workers finish."""
    bench = Bench(SETTING)
    polls: dict[int, Poll] = {}
    sent = 0
    for act in history:
        if isinstance(act, Send):
            sent += 1
            bench.produce(act.where, act.value, time_of(sent), b"k")
        elif isinstance(act, Crash):
            polls.pop(act.worker, None)
        else:
            poll = polls.setdefault(act.worker, _poll(bench, act.worker, act.size))
            if len(list(islice(poll, act.gaps))) < act.gaps:
                del polls[act.worker]
    bench.drain(3)
    return bench


def _poll(bench: Bench, worker: int, size: int) -> Poll:
    if worker >= len(PLACES):
        return bench.materialize(worker - len(PLACES), size)
    return bench.resolve(PLACES[worker], size)


def told(history: list[Act]) -> str:
    """A history for a reader."""
    lines = []
    for act in history:
        if isinstance(act, Send):
            value = act.value if act.value is None or len(act.value) < 300 else act.value[:300] + b"..."
            lines.append(f"send   {act.where[0]}/{act.where[1]} {value!r}")
        else:
            lines.append(
                f"{type(act).__name__.lower():6} {_worker(act.worker)}"
                + (f" up to {act.size}" if isinstance(act, Step) else "")
            )
    return "\n".join(lines)


def _worker(number: int) -> str:
    return "{}/{}".format(*PLACES[number]) if number < len(PLACES) else f"shard {number - len(PLACES)}"
