"""What a person leaves behind: demerge, delete, release, and the guests that nobody came back to. Pure.

The rules, in words. A **demerge** takes a profile's identities, devices and tokens from it; it stays, marked, with its
guests, and its type follows. A **release** takes the identities it names. A **delete** leaves a tombstone of the
profile: its id, its version, that it is gone; a profile that is deleted before its first record came is a tombstone
from the start. Whatever a profile lets go of is told to who knows it: each device's partition, each identity's, each
linked guest's shard (`remove`: it is deleted too), and the shard of the person whose guest it was (`forget`).

No message does more than a bounded piece of work. What a profile has beyond the first hundred becomes a list of its
own, the leaving list, and the profile tells itself to `sweep` it, `STEP` items at a time, until nothing is left. A
`tick` deletes at most `IDLE_STEP` guests, the longest idle first.

Messages about leaving are folded and committed alone, because what they need from the store is asked for one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from knownas.find import terms
from knownas.find.terms import Directory
from knownas.find.upkeep import Upkeep
from knownas.nouns import FORMAT, RESOLVED, Entry, Identity, LedgerRow, Position, Profile, Rejection
from knownas.profile.change import before, message
from knownas.profile.fold import (
    MINUTE_MS,
    USUAL,
    Arrived,
    Folded,
    FoldRules,
    deleted,
    encode_more,
    events_total,
    kind_of,
    line_of,
    rejection,
    unknown_profile,
)
from knownas.profile.parting import SECOND_STAGE, Consequences, Listed, Parting, ledger_row
from knownas.profile.types import reachable, type_of
from knownas.profile.view import facts_about
from knownas.records.control import Reason

STEP: Final = 500
"""How many items of each of a profile's leaving lists one sweep takes."""
IDLE_STEP: Final = 200
"""How many idle guests one tick deletes."""
DAY_SECONDS: Final = 86_400

LEAVING: Final = ("devices", "identities", "guests")
"""The lists that may be left to sweep, in the order in which they are swept."""

_RECORDS: Final = frozenset({"demerge", "delete", "release"})


def is_alone(arrived: Arrived) -> bool:
    """Whether a message is folded and committed by itself."""
    return arrived.task is not None or (arrived.record is not None and arrived.record.type in _RECORDS)


def is_idle_guest(profile: Profile) -> bool:
    """Whether a profile is deleted if nothing comes for long: a guest that turned out to be nobody's."""
    return not (profile.gone or profile.identities or profile.identities_more or profile.guest_of is not None)


class Wanted(NamedTuple):
    """What a message about leaving needs from the store beside the profile.

    `listed`: which of these are in overflow lists; `sweeps`: the first `STEP` of each leaving list; `idle_before`: the
    guests without a record since then, the longest idle first, at most `IDLE_STEP`.
    """

    listed: list[Listed]
    sweeps: bool
    idle_before: float | None


class Found(NamedTuple):
    """The answer."""

    listed: frozenset[Listed] = frozenset()
    leaving: Mapping[str, Sequence[str]] = {}
    idle: Sequence[Profile] = ()


def wanted(arrived: Arrived, profile: Profile | None) -> Wanted:
    """What to ask the store for."""
    listed: list[Listed] = []
    if profile is not None and profile.identities_more:
        listed += [Listed(profile.id, "identities", encode_more(identity)) for identity in arrived.releases]
    if arrived.task == "forget" and arrived.guest is not None and profile is not None and profile.guests_more:
        listed.append(Listed(profile.id, "guests", arrived.guest))
    ticks = arrived.task == "tick" and arrived.days > 0
    return Wanted(listed, arrived.task == "sweep", arrived.at / 1000 - arrived.days * DAY_SECONDS if ticks else None)


class Place(NamedTuple):
    """Where a message stands, and how far each source partition was folded before it."""

    shard: int
    offset: int
    watermarks: Mapping[str, tuple[int, int]]


def part(
    arrived: Arrived,
    raw: bytes,
    place: Place,
    profile: Profile | None,
    found: Found,
    rules: FoldRules = USUAL,
    directory: Directory | None = None,
) -> Folded:
    """Fold one message about leaving; the profile and the directory of the shard's index are changed in place."""
    source = arrived.source
    partition, at = f"{source.topic}/{source.partition}", (source.offset, source.index)
    if at <= place.watermarks.get(partition, (-1, 0)):
        return Folded({}, {}, dict(place.watermarks), {}, [], [], [], [], 1)
    index = Upkeep(directory or Directory(), rules.calendar)
    index.passes(arrived.at)
    desk = _Desk(arrived, raw, place, found, rules, index)
    if profile is not None and profile.gone and arrived.task is None:
        desk.follows.turn_away()
        desk.rejections.append(deleted(arrived, raw))
    else:
        assert arrived.task is not None or arrived.record is not None
        _ACTS[arrived.task or arrived.record.type](desk, profile)  # type: ignore[union-attr]
    return desk.folded(dict(place.watermarks) | {partition: at})


