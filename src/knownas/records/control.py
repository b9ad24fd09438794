"""What stage 2 asks of stage 1: a device is to speak for nobody, an identity is to be free.

Stage 2 knows a profile's devices and identities, stage 1 says whose they are. So a demerge, a deletion or a release
ends in control records in the shard's outbox, one for each device (in that device's home partition of `events`) and one
for each identity (in `updates`, by the hash of `kind:value`). They are JSON like a producer's records and count only
with a sealed origin that names the `resolved` topic: the message that caused them, with the number of the control
record among those of the message. A partition's watermark of these origins makes each of them act once.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import msgspec

from knownas.nouns import EVENTS, RESOLVED, UPDATES, Identity, Names, Position, Timestamp, murmur2
from knownas.records.origin import HEADER, Origin, seal

Reason = Literal["demerged", "deleted", "released", "idle"]
"""Why: what was done to the profile. `released` frees identities alone, `idle` devices alone."""

PER_MESSAGE_BITS: Final = 20
"""Of an origin's offset: the number of the control record among those that one message caused."""


class Detach(NamedTuple):
    """The device is to speak for nobody if it still speaks for this profile."""

    device: str
    profile: str
    reason: Reason
    ts: Timestamp


class Release(NamedTuple):
    """The identity is to be free if it still belongs to this profile."""

    identity: Identity
    profile: str
    reason: Reason
    ts: Timestamp


Control = Detach | Release


class Written(NamedTuple):
    """A control record as it is sent: topic by its short name, partition, key, value, headers, Kafka timestamp."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes | None]]
    at: int


def origin_of(shard: int, offset: int, index: int, at: int) -> Origin:
    """The origin of the control record number `index` (from 0) that the message at `offset` of a shard caused.

    `at` is the message's Kafka timestamp in milliseconds: it is the control record's own.
    """
    assert index < 1 << PER_MESSAGE_BITS, f"control record {index} of one message"
    return Origin(Position(RESOLVED, shard, offset << PER_MESSAGE_BITS | index), at)


def write(control: Control, origin: Origin, partitions: int, names: Names) -> Written:
    """A control record as it is sent to where it acts; `partitions` are those of `events` and of `updates`."""
    said: dict[str, Any]
    if isinstance(control, Detach):
        topic, key = EVENTS, control.device
        said = {"type": "detach", "device": control.device}
    else:
        kind, text = control.identity
        topic, key = UPDATES, f"{kind}:{text}"
        said = {"type": "release", "identities": {kind: text}}
    said |= {"profile": control.profile, "reason": control.reason, "ts": control.ts}
    value = msgspec.json.encode(said)
    partition = murmur2(key.encode()) % partitions
    header = seal(names, origin, partition, value, topic)
    return Written(topic, partition, key.encode(), value, [(HEADER, header)], origin.at)


class _Said(msgspec.Struct, frozen=True, gc=False):
    type: Literal["detach", "release"]
    profile: str
    reason: Reason
    ts: int | float
    device: str = ""
    identities: dict[str, str] = {}


_read: Final = msgspec.json.Decoder(_Said).decode


def read(value: bytes, origin: Origin | None) -> Control | None:
    """The control record that these bytes are; None where the origin is not a shard's: anybody could have said it."""
    if origin is None or origin.position.topic != RESOLVED:
        return None
    said = _read(value)
    if said.type == "detach":
        return Detach(said.device, said.profile, said.reason, said.ts)
    ((kind, text),) = said.identities.items()
    return Release(Identity(kind, text), said.profile, said.reason, said.ts)
