"""One test for each identity rule, on the bare rules: each fails when its rule is broken."""

from __future__ import annotations

import pytest

from knownas.identity.facts import KEPT, NOBODY, speaker, trimmed, with_fact
from knownas.identity.rules import Manner, Settled, is_suppressed, look_up, move, owned, resettle, settle
from knownas.nouns import Fact, Identity, Outcome, Owner, Position
from tests.builders import NAMES

HERE, ELSEWHERE = Position("events", 0, 10), Position("updates", 0, 1)
GUEST = Fact(3, "guest", "A", 0)
IDENTIFIED = Fact(3, "identified", "P", 0)
ID, EMAIL, FACEBOOK = Identity("identity", "7"), Identity("email", "ann@x.ie"), Identity("facebook", "f")


def _owned_by(profile: str, at: Position = ELSEWHERE) -> Owner:
    return Owner(profile, 0, *at)


def _settled(manner: Manner, now: Fact, **owners: Owner | None) -> Settled:
    """Settle a record with these identities, in this order; a keyword is the first letter of the kind."""
    identities = {"i": ID, "e": EMAIL, "f": FACEBOOK}
    usable = tuple(identities[letter] for letter in owners)
    return settle(manner, usable, {identities[k]: owner for k, owner in owners.items()}, now, HERE, NAMES)


def test_rule_0_nobody_logs_in_as_somebody_new_who_is_named_by_the_first_identity() -> None:
    assert _settled("login", NOBODY, i=None, e=None) == Settled(NAMES.person(ID, 0), (0, 1), (), (0, 1))
    assert move(NOBODY, NAMES.person(ID, 0)) == ("login", True, None)


def test_rule_0_nobody_logs_in_as_the_owner_without_a_link() -> None:
    assert _settled("login", NOBODY, i=None, e=_owned_by("P")) == Settled("P", (0,), (), (0,))
    assert move(NOBODY, "P") == ("login", True, None)


def test_rule_1_a_guest_claims_and_keeps_its_id() -> None:
    assert _settled("login", GUEST, i=None, e=None) == Settled("A", (0, 1), (), (0, 1))
    assert move(GUEST, "A") == ("claim", True, None)


def test_rule_2_a_guest_is_linked_to_the_owner_who_gains_the_rest() -> None:
    assert _settled("login", GUEST, i=_owned_by("P"), e=None) == Settled("P", (1,), (), (1,))
    assert move(GUEST, "P") == ("link", True, "linked")


def test_rule_3_logging_in_as_oneself_changes_nothing() -> None:
    assert _settled("login", IDENTIFIED, i=_owned_by("P"), e=_owned_by("P")) == Settled("P", (), (), ())
    assert move(IDENTIFIED, "P") == ("add", False, None)


def test_rule_4_what_nobody_owns_is_added() -> None:
    assert _settled("login", IDENTIFIED, i=None, e=_owned_by("P")) == Settled("P", (0,), (), (0,))


def test_rule_5_an_identified_device_switches_to_somebody_new() -> None:
    new = NAMES.person(ID, 0)
    assert _settled("login", IDENTIFIED, i=None, e=None) == Settled(new, (0, 1), (), (0, 1))
    assert move(IDENTIFIED, new) == ("switch", True, "switched")


def test_rule_6_an_identified_device_switches_to_the_owner() -> None:
    assert _settled("login", IDENTIFIED, i=_owned_by("Q")) == Settled("Q", (), (), ())
    assert move(IDENTIFIED, "Q") == ("switch", True, "switched")


@pytest.mark.parametrize("now", [NOBODY, GUEST, IDENTIFIED])
def test_rule_7_the_first_owner_wins_and_the_others_keep_what_is_theirs(now: Fact) -> None:
    settled = _settled("login", now, i=None, e=_owned_by("Q"), f=_owned_by("P"))
    assert settled == Settled("Q", (0,), (2,), (0,))


def test_adding_never_leaves_the_profile_the_device_speaks_for() -> None:
    assert _settled("add", IDENTIFIED, i=_owned_by("Q"), e=None) == Settled("P", (1,), (0,), (1,))


def test_an_address_takes_no_account_of_the_guest() -> None:
    assert _settled("address", GUEST, e=None).profile == NAMES.person(EMAIL, 0)
    assert _settled("address", GUEST, e=_owned_by("P")).profile == "P"


def test_a_record_that_is_seen_again_takes_its_own_claims_for_its_own() -> None:
    before = _settled("login", GUEST, i=None, e=_owned_by("Q"))
    again = _settled("login", GUEST, i=_owned_by(before.profile, HERE), e=_owned_by("Q"))
    assert again == before._replace(to_claim=())


