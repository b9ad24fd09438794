"""What becomes of a profile with each message of its shard.

Every message raises the version and is counted once, however often it was sent. In this order: devices, identities
and guests are added; properties and push token change; times, session, context and opt-outs follow; the record counts
and gets a line in the timeline; the type follows; a guest learns whose it is. A profile that a record names must exist.
What a change shows is the profile just after the last message after which more than counts and times was different.
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
    Source,
    Timestamp,
)
from knownas.plain.calendar import age, day_number, zone_named, zone_of_person
from knownas.plain.counting import Noted
from knownas.plain.noting import PLACE, acquired, address_of, note_context, note_subscriptions, session, visit
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

    `overflow` holds what a profile's own lists have no room for, by (profile, list), with its place, the first of
    which is 100; `leaving` is what of that has still to be let go of. `controls` is what stage 1 is asked, with its
    time, by the origin that says so; `sent` is what this shard tells others and itself. `published` is what the
    newest message about a profile shows, nothing where it is a tombstone. Events are counted by the days of a time
    zone; phone numbers without a country code are those of a region. `oldest_day` is the oldest that people are found
    by for what they did on a day. `segments` are the queries of live segments by name, `newest_definition` the highest
    version of them that came, `clock` the time of the newest tick. `noted` is what figures are made of.
    """

    day_timezone: str = "UTC"
    region: str | None = None
    profiles: dict[str, Profile] = field(default_factory=dict)
    timelines: dict[str, list[Entry]] = field(default_factory=dict)
    number: int = 0
    overflow: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    leaving: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    controls: dict[Position, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    sent: dict[Source, Message] = field(default_factory=dict)
    looks_for_idle: bool = False
    published: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[LedgerRow] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    links: int = 0
    oldest_day: int | None = None
    segments: dict[str, dict[str, Any]] = field(default_factory=dict)
    newest_definition: int = 0
    clock: int = 0
    noted: list[Noted] = field(default_factory=list)

    def pass_day(self, at: int) -> None:
        """A message of a Kafka time came: 92 days are kept, and no message ends more than one."""
        zone = zone_named(self.day_timezone)
        assert zone is not None
        wanted = day_number(at // 1000, zone) - 91
        if self.oldest_day is None:
            self.oldest_day = wanted
        elif self.oldest_day < wanted:
            self.oldest_day += 1

    def counters(self) -> dict[str, int]:
        """Profiles by type, without orphans; orphans; links; events of orphans."""
        there = [profile for profile in self.profiles.values() if not profile.gone]
        people = [profile for profile in there if profile.guest_of is None]
        orphans = [profile for profile in there if profile.guest_of is not None]
        counts = {kind: sum(p.type == kind for p in people) for kind in ("anonymous", "addressable", "customer")}
        gray = sum(count.count for orphan in orphans for count in orphan.events.values())
        return counts | {"orphans": len(orphans), "links": self.links, "gray": gray}

    def take(self, message: Message) -> None:
        """Fold one message that was not seen before."""
        told, reading = message
        profile = self.profiles.get(told.profile)
        if profile is None:
            if reading is not None and (reading.profile is not None or reading.type == "test"):
                self._reject(told, reading)
                return
            profile = _new(told)
            self.profiles[told.profile] = profile
        before = who(profile) if profile.version else None
        profile.version += 1
        if reading is not None and reading.type == "test":
            self._mark_test(profile, told, reading)
        else:
            self._identify(profile, told)
            if reading is not None:
                refused = self._set_properties(profile, told, reading)
                _set_token(profile, reading)
                refused += self._note(profile, told, reading, refused)
                self._count(profile, told, reading, refused)
        profile.type = type_of(profile)
        if told.guestOf is not None and profile.guest_of is None:
            profile.guest_of = told.guestOf
            self.links += 1
        if before is None or json.dumps(before) != json.dumps(who(profile)):
            profile.changed = profile.version
            self.published[profile.id] = {
                "profile": view(profile, told.at),
                "version": profile.version,
                "type": profile.type,
            }

    def _identify(self, profile: Profile, told: Resolved) -> None:
        beyond = self.overflow.get((profile.id, "devices"), {})
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
        more = {
            "devices": profile.devices_more,
            "identities": profile.identities_more,
            "guests": profile.guests_more,
        }[what]
        self.overflow.setdefault((profile.id, what), {})[text] = SHOWN + more
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

    def _mark_test(self, profile: Profile, told: Resolved, reading: Reading) -> None:
        if told.ts >= profile.test_ts:
            profile.test, profile.test_ts = bool(reading.test), told.ts
        row = LedgerRow(
            kind="tested", position=Position(*told.source[:3]), index=1000, ts=told.ts, at=told.at,
            profile=told.profile, reason="test" if reading.test else "not_test",
        )  # fmt: skip
        self.rows.append(row)
        self._add_entry(profile, told, "test", None, None)

    def _note(self, profile: Profile, told: Resolved, reading: Reading, refused: int) -> int:
        """What the record says of time, place and addresses; returns how many parts of it were refused."""
        profile.first_seen = min(profile.first_seen, told.ts)
        profile.last_seen = max(profile.last_seen, told.ts)
        if reading.device is not None:
            visit(profile, told.ts)
        refusals = note_context(profile, reading.context, told.ts)
        refusals += note_subscriptions(profile, reading.subscriptions, told.ts, self.region)
        for number, (key, reason) in enumerate(refusals):
            self._refuse(told, reason, key, refused + number)
        return len(refusals)

    def _count(self, profile: Profile, told: Resolved, reading: Reading, refused: int) -> None:
        ts, name, data = told.ts, None, None
        if reading.type == "event" and reading.name is not None:
            name, data = reading.name, reading.data
            count = profile.events.get(name)
            if count is not None:
                days = self._count_day(count.days, ts)
                profile.events[name] = Count(count.count + 1, min(count.first, ts), max(count.last, ts), days)
            elif len(profile.events) < 512 or name == "Charged":
                profile.events[name] = Count(1, ts, ts, self._count_day([], ts))
            else:
                self._refuse(told, "too_many_event_names", name, refused)
        self._add_entry(profile, told, reading.type, name, data)

    def _count_day(self, days: list[int], ts: Timestamp) -> list[int]:
        """One more on that day; the last 92 days up to the newest are kept."""
        zone = zone_named(self.day_timezone)
        assert zone is not None
        counts = dict(zip(days[::2], days[1::2], strict=True))
        day = day_number(ts, zone)
        counts[day] = counts.get(day, 0) + 1
        kept = [one for one in sorted(counts) if one > max(counts) - 92]
        return [number for one in kept for number in (one, counts[one])]

    def _add_entry(self, profile: Profile, told: Resolved, kind: str, name: str | None, data: bytes | None) -> None:
        topic, partition, offset, _ = told.source
        entry = Entry(FORMAT, told.ts, kind, name, data, topic, partition, offset)
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


def reachable(profile: Profile) -> list[str]:
    """The channels that have an address that is not opted out, and that are not opted out of."""

    def has_open(kind: str, field: str) -> bool:
        value = _value(profile, field)
        if type(value) not in (str, int) or value in ("", 0):
            return False
        return address_of(kind, value) not in _opted_out(profile)

    channels = (
        ("email", has_open("email", "Email")), ("push", bool(profile.tokens)), ("sms", has_open("phone", "Phone")),
    )  # fmt: skip
    return [channel for channel, address in channels if address and _value(profile, f"MSG-{channel}") is not False]


def _opted_out(profile: Profile) -> list[str]:
    return [address for address, held in profile.subscriptions.items() if not held.value]


def type_of(profile: Profile) -> Any:
    if "Charged" in profile.events:
        return "customer"
    channels = reachable(profile)
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
        "reachable": reachable(profile),
        "identities": identities,
        "devices": list(profile.devices),
        "guests": list(profile.guests),
        "guestOf": profile.guest_of,
    }
    if _opted_out(profile):
        shown["optedOut"] = _opted_out(profile)
    if profile.demerged:
        shown["demerged"] = True
    if profile.identities_more:
        shown["identityCount"] = len(profile.identities) + profile.identities_more
    if profile.devices_more:
        shown["deviceCount"] = len(profile.devices) + profile.devices_more
    if profile.guests_more:
        shown["guestCount"] = len(profile.guests) + profile.guests_more
    shown["properties"] = {key: held.value for key, held in profile.properties.items() if held.value is not None}
    shown["system"] = {"ct_is_test_user": "Yes" if profile.test else "No"}
    return shown


def view(profile: Profile, at: int) -> dict[str, Any]:
    """The profile as everybody outside sees it at a moment."""
    shown = who(profile)
    shown["system"] = {"age": age(profile, at), **shown["system"]}
    events = {name: {"count": c.count, "first": c.first, "last": c.last} for name, c in profile.events.items()}
    times = {"firstSeen": profile.first_seen, "lastSeen": profile.last_seen, "identifiedAt": profile.identified_at}
    around = {
        "acquired": acquired(profile),
        "session": session(profile),
        "context": {key: value for key, value in profile.context.items() if key not in PLACE},
        "location": {key: value for key, value in profile.context.items() if key in PLACE},
        "timezone": zone_of_person(profile)[0],
    }
    return {"id": profile.id, "version": profile.version, **shown, "events": events, **times, **around}
