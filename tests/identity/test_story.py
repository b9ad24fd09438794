"""The ledger in words, and what somebody was after some rows."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from knownas.identity.story import Standing, arrived_by, gathered, in_order, met_by, standing, stands, told
from knownas.nouns import LedgerKind, LedgerRow, Position
from knownas.records.reasons import REFUSALS

D, E, P, Q = "d" * 32, "e" * 32, "person-p", "person-q"
EMAIL = ("email", E)
CALLED = {D: "device laptop", E: "email ann@x.ie"}


def row(kind: LedgerKind, reason: str, profile: str = P, **more: Any) -> LedgerRow:
    """A row; `offset` says where it stands, and its time unless `at` does."""
    offset, partition = more.pop("offset", 1), more.pop("partition", 0)
    at = more.pop("at", offset * 1000)
    more.setdefault("index", 0)
    position = Position(more.pop("topic", "events"), partition, offset)
    return LedgerRow(kind=kind, position=position, ts=at / 1000, at=at, profile=profile, reason=reason, **more)


def bound(state: str, profile: str = P, reason: str = "login", offset: int = 1, **more: Any) -> LedgerRow:
    """A binding of the laptop."""
    return row("bound", reason, profile, device=D, state=state, epoch=more.pop("epoch", 0), offset=offset, **more)


def claimed(generation: int = 0, profile: str = P, **more: Any) -> LedgerRow:
    """A claim of Ann's e-mail."""
    return row("claimed", "login", profile, identity=EMAIL, generation=generation, **more)


def released(generation: int = 0, reason: str = "released", **more: Any) -> LedgerRow:
    """A release of it."""
    return row("released", reason, identity=EMAIL, generation=generation, **more)


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (bound("guest", reason="first_record"), "device laptop was seen for the first time and is guest person-p"),
        (
            bound("guest", reason="first_record", epoch=1),
            "the first record of device laptop after it had been freed: it is a fresh guest, person-p",
        ),
        (bound("nobody", "", "logout"), "device laptop logged out; its next record makes a fresh guest"),
        (
            bound("nobody", "", "demerged"),
            "device laptop was taken from the profile it spoke for, which was demerged; its next record makes a "
            "fresh guest",
        ),
        (
            bound("nobody", "", "deleted"),
            "device laptop was freed, because the profile it spoke for was deleted; its next record makes a "
            "fresh guest",
        ),
        (
            bound("nobody", "", "idle"),
            "device laptop was freed, because its guest was deleted after a long time without a record; its next "
            "record makes a fresh guest",
        ),
        (
            bound("nobody", "", "of later versions"),
            "device laptop was freed (of later versions); its next record makes a fresh guest",
        ),
        (claimed(), "person-p gained email ann@x.ie at a first login"),
        (
            row("linked", "link", from_="guest-g"),
            "guest guest-g turned out to be person-p; what the guest did stays the guest's, shown in gray",
        ),
        (
            row("switched", "switch", Q, from_=P, device=D),
            "device laptop went from person-p to person-q; nothing of either was touched",
        ),
        (
            row("refused", "owned_by_another", identity=EMAIL),
            "email ann@x.ie was refused for person-p: the identity belongs to another profile and stays with it "
            "(owned_by_another)",
        ),
        (
            row("refused", "junk", identity=("phone", "")),
            "the record's phone was refused for person-p: the value is a placeholder, not an identity (junk)",
        ),
        (
            row("refused", "too_many_items", key="tags"),
            "property tags was refused for person-p: the list has more than 100 items (too_many_items)",
        ),
        (
            row("refused", "bad_value", key="context.latitude"),
            "context.latitude was refused for person-p: a property is a string, a number, a boolean, a list of "
            "these, null or one operator (bad_value)",
        ),
        (
            row("refused", "too_many_event_names", key="Viewed"),
            "the count of event Viewed was refused for person-p: the profile has 512 event names already "
            "(too_many_event_names)",
        ),
        (released(), "email ann@x.ie was taken from person-p by a release; nobody owns it"),
        (released(reason="demerged"), "email ann@x.ie was taken from person-p, which was demerged; nobody owns it"),
        (released(reason="deleted"), "email ann@x.ie became free, because person-p was deleted; nobody owns it"),
        (
            row("demerged", "demerge"),
            "person-p was demerged: its identities and devices were taken from it, its events stay",
        ),
        (row("deleted", "delete"), "person-p was deleted on request, with its events and its guests"),
        (row("deleted", "orphan"), "person-p was deleted: it was a guest of a person who was deleted"),
        (row("deleted", "idle"), "person-p was deleted: a guest for whom no record had come for a long time"),
        (row("tested", "test"), "person-p was marked as a test user"),
        (row("tested", "not_test"), "person-p is no test user any more: the mark was taken away"),
        (
            row("suppressed", "delete", "", identity=EMAIL),
            "email ann@x.ie was suppressed: from here on records that carry it are rejected",
        ),
    ],
)
def test_every_row_is_one_sentence(one: LedgerRow, sentence: str) -> None:
    assert told(one, CALLED) == sentence


def test_what_has_no_name_at_hand_is_told_apart_by_the_start_of_its_hash() -> None:
    assert told(bound("guest", reason="first_record"), {}).startswith("a device (dddddddd) was seen")
    assert told(claimed(), {}) == "person-p gained an identity of kind email (eeeeeeee) at a first login"