class _Desk:
    """What one message comes to, while it is being folded."""

    def __init__(
        self, arrived: Arrived, raw: bytes, place: Place, found: Found, rules: FoldRules, index: Upkeep
    ) -> None:
        self.arrived, self.raw, self.place, self.found = arrived, raw, place, found
        self.publish_counts, self.index = rules.publish_counts, index
        self.follows = Consequences(arrived, place.shard, place.offset)
        self.profiles: dict[str, Profile] = {}
        self.timelines: dict[str, list[Entry]] = {}
        self.counters: dict[str, int] = {}
        self.changes: list[tuple[str, bytes | None]] = []
        self.rows: list[LedgerRow] = []
        self.rejections: list[Rejection] = []
        self.erased: list[str] = []
        self.departing: list[tuple[str, str]] = []
        self.swept: list[Listed] = []
        self.dropped: list[Listed] = []
        self.indexed: bool | None = None

    def folded(self, watermarks: dict[str, tuple[int, int]]) -> Folded:
        parting = Parting(self.erased, self.departing, self.swept, self.dropped, self.indexed)
        is_counted = self.arrived.record is not None and not self.rejections
        return Folded(
            self.profiles, self.timelines, watermarks, self.counters, [], self.changes, self.rows, self.rejections, 0,
            self.follows.controls, self.follows.told, parting, self.index.result(),
            minutes={self.arrived.at // MINUTE_MS: 1} if is_counted else {},
        )  # fmt: skip

    # -- what records ask for

    def demerge(self, profile: Profile | None) -> None:
        if profile is None:
            self.rejections.append(unknown_profile(self.arrived, self.raw))
        elif profile.identified_at is None and not profile.identities and not profile.identities_more:
            self.reject("not_identified", f"the profile {profile.id} is a guest: it owns no identity to be taken")
        else:
            self.rows.append(ledger_row(self.arrived, "demerged", profile.id, "demerge"))
            self.change(profile, self._demerge)

    def _demerge(self, profile: Profile) -> None:
        self.let_go(profile, "demerged")
        self.depart(profile, devices=profile.devices_more, identities=profile.identities_more)
        profile.devices, profile.identities, profile.tokens = [], [], {}
        profile.devices_more = profile.identities_more = 0
        profile.demerged = True

    def release(self, profile: Profile | None) -> None:
        if profile is None:
            self.rejections.append(unknown_profile(self.arrived, self.raw))
            return
        listed = {one.text for one in self.found.listed}
        held = [i for i in self.arrived.releases if i in profile.identities or encode_more(i) in listed]
        if held:
            self.change(profile, lambda profile: self._release(profile, held))
        else:
            self.reject("not_held", f"the profile {profile.id} has none of these identities")

    def _release(self, profile: Profile, held: Sequence[Identity]) -> None:
        for identity in held:
            if identity in profile.identities:
                profile.identities.remove(identity)
            else:
                self.dropped.append(Listed(profile.id, "identities", encode_more(identity)))
                profile.identities_more -= 1
            self.follows.release(identity, profile.id, "released")

    def delete(self, profile: Profile | None) -> None:
        record = self.arrived.record
        if profile is None and record is not None and record.profile is not None:
            self.rejections.append(unknown_profile(self.arrived, self.raw))
        else:
            self.rows.append(ledger_row(self.arrived, "deleted", self.arrived.profile, "delete"))
            self.bury(profile or self.never_seen(), "deleted")

    # -- what shards ask for

    def remove(self, profile: Profile | None) -> None:
        if profile is None or not profile.gone:
            self.rows.append(ledger_row(self.arrived, "deleted", self.arrived.profile, "orphan"))
            self.bury(profile or self.never_seen(), "deleted")

    def forget(self, profile: Profile | None) -> None:
        guest = self.arrived.guest
        if profile is None or profile.gone or guest is None:
            return
        if guest in profile.guests:
            self.change(profile, lambda profile: profile.guests.remove(guest))
        elif Listed(profile.id, "guests", guest) in self.found.listed:
            self.change(profile, self._forget_listed)

    def _forget_listed(self, profile: Profile) -> None:
        self.dropped += self.found.listed
        profile.guests_more -= 1

    def sweep(self, profile: Profile | None) -> None:
        whose, leaving = self.arrived.profile, self.found.leaving
        reason: Reason = "deleted" if profile is not None and profile.gone else "demerged"
        for device in leaving.get("devices", ()):
            self.follows.detach(device, whose, reason)
        for text in leaving.get("identities", ()):
            kind, _, value = text.partition(":")
            self.follows.release(Identity(kind, value), whose, reason)
        for guest in leaving.get("guests", ()):
            self.follows.tell(guest, "remove")
        self.swept = [Listed(whose, what, text) for what in LEAVING for text in leaving.get(what, ())]
        if any(len(leaving.get(what, ())) >= STEP for what in LEAVING):
            self.follows.tell(whose, "sweep")

    def tick(self, _: Profile | None) -> None:
        self.indexed = self.arrived.days > 0
        for guest in self.found.idle:
            row = LedgerRow(
                kind="deleted", position=Position(RESOLVED, self.place.shard, self.place.offset),
                index=SECOND_STAGE + self.follows.number(), ts=self.arrived.ts, at=self.arrived.at, profile=guest.id,
                reason="idle",
            )  # fmt: skip
            self.rows.append(row)
            self.bury(guest, "idle")

    # -- the parts these are made of

    def reject(self, reason: str, detail: str) -> None:
        self.rejections.append(rejection(self.arrived, self.raw, reason, detail))

    def never_seen(self) -> Profile:
        """A profile whose first record is still on its way."""
        return Profile(format=FORMAT, id=self.arrived.profile)

    def let_go(self, profile: Profile, reason: Reason) -> None:
        """Tell the partitions of the devices and identities that a profile shows."""
        for device in profile.devices:
            self.follows.detach(device, profile.id, reason)
        for identity in profile.identities:
            self.follows.release(identity, profile.id, reason)

    def depart(self, profile: Profile, **more: int) -> None:
        """Leave what a profile does not show itself to sweeps."""
        departing = [(profile.id, what) for what in LEAVING if more.get(what)]
        if departing:
            self.departing += departing
            self.follows.tell(profile.id, "sweep")

    def bury(self, profile: Profile, reason: Reason) -> None:
        """Put a tombstone in a profile's place."""
        self.tally(kind_of(profile), -1)
        if profile.guest_of is not None:
            self.tally("gray", -events_total(profile))
            self.follows.tell(profile.guest_of, "forget", profile.id)
        self.let_go(profile, reason)
        for guest in profile.guests:
            self.follows.tell(guest, "remove")
        self.depart(
            profile, devices=profile.devices_more, identities=profile.identities_more, guests=profile.guests_more
        )
        self.index.leave(profile)
        version = profile.version + 1
        self.profiles[profile.id] = Profile(format=FORMAT, id=profile.id, version=version, changed=version, gone=True)
        self.erased.append(profile.id)
        self.changes.append((profile.id, None))

    def change(self, profile: Profile, act: Callable[[Profile], None]) -> None:
        """Let an act change a profile; what follows from any change of it."""
        arrived = self.arrived
        if profile.number < 0:
            self.index.adopt(profile)
        then, facts, kind = before(profile, self.publish_counts), _facts(profile), kind_of(profile)
        stood = terms.standing(profile)
        profile.version += 1
        act(profile)
        if arrived.record is not None:
            self.timelines[profile.id] = [line_of(arrived)]
        profile.type = type_of(profile, reachable(profile))
        if kind_of(profile) != kind:
            self.tally(kind, -1)
            self.tally(kind_of(profile), 1)
        self.index.differ(profile, stood, terms.standing(profile))
        self.profiles[profile.id] = profile
        if _facts(profile) != facts:
            profile.changed = profile.version
            self.changes.append((profile.id, message(then, profile, arrived.ts, arrived.at, self.publish_counts)))

    def tally(self, counter: str, amount: int) -> None:
        if counter and amount:
            self.counters[counter] = self.counters.get(counter, 0) + amount


def _facts(profile: Profile) -> tuple[object, ...]:
    return facts_about(profile), profile.demerged, len(profile.devices), len(profile.identities)


_ACTS: Final[Mapping[str, Callable[[_Desk, Profile | None], None]]] = {
    "demerge": _Desk.demerge,
    "delete": _Desk.delete,
    "release": _Desk.release,
    "remove": _Desk.remove,
    "forget": _Desk.forget,
    "sweep": _Desk.sweep,
    "tick": _Desk.tick,
}
