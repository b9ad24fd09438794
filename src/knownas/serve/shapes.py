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


class ProfileShown(TypedDict):
    """A person as we know them."""

    id: ProfileId
    version: int
    type: Literal["anonymous", "addressable", "customer"]
    reachable: list[str]
    identities: dict[str, list[str]]
    devices: list[str]
    guests: list[ProfileId]
    guestOf: ProfileId | None
    properties: dict[str, Any]
    system: dict[str, Any]
    events: dict[str, EventShown]
    firstSeen: Time
    lastSeen: Time
    identifiedAt: Time | None
    acquired: dict[str, Any]
    session: dict[str, Any] | None
    context: dict[str, Any]
    location: dict[str, Any] | None
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
