"""No login, no demerge and no test mark changes what was there: every stored event, binding and link, and every ledger
row, stays to the byte."""

from __future__ import annotations

import hashlib
import random
from itertools import islice
from typing import Any

import msgspec
import orjson

from knownas.nouns import EVENTS, Profile, murmur2
from tests.builders import login
from tests.faults.records import Placed, shop, time_of
from tests.faults.streams import send_all
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.stored import contents

PARTITIONS = 4
SEED = 11
RECORDS = 1_500
LOGINS = 1_000
MARKS = 150
DEMERGES = 150

_profile = msgspec.msgpack.Decoder(Profile).decode


def digest(*parts: bytes) -> str:
    """The hash of some bytes."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


async def hashes(deployment: Deployment) -> dict[str, str]:
    """A hash of each stored event, binding and link and of each ledger row, by what and where it is."""
    found: dict[str, str] = {}
    for key, value in (await contents(deployment)).items():
        what = key.split("}:", 1)[1].partition(":")[0]
        if what == "t":
            found |= {f"event {number} of {key}": digest(entry) for number, entry in enumerate(value)}
        elif what == "f":
            facts = msgspec.msgpack.decode(value)
            found |= {f"binding {n} of {key}": digest(msgspec.msgpack.encode(fact)) for n, fact in enumerate(facts)}
        elif what == "p":
            found |= links(_profile(value))
    for row in await deployment.ledger():
        found[f"ledger row {row.kind} {row.position} {row.index}"] = digest(msgspec.json.encode(row))
    return found


def links(profile: Profile) -> dict[str, str]:
    """Both ends of the links of a profile."""
    found = {f"guest {n} of {profile.id}": digest(guest.encode()) for n, guest in enumerate(profile.guests)}
    if profile.guest_of is not None:
        found[f"person of {profile.id}"] = digest(profile.guest_of.encode())
    return found


def what_comes_then(records: list[Placed], rng: random.Random) -> list[Placed]:
    """Logins of the people and on the devices that were in the records, any on any; marks and demerges among them."""
    said = [found for record in records if (found := _object(record.value)) is not None]
    devices = sorted({one["device"] for one in said if isinstance(one.get("device"), str)})
    emails = sorted({str(one["identities"]["email"]) for one in said if "email" in (one.get("identities") or {})})
    kinds = ["login"] * LOGINS + ["test"] * MARKS + ["demerge"] * DEMERGES
    rng.shuffle(kinds)
    made = []
    for number, kind in enumerate(kinds):
        device = rng.choice(devices)
        record = login(device, email=rng.choice(emails)) if kind == "login" else {"type": kind, "device": device}
        value = orjson.dumps(record | ({"test": rng.random() < 0.7} if kind == "test" else {}))
        partition = murmur2(device.encode()) % PARTITIONS
        made.append(Placed(EVENTS, partition, device.encode(), value, time_of(2 * RECORDS + number)))
    return made


def _object(value: bytes | None) -> dict[str, Any] | None:
    try:
        found = orjson.loads(value or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("identities") or {}, dict) else None


async def test_a_thousand_logins_demerges_and_test_marks_rewrite_no_event_no_binding_no_link_and_no_ledger_row(
    kafka: str, redis_url: str, namespace: str
) -> None:
    records = list(islice(shop(SEED, PARTITIONS), RECORDS))
    async with (
        deployed(kafka, redis_url, namespace, PARTITIONS, PARTITIONS, timeline_entries=100_000) as deployment,
        deployment.worker(),
    ):
        producer = await deployment.producer()
        await send_all(deployment, producer, records)
        await deployment.settled()
        before = await hashes(deployment)
        await send_all(deployment, producer, what_comes_then(records, random.Random(SEED)))
        await deployment.settled()
        after = await hashes(deployment)
    assert [name for name, stored in before.items() if after.get(name) != stored] == []
    added = {name.split()[2] for name in after.keys() - before.keys() if name.startswith("ledger row")}
    assert added >= {"demerged", "released", "tested", "linked", "switched", "claimed", "bound"}
    for what in ("event", "binding", "guest", "person of", "ledger row"):
        old, new = (sum(name.startswith(what) for name in some) for some in (before, after))
        assert new > old > 0, what
