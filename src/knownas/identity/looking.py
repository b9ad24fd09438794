"""Records about a profile as a whole, and what stage 2 makes of them.

A demerge, a deletion, a release and a test mark claim nothing. They name a profile, a device (whom it speaks for there
and then) or identities (the one owner of those that are owned); stage 2 acts on the profile. A deletion that suppresses
marks every identity it names, whether or not it finds a profile.

What has to be undone here comes back from stage 2 as control records: a device that still speaks for that profile
speaks for nobody from there on, an identity that still belongs to it is free, in its next generation.
"""

from __future__ import annotations

from typing import Final

import msgspec

from knownas.identity.case import Case
from knownas.identity.desk import Desk
from knownas.identity.facts import speaker
from knownas.identity.plan import Arrival
from knownas.identity.rules import generation, look_up, owned
from knownas.nouns import Fact, LedgerRow, Outcome, Owner, Position, Resolved, Source
from knownas.records.control import Control, Detach, Release

NEVER_CLAIMED: Final = Owner("", 0, "", -1, -1)
"""Without a position: which of two deletions suppressed an unknown identity first, nobody can tell afterwards."""


def look(case: Case) -> None:
    """Whom a record is about that only looks."""
    record = case.intake.record
    if record.profile is not None:
        _resolve(case, Outcome(record.profile))
    elif record.device is not None:
        now = case.on_device()
        if now.state == "nobody":
            case.reject("nobody_owns")
        else:
            _resolve(case, Outcome(now.profile))
    else:
        _look_up(case)


def _look_up(case: Case) -> None:
    usable = case.intake.named.usable
    found = case.before or look_up(usable, case.desk.owners, case.position)
    if case.is_suppressing:
        _suppress(case, found.profile)
    if found.reason:
        case.reject(found.reason, found.seen)
    else:
        _resolve(case, found)


def _suppress(case: Case, profile: str) -> None:
    for identity in case.intake.named.usable:
        owner = case.desk.owners[identity] or NEVER_CLAIMED
        if not owner.suppressed:
            case.takes[identity] = msgspec.structs.replace(owner, suppressed=True)
        case.row("suppressed", profile, "delete", identity=case.named(identity))


def _resolve(case: Case, found: Outcome) -> None:
    intake, usable = case.intake, case.intake.named.usable
    if intake.named.unusable:
        case.refuse(found.profile)
    message = Resolved(
        profile=found.profile,
        source=Source(*case.position, 0),
        at=case.arrival.at,
        ts=intake.ts,
        record=msgspec.Raw(intake.raw),
        releases=owned(usable, found) if intake.record.type == "release" else [],
        generations=found.seen,
    )
    case.send(message)
    case.count(found)


def undo(desk: Desk, arrival: Arrival, control: Control) -> None:
    """What stage 2 asks for."""
    if isinstance(control, Detach):
        _detach(desk, arrival, control)
    else:
        _release(desk, arrival, control)


def _detach(desk: Desk, arrival: Arrival, control: Detach) -> None:
    device = arrival.device
    assert device is not None
    facts = desk.facts_of(device)
    now = speaker(facts, arrival.offset)
    if now.state == "nobody" or now.profile != control.profile:
        return
    epoch = now.epoch + 1
    desk.add_fact(device, facts, Fact(arrival.offset, "nobody", "", epoch))
    row = LedgerRow(
        kind="bound", position=_position(desk, arrival), index=0, ts=control.ts, at=arrival.at, profile="",
        reason=control.reason, device=device, state="nobody", epoch=epoch,
    )  # fmt: skip
    desk.rows.append(row)


def _release(desk: Desk, arrival: Arrival, control: Release) -> None:
    identity, here = control.identity, _position(desk, arrival)
    outcome = desk.known.outcomes.get(arrival.offset)
    if outcome is None:
        owner, freed = desk.owners[identity], {}
        seen = generation(owner)
        outcome = Outcome("")
        if owner is not None and owner.profile == control.profile:
            freed[identity] = Owner("", seen + 1, *here, owner.suppressed)
            outcome = Outcome(control.profile, seen=(seen,))
        desk.look((identity,), freed)
    desk.outcomes[arrival.offset] = outcome
    if not outcome.profile:
        return
    row = LedgerRow(
        kind="released", position=here, index=0, ts=control.ts, at=arrival.at, profile=control.profile,
        reason=control.reason, identity=(identity.kind, desk.names.identity(identity)), generation=outcome.seen[0],
    )  # fmt: skip
    desk.rows.append(row)


def _position(desk: Desk, arrival: Arrival) -> Position:
    return Position(desk.topic, desk.partition, arrival.offset)
