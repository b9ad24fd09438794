"""Fold a chunk of resolved records into profiles, timelines and changes. Pure.

The rules, in words. A message at or below the watermark of its source partition is a repeat and is skipped. Every
other one raises its profile's version. An event counts, with the least and the greatest `ts` and on its day; a record
tells the times, the place and the channel (`time`, `context`); a login, an update, an opt-out or a link changes who the
profile is; then the type follows. A test record marks the profile and does nothing else. What was decided about
identity comes with the message: the fold decides nothing of it. A profile that a record names directly must exist, else
the record is rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from knownas.find import planes, terms
from knownas.find.segments import NO_SEGMENTS, SegmentChange
from knownas.find.terms import Directory
from knownas.find.upkeep import NO_CHANGE, IndexChange, Upkeep
from knownas.nouns import (
    FORMAT,
    PROPERTY_OF_KIND,
    SHOWN,
    Count,
    Definition,
    Entry,
    Identity,
    LedgerKind,
    LedgerRow,
    Linked,
    Position,
    Profile,
    Rejection,
    Resolved,
    Source,
    Task,
    Timestamp,
)
from knownas.profile import context, subscriptions
from knownas.profile.change import Before, before, message
from knownas.profile.parting import SECOND_STAGE, Consequences, Parting
from knownas.profile.properties import change
from knownas.profile.time import KEPT_DAYS, Calendar, count_day, see, visit
from knownas.profile.types import PURCHASE, reachable, type_of
from knownas.profile.view import values
from knownas.records.control import Control
from knownas.records.origin import Origin

TEST: Final = "test"
MINUTE_MS: Final = 60_000
CUSTOM_PROPERTIES: Final = 256
EVENT_NAMES: Final = 512
DEFAULT_FIELDS: Final = frozenset({
    "Name", "Email", "Phone", "Gender", "DOB", "Birthday", "Photo", "Education", "Employed", "Married",
    "Customer Type", "CustomerID", "Timezone", "tz", "Language", "MSG-email", "MSG-push", "MSG-sms",
    *PROPERTY_OF_KIND.values(),
})  # fmt: skip


_PERSONAL: Final = frozenset({"DOB", "Birthday", "Timezone", "tz"})
"""Properties from which more is known of a person than their value."""

NO_DATA: Final = msgspec.Raw(b"null")
"""What `evtData` is where a record has none; msgspec knows no `Raw | None`."""


class Carried(msgspec.Struct, frozen=True, gc=False):
    """The parts of a producer's record that the fold reads; it was validated by stage 1."""

    type: str
    device: str | None = None
    profile: str | None = None
    evtName: str | None = None
    evtData: msgspec.Raw = NO_DATA
    profileData: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    test: bool | None = None
    subscriptions: dict[str, dict[str, bool]] | None = None


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """`nouns.Resolved` as stage 2 reads it."""

    profile: str
    source: Source
    at: int
    ts: int | float
    record: Carried | None = None
    binds: str | None = None
    claims: list[Identity] = []
    sets: dict[str, Any] = {}
    ignores: list[str] = []
    guest: str | None = None
    guestOf: str | None = None
    releases: list[Identity] = []
    task: Task | None = None
    days: int = 0
    segments: list[Definition] = []


read: Final = msgspec.json.Decoder(Arrived).decode
_read_original: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Overflow(NamedTuple):
    """An identity, device or guest beyond the first `SHOWN`: `what` list of which profile, its place and text."""

    profile: str
    what: str
    place: int
    text: str


NOTHING_PARTS: Final = Parting()


class FoldRules(NamedTuple):
    """What a deployment decides: the days of which time zone are counted, the region of phone numbers without a
    country code, whether every counted event is published, how many entries of a timeline are kept."""

    calendar: Calendar = Calendar()
    region: str | None = None
    publish_counts: bool = False
    timeline_entries: int = 500


USUAL: Final = FoldRules()


class Folded(NamedTuple):
    """What a chunk comes to: everything the commit writes and everything that is to be published. `minutes` are records
    that count, by the minute of their Kafka time; `links` those that took effect; `pieces` say of how many messages
    some profiles' snapshots are from now on."""

    profiles: dict[str, Profile]
    timelines: dict[str, list[Entry]]
    watermarks: dict[str, tuple[int, int]]
    counters: dict[str, int]
    overflow: list[Overflow]
    changes: list[tuple[str, bytes | None]]
    rows: list[LedgerRow]
    rejections: list[Rejection]
    repeats: int
    controls: Sequence[tuple[Control, Origin]] = ()
    told: Sequence[Resolved] = ()
    parting: Parting = NOTHING_PARTS
    planes: IndexChange = NO_CHANGE
    segments: SegmentChange = NO_SEGMENTS
    minutes: Mapping[int, int] = {}
    links: Sequence[Linked] = ()
    pieces: Mapping[str, int] = {}


