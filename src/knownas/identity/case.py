"""One record on the desk: what can happen to it, and what is written and sent of it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from knownas.identity.desk import Desk
from knownas.identity.facts import NOBODY, Facts, speaker
from knownas.identity.plan import Arrival, Sent
from knownas.identity.rules import Manner, Settled, is_suppressed, move, resettle, settle
from knownas.nouns import Fact, Identity, LedgerKind, LedgerRow, Outcome, Owner, Position, Resolved, Source
from knownas.records.intake import LOOKING, Intake

DETAILS: Final = {
    "suppressed": "",
    "duplicate": "a record with the same `id` under the same key was counted within 7 days",
    "nobody_logs_out": "the device speaks for nobody",
    "nobody_owns": "no profile has any of the identities, or the device speaks for nobody",
    "different_owners": "the identities belong to different profiles",
}


class Case:
    """A record at the place where it is decided. `before` is what was decided for it before a crash; `takes` are the
    owner rows it writes."""

    __slots__ = (
        "arrival", "before", "binds", "desk", "device", "facts", "guest", "intake", "key", "row_count", "settled",
        "takes",
    )  # fmt: skip

    def __init__(self, desk: Desk, arrival: Arrival, intake: Intake) -> None:
        self.desk, self.arrival, self.intake = desk, arrival, intake
        self.device: str | None = None
        self.key: str | None = None
        self.facts: Facts = ()
        self.row_count = 0
        self.binds: str | None = None
        self.guest: str | None = None
        self.settled: Settled | None = None
        self.takes: dict[Identity, Owner] = {}
        self.before: Outcome | None = None
        if intake.named.usable:
            self.before = desk.known.outcomes.get(arrival.offset)

    @property
    def position(self) -> Position:
        """Where the record stands."""
        return Position(self.desk.topic, self.desk.partition, self.arrival.offset)

    @property
    def is_suppressing(self) -> bool:
        """Whether later records with these identities are not wanted."""
        return self.intake.record.type == "delete" and self.intake.record.suppress

    # -- whether it counts

    def is_turned_away(self) -> bool:
        """Whether the record is suppressed or a repeat: then it is rejected. What was decided before a crash stands."""
        reason = self._reason_to_turn_away()
        if reason:
            self.reject(reason)
        return bool(reason)

    def _reason_to_turn_away(self) -> str:
        desk, arrival = self.desk, self.arrival
        usable, looks = self.intake.named.usable, self.intake.record.type in LOOKING
        if self.before is not None:
            return "" if looks and self.before.reason != "duplicate" else self.before.reason
        if usable and not looks and is_suppressed(usable, desk.owners, self.position):
            return "suppressed"
        if arrival.mark is not None and desk.is_repeat(arrival.mark, arrival.offset):
            return "duplicate"
        return ""

    # -- what can happen to a record on a device

    def on_device(self) -> Fact:
        """Decide the record on its device; returns whom that speaks for."""
        self.device, self.key = self.intake.record.device, self.arrival.device
        assert self.key is not None
        self.facts = self.desk.facts_of(self.key)
        return speaker(self.facts, self.arrival.offset)

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
            self.reject("nobody_logs_out")
            return
        if now.state == "identified":
            self.bind("nobody", "", now.epoch + 1, "logout")
            self.binds = None
        self.resolve(now.profile)

    def add(self, now: Fact) -> None:
        """More identities for the device's person."""
        self.claim(self.settle("add", now), "add")
        self.resolve(now.profile)

    def address(self) -> None:
        """It goes to the owner of its identities, whoever the device speaks for."""
        settled = self.settle("address", NOBODY)
        self.claim(settled, "server")
        self.resolve(settled.profile)

    # -- the parts these are made of

    def settle(self, manner: Manner, now: Fact) -> Settled:
        """Who wins, as decided before a crash or anew; what it gains is taken."""
        desk, usable = self.desk, self.intake.named.usable
        if self.before is not None:
            settled = resettle(self.before)
        else:
            settled = settle(manner, usable, desk.owners, now, self.position, desk.names)
            for place in settled.to_claim:
                generation = settled.seen[place] if settled.seen else 0
                self.takes[usable[place]] = Owner(settled.profile, generation, *self.position)
        self.settled = settled
        return settled

    def bind(self, state: Any, profile: str, epoch: int, reason: str) -> None:
        """From here on the device speaks for this profile."""
        assert self.key is not None
        self.desk.add_fact(self.key, self.facts, Fact(self.arrival.offset, state, profile, epoch))
        self.binds = self.device
        self.row("bound", profile, reason, device=self.key, state=state, epoch=epoch)

    def claim(self, settled: Settled, reason: str) -> None:
        """The ledger rows of what was gained and of what stays with others."""
        usable = self.intake.named.usable
        for place in settled.claimed:
            self.row(
                "claimed",
                settled.profile,
                reason,
                identity=self.named(usable[place]),
                generation=settled.seen[place] if settled.seen else 0,
                device=self.key,
            )
        for place in settled.refused:
            self.row(
                "refused", settled.profile, "owned_by_another", identity=self.named(usable[place]), device=self.key
            )

    def named(self, identity: Identity) -> tuple[str, str]:
        """An identity as the ledger names it."""
        return identity.kind, self.desk.names.identity(identity)

    def row(self, kind: LedgerKind, profile: str, reason: str, **more: Any) -> None:
        """One more ledger row of this record."""
        self.desk.rows.append(
            LedgerRow(
                kind=kind,
                position=self.position,
                index=self.row_count,
                ts=self.intake.ts,
                at=self.arrival.at,
                profile=profile,
                reason=reason,
                **more,
            )
        )
        self.row_count += 1

    # -- how it ends

    def reject(self, reason: str, generations: tuple[int, ...] = ()) -> None:
        """The record is not counted. One that asks for a suppression leaves nothing of what it names."""
        keeps_bytes = not self.is_suppressing
        self.desk.reject(self.arrival, reason, DETAILS[reason], generations, keeps_bytes=keeps_bytes)
        self.note(Outcome("", seen=generations, reason=reason))

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
        settled = self.settled
        topic, partition, offset = self.desk.topic, self.desk.partition, arrival.offset
        at, ts = arrival.at, intake.ts
        self.send(
            Resolved(
                profile=profile,
                source=Source(topic, partition, offset, 0),
                at=at,
                ts=ts,
                record=msgspec.Raw(intake.raw),
                binds=self.binds,
                claims=claims,
                sets=sets,
                ignores=ignores,
                guest=self.guest,
                generations=settled.seen if settled is not None else (),
            )
        )
        if self.guest is not None:
            self.send(
                Resolved(profile=self.guest, source=Source(topic, partition, offset, 1), at=at, ts=ts, guestOf=profile)
            )
        if settled is not None:
            self.count(Outcome(settled.profile, settled.claimed, settled.refused, settled.seen))
        elif named.usable or arrival.mark is not None:
            self.count(Outcome(profile))

    def send(self, message: Resolved) -> None:
        """One message for stage 2."""
        self.desk.resolved.append(Sent(message, self.arrival.headers))

    def count(self, outcome: Outcome) -> None:
        """The record is counted: a later one with its mark is a repeat."""
        if self.arrival.mark is not None:
            self.desk.count(self.arrival.mark, self.arrival.offset)
        self.note(outcome)

    def note(self, outcome: Outcome) -> None:
        """Keep what was decided where it hinges on owners: a replay may find others."""
        usable = self.intake.named.usable
        if usable:
            self.desk.outcomes[self.arrival.offset] = outcome
            if self.before is None:
                self.desk.look(usable, self.takes)

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
