"""One chunk of one partition: what was found in the store in, what shall be done out. Pure.

`decide` is called again with newer owners when a claim was lost; called twice with the same input it says the same.
The order of records inside the chunk counts: a record sees the facts and claims of those before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from knownas.identity.facts import NOBODY, Facts, speaker, with_fact
from knownas.identity.rules import Manner, Owners, Settled, generation, move, resettle, settle
from knownas.nouns import (
    EVENTS,
    Fact,
    Identity,
    LedgerKind,
    LedgerRow,
    Names,
    Outcome,
    Owner,
    Position,
    Rejection,
    Resolved,
    Source,
)
from knownas.records.intake import Flaw, Intake
from knownas.records.origin import HEADER, Origin, seal

Header = tuple[str, bytes | None]
"""As Kafka has them: a value may be null."""


class Arrival(NamedTuple):
    """One Kafka record with what was read from it. `device` is its device's hashed name and `home` the partition where
    that belongs, both None where it has none."""

    offset: int
    at: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    intake: Intake | Flaw
    device: str | None
    home: int | None
    origin: Origin | None


class Known(NamedTuple):
    """What the store holds on the devices and identities of a chunk, and what was decided for it before a crash."""

    facts: Mapping[str, Facts]
    owners: Mapping[Identity, Owner | None]
    outcomes: Mapping[int, Outcome]
    origins: Mapping[str, int]


class Claim(NamedTuple):
    """One record's claims: every identity it decided on, with the owner row assumed and the one to write, if any."""

    offset: int
    identities: tuple[tuple[Identity, Owner | None, Owner | None], ...]


class Moved(NamedTuple):
    """A record to be sent to its home partition of `events`."""

    partition: int
    key: bytes
    value: bytes
    headers: list[Header]
    at: int


class Sent(NamedTuple):
    """A resolved message and the headers that go with it."""

    message: Resolved
    headers: Sequence[Header]


class Plan(NamedTuple):
    """Everything that follows from a chunk, by the order in which it takes effect: claims, facts and outcomes, ledger
    rows, then the rest. `owners` are the owners as they are once the claims are made; `repeats` counts records that
    came from elsewhere a second time.
    """

    claims: list[Claim]
    facts: dict[str, Facts]
    outcomes: dict[int, Outcome]
    rows: list[LedgerRow]
    resolved: list[Sent]
    rejections: list[Rejection]
    moved: list[Moved]
    origins: dict[str, int]
    owners: Mapping[Identity, Owner | None]
    repeats: int


def decide(topic: str, partition: int, arrivals: Sequence[Arrival], known: Known, names: Names) -> Plan:
    """Decide a chunk of consecutive records of one partition of `events` or `updates`."""
    desk = _Desk(topic, partition, known, names)
    for arrival in arrivals:
        desk.handle(arrival)
    return desk.plan()