def encode_more(identity: Identity) -> str:
    """An identity as it is kept in an overflow list."""
    return f"{identity.kind}:{identity.value}"


class Fold:
    """The profiles of a chunk while it is being folded.

    `profiles` are those that the chunk names, as far as they exist; they are changed in place. `devices_beyond` are
    the (profile, device) pairs known to be in overflow lists already; `directory` is that of the shard's index, changed
    in place.
    """

    def __init__(
        self,
        profiles: dict[str, Profile],
        watermarks: dict[str, tuple[int, int]],
        devices_beyond: Iterable[tuple[str, str]] = (),
        rules: FoldRules = USUAL,
        shard: int = 0,
        directory: Directory | None = None,
    ) -> None:
        self._known, self._shard = profiles, shard
        self._index = Upkeep(directory or Directory(), rules.calendar)
        self._stood: dict[str, list[terms.Term]] = {}  # the planes of profiles that may be in others when all is folded
        self._watermarks = dict(watermarks)
        self._beyond = set(devices_beyond)
        self._rules, self._publish_counts = rules, rules.publish_counts
        self._day = rules.calendar.day
        self._touched: dict[str, Profile] = {}
        self._timelines: dict[str, list[Entry]] = {}
        self._counters: dict[str, int] = {}
        self._overflow: list[Overflow] = []
        self._then: dict[str, Before] = {}
        self._dirty: dict[str, Arrived] = {}  # the last changing record of profiles that changed
        self._pictures: dict[str, Profile] = {}  # those that moved on since, as they were then
        self._rows: list[LedgerRow] = []
        self._rejections: list[Rejection] = []
        self._controls: list[tuple[Control, Origin]] = []
        self._told: list[Resolved] = []
        self._minutes: dict[int, int] = {}
        self._minute_from = self._minute_to = self._in_minute = 0
        self._links: list[Linked] = []
        self._repeats = 0
        self._refused = 0  # parts of the record at hand

    def result(self) -> Folded:
        """Everything folded so far."""
        self._turn_minute(self._minute_from)
        for profile_id, stood in self._stood.items():
            profile = self._touched[profile_id]
            self._index.differ(profile, stood, terms.standing(profile))
        return Folded(
            self._touched,
            self._timelines,
            self._watermarks,
            self._counters,
            self._overflow,
            [(profile_id, self._render(profile_id)) for profile_id in self._dirty],
            self._rows,
            self._rejections,
            self._repeats,
            self._controls,
            self._told,
            planes=self._index.result(),
            minutes=self._minutes,
            links=self._links,
        )

    def stands(self, profile_id: str) -> tuple[Profile | None, Sequence[Entry]]:
        """A profile as it is now, and what is new in its timeline."""
        profile = self._touched.get(profile_id) or self._known.get(profile_id)
        return profile, self._timelines.get(profile_id, ())

    def add(self, arrived: Arrived, raw: bytes, offset: int = 0) -> None:
        """Fold one message, at this offset of its shard; `raw` are its bytes, for where the record is rejected."""
        source = arrived.source
        partition = f"{source.topic}/{source.partition}"
        at = (source.offset, source.index)
        if at <= self._watermarks.get(partition, (-1, 0)):
            self._repeats += 1
            return
        self._watermarks[partition] = at
        self._refused = 0
        if arrived.at >= self._index.clock_ms:
            self._index.passes(arrived.at)
        profile_id, record = arrived.profile, arrived.record
        profile = self._touched.get(profile_id) or self._known.get(profile_id)
        if profile is None:
            if record is not None and (record.profile is not None or record.type == TEST):
                self._rejections.append(unknown_profile(arrived, raw))
                return
            profile = self._enter(arrived)
        elif profile.gone:
            self._turn_away(arrived, raw, offset)
            return
        elif profile.number < 0:
            self._index.adopt(profile)
        self._touched[profile_id] = profile
        if not self._minute_from <= arrived.at < self._minute_to:
            self._turn_minute(arrived.at)
        self._in_minute += record is not None
        if not self._only_counts(profile, arrived):
            self._change(profile, arrived)
            return
        if profile_id in self._dirty:
            self._keep_picture(profile)
        profile.version += 1
        self._count(profile, arrived)

    def _enter(self, arrived: Arrived) -> Profile:
        """Somebody of whom nothing was known."""
        profile = Profile(
            format=FORMAT, id=arrived.profile, first_seen=arrived.ts, last_seen=arrived.ts,
            identities=[], devices=[], guests=[], properties={}, events={}, tokens={},
        )  # fmt: skip
        self._index.enter(profile)
        return profile

    def _turn_minute(self, at: int) -> None:
        """The next records are of another minute: most of a chunk are of one, and a division for each costs more than
        all else that is counted."""
        if self._in_minute:
            minute = self._minute_from // MINUTE_MS
            self._minutes[minute] = self._minutes.get(minute, 0) + self._in_minute
        self._minute_from, self._in_minute = at // MINUTE_MS * MINUTE_MS, 0
        self._minute_to = self._minute_from + MINUTE_MS

    def _only_counts(self, profile: Profile, arrived: Arrived) -> bool:
        """Whether a record is what most are: an event that changes nothing but counts and times."""
        record = arrived.record
        return (
            profile.version > 0
            and record is not None
            and record.profileData is None
            and (record.context is None or "pushToken" not in record.context)
            and record.subscriptions is None
            and record.test is None
            and arrived.binds is None
            and not arrived.claims
            and not arrived.sets
            and arrived.guest is None
            and not self._publish_counts
            and (record.evtName != PURCHASE or profile.type == "customer")
        )

    def _change(self, profile: Profile, arrived: Arrived) -> None:
        if profile.id in self._dirty:
            self._keep_picture(profile)
        if profile.id not in self._then:
            self._then[profile.id] = before(profile, self._publish_counts)
            self._stood[profile.id] = terms.standing(profile) if profile.version else []
        is_new = not profile.version
        mark_before = () if is_new else self._mark(profile, arrived, reachable(profile))
        kind_before = kind_of(profile)
        events_before = events_total(profile) if arrived.guestOf else 0
        profile.version += 1
        if arrived.record is not None and arrived.record.type == TEST:
            self._mark_test(profile, arrived)
        else:
            self._apply(profile, arrived)
        channels = reachable(profile)
        profile.type = type_of(profile, channels)
        if arrived.guestOf is not None and profile.guest_of is None:
            profile.guest_of = arrived.guestOf
            self._tally("links", 1)
            self._links.append(linked(arrived))
            self._tally("gray", events_before)
        kind = kind_of(profile)
        if kind != kind_before:
            self._tally(kind_before, -1)
            self._tally(kind, 1)
        if is_new or self._mark(profile, arrived, channels) != mark_before:
            profile.changed = profile.version
            self._dirty[profile.id] = arrived
            self._pictures.pop(profile.id, None)

    def _apply(self, profile: Profile, arrived: Arrived) -> None:
        self._identify(profile, arrived)
        self._set_properties(profile, arrived)
        record = arrived.record
        if record is not None:
            self._set_token(profile, record)
            self._count(profile, arrived)

    def _mark_test(self, profile: Profile, arrived: Arrived) -> None:
        record = arrived.record
        assert record is not None
        if arrived.ts >= profile.test_ts:
            profile.test, profile.test_ts = record.test is True, arrived.ts
        self._write_row(arrived, "tested", "test" if record.test else "not_test")
        self._list(profile, arrived)

    def _mark(self, profile: Profile, arrived: Arrived, channels: list[str]) -> tuple[Any, ...]:
        """What a change is recognized by. Lists only grow; properties are looked at where the record may set any, as
        bytes, in which `1`, `1.0` and `true` differ."""
        sets = arrived.sets or (arrived.record is not None and arrived.record.profileData)
        return (
            profile.type,
            channels,
            len(profile.identities) + profile.identities_more,
            len(profile.devices) + profile.devices_more,
            len(profile.guests) + profile.guests_more,
            profile.guest_of,
            profile.test,
            subscriptions.opted_out(profile),
            msgspec.msgpack.encode(values(profile)) if sets else b"",
            events_total(profile) if self._publish_counts else 0,
        )

    def _identify(self, profile: Profile, arrived: Arrived) -> None:
        device = arrived.binds
        is_new = device is not None and device not in profile.devices and (profile.id, device) not in self._beyond
        if is_new and self._append(profile, "devices", profile.devices, profile.devices_more, device):
            profile.devices_more += 1
            self._beyond.add((profile.id, str(device)))
        for claim in arrived.claims:
            if self._append(profile, "identities", profile.identities, profile.identities_more, claim):
                profile.identities_more += 1
        if arrived.claims and profile.identified_at is None:
            profile.identified_at = arrived.ts
        if arrived.guest is not None and self._append(
            profile, "guests", profile.guests, profile.guests_more, arrived.guest
        ):
            profile.guests_more += 1

    def _append(self, profile: Profile, what: str, shown: list[Any], more: int, item: Any) -> bool:
        """Add to a list that shows its first `SHOWN`; true where the item went beyond."""
        if len(shown) < SHOWN:
            shown.append(item)
            return False
        text = encode_more(item) if isinstance(item, Identity) else item
        self._overflow.append(Overflow(profile.id, what, SHOWN + more, text))
        return True

    def _set_properties(self, profile: Profile, arrived: Arrived) -> None:
        given = arrived.record.profileData if arrived.record is not None else None
        if not given and not arrived.sets:
            return
        wanted = {key: value for key, value in (given or {}).items() if key not in arrived.ignores} | arrived.sets
        was = None if _PERSONAL.isdisjoint(wanted) else terms.personal(profile)
        for key, value in wanted.items():
            held = profile.properties.get(key)
            if held is None and self._is_full(profile, key):
                self._refuse(arrived, "too_many_properties", key)
                continue
            earlier = held.value if held is not None else None
            refusal = change(profile.properties, key, value, arrived.ts)
            if refusal is not None:
                self._refuse(arrived, refusal, key)
            elif key in profile.properties:
                self._index.property(profile, key, earlier, profile.properties[key].value)
        if was is not None:
            self._index.differ(profile, was, terms.personal(profile))

    def _is_full(self, profile: Profile, key: str) -> bool:
        if len(profile.properties) < CUSTOM_PROPERTIES or key in DEFAULT_FIELDS:
            return False
        return sum(name not in DEFAULT_FIELDS for name in profile.properties) >= CUSTOM_PROPERTIES

    def _set_token(self, profile: Profile, record: Carried) -> None:
        if record.context is None or record.device is None or "pushToken" not in record.context:
            return
        token = record.context["pushToken"]
        if token is None:
            profile.tokens.pop(record.device, None)
        elif isinstance(token, str) and token and (record.device in profile.tokens or len(profile.tokens) < SHOWN):
            profile.tokens[record.device] = token

    def _count(self, profile: Profile, arrived: Arrived) -> None:
        record = arrived.record
        assert record is not None
        ts, name = arrived.ts, record.evtName
        self._see(profile, ts)
        if record.device is not None:
            visit(profile, ts)
        if record.context is not None:
            if context.is_known(profile, record.context):
                profile.context_ts = max(profile.context_ts, ts)
            else:
                self._note_context(profile, arrived, record.context)
        if record.subscriptions is not None:
            self._refuse_all(arrived, subscriptions.note(profile, record.subscriptions, ts, self._rules.region))
        self._list(profile, arrived)
        if record.type == "event" and name is not None:
            self._count_event(profile, arrived, name)

    def _see(self, profile: Profile, ts: Timestamp) -> None:
        last, first = profile.last_seen, profile.first_seen
        if ts > last:
            see(profile, ts)
            if self._day(ts) != self._day(last):
                self._index.seen(profile, planes.LAST_SEEN, last, ts)
        elif ts < first:
            told = terms.channel(profile)
            see(profile, ts)
            self._index.seen(profile, planes.FIRST_SEEN, first, ts)
            self._index.fields(profile, told, terms.channel(profile), planes.CHANNEL_FIELDS)

    def _note_context(self, profile: Profile, arrived: Arrived, given: dict[str, Any]) -> None:
        known, brought = profile.context, profile.channel
        told, around = terms.channel(profile), terms.around(profile)
        zoned = given.get("timezone", "") != known.get("timezone", "")
        zone = terms.zone(profile) if zoned else []
        self._refuse_all(arrived, context.note(profile, given, arrived.ts))
        if profile.context is not known:
            self._index.fields(profile, known, profile.context, planes.CONTEXT_FIELDS)
            self._index.differ(profile, around, terms.around(profile))
            if zoned:
                self._index.differ(profile, zone, terms.zone(profile))
        if profile.channel is not brought:
            self._index.fields(profile, told, terms.channel(profile), planes.CHANNEL_FIELDS)

    def _list(self, profile: Profile, arrived: Arrived) -> None:
        self._timelines.setdefault(profile.id, []).append(line_of(arrived))

    def _count_event(self, profile: Profile, arrived: Arrived, name: str) -> None:
        ts = arrived.ts
        day, count = self._day(ts), profile.events.get(name)
        if count is not None:
            count.count = total = count.count + 1
            if ts > count.last:
                count.last = ts
            elif ts < count.first:
                count.first = ts
            days = count.days
            kept = days[:] if days and days[0] <= day - KEPT_DAYS else None
            today = count_day(days, day)
            if kept is not None and today:
                self._index.let_go(profile, name, kept, days)
            if 0 < today <= terms.BUSY or not total & (total - 1):
                self._index.counted(profile, name, total, day, today, days)
        elif len(profile.events) < EVENT_NAMES or name == PURCHASE:
            count = profile.events[name] = Count(1, ts, ts, [day, 1])
            self._index.counted(profile, name, 1, day, 1, count.days)
        else:
            self._refuse(arrived, "too_many_event_names", name)
            return
        if profile.guest_of is not None:
            self._tally("gray", 1)

    def _keep_picture(self, profile: Profile) -> None:
        """A change is told as it was when it happened: keep what a record that changes nothing more moves on. Rendering
        it here would be in vain wherever another change follows in the chunk."""
        if profile.id not in self._pictures:
            events = {name: Count(count.count, count.first, count.last) for name, count in profile.events.items()}
            self._pictures[profile.id] = msgspec.structs.replace(profile, events=events)

    def _render(self, profile_id: str) -> bytes:
        last, then = self._dirty[profile_id], self._then[profile_id]
        profile = self._pictures.get(profile_id) or self._touched[profile_id]
        return message(then, profile, last.ts, last.at, self._publish_counts)

    def _tally(self, counter: str, amount: int) -> None:
        if counter and amount:
            self._counters[counter] = self._counters.get(counter, 0) + amount

    def _refuse_all(self, arrived: Arrived, refused: Iterable[tuple[str, str]]) -> None:
        for key, reason in refused:
            self._refuse(arrived, reason, key)

    def _refuse(self, arrived: Arrived, reason: str, key: str) -> None:
        self._write_row(arrived, "refused", reason, self._refused, key[:120])
        self._refused += 1

    def _write_row(
        self, arrived: Arrived, kind: LedgerKind, reason: str, number: int = 0, key: str | None = None
    ) -> None:
        self._rows.append(
            LedgerRow(
                kind=kind,
                position=Position(*arrived.source[:3]),
                index=SECOND_STAGE + number,
                ts=arrived.ts,
                at=arrived.at,
                profile=arrived.profile,
                reason=reason,
                key=key,
            )
        )

    def _turn_away(self, arrived: Arrived, raw: bytes, offset: int) -> None:
        """A message for a profile that is deleted: its record is rejected, what it brought along is let go again."""
        follows = Consequences(arrived, self._shard, offset)
        follows.turn_away()
        self._controls += follows.controls
        self._told += follows.told
        if arrived.record is not None:
            self._rejections.append(deleted(arrived, raw))


