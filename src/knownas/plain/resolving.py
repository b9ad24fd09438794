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
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

from knownas.nouns import (
    EVENTS,
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
from knownas.plain.reading import LogRecord, Reading, Setting, read

NOBODY = Fact(-1, "nobody", "", 0)
GENERATION = 0
"""Nothing is released yet, so every identity is in its first generation."""


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
    if topic != EVENTS or record.value is None:
        return None
    for header, said in record.headers:
        if said is None:
            continue
        told, _, mac = said.decode("utf-8", "replace").rpartition(":")
        seal = names.digest("origin", told, str(partition), record.value.decode("utf-8", "backslashreplace"))
        if header == "knownas-origin" and mac == seal:
            origin_topic, origin_partition, offset, at = told.split(":")
            return Position(origin_topic, int(origin_partition), int(offset)), int(at)
    return None


@dataclass
class Case:
    """One record, and what is decided about it."""

    here: Position
    at: int
    reading: Reading
    device: str | None = None
    """The hash of the device that the record was decided on."""
    winner: str = ""
    reason: str = ""
    fact: Fact | None = None
    gained: list[Identity] = field(default_factory=list)
    of_others: list[Identity] = field(default_factory=list)
    moved: Literal["linked", "switched"] | None = None
    from_: str | None = None


class Resolver:
    """Takes record after record."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self.names = setting, setting.names
        self.decisions = Decisions()

    def take(self, topic: str, partition: int, record: LogRecord) -> None:
        """Decide one record."""
        here, at = Position(topic, partition, record.offset), record.at
        origin = origin_of(record, topic, partition, self.names)
        if origin is not None:
            if origin[0] in self.decisions.copied:
                return
            self.decisions.copied.add(origin[0])
            at = origin[1]
        reading = read(record.value, at, self.setting, record.beside(is_copy=origin is not None))
        if isinstance(reading, str):
            self._reject(here, reading, record)
            return
        if reading.device is not None and record.value is not None:
            home = murmur2(reading.device.encode()) % self.setting.partitions
            if (topic, partition) != (EVENTS, home):
                self.decisions.copies.append(Copy(here, at, home, reading.device.encode(), record.value))
                return
        case = Case(here, at, reading)
        reason = self._decide(case)
        if reason is not None:
            self._reject(here, reason, record)
        else:
            self._tell(case)

    def _reject(self, here: Position, reason: str, record: LogRecord) -> None:
        rejection = Rejection(position=here, reason=reason, detail="", key=record.key, value=record.value)
        self.decisions.rejections.append(rejection)

    # ------------------------------------------------------------------------------------------------------ the rules

    def _decide(self, case: Case) -> str | None:
        """Decide whose the record is; returns the reason if it is rejected."""
        reading = case.reading
        if reading.profile is not None:
            case.winner = reading.profile
            return None
        if reading.device is not None:
            return self._decide_on_device(case, reading.device)
        if not reading.usable:
            return "no_identity"
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
        owners, case.reason = self.decisions.owners, reason
        named = [(identity, self.names.identity(identity)) for identity, _ in case.reading.usable]
        first_owners = [owners[key].profile for _, key in named if key in owners]
        if always is not None:
            case.winner = always
        elif first_owners:
            case.winner = first_owners[0]
        else:
            case.winner = guest or self.names.person(named[0][0], GENERATION)
        for identity, key in named:
            if key not in owners:
                owners[key] = Owner(case.winner, GENERATION, *case.here)
                case.gained.append(identity)
            elif owners[key].profile != case.winner:
                case.of_others.append(identity)

    def _bind(self, case: Case, state: Any, profile: str, epoch: int, reason: str) -> None:
        assert case.device is not None
        case.fact, case.reason = Fact(case.here.offset, state, profile, epoch), reason
        self.decisions.facts[case.device].append(case.fact)

    # -------------------------------------------------------------------------------------------------- what is told

    def _tell(self, case: Case) -> None:
        self._write_rows(case)
        reading, winner = case.reading, case.winner
        sets = dict(reading.plain)
        for identity, property_ in reading.usable:
            if property_ is not None and identity not in case.of_others:
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
            ),
        )
        if guest is not None:
            source = Source(*case.here, 1)
            self._send(None, Resolved(profile=guest, source=source, at=case.at, ts=reading.ts, guestOf=winner))

    def _send(self, reading: Reading | None, resolved: Resolved) -> None:
        self.decisions.messages[resolved.source] = Message(resolved, reading)

    def _write_rows(self, case: Case) -> None:
        rows: list[tuple[LedgerKind, str, str, dict[str, Any]]] = []
        if case.fact is not None:
            fact = case.fact
            rows.append(("bound", fact.profile, case.reason, {"state": fact.state, "epoch": fact.epoch}))
        for identity in case.gained:
            hashed = (identity.kind, self.names.identity(identity))
            rows.append(("claimed", case.winner, case.reason, {"identity": hashed, "generation": GENERATION}))
        for identity in case.of_others:
            hashed = (identity.kind, self.names.identity(identity))
            rows.append(("refused", case.winner, "owned_by_another", {"identity": hashed}))
        if case.moved is not None:
            rows.append((case.moved, case.winner, case.reason, {"from_": case.from_}))
        for kind, reason in case.reading.unusable:
            rows.append(("refused", case.winner, reason, {"identity": (kind, "")}))
        for key, reason in case.reading.refused:
            rows.append(("refused", case.winner, reason, {"key": key[:120]}))
        for index, (kind_of_row, profile, reason, more) in enumerate(rows):
            row = LedgerRow(
                kind=kind_of_row, position=case.here, index=index, ts=case.reading.ts, at=case.at,
                profile=profile, reason=reason, device=case.device, **more,
            )  # fmt: skip
            self.decisions.rows.append(row)