class _Desk:
    """The chunk while it is being decided: the view of facts and owners moves on with every record."""

    def __init__(self, topic: str, partition: int, known: Known, names: Names) -> None:
        self.topic, self.partition, self.known, self.names = topic, partition, known, names
        self.facts: dict[str, Facts] = {}
        self.owners: dict[Identity, Owner | None] = dict(known.owners)
        self.claims: list[Claim] = []
        self.outcomes: dict[int, Outcome] = {}
        self.rows: list[LedgerRow] = []
        self.resolved: list[Sent] = []
        self.rejections: list[Rejection] = []
        self.moved: list[Moved] = []
        self.origins: dict[str, int] = dict(known.origins)
        self.repeats = 0

    def plan(self) -> Plan:
        return Plan(
            self.claims,
            self.facts,
            self.outcomes,
            self.rows,
            self.resolved,
            self.rejections,
            self.moved,
            self.origins,
            self.owners,
            self.repeats,
        )

    def handle(self, arrival: Arrival) -> None:
        origin = arrival.origin
        if origin is not None:
            origin_partition = f"{origin.position.topic}/{origin.position.partition}"
            if origin.position.offset <= self.origins.get(origin_partition, -1):
                self.repeats += 1
                return
            self.origins[origin_partition] = origin.position.offset
        intake = arrival.intake
        if isinstance(intake, Flaw):
            self.reject(arrival, intake.reason, intake.detail)
        elif arrival.home is not None and (self.topic != EVENTS or arrival.home != self.partition):
            self.send_home(arrival, intake, arrival.home)
        elif intake.record.profile is not None:
            _Case(self, arrival, intake).resolve(intake.record.profile)
        elif arrival.home is None:
            self.address(arrival, intake)
        else:
            self.on_device(arrival, intake)

    def reject(self, arrival: Arrival, reason: str, detail: str) -> None:
        position = Position(self.topic, self.partition, arrival.offset)
        self.rejections.append(
            Rejection(position=position, reason=reason, detail=detail, key=arrival.key, value=arrival.value)
        )

    def send_home(self, arrival: Arrival, intake: Intake, home: int) -> None:
        device = intake.record.device
        assert device is not None
        assert arrival.value is not None
        origin = Origin(Position(self.topic, self.partition, arrival.offset), arrival.at)
        headers = [*arrival.headers, (HEADER, seal(self.names, origin, home, arrival.value))]
        self.moved.append(Moved(home, device.encode(), arrival.value, headers, arrival.at))

    def address(self, arrival: Arrival, intake: Intake) -> None:
        if not intake.named.usable:
            why = ", ".join(f"{kind}: {reason}" for kind, reason in intake.named.unusable) or "none given"
            self.reject(arrival, "no_identity", f"no device, and no identity that can be used ({why})")
            return
        case = _Case(self, arrival, intake)
        settled = case.settle("address", NOBODY)
        case.claim(settled, "server")
        case.resolve(settled.profile)

    def on_device(self, arrival: Arrival, intake: Intake) -> None:
        record, named, key = intake.record, intake.named, arrival.device
        assert key is not None
        facts = self.facts.get(key)
        if facts is None:
            facts = self.known.facts[key]
        now = speaker(facts, arrival.offset)
        case = _Case(self, arrival, intake, record.device, key, facts)
        if record.type == "logout":
            case.log_out(now)
        elif not named.usable:
            case.rule_8(now)
        elif record.type == "login" or (record.type == "profile" and now.state != "identified"):
            case.log_in(now)
        elif record.type == "profile":
            settled = case.settle("add", now)
            case.claim(settled, "add")
            case.resolve(now.profile)
        else:
            settled = case.settle("address", now)
            case.claim(settled, "server")
            case.resolve(settled.profile)


