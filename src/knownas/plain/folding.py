"""What becomes of a profile with each message of its shard.

Every message raises the version and is counted once, however often it was sent. In this order: devices, identities
and guests are added; properties and push token change; the record counts and gets a line in the timeline; the type
follows; a guest learns whose it is. A profile that a record names must exist. What a change shows is the profile
just after the last message after which more than counts and times was different.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from knownas.nouns import (
    FORMAT,
    PROPERTY_OF_KIND,
    SHOWN,
    Count,
    Entry,
    LedgerRow,
    Position,
    Profile,
    Rejection,
    Resolved,
)
from knownas.plain.properties import apply
from knownas.plain.reading import Reading
from knownas.plain.resolving import Message

DEFAULT_FIELDS: Final = {
    "Name", "Email", "Phone", "Gender", "DOB", "Birthday", "Photo", "Education", "Employed", "Married",
    "Customer Type", "CustomerID", "Timezone", "tz", "Language", "MSG-email", "MSG-push", "MSG-sms",
    *PROPERTY_OF_KIND.values(),
}  # fmt: skip


@dataclass
class Shard:
    """Everything that stage 2 makes of one shard's messages.

    `overflow` holds what a profile's own lists have no room for, by (profile, list), in order; the first has place
    100. `published` is what the newest message about a profile shows.
    """

    profiles: dict[str, Profile] = field(default_factory=dict)
    timelines: dict[str, list[Entry]] = field(default_factory=dict)
    overflow: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    published: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[LedgerRow] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    links: int = 0

    def counters(self) -> dict[str, int]:
        """Profiles by type, without orphans; orphans; links; events of orphans."""
        people = [profile for profile in self.profiles.values() if profile.guest_of is None]
        orphans = [profile for profile in self.profiles.values() if profile.guest_of is not None]
        counts = {kind: sum(p.type == kind for p in people) for kind in ("anonymous", "addressable", "customer")}
        gray = sum(count.count for orphan in orphans for count in orphan.events.values())
        return counts | {"orphans": len(orphans), "links": self.links, "gray": gray}

    def take(self, message: Message) -> None:
        """Fold one message that was not seen before."""
        told, reading = message
        profile = self.profiles.get(told.profile)
        if profile is None:
            if reading is not None and reading.profile is not None:
                self._reject(told, reading)
                return
            profile = _new(told)
            self.profiles[told.profile] = profile
        before = who(profile) if profile.version else None
        profile.version += 1
        self._identify(profile, told)
        if reading is not None:
            refused = self._set_properties(profile, told, reading)
            _set_token(profile, reading)
            self._count(profile, told, reading, refused)
        profile.type = _type_of(profile)
        if told.guestOf is not None and profile.guest_of is None:
            profile.guest_of = told.guestOf
            self.links += 1
        if before is None or json.dumps(before) != json.dumps(who(profile)):
            profile.changed = profile.version
            self.published[profile.id] = {
                "profile": view(profile),
                "version": profile.version,
                "type": profile.type,
            }

    def _identify(self, profile: Profile, told: Resolved) -> None:
        beyond = self.overflow.get((profile.id, "devices"), [])
        if told.binds is not None and told.binds not in profile.devices and told.binds not in beyond:
            profile.devices_more += self._append(profile, "devices", profile.devices, told.binds, told.binds)
        for claim in told.claims:
            text = f"{claim.kind}:{claim.value}"
            profile.identities_more += self._append(profile, "identities", profile.identities, claim, text)
        if told.claims and profile.identified_at is None:
            profile.identified_at = told.ts
        if told.guest is not None:
            profile.guests_more += self._append(profile, "guests", profile.guests, told.guest, told.guest)

    def _append(self, profile: Profile, what: str, shown: list[Any], item: Any, text: str) -> int:
        """Add to what a profile shows, or beyond it; returns how many went beyond."""
        if len(shown) < SHOWN:
            shown.append(item)
            return 0
        self.overflow.setdefault((profile.id, what), []).append(text)
        return 1

    def _set_properties(self, profile: Profile, told: Resolved, reading: Reading) -> int:
        """Apply the record's properties, then those of its identities; returns how many were refused."""
        given = {key: value for key, value in reading.properties.items() if key not in told.ignores}
        refused = 0
        for key, value in (given | told.sets).items():
            custom = [name for name in profile.properties if name not in DEFAULT_FIELDS]
            if key not in profile.properties and key not in DEFAULT_FIELDS and len(custom) >= 256:
                reason: str | None = "too_many_properties"
            else:
                reason = apply(profile.properties, key, value, told.ts)
            if reason is not None:
                self._refuse(told, reason, key, refused)
                refused += 1
        return refused

    def _count(self, profile: Profile, told: Resolved, reading: Reading, refused: int) -> None:
        ts, name, data = told.ts, None, None
        profile.first_seen = min(profile.first_seen, ts)
        profile.last_seen = max(profile.last_seen, ts)
        if reading.type == "event" and reading.name is not None:
            name, data = reading.name, reading.data
            count = profile.events.get(name)
            if count is not None:
                profile.events[name] = Count(count.count + 1, min(count.first, ts), max(count.last, ts))
            elif len(profile.events) < 512 or name == "Charged":
                profile.events[name] = Count(1, ts, ts)
            else:
                self._refuse(told, "too_many_event_names", name, refused)
        topic, partition, offset, _ = told.source
        entry = Entry(FORMAT, ts, reading.type, name, data, topic, partition, offset)
        timeline = self.timelines.get(profile.id, [])
        self.timelines[profile.id] = [*timeline, entry][-500:]

    def _refuse(self, told: Resolved, reason: str, key: str, number: int) -> None:
        row = LedgerRow(
            kind="refused", position=Position(*told.source[:3]), index=1000 + number, ts=told.ts, at=told.at,
            profile=told.profile, reason=reason, key=key[:120],
        )  # fmt: skip
        self.rows.append(row)

    def _reject(self, told: Resolved, reading: Reading) -> None:
        position = Position(*told.source[:3])
        rejection = Rejection(position=position, reason="unknown_profile", detail="", key=None, value=reading.carried)
        self.rejections.append(rejection)


