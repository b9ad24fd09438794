"""The values everyone speaks in: what is read, what is sent, what is stored, and how things are named.

Every room of knownas shares these shapes and nothing else. They hold no rules: a value that decides something has
left its room. Stored shapes are MessagePack arrays (`array_like`), so a field may only be added at the end, and
`format` says which version wrote the bytes. Shapes on topics are JSON objects.

None of these values can be part of a cycle, so the garbage collector need not look at them (`gc=False`): with many
profiles in memory it would do little else.

Units: `ts` is seconds since 1970 (integer, or a fraction where the producer sent one), `at` is the record's Kafka
timestamp in milliseconds.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any, Final, Literal, NamedTuple

import msgspec

Timestamp = int | float
ProfileType = Literal["anonymous", "addressable", "customer"]
COUNTED: Final = ("anonymous", "addressable", "customer", "orphans")
"""The counters that together count every profile that is not deleted: by type, and orphans."""
Task = Literal["sweep", "remove", "forget", "tick"]

EVENTS: Final = "events"
UPDATES: Final = "updates"
RESOLVED: Final = "resolved"
LEDGER: Final = "ledger"
REJECTED: Final = "rejected"
CHANGED: Final = "profile-changed"
SEGMENTS: Final = "segment-changed"
SNAPSHOTS: Final = "snapshots"

FORMAT: Final = 1
"""The version of every stored shape below. A worker refuses to read a higher one."""

SHOWN: Final = 100
"""How many identities, devices and guests a profile carries itself; more are kept in keys of their own."""

PROPERTY_OF_KIND: Final = {"email": "Email", "phone": "Phone", "facebook": "FBID", "google": "GPID"}
"""The default profile field that belongs to an identity kind."""


class Position(NamedTuple):
    """Where a record stands: the topic by its short name, its partition, its offset."""

    topic: str
    partition: int
    offset: int


class Identity(NamedTuple):
    """A kind and a normalized value. Kinds are typed: the same string under two kinds is two identities."""

    kind: str
    value: str


# --------------------------------------------------------------------------------------------- what producers send


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A producer's record as decoded, before any rule has looked at it. Unknown fields are ignored."""

    type: str
    device: str | None = None
    profile: str | None = None
    identities: dict[str, Any] | None = None
    ts: int | float | None = None
    id: str | None = None
    evtName: str | None = None
    evtData: dict[str, Any] | None = None
    profileData: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    suppress: bool = False
    test: bool | None = None
    subscriptions: dict[str, dict[str, bool]] | None = None


# -------------------------------------------------------------------------------------------------- stage 1, stored

SpeaksFor = Literal["nobody", "guest", "identified"]


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From just after `offset` in its home partition on, a device speaks for this profile.

    `state` is `nobody` (after a logout: the next record makes the guest of `epoch`; `profile` is then empty),
    `guest` or `identified`.
    """

    offset: int
    state: SpeaksFor
    profile: str
    epoch: int


class Owner(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Who owns an identity: the profile, the identity's generation and the position of the claiming record.

    A released identity keeps its row with `profile` empty and a raised generation. Records with a `suppressed` one are
    rejected; one that was suppressed before anybody claimed it has no position.
    """

    profile: str
    generation: int
    topic: str
    partition: int
    offset: int
    suppressed: bool = False


