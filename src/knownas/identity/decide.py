"""One chunk of one partition: what was found in the store in, what shall be done out. Pure.

`decide` is called again with newer owners when a claim was lost; called twice with the same input it says the same.
The order of records inside the chunk counts: a record sees the facts and claims of those before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from knownas.identity.case import Case
from knownas.identity.desk import Desk
from knownas.identity.looking import look, undo
from knownas.identity.plan import Arrival, Known, Plan
from knownas.nouns import EVENTS, Names
from knownas.records.intake import LOOKING, Flaw, Intake


def decide(topic: str, partition: int, arrivals: Sequence[Arrival], known: Known, names: Names) -> Plan:
    """Decide a chunk of consecutive records of one partition of `events` or `updates`."""
    desk = Desk(topic, partition, known, names)
    for arrival in arrivals:
        _handle(desk, arrival)
    return desk.plan()


def _handle(desk: Desk, arrival: Arrival) -> None:
    desk.time = max(desk.time, arrival.at)
    if arrival.origin is not None and desk.came_before(arrival.origin):
        return
    intake, home = arrival.intake, arrival.home
    if not isinstance(intake, Intake):
        if isinstance(intake, Flaw):
            desk.reject(arrival, intake.reason, intake.detail)
        else:
            undo(desk, arrival, intake)
    elif home is not None and (desk.topic != EVENTS or home != desk.partition):
        desk.send_home(arrival, intake, home)
    elif intake.record.device is None and intake.record.profile is None and not intake.named.usable:
        why = ", ".join(f"{kind}: {reason}" for kind, reason in intake.named.unusable) or "none given"
        desk.reject(arrival, "no_identity", f"no device, and no identity that can be used ({why})")
    else:
        case = Case(desk, arrival, intake)
        if not (intake.named.usable or arrival.mark is not None) or not case.is_turned_away():
            _go(case)


def _go(case: Case) -> None:
    record, has_identities = case.intake.record, bool(case.intake.named.usable)
    if record.type in LOOKING:
        look(case)
    elif record.profile is not None:
        case.resolve(record.profile)
    elif record.device is None:
        case.address()
    else:
        now = case.on_device()
        if record.type == "logout":
            case.log_out(now)
        elif not has_identities:
            case.rule_8(now)
        elif record.type == "login" or (record.type == "profile" and now.state != "identified"):
            case.log_in(now)
        elif record.type == "profile":
            case.add(now)
        else:
            case.address()