def test_a_guest_that_claimed_claims_again_under_its_own_id() -> None:
    assert _settled("login", GUEST, i=_owned_by("A", HERE)) == Settled("A", (0,), (), ())


def test_a_released_identity_is_free_and_names_a_new_profile_by_its_generation() -> None:
    settled = _settled("login", NOBODY, e=Owner("", 2, "updates", 0, 1))
    assert settled == Settled(NAMES.person(EMAIL, 2), (0,), (), (0,), (2,))


def test_a_stored_outcome_is_taken_as_it_is_and_claims_nothing_more() -> None:
    assert resettle(Outcome("P", (0, 2), (1,), (1, 0, 3))) == Settled("P", (0, 2), (1,), (), (1, 0, 3))


def test_what_is_found_says_in_which_generation_and_nothing_where_all_are_in_their_first() -> None:
    second = Owner("P", 1, *ELSEWHERE)
    assert _settled("login", GUEST, i=None, e=second).seen == (0, 1)
    assert _settled("login", GUEST, i=None, e=_owned_by("P")).seen == ()


FREED = Owner("", 2, *ELSEWHERE)


@pytest.mark.parametrize(
    ("owners", "profile", "reason", "seen"),
    [
        ([_owned_by("P")], "P", "", ()),
        ([_owned_by("P"), None], "P", "", (0, -1)),
        ([_owned_by("P"), FREED], "P", "", (0, -3)),
        ([_owned_by("P"), _owned_by("P")], "P", "", ()),
        ([_owned_by("P"), Owner("Q", 4, *ELSEWHERE)], "", "different_owners", (0, 4)),
        ([None, FREED], "", "nobody_owns", (-1, -3)),
    ],
)
def test_who_only_looks_goes_to_the_one_owner_of_what_is_owned(
    owners: list[Owner | None], profile: str, reason: str, seen: tuple[int, ...]
) -> None:
    usable = (ID, EMAIL)[: len(owners)]
    found = look_up(usable, dict(zip(usable, owners, strict=True)), HERE)
    assert found == Outcome(profile, seen=seen, reason=reason)
    assert owned(usable, found) == [i for i, o in zip(usable, owners, strict=True) if o is not None and o.profile]


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (Position("events", 0, 9), Outcome("P")),
        (Position("events", 0, 11), Outcome("", seen=(-1,), reason="nobody_owns")),
        (Position("events", 1, 11), Outcome("P")),
    ],
    ids=["an earlier record's", "a later record's", "another partition's"],
)
def test_who_only_looks_finds_free_what_a_later_record_of_its_partition_has_claimed(
    at: Position, found: Outcome
) -> None:
    assert look_up((EMAIL,), {EMAIL: _owned_by("P", at)}, HERE) == found


def test_one_suppressed_identity_is_enough_but_a_claim_of_the_records_own_came_before_it() -> None:
    gone = Owner("", 1, *ELSEWHERE, suppressed=True)
    assert is_suppressed((ID, EMAIL), {ID: None, EMAIL: gone}, HERE)
    assert not is_suppressed((ID,), {ID: _owned_by("P")}, HERE)
    mine = Owner("P", 0, *HERE, suppressed=True)
    assert not is_suppressed((ID, EMAIL), {ID: mine, EMAIL: gone}, HERE)


def test_a_device_speaks_by_the_last_fact_strictly_before_the_record() -> None:
    facts = (Fact(3, "guest", "A", 0), Fact(7, "identified", "P", 0))
    assert [speaker(facts, offset).profile for offset in (0, 3, 4, 7, 8)] == ["", "", "A", "A", "P"]


def test_a_fact_found_again_is_the_same_fact_in_its_place() -> None:
    facts = (Fact(3, "guest", "A", 0), Fact(7, "identified", "P", 0))
    assert with_fact(facts, Fact(3, "guest", "A", 0)) == facts
    assert with_fact(facts, Fact(9, "nobody", "", 1)) == (*facts, Fact(9, "nobody", "", 1))
    assert with_fact(facts[1:], facts[0]) == facts


def test_old_facts_go_but_never_one_that_a_record_still_to_come_may_ask_for() -> None:
    facts = tuple(Fact(n, "identified", str(n), 0) for n in range(100))
    assert trimmed(facts[:KEPT], 1000) == facts[:KEPT]
    assert trimmed(facts, 1000) == facts[-KEPT:]
    assert trimmed(facts, 10) == facts[9:]
    assert speaker(trimmed(facts, 10), 10) == facts[9]
    assert trimmed(facts, 0) == facts
