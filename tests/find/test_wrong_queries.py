"""A query that cannot be read is told off at its place, with what is allowed there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knownas.find.line import from_line
from knownas.find.reading import from_json, from_object
from knownas.find.tree import CONDITIONS, DEPTH, VALUES
from knownas.find.wrong import WrongQuery

LINES = [
    # line, column, problem, one of what is allowed there
    ("", 1, "a condition is wanted", "not"),
    ("Plan", 5, "an operator is wanted", "starts with"),
    ("did Charged > 2 and Plan like Gold", 26, "not 'like'", "in (…)"),
    ("type gold", 6, "'gold' is none of them", "customer"),
    ("type like gold", 6, "'like' is none of them", "customer"),
    ("type contains x", 6, "cannot be asked here", "="),
    ("age contains x", 5, "cannot be asked here", "a..b"),
    ("age = young", 7, "a number is wanted", None),
    ("age 30..25", 5, "the lower end", None),
    ("visits 1..x", 8, "both ends", None),
    ("test maybe", 6, "yes or no", None),
    ("birthday in 7d", 10, "cannot be asked here", "in next 7d"),
    ("birthday on 02-30", 13, "a month and a day", None),
    ("birthday month 13", 16, "a month from 1 to 12", None),
    ("lastSeen > yesterday", 12, "a date is wanted", None),
    ("did Charged < 1", 15, "matches nobody", None),
    ("did Charged <= 0", 16, "matches nobody", None),
    ("did Charged >= 1.5", 16, "a whole number", None),
    ("did Charged >= x", 16, "a number is wanted", None),
    ("did Charged > 1 < 5", 17, "said before", None),
    ("did Charged in 30d in 7d", 20, "said before", None),
    ("did Charged in 30", 16, "days are said as such", "30d"),
    ("did Charged in 30d from 2026-01-01", 13, "not both", None),
    ("did Charged from 2026-02-30", 18, "a date is wanted", None),
    ("did Charged from 2026-02-02 to 2026-01-01", 32, "ends before it begins", None),
    ("did Charged in 99999d", 13, "a number of days from 1", None),
    ("did and", 5, "stands in quotes", None),
    ("first Charged", 7, "in a window", None),
    ("sum Amount of Charged", 22, "compared with", ">= 2"),
    ("sum Amount of Charged > 1 > 2", 27, "compared already", None),
    ("sum Amount in 7d", 12, "not expected", "of"),
    ("did A where Amount > 5", 13, "not expected", "("),
    ("near 91 0 within 5km", 6, "from -90 to 90", None),
    ("near 1 0 within far", 17, "a distance is wanted", "10km"),
    ("near 1 0 in 5km", 10, "not expected", "within"),
    ("(a = 1", 7, "the end is not expected", ")"),
    ("a = 1)", 6, "not expected", "and"),
    ("a = 1 b = 2", 7, "not expected", "or"),
    ("a =", 4, "a value is wanted", None),
    ("Plan in (Gold,", 15, "a value is wanted", None),
    ("Plan in Gold", 9, "not expected", "(a, b)"),
    ('Plan = "Gold', 8, "this quote is not closed", None),
    (r'Plan = "a\x"', 8, "a backslash", None),
    ("a ! b", 3, "means nothing here", None),
    ("a > true", 5, "have no order", None),
    ("a = 1e999", 5, "out of range", None),
    ("a = " + "x" * 600, 5, "at most 512 bytes", None),
    ("not " * 60 + "a = 1", 121, f"at most {DEPTH} deep", None),
    ("not " * 15 + "a = 1", 41, f"at most {DEPTH} deep", None),
    (" and ".join(["a = 1"] * 100), 991, f"at most {CONDITIONS} conditions", None),
    ("a in (" + ", ".join(["1"] * (VALUES + 1)) + ")", 3, f"1 to {VALUES} values", None),
    ("a = 1 " + " " * 20_000, 1, "at most 20000 characters", None),
]  # fmt: skip

OBJECTS: list[tuple[Any, str, str, str | None]] = [
    # object, path, problem, one of what is allowed there
    ([], "", "a condition is an object", "did"),
    ({}, "", "nothing is asked", "did"),
    ({"event": "A"}, "event", "no condition begins with 'event'", "did"),
    ({"all": [{"did": "A"}, {"any": []}]}, "all[1].any", "matches nobody", None),
    ({"all": {"did": "A"}}, "all", "a list of conditions", None),
    ({"not": 5}, "not", "a condition is an object", "property"),
    ({"did": ""}, "did", "a name is wanted", None),
    ({"did": "A", "when": 1}, "when", "has no meaning here", "inLast"),
    ({"did": "A", "count": 2}, "count", "an operator and a number", "atLeast"),
    ({"did": "A", "count": {}}, "count", "an operator is wanted", "atLeast"),
    ({"did": "A", "count": {"in": [1]}}, "count.in", "cannot be asked here", "between"),
    ({"did": "A", "count": {"atLeast": -1}}, "count.atLeast", "a whole number", None),
    ({"did": "A", "count": {"atLeast": 1}, "sum": {"of": "x", "less": 1}}, "sum", "two conditions", None),
    ({"did": "A", "sum": {"less": 1}}, "sum.of", "a name is wanted", None),
    ({"did": "A", "where": [{"field": "age", "equals": 5}]}, "where[0]", "an event property", "property"),
    ({"did": "A", "where": [{"property": "x", "like": 5}]}, "where[0].like", "there is no operator 'like'", "equals"),
    ({"did": "A", "orNone": 1}, "orNone", "true or false", None),
    ({"did": "A", "inLast": True}, "inLast", "a number of days", None),
    ({"property": "x"}, "property", "an operator is wanted", "equals"),
    ({"property": "x", "greater": 1, "less": 5}, "less", "one operator at a time", None),
    ({"property": "x", "equals": None}, "equals", "a text, a number", None),
    ({"property": "x", "in": [1, [2]]}, "in[1]", "a text, a number", None),
    ({"property": "x", "equals": {"date": "soon"}}, "equals", "not a date", None),
    ({"property": "x", "contains": 5}, "contains", "a text is wanted", None),
    ({"property": "x", "contains": {"date": "2026-01-01"}}, "contains", "is wanted", None),
    ({"property": "x", "exists": False}, "exists", "takes true", None),
    ({"property": "x", "equals": "\ud800"}, "equals", "no text in Unicode", None),
    ({"property": "x", "equals": 2**63}, "equals", "out of range", None),
    ({"field": "Age", "equals": 5}, "field", "there is no field 'Age'", "age"),
    ({"field": "age", "equals": True}, "equals", "a number is wanted", None),
    ({"field": "lastSeen", "inNext": 5}, "inNext", "cannot be asked here", "inLast"),
    ({"near": {"latitude": 1, "longitude": 2}}, "near.km", "a number from 0", None),
    ({"near": {"latitude": float("nan"), "longitude": 2, "km": 1}}, "near.latitude", "a number from -90", None),
    ({"near": 5}, "near", "latitude, longitude and km", None),
]


@pytest.mark.parametrize(("line", "column", "problem", "allowed"), LINES)
def test_a_line_is_told_off_at_its_column(line: str, column: int, problem: str, allowed: str | None) -> None:
    with pytest.raises(WrongQuery) as caught:
        from_line(line)
    wrong = caught.value
    assert (wrong.column, problem in wrong.problem) == (column, True), wrong
    assert allowed is None or allowed in wrong.allowed


@pytest.mark.parametrize(("given_object", "place", "problem", "allowed"), OBJECTS)
def test_an_object_is_told_off_at_its_path(given_object: Any, place: str, problem: str, allowed: str | None) -> None:
    with pytest.raises(WrongQuery) as caught:
        from_object(given_object)
    wrong = caught.value
    assert (wrong.place, problem in wrong.problem) == (place, True), wrong
    assert allowed is None or allowed in wrong.allowed


def test_json_that_is_none_is_told_off() -> None:
    for raw in (b"{", b"\xff", b"[" * 5_000):
        with pytest.raises(WrongQuery, match=r"not JSON|an object"):
            from_json(raw)


def test_on_a_terminal_the_place_is_pointed_at() -> None:
    with pytest.raises(WrongQuery) as caught:
        from_line("age 25 and type gold")
    assert caught.value.pointed().splitlines()[:2] == [
        "age 25 and type gold",
        "                ^ at 17: 'gold' is none of them; allowed here: anonymous, addressable, customer, =, !=, "
        "in (…), exists, missing",
    ]


@given(line=st.text(st.sampled_from(list('did A"()=<>!.,5andornot in30d where sum of first\\\n')), max_size=40))
def test_any_line_is_read_or_told_off_at_a_place_in_it(line: str) -> None:
    wrong = _wrong(from_line, line)
    assert wrong is None or (wrong.column is not None and 1 <= wrong.column <= len(line) + 1)


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["all", "any", "not", "did", "property", "field", "near", "count", "where", "equals", "in"]
            ),
            inner | st.sampled_from(["age", "birthday", "Charged"]),
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(given_object=_junk)
def test_any_object_is_read_or_told_off(given_object: Any) -> None:
    _wrong(from_object, given_object)


def _wrong(read: Callable[[Any], Any], given_query: Any) -> WrongQuery | None:
    try:
        read(given_query)
    except WrongQuery as wrong:
        return wrong
    return None