def _new(told: Resolved) -> Profile:
    return Profile(
        format=FORMAT, id=told.profile, first_seen=told.ts, last_seen=told.ts,
        identities=[], devices=[], guests=[], properties={}, events={}, tokens={},
    )  # fmt: skip


def _set_token(profile: Profile, reading: Reading) -> None:
    device, context = reading.device, reading.context
    if device is None or "pushToken" not in context:
        return
    token = context["pushToken"]
    if token is None:
        profile.tokens.pop(device, None)
    elif isinstance(token, str) and token and (device in profile.tokens or len(profile.tokens) < 100):
        profile.tokens[device] = token


def _value(profile: Profile, key: str) -> Any:
    return profile.properties[key].value if key in profile.properties else None


def _reachable(profile: Profile) -> list[str]:
    """The channels that have an address and are not opted out of."""

    def holds(field: str) -> bool:
        value = _value(profile, field)
        return type(value) in (str, int) and value not in ("", 0)

    channels = (("email", holds("Email")), ("push", bool(profile.tokens)), ("sms", holds("Phone")))
    return [channel for channel, address in channels if address and _value(profile, f"MSG-{channel}") is not False]


def _type_of(profile: Profile) -> Any:
    if "Charged" in profile.events:
        return "customer"
    channels = _reachable(profile)
    if profile.identities or "email" in channels or "push" in channels:
        return "addressable"
    return "anonymous"


def who(profile: Profile) -> dict[str, Any]:
    """Everything about a profile whose change is told."""
    identities: dict[str, list[str]] = {}
    for kind, value in profile.identities:
        identities.setdefault(kind, []).append(value)
    shown: dict[str, Any] = {
        "type": profile.type,
        "reachable": _reachable(profile),
        "identities": identities,
        "devices": list(profile.devices),
        "guests": list(profile.guests),
        "guestOf": profile.guest_of,
    }
    if profile.identities_more:
        shown["identityCount"] = len(profile.identities) + profile.identities_more
    if profile.devices_more:
        shown["deviceCount"] = len(profile.devices) + profile.devices_more
    if profile.guests_more:
        shown["guestCount"] = len(profile.guests) + profile.guests_more
    shown["properties"] = {key: held.value for key, held in profile.properties.items() if held.value is not None}
    return shown


def view(profile: Profile) -> dict[str, Any]:
    """The profile as everybody outside sees it."""
    events = {name: {"count": c.count, "first": c.first, "last": c.last} for name, c in profile.events.items()}
    times = {"firstSeen": profile.first_seen, "lastSeen": profile.last_seen, "identifiedAt": profile.identified_at}
    return {"id": profile.id, "version": profile.version, **who(profile), "events": events, **times}
