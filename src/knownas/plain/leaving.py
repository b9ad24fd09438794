"""How a person leaves: what becomes of a profile, and of all who knew it.

A demerged profile stays, without identities, devices and tokens. A released identity leaves its profile. A deleted
profile becomes a tombstone, even before its first record has come; records that reach a tombstone are rejected. Every
device and identity that is let go of is told to stage 1 by a control record, every guest of a deleted person is deleted
too, and the person whose guest is deleted forgets it. What a profile has beyond the first hundred goes later, 500 items
of each list a sweep. Guests for whom nothing came for long go at ticks, 200 at a time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from knownas.nouns import (
    EVENTS,
    FORMAT,
    RESOLVED,
    UPDATES,
    Definition,
    Entry,
    Identity,
    LedgerRow,
    Linked,
    Position,
    Profile,
    Rejection,
    Resolved,
    Source,
    murmur2,
)
from knownas.plain.counting import Noted
from knownas.plain.folding import Shard, type_of, view, who
from knownas.plain.reading import Logs, Reading, Setting
from knownas.plain.resolving import Message, origin_of
from knownas.plain.segmenting import learn

RECORDS = ("demerge", "delete", "release")
LISTS = ("devices", "identities", "guests")


class Told(NamedTuple):
    """A message as the `resolved` topic recorded it: what it was made from, its offset in the shard, its Kafka time in
    milliseconds, and for a tick after how many days idle guests go (None: it is no tick) and which
    segments it brings."""

    source: Source
    offset: int
    at: int = 0
    tick_days: int | None = None
    segments: Sequence[Definition] = ()


class _Recorded(msgspec.Struct):
    source: Source
    task: str | None = None
    days: int = 0
    segments: list[Definition] = []


_read: Final = msgspec.json.Decoder(_Recorded).decode


def told_of(offset: int, at: int, value: bytes) -> Told:
    """A message from its record in the `resolved` topic."""
    recorded = _read(value)
    return Told(recorded.source, offset, at, recorded.days if recorded.task == "tick" else None, recorded.segments)


def take(shard: Shard, message: Message, offset: int) -> None:
    """Fold a message that was not seen before and stands at this offset of the shard."""
    told, reading = message
    rejected, linked = len(shard.rejections), shard.links
    _take(shard, message, offset)
    reasons = [(one.reason, Position(*one.position)) for one in shard.rejections[rejected:]]
    link = None
    if shard.links > linked and told.guestOf is not None:
        link = Linked(told.at, *told.source[:3], told.guestOf, told.profile, told.ts)
    counts = reading is not None and not reasons
    shard.noted.append(Noted(offset, told.at, counts, next(iter(reasons), None), link))


def _take(shard: Shard, message: Message, offset: int) -> None:
    told, reading = message
    shard.pass_day(told.at)
    profile = shard.profiles.get(told.profile)
    case = _Case(shard, told, reading, offset)
    if profile is not None and profile.gone and told.task is None:
        case.turn_away()
    elif told.task is not None:
        case.do_task(profile)
    elif reading is not None and reading.type in RECORDS:
        case.do_record(profile, reading)
    else:
        shard.take(message)


def tick(told: Told) -> Message:
    """A tick as a message: time is what Kafka says."""
    days = told.tick_days or 0
    resolved = Resolved(
        profile="", source=told.source, at=told.at, ts=told.at / 1000, task="tick", days=days,
        segments=list(told.segments),
    )  # fmt: skip
    return Message(resolved, None)


def idle_guests(shard: Shard) -> dict[str, float]:
    """Who may be deleted after a long time without a record, with the time of the last, where that is looked at."""
    if not shard.looks_for_idle:
        return {}
    return {
        profile.id: profile.last_seen
        for profile in shard.profiles.values()
        if not profile.gone and not _owns_something(profile) and profile.guest_of is None
    }


class Control(NamedTuple):
    """A control record: where it stands, its time, and what it says."""

    topic: str
    partition: int
    at: int
    said: dict[str, Any]


def controls_in(logs: Logs, setting: Setting) -> dict[Position, Control]:
    """The control records that stage 2 has sent, the first of each, by the origin they name."""
    found: dict[Position, Control] = {}
    for (topic, partition), records in logs.items():
        for record in records:
            origin = origin_of(record, topic, partition, setting.names)
            if origin is not None and origin[0].topic == RESOLVED and record.value is not None:
                found.setdefault(origin[0], Control(topic, partition, origin[1], json.loads(record.value)))
    return found


def controls_wanted(shards: list[Shard], setting: Setting) -> dict[Position, Control]:
    """The control records that stage 2 must send."""
    wanted = {}
    for shard in shards:
        for origin, (at, said) in shard.controls.items():
            topic, key = EVENTS, said.get("device", "")
            for kind, value in said.get("identities", {}).items():
                topic, key = UPDATES, f"{kind}:{value}"
            wanted[origin] = Control(topic, murmur2(key.encode()) % setting.partitions, at, said)
    return wanted


def _owns_something(profile: Profile) -> bool:
    return len(profile.identities) + profile.identities_more > 0


class _Case:
    """One message about leaving; what it causes is numbered from 1."""

    def __init__(self, shard: Shard, told: Resolved, reading: Reading | None, offset: int) -> None:
        self.shard, self.told, self.reading, self.offset = shard, told, reading, offset
        self.caused = 0

    # ---------------------------------------------------------------------------------------------------- what is asked

    def turn_away(self) -> None:
        """A record for a tombstone."""
        told, reading = self.told, self.reading
        if reading is None:
            return
        self.reject("deleted")
        if reading.device is not None:
            self.detach(reading.device, told.profile, "deleted")
        for identity in told.claims:
            self.release(identity, told.profile, "deleted")
        if told.guest is not None:
            self.tell(told.guest, "remove")

    def do_record(self, profile: Profile | None, reading: Reading) -> None:
        if profile is None and (reading.type != "delete" or reading.profile is not None):
            self.reject("unknown_profile")
        elif reading.type == "delete":
            self.row("deleted", self.told.profile, "delete")
            self.bury(profile or Profile(format=FORMAT, id=self.told.profile), "deleted")
        elif profile is not None and reading.type == "demerge":
            self.demerge(profile)
        elif profile is not None:
            self.let_identities_go(profile)

    def do_task(self, profile: Profile | None) -> None:
        told = self.told
        if told.task == "tick":
            self.look_at_the_clock()
        elif told.task == "sweep":
            self.sweep("deleted" if profile is None or profile.gone else "demerged")
        elif told.task == "remove" and (profile is None or not profile.gone):
            self.row("deleted", told.profile, "orphan")
            self.bury(profile or Profile(format=FORMAT, id=told.profile), "deleted")
        elif told.task == "forget" and profile is not None and not profile.gone and told.guest is not None:
            self.forget(profile, told.guest)

    def demerge(self, profile: Profile) -> None:
        if not _owns_something(profile) and profile.identified_at is None:
            self.reject("not_identified")
            return
        before = _said(profile)
        self.row("demerged", profile.id, "demerge")
        for device in profile.devices:
            self.detach(device, profile.id, "demerged")
        for identity in profile.identities:
            self.release(identity, profile.id, "demerged")
        self.leave_to_sweeps(profile, ("devices", "identities"))
        profile.devices, profile.devices_more = [], 0
        profile.identities, profile.identities_more = [], 0
        profile.tokens = {}
        profile.demerged = True
        self.changed(profile, before)

    def let_identities_go(self, profile: Profile) -> None:
        before, beyond = _said(profile), self.shard.overflow.get((profile.id, "identities"), {})
        held = [i for i in self.told.releases if i in profile.identities or f"{i.kind}:{i.value}" in beyond]
        if not held:
            self.reject("not_held")
            return
        for identity in held:
            if identity in profile.identities:
                profile.identities.remove(identity)
            else:
                self._take_from_overflow(profile.id, "identities", f"{identity.kind}:{identity.value}")
                profile.identities_more -= 1
            self.release(identity, profile.id, "released")
        self.changed(profile, before)

    def forget(self, profile: Profile, guest: str) -> None:
        before = _said(profile)
        if guest in profile.guests:
            profile.guests.remove(guest)
        elif guest in self.shard.overflow.get((profile.id, "guests"), {}):
            self._take_from_overflow(profile.id, "guests", guest)
            profile.guests_more -= 1
        else:
            return
        self.changed(profile, before)

    def sweep(self, reason: str) -> None:
        whose, is_more = self.told.profile, False
        for what in LISTS:
            texts = self.shard.leaving.get((whose, what), {})
            some = sorted(texts, key=lambda text: (texts[text], text))[:500]
            is_more = is_more or len(some) == 500
            for text in some:
                if what == "devices":
                    self.detach(text, whose, reason)
                elif what == "identities":
                    self.release(Identity(*text.split(":", 1)), whose, reason)
                else:
                    self.tell(text, "remove")
                del texts[text]
            if not texts:
                self.shard.leaving.pop((whose, what), None)
        if is_more:
            self.tell(whose, "sweep")

    def look_at_the_clock(self) -> None:
        learn(self.shard, self.told.segments, self.told.at)
        self.shard.looks_for_idle = self.told.days > 0
        then = self.told.at / 1000 - self.told.days * 86_400
        idle = sorted((seen, profile) for profile, seen in idle_guests(self.shard).items() if seen < then)
        for _, profile in idle[:200]:
            self.caused += 1
            position = Position(RESOLVED, self.shard.number, self.offset)
            self.row("deleted", profile, "idle", position, 1000 + self.caused)
            self.bury(self.shard.profiles[profile], "idle")

    # ------------------------------------------------------------------------------------------------- what it comes to

    def bury(self, profile: Profile, reason: str) -> None:
        """A tombstone is all that stays."""
        shard = self.shard
        if profile.guest_of is not None:
            self.tell(profile.guest_of, "forget", profile.id)
        for device in profile.devices:
            self.detach(device, profile.id, reason)
        for identity in profile.identities:
            self.release(identity, profile.id, reason)
        for guest in profile.guests:
            self.tell(guest, "remove")
        self.leave_to_sweeps(profile, LISTS)
        version = profile.version + 1
        tombstone = Profile(format=FORMAT, id=profile.id, version=version, changed=version, gone=True)
        shard.profiles[profile.id] = tombstone
        shard.timelines.pop(profile.id, None)
        shard.published[profile.id] = {}

    def leave_to_sweeps(self, profile: Profile, lists: tuple[str, ...]) -> None:
        departing = [what for what in lists if (profile.id, what) in self.shard.overflow]
        for what in departing:
            leaving = self.shard.leaving.setdefault((profile.id, what), {})
            for text, place in self.shard.overflow.pop((profile.id, what)).items():
                leaving[text] = max(place, leaving.get(text, 0))
        if departing:
            self.tell(profile.id, "sweep")

    def changed(self, profile: Profile, before: str) -> None:
        """What follows from any change of a profile that stays."""
        told, reading, shard = self.told, self.reading, self.shard
        profile.version += 1
        profile.type = type_of(profile)
        if reading is not None:
            line = Entry(FORMAT, told.ts, reading.type, None, None, *told.source[:3])
            shard.timelines[profile.id] = [*shard.timelines.get(profile.id, []), line][-500:]
        if _said(profile) != before:
            profile.changed = profile.version
            shard.published[profile.id] = {
                "profile": view(profile, told.at),
                "version": profile.version,
                "type": profile.type,
            }

    def _take_from_overflow(self, profile: str, what: str, text: str) -> None:
        texts = self.shard.overflow[profile, what]
        del texts[text]
        if not texts:
            del self.shard.overflow[profile, what]

    # ----------------------------------------------------------------------------------------------------- what is told

    def detach(self, device: str, profile: str, reason: str) -> None:
        self._control({"type": "detach", "device": device, "profile": profile, "reason": reason, "ts": self.told.ts})

    def release(self, identity: Identity, profile: str, reason: str) -> None:
        identities = {identity.kind: identity.value}
        self._control(
            {"type": "release", "identities": identities, "profile": profile, "reason": reason, "ts": self.told.ts}
        )

    def _control(self, said: dict[str, Any]) -> None:
        self.caused += 1
        origin = Position(RESOLVED, self.shard.number, self.offset * 2**20 + self.caused)
        self.shard.controls[origin] = self.told.at, said

    def tell(self, profile: str, task: Any, guest: str | None = None) -> None:
        self.caused += 1
        source = Source(RESOLVED, self.shard.number, self.offset, self.caused)
        told = Resolved(profile=profile, source=source, at=self.told.at, ts=self.told.ts, task=task, guest=guest)
        self.shard.sent[source] = Message(told, None)

    def row(self, kind: Any, profile: str, reason: str, position: Position | None = None, index: int = 0) -> None:
        source = self.told.source
        row = LedgerRow(
            kind=kind, position=position or Position(*source[:3]), index=index or 1000 + source.index,
            ts=self.told.ts, at=self.told.at, profile=profile, reason=reason,
        )  # fmt: skip
        self.shard.rows.append(row)

    def reject(self, reason: str) -> None:
        assert self.reading is not None
        position = Position(*self.told.source[:3])
        rejection = Rejection(position=position, reason=reason, detail="", key=None, value=self.reading.carried)
        self.shard.rejections.append(rejection)


def _said(profile: Profile) -> str:
    return json.dumps([who(profile), profile.demerged, len(profile.devices), len(profile.identities)])