class _Case:
    """One record on the desk."""

    __slots__ = ("arrival", "binds", "desk", "device", "facts", "guest", "intake", "key", "position", "rows", "settled")

    def __init__(
        self,
        desk: _Desk,
        arrival: Arrival,
        intake: Intake,
        device: str | None = None,
        key: str | None = None,
        facts: Facts = (),
    ) -> None:
        self.desk, self.arrival, self.intake = desk, arrival, intake
        self.device, self.key, self.facts = device, key, facts
        self.position = Position(desk.topic, desk.partition, arrival.offset)
        self.rows = 0
        self.binds: str | None = None
        self.guest: str | None = None
        self.settled: Settled | None = None

    # -- what can happen to a record on a device

    def rule_8(self, now: Fact) -> None:
        """No usable identity: it goes to whom the device speaks for; nobody yet gets its guest first."""
        if now.state == "nobody":
            assert self.device is not None
            guest = self.desk.names.guest(self.device, now.epoch)
            self.bind("guest", guest, now.epoch, "first_record")
            self.resolve(guest)
        else:
            self.resolve(now.profile)

    def log_in(self, now: Fact) -> None:
        """Rules 0 to 7."""
        settled = self.settle("login", now)
        step = move(now, settled.profile)
        if step.rebinds:
            self.bind("identified", settled.profile, now.epoch, step.reason)
        self.claim(settled, step.reason)
        if step.row is not None:
            self.row(step.row, settled.profile, step.reason, from_=now.profile, device=self.key)
        if step.row == "linked":
            self.guest = now.profile
        self.resolve(settled.profile)

    def log_out(self, now: Fact) -> None:
        """An identified device gets a fresh guest; a guest stays what it is; nobody cannot log out."""
        if now.state == "nobody":
            self.desk.reject(self.arrival, "nobody_logs_out", "the device speaks for nobody")
            return
        if now.state == "identified":
            self.bind("nobody", "", now.epoch + 1, "logout")
            self.binds = None
        self.resolve(now.profile)

    # -- the parts these are made of

    def settle(self, manner: Manner, now: Fact) -> Settled:
        """Who wins, as decided before a crash or anew; the claims go on the plan."""
        desk, offset, usable = self.desk, self.arrival.offset, self.intake.named.usable
        before = desk.known.outcomes.get(offset)
        if before is not None:
            settled = resettle(before)
        else:
            owners: Owners = desk.owners
            settled = settle(manner, usable, owners, now, self.position, desk.names)
            if settled.to_claim:
                self.plan_claims(settled)
        desk.outcomes[offset] = Outcome(settled.profile, settled.claimed, settled.refused)
        self.settled = settled
        return settled

    def plan_claims(self, settled: Settled) -> None:
        desk = self.desk
        lines = []
        for place, identity in enumerate(self.intake.named.usable):
            found = desk.owners[identity]
            new = Owner(settled.profile, generation(found), *self.position) if place in settled.to_claim else None
            lines.append((identity, found, new))
        desk.claims.append(Claim(self.arrival.offset, tuple(lines)))
        for identity, _, new in lines:
            if new is not None:
                desk.owners[identity] = new

    def bind(self, state: Any, profile: str, epoch: int, reason: str) -> None:
        assert self.key is not None
        fact = Fact(self.arrival.offset, state, profile, epoch)
        self.desk.facts[self.key] = with_fact(self.facts, fact)
        self.binds = self.device
        self.row("bound", profile, reason, device=self.key, state=state, epoch=epoch)

    def claim(self, settled: Settled, reason: str) -> None:
        """The ledger rows of what was gained and of what stays with others."""
        usable, names = self.intake.named.usable, self.desk.names
        for place in settled.claimed:
            identity = usable[place]
            owner = self.desk.owners.get(identity)
            self.row(
                "claimed",
                settled.profile,
                reason,
                identity=(identity.kind, names.identity(identity)),
                generation=generation(owner),
                device=self.key,
            )
        for place in settled.refused:
            identity = usable[place]
            self.row(
                "refused",
                settled.profile,
                "owned_by_another",
                identity=(identity.kind, names.identity(identity)),
                device=self.key,
            )

    def row(self, kind: LedgerKind, profile: str, reason: str, **more: Any) -> None:
        self.desk.rows.append(
            LedgerRow(
                kind=kind,
                position=self.position,
                index=self.rows,
                ts=self.intake.ts,
                at=self.arrival.at,
                profile=profile,
                reason=reason,
                **more,
            )
        )
        self.rows += 1

    def resolve(self, profile: str) -> None:
        """Send the record to its profile, and to the guest the news of its link."""
        intake, arrival = self.intake, self.arrival
        named, refused = intake.named, intake.refused
        claims: list[Identity] = []
        sets: dict[str, Any] = {}
        ignores: list[str] = []
        if named.unusable or refused:
            self.refuse(profile)
            ignores = [key for key, _ in refused]
        if named.usable or named.plain or named.taken:
            claims, sets = self.gained()
            ignores = [*ignores, *(key for key in named.taken if key not in sets)]
        position, at, ts = self.position, arrival.at, intake.ts
        self.send(
            Resolved(
                profile=profile,
                source=Source(*position, 0),
                at=at,
                ts=ts,
                record=msgspec.Raw(intake.raw),
                binds=self.binds,
                claims=claims,
                sets=sets,
                ignores=ignores,
                guest=self.guest,
            )
        )
        if self.guest is not None:
            self.send(Resolved(profile=self.guest, source=Source(*position, 1), at=at, ts=ts, guestOf=profile))

    def send(self, message: Resolved) -> None:
        self.desk.resolved.append(Sent(message, self.arrival.headers))

    def gained(self) -> tuple[list[Identity], dict[str, Any]]:
        """The identities the profile gains, and the property values that come with those that are not refused."""
        named, settled = self.intake.named, self.settled
        claimed, refused = (settled.claimed, settled.refused) if settled is not None else ((), ())
        sets = dict(named.plain)
        for place, (identity, field) in enumerate(zip(named.usable, named.properties, strict=True)):
            if field is not None and place not in refused:
                sets[field] = identity.value
        return [named.usable[place] for place in claimed], sets

    def refuse(self, profile: str) -> None:
        """Ledger rows for the parts of the record that do not apply."""
        for kind, reason in self.intake.named.unusable:
            self.row("refused", profile, reason, identity=(kind, ""), device=self.key)
        for key, reason in self.intake.refused:
            self.row("refused", profile, reason, key=key[:120], device=self.key)
