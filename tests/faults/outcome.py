"""What came of records wherever they and all that follows from them stand: two runs of the same records compared.

Where control records and the messages of shards stand is not the same in two runs, so positions are replaced by the
Kafka time of the record they follow from, which each record has for itself.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from knownas.identity.facts import KEPT
from knownas.nouns import EVENTS, UPDATES, Entry, LedgerRow, Owner, Position
from knownas.plain import Setting
from knownas.records.origin import HEADER
from tests.engines import World
from tests.pipeline.deployment import Deployment
from tests.pipeline.stored import world_of

encode: Final = msgspec.msgpack.Encoder().encode
_NOBODYS: Final = 0
"""Instead of a position that is none."""


async def outcome(deployment: Deployment) -> dict[str, bytes]:
    """Facts, owners, profiles, timelines, overflow lists, counters, the ledger, rejections and the newest published
    states, as bytes by name."""
    world = await world_of(deployment, _setting(deployment), await _times(deployment))
    found: dict[str, Any] = {f"counter {name}": count for name, count in world.counters.items() if count}
    for device, facts in world.facts.items():
        found[f"facts of {device}"] = [(fact.state, fact.profile, fact.epoch) for fact in facts[-KEPT:]]
    found |= {f"owner of {name}": _owner(owner, world) for name, owner in world.owners.items()}
    found |= {f"profile {name}": profile for name, profile in world.profiles.items()}
    found |= {f"published of {name}": newest for name, newest in world.published.items()}
    found |= {f"list {name}": sorted(texts) for name, texts in world.overflow.items()}
    for name, entries in world.timelines.items():
        found[f"timeline of {name}"] = [_entry(entry, world) for entry in entries]
    found["ledger"] = sorted({_row(row, world) for row in world.ledger})
    found["rejections"] = sorted(
        {(world.numbers[one.position], one.reason, one.key or b"", one.value or b"") for one in world.rejections}
    )
    return {name: encode(value) for name, value in found.items()}


def _setting(deployment: Deployment) -> Setting:
    settings, layout = deployment.settings, deployment.layout
    rules = settings.identity_rules()
    names, days = deployment.world.names, settings.day_timezone
    return Setting(names, layout.partitions, layout.shards, rules.kinds, rules.region, days)


async def _times(deployment: Deployment) -> dict[Position, int]:
    """The Kafka time of each record that a producer sent."""
    found = {}
    for topic in (EVENTS, UPDATES):
        async for record in deployment.world.log.read(deployment.layout.name(topic), committed_only=True):
            if all(name != HEADER for name, _ in record.headers):
                found[Position(topic, record.partition, record.offset)] = record.timestamp
    return found


def _owner(owner: Owner, world: World) -> tuple[Any, ...]:
    here = Position(owner.topic, owner.partition, owner.offset)
    return owner.profile, owner.generation, world.numbers.get(here, _NOBODYS), owner.suppressed


def _entry(entry: Entry, world: World) -> tuple[Any, ...]:
    time = world.numbers[Position(entry.topic, entry.partition, entry.offset)]
    return time, entry.ts, entry.type, entry.name, entry.data


def _row(row: LedgerRow, world: World) -> bytes:
    """Beside its time a row has its number among those of its record."""
    time = world.numbers[row.position]
    return encode((time, msgspec.structs.replace(row, position=Position("", 0, 0))))
