"""Which rows of the ledger are about whom."""

from __future__ import annotations

from typing import Any

import pytest

from knownas.nouns import FORMAT, LedgerRow, Position, Profile
from knownas.operate.ledger import EARLIER_MS, Naming, since_of

LAPTOP, PHONE = "a" * 32, "b" * 32
EMAIL = "e" * 32
P, Q = "1" * 32, "2" * 32


def row(offset: int, kind: Any = "bound", profile: str = P, **more: Any) -> LedgerRow:
    """A row by the record at an offset."""
    position = Position("events", 0, offset)
    return LedgerRow(kind=kind, position=position, index=0, ts=1, at=1, profile=profile, reason="login", **more)


LEDGER = [
    row(1, device=LAPTOP, state="identified"),
    row(2, device=PHONE, profile=Q, state="identified"),
    row(3, "claimed", identity=("email", EMAIL), device=LAPTOP),
    row(4, "refused", Q, key=P),
    row(5, device=LAPTOP, profile="", state="nobody"),
    row(6, device=LAPTOP, profile=Q, state="guest"),
    row(7, "switched", Q, from_=P, device=PHONE),
]


@pytest.mark.parametrize(
    ("name", "offsets"),
    [(LAPTOP, [1, 3, 5, 6]), (PHONE, [2, 7]), (EMAIL, [3]), (P, [1, 3, 5, 7]), (Q, [2, 4, 6, 7]), ("f" * 32, [])],
    ids=[
        "a device",
        "another device",
        "an identity",
        "a profile and how a device left it",
        "another profile",
        "nobody",
    ],
)
def test_rows_are_wanted_for_what_they_name_and_not_for_what_they_quote(name: str, offsets: list[int]) -> None:
    wanted = Naming(name)
    assert [row.position.offset for row in LEDGER if wanted(row)] == offsets


@pytest.mark.parametrize(
    ("profile", "since"),
    [
        (None, 0),
        (Profile(FORMAT, P, first_seen=EARLIER_MS / 1000 + 5), 5_000),
        (Profile(FORMAT, P, first_seen=7), 0),
        (Profile(FORMAT, P, first_seen=EARLIER_MS / 1000 + 5, gone=True), 0),
    ],
    ids=["unknown", "known", "from the first days", "deleted"],
)
def test_a_profiles_rows_are_looked_for_from_a_week_before_its_first_record(profile: Profile, since: int) -> None:
    assert since_of(profile) == since
