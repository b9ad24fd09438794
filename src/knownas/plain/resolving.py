"""Whose a record is: the identity rules, one record after the other.

A device speaks for nobody, for a guest or for an identified profile; a fact says from which record on. An identity
belongs to the profile that the first record with it went to. The rules, with their numbers:

- a login (or a profile record with identities, from a device that speaks for no identified profile) moves the device
  to the winner: 0 from nobody, 1 the guest itself, 2 another's (the guest is linked), 3 and 4 nobody moves, 5 and 6
  from an identified profile to another;
- the winner is the owner of the first owned identity (7), else the guest, else a new profile;
- identities that nobody owns are claimed for the winner, those of others are refused;
- a profile record with identities on an identified device adds to that profile;
- 8: without identities it goes to whom the device speaks for; nobody first gets its guest;
- an event with identities, and anything without a device, goes to the owner and moves nothing.

A record with a suppressed identity is rejected. So is one whose `id` was counted under the same key in this partition
within seven days of the partition's time, which is the greatest Kafka time so far. Demerge, deletion, release and test
mark only ask whose what they name is. What stage 2 lets go of comes back: a device that speaks for that profile speaks
for nobody, an identity that belongs to it is free, one generation on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

from knownas.nouns import (
    EVENTS,
    RESOLVED,
    Fact,
    Identity,
    LedgerKind,
    LedgerRow,
    Names,
    Owner,
    Position,
    Rejection,
    Resolved,
    Source,
    murmur2,
)
from knownas.plain.reading import ABOUT_A_PROFILE, LogRecord, Reading, Setting, read

NOBODY = Fact(-1, "nobody", "", 0)
WINDOW_SECONDS = 7 * 24 * 3600
"""How long the id of a record is remembered."""


class Copy(NamedTuple):
    """A record found at the wrong place: it must stand again in this partition of `events`, saying this origin."""

    origin: Position
    at: int
    partition: int
    key: bytes
    value: bytes


class Message(NamedTuple):
    """What stage 2 is told, and the record it is about as it was read; the news of a link has no record."""

    resolved: Resolved
    reading: Reading | None


@dataclass
class Decisions:
    """Everything stage 1 decides: facts by device hash, owners by identity hash, the rest in order of decision."""

    facts: dict[str, list[Fact]] = field(default_factory=dict)
    owners: dict[str, Owner] = field(default_factory=dict)
    rows: list[LedgerRow] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    messages: dict[Source, Message] = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)
    copied: set[Position] = field(default_factory=set)
    """The origins of the copies that were decided."""

    def missing(self) -> list[Copy]:
        """The copies that must appear and did not."""
        return [copy for copy in self.copies if copy.origin not in self.copied]


def origin_of(record: LogRecord, topic: str, partition: int, names: Names) -> tuple[Position, int] | None:
    """Where a copy says it was first found and its Kafka time there, if the seal is ours."""
    if record.value is None:
        return None
    place = str(partition) if topic == EVENTS else f"{topic}/{partition}"
    for header, said in record.headers:
        if said is None:
            continue
        told, _, mac = said.decode("utf-8", "replace").rpartition(":")
        seal = names.digest("origin", told, place, record.value.decode("utf-8", "backslashreplace"))
        if header == "knownas-origin" and mac == seal:
            origin_topic, origin_partition, offset, at = told.split(":")
            return Position(origin_topic, int(origin_partition), int(offset)), int(at)
    return None


@dataclass
class Case:
    """One record, and what is decided about it. `seen` are the generations at which its identities were found."""

    here: Position
    at: int
    reading: Reading
    key: bytes
    device: str | None = None
    """The hash of the device that the record was decided on."""
    winner: str = ""
    reason: str = ""
    fact: Fact | None = None
    gained: list[Identity] = field(default_factory=list)
    of_others: list[Identity] = field(default_factory=list)
    moved: Literal["linked", "switched"] | None = None
    from_: str | None = None
    seen: list[int] = field(default_factory=list)
    suppressed: list[Identity] = field(default_factory=list)


class Resolver:
    """Takes record after record.

    `times` are the greatest Kafka times of partitions, in milliseconds; `counted` are the records with an id, by
    partition, key and id, each with the partition's time in seconds.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting, self.names = setting, setting.names
        self.decisions = Decisions()
        self.times: dict[tuple[str, int], int] = {}
        self.counted: dict[tuple[tuple[str, int], bytes, str], int] = {}

    def take(self, topic: str, partition: int, record: LogRecord) -> None:
        """Decide one record."""
        here, at = Position(topic, partition, record.offset), record.at
        origin = origin_of(record, topic, partition, self.names)
        if origin is not None:
            at = origin[1]
        self.times[topic, partition] = max(at, self.times.get((topic, partition), 0))
        if origin is not None:
            if origin[0] in self.decisions.copied:
                return
            self.decisions.copied.add(origin[0])
            if origin[0].topic == RESOLVED:
                self._undo(here, at, json.loads(record.value or b""))
                return
        reading = read(record.value, at, self.setting, record.beside(is_copy=origin is not None))
        if isinstance(reading, str):
            self._reject(here, reading, record)
            return
        if reading.device is not None and record.value is not None:
            home = murmur2(reading.device.encode()) % self.setting.partitions
            if (topic, partition) != (EVENTS, home):
                self.decisions.copies.append(Copy(here, at, home, reading.device.encode(), record.value))
                return
        key = (record.key or b"") if reading.device is None else reading.device.encode()
        case = Case(here, at, reading, key)
        reason = self._turned_away(case) or self._decide(case)
        if case.suppressed:
            self._suppress(case)
        if reason is not None:
            suppresses = reading.type == "delete" and reading.suppress and reason != "no_identity"
            leaves_nothing = reason == "suppressed" or suppresses
            self._reject(here, reason, record._replace(key=None, value=None) if leaves_nothing else record)
        else:
            self._remember(case)
            self._tell(case)

    def _reject(self, here: Position, reason: str, record: LogRecord) -> None:
        rejection = Rejection(position=here, reason=reason, detail="", key=record.key, value=record.value)
        self.decisions.rejections.append(rejection)

    # ---------------------------------------------------------------------------------------------- does it count?

    def _turned_away(self, case: Case) -> str | None:
        """The reason if the record names nobody, is suppressed or a repeat."""
        reading, partition = case.reading, case.here[:2]
        if reading.device is None and reading.profile is None and not reading.usable:
            return "no_identity"
        owners = [self._owner(identity) for identity, _ in reading.usable]
        if reading.type not in ABOUT_A_PROFILE and any(owner.suppressed for owner in owners if owner is not None):
            return "suppressed"
        if reading.id is not None:
            before = self.counted.get((partition, case.key, reading.id))
            if before is not None and self.times[partition] // 1000 - before < WINDOW_SECONDS:
                return "duplicate"
        return None

    def _remember(self, case: Case) -> None:
        if case.reading.id is not None:
            partition = case.here[:2]
            self.counted[partition, case.key, case.reading.id] = self.times[partition] // 1000

    def _owner(self, identity: Identity) -> Owner | None:
        return self.decisions.owners.get(self.names.identity(identity))

    # ------------------------------------------------------------------------------------------------------ the rules

    def _decide(self, case: Case) -> str | None:
        """Decide whose the record is; returns the reason if it is rejected."""
        reading = case.reading
        if reading.type in ABOUT_A_PROFILE:
            return self._decide_about_a_profile(case)
        if reading.profile is not None:
            case.winner = reading.profile
            return None
        if reading.device is not None:
            return self._decide_on_device(case, reading.device)
        self._settle(case, None, "server")
        return None

    def _decide_on_device(self, case: Case, device: str) -> str | None:
        case.device = self.names.device(device)
        facts = self.decisions.facts.setdefault(case.device, [])
        speaker = facts[-1] if facts else NOBODY
        reading = case.reading
        if reading.type == "logout":
            return self._log_out(case, speaker)
        if not reading.usable:
            if speaker.state == "nobody":
                self._bind(case, "guest", self.names.guest(device, speaker.epoch), speaker.epoch, "first_record")
            case.winner = facts[-1].profile
        elif reading.type == "login" or (reading.type == "profile" and speaker.state != "identified"):
            self._log_in(case, speaker)
        elif reading.type == "profile":
            self._settle(case, None, "add", always=speaker.profile)
        else:
            self._settle(case, None, "server")
        return None

    def _log_out(self, case: Case, speaker: Fact) -> str | None:
        if speaker.state == "nobody":
            return "nobody_logs_out"
        if speaker.state == "identified":
            self._bind(case, "nobody", "", speaker.epoch + 1, "logout")
        case.winner = speaker.profile
        return None

    def _log_in(self, case: Case, speaker: Fact) -> None:
        self._settle(case, speaker.profile if speaker.state == "guest" else None, "")
        same = case.winner == speaker.profile
        if speaker.state == "identified" and same:
            case.reason = "add"
            return
        if speaker.state == "nobody":
            reason = "login"
        elif speaker.state == "guest":
            reason = "claim" if same else "link"
        else:
            reason = "switch"
        if reason in ("link", "switch"):
            case.moved = "linked" if reason == "link" else "switched"
            case.from_ = speaker.profile
        self._bind(case, "identified", case.winner, speaker.epoch, reason)

    def _settle(self, case: Case, guest: str | None, reason: str, always: str | None = None) -> None:
        """Who wins: always this one, else the first owner, else the guest, else a new profile; what it gains."""
        case.reason = reason
        usable = [identity for identity, _ in case.reading.usable]
        found = {identity: self._owner(identity) for identity in usable}
        case.seen = [0 if owner is None else owner.generation for owner in found.values()]
        of_somebody = [owner.profile for owner in found.values() if owner is not None and owner.profile]
        if always is not None:
            case.winner = always
        elif of_somebody:
            case.winner = of_somebody[0]
        else:
            case.winner = guest or self.names.person(usable[0], case.seen[0])
        for (identity, owner), generation in zip(found.items(), case.seen, strict=True):
            if owner is None or not owner.profile:
                self.decisions.owners[self.names.identity(identity)] = Owner(case.winner, generation, *case.here)
                case.gained.append(identity)
            elif owner.profile != case.winner:
                case.of_others.append(identity)

    def _decide_about_a_profile(self, case: Case) -> str | None:
        """It is about the profile it names, or the device speaks for, or the one that owns what it names."""
        reading = case.reading
        if reading.profile is not None:
            case.winner = reading.profile
            return None
        if reading.device is not None:
            case.device = self.names.device(reading.device)
            facts = self.decisions.facts.get(case.device) or [NOBODY]
            case.winner = facts[-1].profile
            return None if case.winner else "nobody_owns"
        return self._look_up(case)

    def _look_up(self, case: Case) -> str | None:
        identities = [identity for identity, _ in case.reading.usable]
        if case.reading.type == "delete" and case.reading.suppress:
            case.suppressed = identities
        owners = set()
        for identity in identities:
            owner = self._owner(identity)
            generation = 0 if owner is None else owner.generation
            if owner is not None and owner.profile:
                owners.add(owner.profile)
                case.seen.append(generation)
            else:
                case.seen.append(-1 - generation)
        if len(owners) == 1:
            case.winner = owners.pop()
            return None
        return "different_owners" if owners else "nobody_owns"

    def _suppress(self, case: Case) -> None:
        for index, identity in enumerate(case.suppressed):
            name = self.names.identity(identity)
            owner = self.decisions.owners.get(name, Owner("", 0, "", -1, -1))
            self.decisions.owners[name] = msgspec.structs.replace(owner, suppressed=True)
            row = LedgerRow(
                kind="suppressed", position=case.here, index=index, ts=case.reading.ts, at=case.at,
                profile=case.winner, reason="delete", identity=(identity.kind, name),
            )  # fmt: skip
            self.decisions.rows.append(row)

    def _undo(self, here: Position, at: int, asked: dict[str, Any]) -> None:
        """A device or an identity that stage 2 lets go of."""
        profile, reason = asked["profile"], asked["reason"]
        row = LedgerRow(kind="bound", position=here, index=0, ts=asked["ts"], at=at, profile="", reason=reason)
        change = msgspec.structs.replace
        if asked["type"] == "detach":
            device = self.names.device(asked["device"])
            facts = self.decisions.facts.setdefault(device, [])
            speaker = facts[-1] if facts else NOBODY
            if speaker.state == "nobody" or speaker.profile != profile:
                return
            facts.append(Fact(here.offset, "nobody", "", speaker.epoch + 1))
            self.decisions.rows.append(change(row, device=device, state="nobody", epoch=speaker.epoch + 1))
            return
        ((kind, text),) = asked["identities"].items()
        name = self.names.identity(Identity(kind, text))
        owner = self.decisions.owners.get(name)
        if owner is None or owner.profile != profile:
            return
        self.decisions.owners[name] = Owner("", owner.generation + 1, *here, owner.suppressed)
        self.decisions.rows.append(
            change(row, kind="released", profile=profile, identity=(kind, name), generation=owner.generation)
        )

    def _bind(self, case: Case, state: Any, profile: str, epoch: int, reason: str) -> None:
        assert case.device is not None
        case.fact, case.reason = Fact(case.here.offset, state, profile, epoch), reason
        self.decisions.facts[case.device].append(case.fact)

    # -------------------------------------------------------------------------------------------------- what is told

    def _tell(self, case: Case) -> None:
        self._write_rows(case)
        reading, winner = case.reading, case.winner
        says_something = reading.type not in ABOUT_A_PROFILE
        sets = dict(reading.plain) if says_something else {}
        for identity, property_ in reading.usable:
            if says_something and property_ is not None and identity not in case.of_others:
                sets[property_] = identity.value
        guest = case.from_ if case.moved == "linked" else None
        self._send(
            reading,
            Resolved(
                profile=winner,
                source=Source(*case.here, 0),
                at=case.at,
                ts=reading.ts,
                record=msgspec.Raw(reading.carried),
                binds=reading.device if case.fact is not None and case.fact.state != "nobody" else None,
                claims=case.gained,
                sets=sets,
                ignores=[key for key, _ in reading.refused] + [key for key in reading.taken if key not in sets],
                guest=guest,
                releases=self._owned(case) if reading.type == "release" else [],
                generations=tuple(case.seen) if any(case.seen) else (),
            ),
        )
        if guest is not None:
            source = Source(*case.here, 1)
            self._send(None, Resolved(profile=guest, source=source, at=case.at, ts=reading.ts, guestOf=winner))

    def _owned(self, case: Case) -> list[Identity]:
        return [identity for (identity, _), seen in zip(case.reading.usable, case.seen, strict=True) if seen >= 0]

    def _send(self, reading: Reading | None, resolved: Resolved) -> None:
        self.decisions.messages[resolved.source] = Message(resolved, reading)

    def _write_rows(self, case: Case) -> None:
        rows: list[tuple[LedgerKind, str, str, dict[str, Any]]] = []
        generations = dict(zip((identity for identity, _ in case.reading.usable), case.seen, strict=False))
        if case.fact is not None:
            fact = case.fact
            rows.append(("bound", fact.profile, case.reason, {"state": fact.state, "epoch": fact.epoch}))
        for identity in case.gained:
            hashed = (identity.kind, self.names.identity(identity))
            generation = generations[identity]
            rows.append(("claimed", case.winner, case.reason, {"identity": hashed, "generation": generation}))
        for identity in case.of_others:
            hashed = (identity.kind, self.names.identity(identity))
            rows.append(("refused", case.winner, "owned_by_another", {"identity": hashed}))
        if case.moved is not None:
            rows.append((case.moved, case.winner, case.reason, {"from_": case.from_}))
        for kind, reason in case.reading.unusable:
            rows.append(("refused", case.winner, reason, {"identity": (kind, "")}))
        for key, reason in case.reading.refused:
            rows.append(("refused", case.winner, reason, {"key": key[:120]}))
        for index, (kind_of_row, profile, reason, more) in enumerate(rows, len(case.suppressed)):
            row = LedgerRow(
                kind=kind_of_row, position=case.here, index=index, ts=case.reading.ts, at=case.at,
                profile=profile, reason=reason, device=case.device, **more,
            )  # fmt: skip
            self.decisions.rows.append(row)
