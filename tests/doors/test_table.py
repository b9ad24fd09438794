"""Rows as records: which column means what, and what a cell's text is."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from knownas.doors.table import Columns, columns_of

KINDS = ("identity", "email")
Kind = Literal["profile", "event"]


def record(row: dict[str, Any], said: dict[str, str], kind: Kind = "profile") -> dict[str, Any]:
    """A row as a record."""
    columns = columns_of(list(row), said, KINDS, kind)
    assert isinstance(columns, Columns), columns
    return columns.record(row)


@pytest.mark.parametrize(
    ("row", "said", "wanted"),
    [
        (
            {"email": "a@x.ie", "Name": "Ann", "Plan": ""},
            {},
            {"identities": {"email": "a@x.ie"}, "profileData": {"Name": "Ann"}},
        ),
        ({"Mail": "a@x.ie", "No": "007"}, {"Mail": "email", "No": "identity"},
         {"identities": {"email": "a@x.ie", "identity": "007"}}),
        ({"email": "a", "n": "12", "f": "-1.5", "t": "TRUE", "z": "007", "e": "1e3", "big": "12345678901234567890"}, {},
         {"identities": {"email": "a"}, "profileData": {
             "n": 12, "f": -1.5, "t": True, "z": "007", "e": "1e3", "big": "12345678901234567890"}}),
        ({"email": "a", "Notes": "x"}, {"Notes": "-"}, {"identities": {"email": "a"}}),
        ({"device": "d-1", "town": "Cork"}, {"town": "context.city"}, {"device": "d-1", "context": {"city": "Cork"}}),
        ({"email": "a", "ts": "2026-01-31T12:00:00Z"}, {}, {"identities": {"email": "a"}, "ts": 1769860800.0}),
        ({"email": "a", "ts": "1769860800"}, {}, {"identities": {"email": "a"}, "ts": 1769860800}),
        ({"email": "a", "tags": ["x"]}, {}, {"identities": {"email": "a"}, "profileData": {"tags": ["x"]}}),
    ],
)  # fmt: skip
def test_a_row_says_what_its_columns_mean(row: dict[str, Any], said: dict[str, str], wanted: dict[str, Any]) -> None:
    assert record(row, said) == {"type": "profile", **wanted}


def test_a_row_may_be_an_event() -> None:
    row = {"email": "a", "what": "Bought", "Amount": "3.50"}
    wanted = {"type": "event", "identities": {"email": "a"}, "evtName": "Bought", "evtData": {"Amount": 3.5}}
    assert record(row, {"what": "evtName"}, "event") == wanted


@pytest.mark.parametrize(
    ("names", "said", "kind", "problem"),
    [
        (["Name"], {}, "profile", "no column says who it is about"),
        (["email"], {"Mail": "email"}, "profile", "there is no column 'Mail'"),
        (["email", "email"], {}, "profile", "there more than once: 'email'"),
        (["email"], {}, "event", "no column holds the events' names"),
    ],
)
def test_columns_that_cannot_be_meant_are_told(
    names: list[str], said: dict[str, str], kind: Kind, problem: str
) -> None:
    found = columns_of(names, said, KINDS, kind)
    assert isinstance(found, list)
    assert problem in "; ".join(found)


def test_of_a_file_without_a_header_few_values_are_shown_and_little_of_each() -> None:
    row = [f"value {n} " + "x" * 100 for n in range(40)] * 2
    found = columns_of(row, {"Mail": "email"}, KINDS, "profile")
    assert isinstance(found, list)
    shown = ", ".join(repr(f"value {n} " + "x" * 22 + "...") for n in range(10))
    assert found[:2] == [
        f"there is no column 'Mail'; there are {shown} and 70 more",
        f"these columns are there more than once: {shown} and 30 more",
    ]
