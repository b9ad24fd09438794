"""The shapes of knownas' own calls: bodies are decoded into them, the OpenAPI document is made from them, and the tests
hold answers against them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

Time = Annotated[float, Meta(description="seconds since 1970")]
ProfileId = Annotated[str, Meta(description="a profile's id, 32 hexadecimal digits")]


class Refusal(TypedDict):
    """What every call answers that is not 200."""

    status: Literal["fail"]
    code: Annotated[int, Meta(description="the HTTP status")]
    reason: Annotated[str, Meta(description="a word for programs")]
    error: Annotated[str, Meta(description="a sentence for people")]


class Records(msgspec.Struct, forbid_unknown_fields=True):
    """Records as they are on `knownas.events` and `knownas.updates`."""

    records: Annotated[list[msgspec.Raw], Meta(description="records, each an object with `type` and more")]


class RecordShown(TypedDict, total=False):
    """A record as producers write it (the shape of `records` in the body; contract: "Records")."""

    type: Literal["event", "login", "profile", "logout", "demerge", "delete", "release", "test"]
    device: str
    profile: str
    identities: dict[str, Any]
    ts: Time
    id: str
    evtName: str
    evtData: dict[str, Any]
    profileData: dict[str, Any]
    context: dict[str, Any]
    subscriptions: dict[str, dict[str, bool]]
    suppress: bool
    test: bool


class RecordsShown(TypedDict):
    """The body of `POST /v1/records`."""

    records: list[RecordShown]


class Unprocessed(TypedDict):
    """A record that was not taken. `unavailable`: Kafka has not acknowledged it, send it again."""

    index: int
    reason: str
    error: str


class Taken(TypedDict):
    """What came of an upload. `position` goes into `?wait=` of a read that is to see it."""

    status: Literal["success", "partial", "fail"]
    processed: int
    unprocessed: list[Unprocessed]
    position: str


class EventShown(TypedDict):
    """How often an event was recorded, first and last."""

    count: int
    first: Time
    last: Time


class SystemShown(TypedDict):
    """What the system computes of a person."""

    age: Annotated[int | None, Meta(description="in years")]
    ct_is_test_user: Literal["Yes", "No"]


class AcquiredShown(TypedDict):
    """When a person was first seen, and by which channel if the first visit said so."""

    at: Time
    source: NotRequired[str]
    medium: NotRequired[str]
    campaign: NotRequired[str]
    referrer: NotRequired[str]


class SessionShown(TypedDict):
    """A person's visits: how many, when the newest began and what came last in it, when the one before began."""

    count: int
    start: Time
    last: Time
    previousStart: NotRequired[Time]


class LocationShown(TypedDict, total=False):
    """Where a person was last."""

    city: str
    country: str
    latitude: float
    longitude: float


class ProfileInShort(TypedDict):
    """Who a person is. Lists are the first 100; where there are more, a count says how many."""

    id: ProfileId
    type: Literal["anonymous", "addressable", "customer"]
    reachable: list[Literal["email", "push", "sms"]]
    identities: dict[str, list[str]]
    devices: list[str]
    guests: list[ProfileId]
    guestOf: ProfileId | None
    optedOut: NotRequired[Annotated[list[str], Meta(description="addresses, as `channel:address`")]]
    demerged: NotRequired[bool]
    identityCount: NotRequired[int]
    deviceCount: NotRequired[int]
    guestCount: NotRequired[int]


class ProfileShown(ProfileInShort):
    """A person as we know them. Lists are the first 100; where there are more, a count says how many."""

    version: Annotated[int, Meta(description="how many records were ever applied")]
    properties: dict[str, Any]
    system: SystemShown
    events: dict[str, EventShown]
    firstSeen: Time
    lastSeen: Time
    identifiedAt: Time | None
    acquired: AcquiredShown
    session: SessionShown | None
    context: dict[str, Any]
    location: LocationShown
    timezone: str | None


class EntryShown(TypedDict):
    """One line of a story; `guest` says that it is a linked guest's, shown in gray and counted for nobody else."""

    ts: Time
    type: str
    evtName: NotRequired[str]
    evtData: NotRequired[dict[str, Any]]
    profile: ProfileId
    guest: bool
    source: dict[str, Any]


class TimelineShown(TypedDict):
    """A page of a story, newest first; `cursor` leads to the next, null where nothing older is kept."""

    entries: list[EntryShown]
    cursor: str | None


class ListShown(TypedDict):
    """A page of what a profile has many of."""

    items: list[str]
    cursor: str | None


class StandingShown(TypedDict):
    """Whose it is after the rows that are told."""

    state: str
    profile: str | None
    suppressed: bool
    since: NotRequired[Time]
    at: NotRequired[Annotated[int, Meta(description="when its record reached Kafka, in milliseconds since 1970")]]
    position: NotRequired[dict[str, Any]]


class LedgerShown(TypedDict):
    """What the ledger has about a profile, a device or an identity, oldest first, each row with its sentence."""

    about: Literal["profile", "device", "identity"]
    at: int | None
    standing: StandingShown
    rows: list[dict[str, Any]]


class Mark(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a profile is a test user."""

    test: bool


class HealthShown(TypedDict):
    """Whether the gateway lives and can serve, with reasons."""

    live: bool
    ready: bool
    reasons: list[str]
