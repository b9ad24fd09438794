"""What producers send and what the stages publish, held against the schemas: the shop and random histories, played by
the real stages on in-memory twins of Kafka and the store."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any, Final

import jsonschema_rs
import msgspec
import orjson
import pytest
from tools.contract import bundles

from knownas.demo.shop import traffic
from knownas.nouns import CHANGED, EVENTS, LEDGER, REJECTED, RESOLVED, SEGMENTS, UPDATES, Definition, Entry, murmur2
from knownas.profile.timeline import Pager, as_json
from knownas.records.identities import IdentityRules
from knownas.records.intake import Flaw, take_in
from tests.builders import setting
from tests.simulation.histories import definitions, history
from tests.simulation.world import QUIET, World

NOW: Final = 1_763_700_000
RECORDS: Final = 600
HISTORIES: Final = 20
ANYBODY: Final = {"all": [{"did": "Charged"}]}

_read_entry: Final = msgspec.msgpack.Decoder(Entry).decode

UNSEEN: Final = {"bad_device", "future_ts", "too_large", "too_deep", "number_out_of_range", "empty", "not_json"}
"""Flaws that a schema does not see: they need the clock, the bytes, or a list of placeholders."""


@cache
def validator(name: str) -> Any:
    """By a schema's file."""
    return jsonschema_rs.validator_for(bundles.documents()[name])


def test_the_shops_records_fit_their_schema_if_and_only_if_their_shape_is_no_reason_to_reject_them() -> None:
    seen: set[str] = set()
    for sending in islice(traffic(3, 20_000, NOW), 20_000):
        taken = take_in(sending.value, NOW * 1000, IdentityRules())
        reason = taken.reason if isinstance(taken, Flaw) else ""
        seen.add(reason)
        if reason not in {"not_json", "empty"}:
            record = orjson.loads(sending.value or b"")
            assert validator("record").is_valid(record) == (reason == "" or reason in UNSEEN), (reason, record)
    assert {"", "unknown_type"} <= seen


WRONG: Final[dict[str, dict[str, Any]]] = {
    "no type": {"device": "d-1", "evtName": "A"},
    "an unknown type": {"type": "party", "device": "d-1"},
    "an event without a name": {"type": "event", "device": "d-1"},
    "an event with a long name": {"type": "event", "device": "d-1", "evtName": "A" * 513},
    "a record of nobody": {"type": "profile"},
    "a login without a device": {"type": "login", "identities": {"email": "a@x.ie"}},
    "a device that is a number": {"type": "event", "device": 7, "evtName": "A"},
    "a long device": {"type": "event", "device": "d" * 129, "evtName": "A"},
    "a time before 1970": {"type": "event", "device": "d-1", "evtName": "A", "ts": -1},
    "an identity that is a list": {"type": "login", "device": "d-1", "identities": {"email": ["a@x.ie"]}},
    "a profile beside a device": {"type": "event", "device": "d-1", "profile": "p", "evtName": "A"},
    "too many keys": {"type": "event", "device": "d-1", "evtName": "A", "evtData": dict.fromkeys(map(str, range(257)))},
    "an unknown channel": {"type": "profile", "device": "d-1", "subscriptions": {"fax": {"1": True}}},
    "a deletion of two at once": {"type": "delete", "device": "d-1", "identities": {"email": "a@x.ie"}},
    "a release of nothing": {"type": "release"},
    "a mark that is none": {"type": "test", "device": "d-1"},
    "a foreign field of a wrong type": {"type": "logout", "device": "d-1", "test": "yes"},
    "an empty id": {"type": "logout", "device": "d-1", "id": ""},
}


@pytest.mark.parametrize("record", WRONG.values(), ids=WRONG)
def test_what_the_intake_rejects_for_its_shape_does_not_fit(record: dict[str, Any]) -> None:
    taken = take_in(orjson.dumps(record), NOW * 1000, IdentityRules())
    assert isinstance(taken, Flaw) or taken.named.usable == ()  # one of nobody is rejected a step later
    assert not validator("record").is_valid(record)


def played() -> Iterator[World]:
    """The shop, and histories in which everything meets everything; each by itself."""
    for number in range(HISTORIES + 1):
        rng = random.Random(number)
        world = World(setting(), rng, QUIET, ticking=0.5, idle_guest_days=1)
        world.definitions += [*definitions(rng), Definition(name="buyers", version=99, query=ANYBODY)]
        if number == 0:
            for n, sending in enumerate(traffic(1, RECORDS, NOW)):
                key = sending.key or b""
                world.produce(sending.topic, murmur2(key) % world.setting.partitions, sending.value, (NOW + n) * 1000)
        else:
            for record in history(rng, world.setting.partitions):
                world.produce(*record)
        world.play(work_off(world))
        yield world


async def work_off(world: World) -> None:
    """Let two workers do it all."""
    await world.begin(workers=2)
    await world.run(steps=100)


def test_what_the_stages_publish_fits_its_schema() -> None:
    told: dict[str, int] = {}
    kinds: set[str] = set()
    for world in played():
        for (topic, _), log in world.kafka.logs.items():
            short = world.layout.short(topic)
            for record in log:
                wrong = list(wrong_with(short, record))
                assert not wrong, (short, record, wrong)
                told[short] = told.get(short, 0) + 1
                if short == LEDGER:
                    kinds.add(orjson.loads(record.value or b"")["kind"])
        for profile, stored in world.store.timelines.items():
            assert problems("timeline", story(profile, stored)) == []
            told["timeline"] = told.get("timeline", 0) + 1
    assert {"timeline", EVENTS, UPDATES, RESOLVED, LEDGER, REJECTED, CHANGED, SEGMENTS} <= told.keys()
    assert {"bound", "claimed", "linked", "switched", "refused", "released", "demerged", "deleted"} <= kinds


def story(profile: str, stored: list[bytes]) -> dict[str, Any]:
    """A page of a timeline as everybody outside sees it."""
    pager = Pager(3)
    pager.add(profile, map(_read_entry, stored), guest=False)
    return as_json(pager.page())


def wrong_with(short: str, record: Any) -> Iterator[str]:
    """What the schemas say against a record of a topic."""
    if short == REJECTED:
        headers = {name: (value or b"").decode() for name, value in record.headers}
        yield from problems("rejected-headers", headers)
    elif short == CHANGED and record.value is not None:
        change = orjson.loads(record.value)
        yield from problems("profile-changed", change)
        if "truncated" not in change:
            yield from problems("profile", change["profile"])
    elif short in {RESOLVED, LEDGER, SEGMENTS}:
        yield from problems(short, orjson.loads(record.value))


def problems(name: str, value: Any) -> list[str]:
    """What is wrong with a value."""
    return [error.message for error in validator(name).iter_errors(value)]
