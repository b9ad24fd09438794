"""What the ledger says of bindings, owners and outcomes, however its rows come."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from knownas.identity.restoring import (
    Sent,
    facts_after,
    outcome_of_record,
    outcome_of_release,
    owner_after,
)
from knownas.nouns import Fact, Identity, LedgerRow, Outcome, Owner, Position
from tests.builders import NAMES

ANN, FB = Identity("email", "ann@x.ie"), Identity("facebook", "ann.1")
OWNERS: dict[Identity, Owner | None] = {ANN: Owner("P", 1, "events", 0, 3), FB: None}


def row(kind: Any, offset: int, profile: str = "P", index: int = 0, **more: Any) -> LedgerRow:
    """A ledger row of a record of events/0."""
    reason = more.pop("reason", "login")
    return LedgerRow(
        kind=kind, position=Position("events", 0, offset), index=index, ts=1, at=1000, profile=profile,
        reason=reason, **more,
    )  # fmt: skip


def of(identity: Identity) -> tuple[str, str]:
    return identity.kind, NAMES.identity(identity)


CLAIMED, RELEASED = row("claimed", 3, "P", generation=0), row("released", 8, "P", generation=0)
AGAIN, SUPPRESSED = row("claimed", 9, "Q", generation=1), row("suppressed", 12, "Q")


@pytest.mark.parametrize(
    ("rows", "owner"),
    [
        ([CLAIMED], Owner("P", 0, "events", 0, 3)),
        ([CLAIMED, RELEASED], Owner("", 1, "events", 0, 8)),
        ([CLAIMED, RELEASED, AGAIN], Owner("Q", 1, "events", 0, 9)),
        ([CLAIMED, RELEASED, AGAIN, SUPPRESSED], Owner("Q", 1, "events", 0, 9, suppressed=True)),
    ],
    ids=["claimed", "released", "claimed again", "suppressed"],
)
def test_whose_an_identity_is_hinges_on_generations_not_on_the_order_or_number_of_rows(
    rows: list[LedgerRow], owner: Owner
) -> None:
    for order in permutations([*rows, rows[0]]):
        found: Owner | None = None
        for one in order:
            found = owner_after(found, one)
        assert found == owner


def test_an_identity_that_was_suppressed_before_anybody_claimed_it_has_no_position() -> None:
    assert owner_after(None, SUPPRESSED) == Owner("", 0, "", -1, -1, suppressed=True)


def test_bindings_come_in_the_order_of_their_positions_each_once() -> None:
    rows = [
        row("bound", 9, "P", state="identified", epoch=0), row("bound", 3, "G", state="guest", epoch=0),
        row("bound", 9, "P", state="identified", epoch=0), row("bound", 12, "", state="nobody", epoch=1),
    ]  # fmt: skip
    wanted = (Fact(3, "guest", "G", 0), Fact(9, "identified", "P", 0), Fact(12, "nobody", "", 1))
    assert facts_after((), rows, 20) == wanted
    assert facts_after(wanted, rows, 20) == wanted


def test_of_many_bindings_the_oldest_go_but_none_that_a_record_may_still_ask_for() -> None:
    rows = [row("bound", offset, "P", state="identified", epoch=0) for offset in range(100)]
    assert [fact.offset for fact in facts_after((), rows, 100)] == list(range(36, 100))
    assert [fact.offset for fact in facts_after((), rows, 10)] == list(range(9, 100))


ROWS = [
    row("claimed", 5, identity=of(FB), generation=2),
    row("refused", 5, index=1, identity=of(ANN), reason="owned_by_another"),
    row("refused", 5, index=2, identity=("email", ""), reason="junk"),
]


@pytest.mark.parametrize(
    ("sent", "rows", "outcome"),
    [
        (Sent("P", (1, 2)), ROWS, Outcome("P", (1,), (0,), (1, 2))),
        (Sent("P"), [], Outcome("P")),
        (Sent("", (-2, -1), "nobody_owns"), [], Outcome("", seen=(-2, -1), reason="nobody_owns")),
        (None, ROWS, Outcome("P", (1,), (0,), (1, 2))),
        (None, [row("bound", 5, "P", state="identified", epoch=0)], Outcome("P", (1,), (), (1, 0))),
        (None, [row("suppressed", 5, identity=of(ANN))], None),
        (None, [], None),
    ],
    ids=["sent", "nothing gained", "rejected", "only rows", "only a binding", "only a suppression", "nothing"],
)
def test_what_was_decided_is_known_by_what_was_sent(
    sent: Sent | None, rows: list[LedgerRow], outcome: Outcome | None
) -> None:
    assert outcome_of_record((ANN, FB), sent, rows, OWNERS, NAMES)[0] == outcome


PERSON = NAMES.person(ANN, 0)


@pytest.mark.parametrize(
    ("sent", "rows", "owners", "left"),
    [
        (None, [row("bound", 5, PERSON, reason="login")], {ANN: None, FB: None}, (0, 1)),
        (None, [row("bound", 5, PERSON, reason="login")], {ANN: None, FB: Owner("Q", 0, "events", 1, 1)}, (0,)),
        (None, [row("bound", 5, PERSON), row("claimed", 5, PERSON, identity=of(ANN))], {ANN: None, FB: None}, (1,)),
        (None, [row("bound", 5, "guest", reason="claim")], {ANN: None, FB: None}, (0, 1)),
        (None, [row("bound", 5, "P", reason="login")], {ANN: None, FB: None}, ()),
        (None, [row("bound", 5, "P", reason="link")], {ANN: Owner("P", 0, "updates", 0, 1), FB: None}, (1,)),
        (None, [row("claimed", 5, "P", reason="add", identity=of(ANN))], {ANN: None, FB: None}, (1,)),
        (None, [row("bound", 5, PERSON), row("linked", 5, PERSON, index=1)], {ANN: None, FB: None}, ()),
        (None, [row("bound", 5, PERSON)], {ANN: Owner("", 1, "updates", 0, 9), FB: None}, ()),
        (Sent(PERSON), [row("bound", 5, PERSON)], {ANN: None, FB: None}, ()),
        (None, [], {ANN: None, FB: None}, ()),
    ],
    ids=[
        "a new profile", "of which another took something", "of which a part is told", "a guest that became known",
        "a profile that somebody else made", "the owner of another", "more for a device's person", "all rows are told",
        "released since", "all is sent", "nothing is sent",
    ],
)  # fmt: skip
def test_what_a_record_gained_for_certain_and_no_row_says_is_made_up_for(
    sent: Sent | None, rows: list[LedgerRow], owners: dict[Identity, Owner | None], left: tuple[int, ...]
) -> None:
    assert outcome_of_record((ANN, FB), sent, rows, owners, NAMES)[1] == left


def test_a_release_that_freed_an_identity_is_repeated_and_one_that_did_not_is_decided_anew() -> None:
    assert outcome_of_release([RELEASED]) == Outcome("P", seen=(0,))
    assert outcome_of_release([]) is None