@pytest.mark.parametrize("kind", get_args(LedgerKind))
def test_a_reason_that_this_version_does_not_know_is_told_all_the_same(kind: LedgerKind) -> None:
    assert told(row(kind, "of later versions", identity=EMAIL, device=D, state="guest"), CALLED)


@pytest.mark.parametrize("reason", REFUSALS)
def test_every_refusal_says_why_and_its_code(reason: str) -> None:
    said = told(row("refused", reason, key="Plan"), {})
    assert said.endswith(f"({reason})")
    assert ": " in said


LOGIN, LOGOUT = bound("identified", offset=3), bound("nobody", "", "logout", offset=7)
DEVICE_STORY = [bound("guest", "guest-g", "first_record", offset=1), LOGIN, LOGOUT]


@pytest.mark.parametrize(
    ("rows", "wanted", "sentence"),
    [
        ([], Standing("device", "unseen"), "laptop has not been seen"),
        (DEVICE_STORY[:1], Standing("device", "guest", "guest-g", DEVICE_STORY[0]), "laptop is guest guest-g"),
        (DEVICE_STORY[:2], Standing("device", "identified", P, LOGIN), "laptop speaks for person-p"),
        (DEVICE_STORY, Standing("device", "nobody", None, LOGOUT),
         "laptop speaks for nobody; its next record makes a fresh guest"),
    ],
)  # fmt: skip
def test_a_device_is_whose_its_last_binding_says(rows: list[LedgerRow], wanted: Standing, sentence: str) -> None:
    found = standing("device", "laptop", rows)
    assert (found, stands(found, "laptop")) == (wanted, sentence)


@pytest.mark.parametrize(
    ("rows", "state", "profile", "suppressed"),
    [
        ([row("refused", "owned_by_another", identity=EMAIL)], "unowned", None, False),
        ([claimed()], "owned", P, False),
        ([claimed(), released()], "released", None, False),
        ([claimed(), released(), claimed(1, Q)], "owned", Q, False),
        ([claimed(1, Q), claimed(), released()], "owned", Q, False),
        ([row("suppressed", "delete", "", identity=EMAIL)], "unowned", None, True),
        ([claimed(), row("suppressed", "delete", "", identity=EMAIL), released(reason="deleted")], "released", None,
         True),
    ],
    ids=["refused only", "claimed", "released", "claimed again", "generations out of the order of clocks",
         "suppressed before anybody owned it", "deleted and suppressed"],
)  # fmt: skip
def test_an_identity_is_whose_its_newest_generation_says(
    rows: list[LedgerRow], state: str, profile: str | None, suppressed: bool
) -> None:
    found = standing("identity", "ann@x.ie", rows)
    assert (found.state, found.profile, found.suppressed) == (state, profile, suppressed)


GUEST = bound("guest", reason="first_record", offset=1)
LINK = row("linked", "link", Q, from_=P, offset=4)


@pytest.mark.parametrize(
    ("rows", "state", "since"),
    [
        ([], "unknown", None),
        ([row("tested", "test")], "unknown", None),
        ([GUEST], "guest", 1),
        ([GUEST, LOGIN, claimed(offset=5)], "identified", 3),
        ([GUEST, LINK], "linked", 4),
        ([GUEST, LOGIN, row("demerged", "demerge", offset=6)], "demerged", 6),
        ([GUEST, LINK, row("deleted", "orphan", offset=8)], "deleted", 8),
        ([bound("identified", Q), row("switched", "switch", Q, from_=P)], "unknown", None),
    ],
)
def test_a_profile_is_what_weighs_most_since_the_first_row_that_made_it_so(
    rows: list[LedgerRow], state: str, since: int | None
) -> None:
    found = standing("profile", P, rows)
    assert (found.state, found.row and found.row.ts) == (state, since)
    assert stands(found, P).startswith(P)
    assert found.profile == (Q if state == "linked" else None)


def test_a_devices_rows_are_told_by_position_and_others_by_kafka_time() -> None:
    early_clock, late_clock = bound("guest", offset=2, at=9_000), bound("identified", offset=3, at=1_000)
    assert in_order("device", [late_clock, early_clock]) == [early_clock, late_clock]
    assert in_order("profile", [early_clock, late_clock]) == [late_clock, early_clock]


def test_as_of_a_time_counts_what_had_reached_kafka() -> None:
    assert arrived_by(DEVICE_STORY, 3_000) == DEVICE_STORY[:2]


def test_a_record_met_what_stands_before_it_and_elsewhere_what_is_not_later() -> None:
    here, elsewhere = claimed(offset=5, at=99_000), claimed(1, partition=1, offset=50, at=6_000)
    assert met_by([here, elsewhere], Position("events", 0, 6), 6_000) == [here, elsewhere]
    assert met_by([here, elsewhere], Position("events", 0, 5), 6_000) == [elsewhere]
    assert met_by([here, elsewhere], Position("events", 0, 6), 5_999) == [here]


def test_the_same_refusal_again_and_again_is_told_once() -> None:
    again = [row("refused", "bad_value", key="Plan", offset=n) for n in range(1, 4)]
    other = row("refused", "bad_value", key="Name", offset=2)
    assert [(one.row, one.times, one.last) for one in gathered([again[0], GUEST, other, *again[1:]])] == [
        (again[0], 3, again[2]),
        (GUEST, 1, GUEST),
        (other, 1, other),
    ]