class Outcome(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was decided for a record that carries identities; a replay takes it from here.

    `claimed` and `refused` are positions in the record's list of usable identities; `seen` is the generation at which
    each of them was found, empty where all were in their first. Where a record only looks (a deletion and the like),
    one that was free at generation g is -1 - g. `reason` is why the record was rejected, empty where it was not.
    """

    profile: str
    claimed: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    seen: tuple[int, ...] = ()
    reason: str = ""


# --------------------------------------------------------------------------------------------- stage 1 to stage 2


class Source(NamedTuple):
    """The record a message was made from, and which of that record's messages it is."""

    topic: str
    partition: int
    offset: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a source


class Definition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a live segment is: its name, the version (one counter for all segments), its query in the JSON form; without
    one it is removed."""

    name: str
    version: int
    query: dict[str, Any] | None = None


class Resolved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A record with the profile it belongs to, as sent on the `resolved` topic (key: the profile id).

    `binds` names the device that speaks for this profile from this record on; `claims` are the identities the profile
    gains; `sets` are property values that come with identities and win over `profileData`; `ignores` are
    `profileData` keys that do not apply. `guest` says that this guest profile turned out to be this person's;
    `guestOf` is the same fact told to the guest, in a message of its own without a record. `releases` are the
    identities that a release record takes from the profile; `generations` are those at which the record's usable
    identities were found, as in `Outcome.seen`. `task` is what a shard asks of a shard: to go on
    removing what a profile held (`sweep`), to delete a deleted person's guest (`remove`), to let go of a deleted
    `guest` (`forget`), to look at the clock (`tick`, with the `days` after which idle guests go, and definitions of
    `segments` that the shard has not seen).
    """

    profile: str
    source: Source
    at: int
    ts: int | float
    record: msgspec.Raw | None = None
    binds: str | None = None
    claims: list[Identity] = []
    sets: dict[str, Any] = {}
    ignores: list[str] = []
    guest: str | None = None
    guestOf: str | None = None
    releases: list[Identity] = []
    generations: tuple[int, ...] = ()
    task: Task | None = None
    days: int = 0
    segments: list[Definition] = []


LedgerKind = Literal[
    "bound", "claimed", "linked", "switched", "refused", "released", "demerged", "deleted", "tested", "suppressed"
]


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One decision, for ever. Devices and identities appear as keyed hashes only, the kind in clear.

    `position` and `index` together name the row; a row that is found twice was sent twice by a crash and repeat.
    `from_` is the profile a link or a switch leads away from; `state` and `epoch` belong to `bound`, `generation`
    to `claimed`.
    """

    kind: LedgerKind
    position: Position
    index: int
    ts: int | float
    at: int
    profile: str
    reason: str
    device: str | None = None
    identity: tuple[str, str] | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    state: SpeaksFor | None = None
    epoch: int | None = None
    generation: int | None = None
    key: str | None = None


class Rejection(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record that is not counted, with the reason (a code of `records.reasons`) and what was wrong in words.

    `generations` tell at which its identities were found where that was the reason, as in `Outcome.seen`.
    """

    position: Position
    reason: str
    detail: str
    key: bytes | None
    value: bytes | None
    generations: tuple[int, ...] = ()


# -------------------------------------------------------------------------------------------------- stage 2, stored


class Property(msgspec.Struct, array_like=True, gc=False):
    """A property's value and the `ts` of the record that set it. A removed property stays, as null, for its `ts`."""

    value: Any
    ts: int | float


class Count(msgspec.Struct, array_like=True, gc=False):
    """How often an event was recorded, with the least and the greatest `ts` of it.

    `days` are its counts by day, for the days that are kept: day, count, day, count, ..., in ascending order.
    """

    count: int
    first: int | float
    last: int | float
    days: list[int] = []


class Profile(msgspec.Struct, array_like=True, gc=False):
    """A person as we know them, as stored.

    `version` counts the records ever applied; `changed` is the version of the last one that changed more than
    counts and times. The first `SHOWN` identities, devices and guests are here, in order of arrival; `*_more`
    counts those in keys of their own. `tokens` are push tokens by device. `context` is what records said last of place,
    system and app; `channel` what the first visit said of where it came from. `subscriptions` are opt-ins and opt-outs
    of single addresses (`kind:value`). A session is a run of records without 20 minutes of silence; `session_last` is
    its newest `ts`, `session_previous` the start of the one before. A profile that is `gone` is deleted: a tombstone.
    `number` is the profile's in the index of its shard; -1: it has none. `segments` are the shard's numbers of the live
    segments it is in, ascending.
    """

    format: int
    id: str
    version: int = 0
    changed: int = 0
    type: ProfileType = "anonymous"
    identities: list[Identity] = []
    identities_more: int = 0
    devices: list[str] = []
    devices_more: int = 0
    guests: list[str] = []
    guests_more: int = 0
    guest_of: str | None = None
    properties: dict[str, Property] = {}
    events: dict[str, Count] = {}
    first_seen: int | float = 0
    last_seen: int | float = 0
    identified_at: int | float | None = None
    tokens: dict[str, str] = {}
    sessions: int = 0
    session_start: int | float = 0
    session_last: int | float = 0
    session_previous: int | float = 0
    context: dict[str, Any] = {}
    context_ts: int | float = 0
    channel: dict[str, str] = {}
    channel_ts: int | float = 0
    subscriptions: dict[str, Property] = {}
    test: bool = False
    test_ts: int | float = 0
    demerged: bool = False
    gone: bool = False
    number: int = -1
    segments: list[int] = []


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of a timeline, as stored. `data` is the event's `evtData` as JSON bytes."""

    format: int
    ts: int | float
    type: str
    name: str | None
    data: bytes | None
    topic: str
    partition: int
    offset: int


class Linked(NamedTuple):
    """A guest turned out to be a person: when the record that said so came to Kafka (milliseconds) and where it stands,
    the person, the guest, the record's `ts`."""

    at: int
    topic: str
    partition: int
    offset: int
    profile: str
    guest: str
    ts: Timestamp


# ----------------------------------------------------------------------------------------------------------- naming


class Names:
    """Makes the ids of the system from its input, with the deployment's secret as the key of the hash.

    Nothing here is random, so a replay finds the same ids; without the secret nobody can tell from an id or a
    ledger row whose e-mail it was. Ids are 32 hexadecimal digits, 128 bits of keyed BLAKE2b. Devices and
    identities are hashed under different words, so the same string as either never collides.
    """

    def __init__(self, secret: bytes) -> None:
        key = hashlib.blake2b(secret, digest_size=32).digest()
        self._keyed = hashlib.blake2b(digest_size=16, key=key)

    def digest(self, *parts: str) -> str:
        """The keyed hash of several strings; no two lists of parts give the same input."""
        hashed = self._keyed.copy()
        for part in parts:
            data = part.encode()
            hashed.update(b"%d:" % len(data))
            hashed.update(data)
        return hashed.hexdigest()

    def device(self, device: str) -> str:
        """The name of a device in keys and in the ledger."""
        return self.digest("device", device)

    def identity(self, identity: Identity) -> str:
        """The name of an identity in keys and in the ledger."""
        return self.digest("identity", identity.kind, identity.value)

    def guest(self, device: str, epoch: int) -> str:
        """The id of the guest profile that a device has in an epoch."""
        return self.digest("guest", device, str(epoch))

    def person(self, identity: Identity, generation: int) -> str:
        """The id of a profile made for an identity that nobody owned."""
        return self.digest("person", identity.kind, identity.value, str(generation))


def shard_of(profile: str, shards: int) -> int:
    """The partition of the `resolved` topic, and so the shard, that a profile lives in."""
    return murmur2(profile.encode()) % shards


def murmur2(data: bytes) -> int:
    """Kafka's partitioner hash of a key, as a non-negative number.

    The 32-bit MurmurHash2 with seed 0x9747b28c, sign bit cleared (org.apache.kafka.common.utils.Utils).
    """
    length = len(data)
    h = 0x9747B28C ^ length
    body = length & ~3
    for word in struct.unpack_from(f"<{length >> 2}I", data):
        k = word * 0x5BD1E995 & 0xFFFFFFFF
        h = (h * 0x5BD1E995 ^ (k ^ k >> 24) * 0x5BD1E995) & 0xFFFFFFFF
    tail = length & 3
    if tail:
        h = (h ^ int.from_bytes(data[body:], "little")) * 0x5BD1E995 & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return (h ^ h >> 15) & 0x7FFFFFFF
