"""Records that only ask, control records, suppression and repeats: what stories cannot show of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from knownas.identity.decide import decide
from knownas.identity.plan import Arrival, Known, Look, Plan
from knownas.identity.repeats import DAY_SECONDS, WINDOW_DAYS, Counted, mark
from knownas.nouns import Fact, Identity, Outcome, Owner, Position
from knownas.records.control import Control, Detach, Release
from knownas.records.identities import IdentityRules
from knownas.records.intake import take_in
from knownas.records.origin import Origin
from tests.builders import NAMES, NOON, event, login

ANN, BEN = Identity("email", "ann@x.ie"), Identity("email", "ben@x.ie")
D1 = NAMES.device("d-1")
HERE, ELSEWHERE = Position("events", 0, 5), Position("updates", 0, 1)
NOTHING = Known({D1: ()}, {ANN: None, BEN: None}, {}, {})
P_OWNS_ANN = NOTHING._replace(owners={ANN: Owner("P", 0, *ELSEWHERE), BEN: None})
DELETE = {"type": "delete", "identities": {"email": "ann@x.ie"}}


def _arrival(record: dict[str, Any], offset: int = 5, at: int = NOON * 1000) -> Arrival:
    intake = take_in(msgspec.json.encode(record), at, IdentityRules())
    device = NAMES.device(record["device"]) if "device" in record else None
    key = str(record.get("device", "k")).encode()
    seen = mark(NAMES, key, record["id"]) if "id" in record else None
    return Arrival(offset, at, b"k", b"v", [], intake, device, None if device is None else 0, None, seen)


def _asked(control: Control, offset: int = 5) -> Arrival:
    device = D1 if isinstance(control, Detach) else None
    home = None if device is None else 0
    return Arrival(offset, NOON * 1000, b"k", b"v", [], control, device, home, None)


def _plan(*arrivals: Arrival, known: Known = NOTHING) -> Plan:
    return decide("events", 0, arrivals, known, NAMES)


@pytest.mark.parametrize("kind", ["demerge", "delete", "release", "test"])
def test_who_only_looks_claims_nothing_and_sets_nothing_of_the_person(kind: str) -> None:
    record = {
        "type": kind,
        "test": True,
        "identities": {"email": "ann@x.ie", "facebook": "f"},
        "profileData": {"Email": "x@x.ie"},
    }
    facebook = Identity("facebook", "f")
    known = P_OWNS_ANN._replace(owners={**P_OWNS_ANN.owners, facebook: None})
    plan = _plan(_arrival(record), known=known)
    message = plan.resolved[0].message
    assert (message.profile, message.claims, message.sets, message.generations) == ("P", [], {}, (0, -1))
    assert message.releases == ([ANN] if kind == "release" else [])
    assert (plan.rows, plan.takes) == ([], False)
    assert plan.outcomes == {5: Outcome("P", seen=(0, -1))}


@pytest.mark.parametrize(
    ("owners", "reason", "generations"),
    [({ANN: None}, "nobody_owns", (-1,)), ({ANN: Owner("", 2, *ELSEWHERE)}, "nobody_owns", (-3,))],
)
def test_nobody_found_is_a_rejection_that_says_what_was_found(
    owners: dict[Identity, Owner | None], reason: str, generations: tuple[int, ...]
) -> None:
    [rejection] = _plan(_arrival(DELETE), known=NOTHING._replace(owners=owners)).rejections
    assert (rejection.reason, rejection.generations, rejection.value) == (reason, generations, b"v")


def test_a_deletion_that_suppresses_marks_what_it_names_and_keeps_the_rest_of_the_row() -> None:
    record = DELETE | {"suppress": True, "identities": {"email": "ann@x.ie", "facebook": "f"}}
    facebook, ann = Identity("facebook", "f"), Owner("P", 3, *ELSEWHERE)
    plan = _plan(_arrival(record), known=NOTHING._replace(owners={ANN: ann, facebook: None}))
    assert plan.looks == [
        Look(ANN, ann, Owner("P", 3, *ELSEWHERE, suppressed=True)),
        Look(facebook, None, Owner("", 0, "", -1, -1, suppressed=True)),
    ]
    assert [(row.kind, row.index, row.profile, row.reason) for row in plan.rows] == [
        ("suppressed", 0, "P", "delete"), ("suppressed", 1, "P", "delete"),
    ]  # fmt: skip


def test_a_suppression_is_recorded_where_nobody_owns_what_is_deleted_and_again_when_it_comes_again() -> None:
    plan = _plan(_arrival(DELETE | {"suppress": True}))
    (rejection,) = plan.rejections
    assert (rejection.reason, rejection.key, rejection.value) == ("nobody_owns", None, None)
    gone = Owner("", 0, "", -1, -1, suppressed=True)
    assert plan.looks == [Look(ANN, None, gone)]
    assert [rejection.reason for rejection in plan.rejections] == ["nobody_owns"]
    again = _plan(_arrival(DELETE | {"suppress": True}, 9), known=NOTHING._replace(owners={ANN: gone}))
    assert (again.takes, [row.kind for row in again.rows]) == (False, ["suppressed"])
    replayed = _plan(
        _arrival(DELETE | {"suppress": True}), known=NOTHING._replace(owners={ANN: gone}, outcomes=plan.outcomes)
    )
    assert (replayed.rows, replayed.rejections, replayed.looks) == (plan.rows, plan.rejections, [])


@pytest.mark.parametrize(
    "record",
    [
        login("d-1", email="ann@x.ie"),
        event("d-1", identities={"email": "ann@x.ie"}),
        event(None, identities={"email": "ann@x.ie"}),
        {"type": "logout", "device": "d-1", "identities": {"email": "ann@x.ie"}},
        {"type": "profile", "profile": "P", "profileData": {"Email": "ann@x.ie"}},
    ],
)
def test_a_suppressed_identity_turns_the_record_away_without_a_trace_of_its_data(record: dict[str, Any]) -> None:
    owners = {ANN: Owner("P", 0, *ELSEWHERE, suppressed=True)}
    plan = _plan(_arrival(record), known=NOTHING._replace(owners=owners))
    [rejection] = plan.rejections
    assert (rejection.reason, rejection.detail, rejection.key, rejection.value) == ("suppressed", "", None, None)
    assert (plan.resolved, plan.facts, plan.rows, plan.takes) == ([], {}, [], False)
    replayed = _plan(_arrival(record), known=NOTHING._replace(outcomes=plan.outcomes))
    assert replayed.rejections == plan.rejections


@pytest.mark.parametrize(
    "record",
    [login("d-1", email="ann@x.ie"), {"type": "profile", "profile": "P", "profileData": {"Email": "ann@x.ie"}}],
)
def test_what_was_decided_before_a_suppression_is_decided_so_again(record: dict[str, Any]) -> None:
    first = _plan(_arrival(record))
    owners = {ANN: Owner("P", 0, *ELSEWHERE, suppressed=True)}
    again = _plan(_arrival(record), known=NOTHING._replace(owners=owners, outcomes=first.outcomes))
    assert (again.resolved, again.rows, again.looks) == (first.resolved, first.rows, [])


@pytest.mark.parametrize("state", ["guest", "identified"])
def test_a_device_that_is_let_go_of_speaks_for_nobody_in_its_next_epoch(state: Any) -> None:
    known = NOTHING._replace(facts={D1: (Fact(2, state, "P", 3),)})
    plan = _plan(_asked(Detach("d-1", "P", "demerged", NOON)), known=known)
    assert plan.facts == {D1: (Fact(2, state, "P", 3), Fact(5, "nobody", "", 4))}
    [row] = plan.rows
    assert (row.kind, row.profile, row.reason, row.device, row.epoch) == ("bound", "", "demerged", D1, 4)
    assert plan.resolved == []


@pytest.mark.parametrize(
    "facts", [(), (Fact(2, "guest", "Q", 0),), (Fact(2, "nobody", "", 1),), (Fact(7, "guest", "P", 0),)]
)
def test_a_device_that_speaks_for_somebody_else_by_then_stays(facts: tuple[Fact, ...]) -> None:
    plan = _plan(_asked(Detach("d-1", "P", "demerged", NOON)), known=NOTHING._replace(facts={D1: facts}))
    assert (plan.facts, plan.rows) == ({}, [])


def test_a_released_identity_is_free_in_its_next_generation_and_stays_suppressed_if_it_was() -> None:
    held = Owner("P", 2, *ELSEWHERE, suppressed=True)
    plan = _plan(_asked(Release(ANN, "P", "deleted", NOON)), known=NOTHING._replace(owners={ANN: held}))
    assert plan.looks == [Look(ANN, held, Owner("", 3, *HERE, suppressed=True))]
    [row] = plan.rows
    assert (row.kind, row.profile, row.generation, row.reason) == ("released", "P", 2, "deleted")


def test_a_release_found_again_after_the_next_claim_says_the_same_and_touches_nothing() -> None:
    release = _asked(Release(ANN, "P", "deleted", NOON))
    first = _plan(release, known=P_OWNS_ANN)
    claimed_since = {ANN: Owner("Q", 1, *ELSEWHERE)}
    again = _plan(release, known=NOTHING._replace(owners=claimed_since, outcomes=first.outcomes))
    assert (again.rows, again.looks) == (first.rows, [])


@pytest.mark.parametrize("owner", [None, Owner("", 1, *ELSEWHERE), Owner("Q", 0, *ELSEWHERE)])
def test_a_release_of_what_is_not_the_profiles_does_nothing(owner: Owner | None) -> None:
    plan = _plan(_asked(Release(ANN, "P", "deleted", NOON)), known=NOTHING._replace(owners={ANN: owner}))
    assert (plan.looks, plan.rows) == ([Look(ANN, owner, None)], [])


def test_a_claim_after_a_release_in_the_same_chunk_is_of_the_next_generation() -> None:
    plan = _plan(
        _asked(Release(ANN, "P", "released", NOON)), _arrival(login("d-1", email="ann@x.ie"), 6), known=P_OWNS_ANN
    )
    again = NAMES.person(ANN, 1)
    assert plan.owners[ANN] == Owner(again, 1, "events", 0, 6)
    message = plan.resolved[0].message
    assert (message.profile, message.generations) == (again, (1,))


# ------------------------------------------------------------------------------------------------------------ repeats


def _said(offset: int, seconds: int = 0, **more: Any) -> Arrival:
    return _arrival(event("d-1") | {"id": "a"} | more, offset, (NOON + seconds) * 1000)


def _counted(plan: Plan) -> list[int]:
    return [sent.message.source.offset for sent in plan.resolved]


def test_a_second_record_with_the_same_id_is_a_repeat_and_one_with_another_is_not() -> None:
    plan = _plan(_said(5), _said(6), _said(7, id="b"))
    assert _counted(plan) == [5, 7]
    assert [(one.position.offset, one.reason, one.value) for one in plan.rejections] == [(6, "duplicate", b"v")]


def test_a_record_found_again_is_no_repeat_of_itself_nor_of_a_later_one() -> None:
    first = _plan(_said(5))
    [(seen, counted)] = first.marks.items()
    assert _counted(_plan(_said(5), known=NOTHING._replace(marks={seen: [counted]}))) == [5]
    assert _counted(_plan(_said(5), known=NOTHING._replace(marks={seen: [Counted(9, NOON)]}))) == [5]
    assert _counted(_plan(_said(6), known=NOTHING._replace(marks={seen: [counted]}))) == []


@pytest.mark.parametrize(
    ("seconds", "counts"), [(WINDOW_DAYS * DAY_SECONDS - 1, False), (WINDOW_DAYS * DAY_SECONDS, True)]
)
def test_an_id_is_forgotten_after_seven_days_of_the_partitions_time(seconds: int, *, counts: bool) -> None:
    seen = mark(NAMES, b"d-1", "a")
    known = NOTHING._replace(marks={seen: [Counted(1, NOON)]}, time=NOON * 1000)
    assert bool(_counted(_plan(_said(5, seconds), known=known))) is counts


def test_time_does_not_go_back() -> None:
    plan = _plan(_arrival(event("d-1"), 5, (NOON + 100) * 1000), _said(6))
    assert plan.time == (NOON + 100) * 1000
    assert list(plan.marks.values()) == [Counted(6, NOON + 100)]


def test_what_is_rejected_is_not_remembered_and_what_has_no_id_leaves_nothing() -> None:
    plan = _plan(_arrival({"type": "logout", "device": "d-1", "id": "a"}), _said(6), _arrival(event("d-1"), 7))
    assert [one.reason for one in plan.rejections] == ["nobody_logs_out"]
    assert [counted.offset for counted in plan.marks.values()] == [6]


def test_a_suppressed_repeat_leaves_no_data() -> None:
    record = event(None, identities={"email": "ann@x.ie"}) | {"id": "a"}
    known = NOTHING._replace(
        owners={ANN: Owner("", 0, *ELSEWHERE, suppressed=True)}, marks={mark(NAMES, b"k", "a"): [Counted(1, NOON)]}
    )
    [rejection] = _plan(_arrival(record), known=known).rejections
    assert (rejection.reason, rejection.value) == ("suppressed", None)


def test_a_repeat_stays_one_though_its_identity_is_suppressed_meanwhile() -> None:
    record = event(None, identities={"email": "ann@x.ie"}) | {"id": "a"}
    marks = {mark(NAMES, b"k", "a"): [Counted(1, NOON)]}
    first = _plan(_arrival(record), known=NOTHING._replace(marks=marks))
    gone = {ANN: Owner("", 0, *ELSEWHERE, suppressed=True)}
    again = _plan(_arrival(record), known=NOTHING._replace(marks=marks, owners=gone, outcomes=first.outcomes))
    assert [one.reason for one in again.rejections] == ["duplicate"]


def test_the_same_id_under_another_key_is_another() -> None:
    assert mark(NAMES, b"d-1", "a") != mark(NAMES, b"d-2", "a")
    assert mark(NAMES, b"d", "1a") != mark(NAMES, b"d1", "a")
    assert len(mark(NAMES, b"\xff", "a")) == 12


def test_what_a_shard_asks_acts_once() -> None:
    origin = Origin(Position("resolved", 0, 7 << 20), NOON * 1000)
    asked = msgspec.structs.replace(_asked(Detach("d-1", "P", "demerged", NOON)), origin=origin)
    known = NOTHING._replace(facts={D1: (Fact(2, "guest", "P", 0),)})
    plan = _plan(asked, msgspec.structs.replace(asked, offset=6), known=known)
    assert (plan.repeats, len(plan.rows), plan.origins) == (1, 1, {"resolved/0": 7 << 20})