def linked(arrived: Arrived) -> Linked:
    """The link that a guest is told of."""
    topic, partition, offset, _ = arrived.source
    return Linked(arrived.at, topic, partition, offset, arrived.guestOf or "", arrived.profile, arrived.ts)


def line_of(arrived: Arrived) -> Entry:
    """The line that a record leaves in a timeline."""
    record, (topic, partition, offset, _) = arrived.record, arrived.source
    assert record is not None
    name, data = None, None
    if record.type == "event":
        name, given = record.evtName, bytes(record.evtData)
        data = None if given == b"null" else given
    return Entry(FORMAT, arrived.ts, record.type, name, data, topic, partition, offset)


def unknown_profile(arrived: Arrived, raw: bytes) -> Rejection:
    """The record names a profile that does not exist."""
    return rejection(arrived, raw, "unknown_profile", f"no profile has the id {arrived.profile}")


def deleted(arrived: Arrived, raw: bytes) -> Rejection:
    """The record came to a profile that is deleted."""
    return rejection(arrived, raw, "deleted", f"the profile {arrived.profile} is deleted")


def rejection(arrived: Arrived, raw: bytes, reason: str, detail: str) -> Rejection:
    """The record that a message carries, as it came, for the `rejected` topic."""
    position = Position(*arrived.source[:3])
    value = bytes(_read_original(raw)["record"])
    return Rejection(position=position, reason=reason, detail=detail, key=None, value=value)


def kind_of(profile: Profile) -> str:
    """The counter a profile is counted under: its type, or `orphans`; none before its first record, or once deleted."""
    if not profile.version or profile.gone:
        return ""
    return "orphans" if profile.guest_of is not None else profile.type


def events_total(profile: Profile) -> int:
    """How many events are counted for a profile."""
    return sum(count.count for count in profile.events.values())
