"""A query in its JSON form and on one line is one tree."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knownas.find.line import from_line
from knownas.find.reading import from_json, from_object
from knownas.find.tree import Test, mentions
from knownas.find.writing import to_line, to_object
from tests.find.people import queries

SAME: list[tuple[str, dict[str, Any]]] = [
    ("everyone", {"all": []}),
    ("did Charged", {"did": "Charged"}),
    ("did Charged ever", {"did": "Charged"}),
    ("did Charged >= 2 in 30d", {"did": "Charged", "count": {"atLeast": 2}, "inLast": 30}),
    ("did Charged in last 30 days >= 2", {"did": "Charged", "count": {"atLeast": 2}, "inLast": 30}),
    ("did Charged 2..5 from 2026-01-01 to 2026-01-31",
     {"did": "Charged", "count": {"between": [2, 5]}, "from": "2026-01-01", "to": "2026-01-31"}),
    ("did Charged < 3 including none", {"did": "Charged", "count": {"less": 3}, "orNone": True}),
    ('not did "App Launched" in 7d', {"not": {"did": "App Launched", "inLast": 7}}),
    ('did not "App Launched" in 7d', {"not": {"did": "App Launched", "inLast": 7}}),
    ("did Charged where (Amount > 10 and Items.sku = A1)",
     {"did": "Charged", "where": [{"property": "Amount", "greater": 10}, {"property": "Items.sku", "equals": "A1"}]}),
    ("sum Amount of Charged >= 99.5 in 30d",
     {"did": "Charged", "sum": {"of": "Amount", "atLeast": 99.5}, "inLast": 30}),
    ("average Amount of Charged 1..2", {"did": "Charged", "average": {"of": "Amount", "between": [1, 2]}}),
    ("first Charged in 7d", {"first": "Charged", "inLast": 7}),
    ("last Charged to 2026-01-31", {"last": "Charged", "to": "2026-01-31"}),
    ("Plan in (Gold, Silver)", {"property": "Plan", "in": ["Gold", "Silver"]}),
    ("Plan != Gold", {"property": "Plan", "not": "Gold"}),
    ("visits 5..7.5", {"property": "visits", "between": [5, 7.5]}),
    ('visits = "5"', {"property": "visits", "equals": "5"}),
    ("vip = true", {"property": "vip", "equals": True}),
    ("renewal < 2026-01-31", {"property": "renewal", "less": {"date": "2026-01-31"}}),
    ('renewal < "2026-01-31"', {"property": "renewal", "less": "2026-01-31"}),
    ("renewal in next 7d", {"property": "renewal", "inNext": 7}),
    ("renewal in 7d", {"property": "renewal", "inLast": 7}),
    ('"Customer Type" starts with Go', {"property": "Customer Type", "startsWith": "Go"}),
    ('"age" = 5', {"property": "age", "equals": 5}),
    ("age 25..30", {"field": "age", "between": [25, 30]}),
    ("age 25", {"field": "age", "equals": 25}),
    ("type customer", {"field": "type", "equals": "customer"}),
    ("reachable by push", {"field": "reachable", "equals": "push"}),
    ("test yes", {"field": "test", "equals": True}),
    ("birthday today", {"field": "birthday", "today": True}),
    ("birthday on 02-29", {"field": "birthday", "on": "02-29"}),
    ("birthday in next 7d", {"field": "birthday", "inNext": 7}),
    ("birthday in month 2", {"field": "birthday", "month": 2}),
    ("appVersion >= 2.10", {"field": "appVersion", "atLeast": "2.10"}),
    ("appVersion 2.9..2.10", {"field": "appVersion", "between": ["2.9", "2.10"]}),
    ("lastSeen in 7d", {"field": "lastSeen", "inLast": 7}),
    ("lastSeen < 2026-01-31", {"field": "lastSeen", "less": "2026-01-31"}),
    ("city = Dublin", {"field": "city", "equals": "Dublin"}),
    ('"city" = Dublin', {"property": "city", "equals": "Dublin"}),
    ("near 53.35 -6.26 within 10 km", {"near": {"latitude": 53.35, "longitude": -6.26, "km": 10}}),
    ("a = 1 and b = 2 or not c = 3",
     {"any": [{"all": [{"property": "a", "equals": 1}, {"property": "b", "equals": 2}]},
              {"not": {"property": "c", "equals": 3}}]}),
    ("a = 1 AND (b = 2 OR c = 3)",
     {"all": [{"property": "a", "equals": 1},
              {"any": [{"property": "b", "equals": 2}, {"property": "c", "equals": 3}]}]}),
]  # fmt: skip


@pytest.mark.parametrize(("line", "given_object"), SAME)
def test_both_forms_say_the_same(line: str, given_object: dict[str, Any]) -> None:
    tree = from_object(given_object)
    assert repr(from_line(line)) == repr(tree)
    assert to_object(from_line(line)) == given_object


@settings(max_examples=200, deadline=None)
@given(query=queries)
def test_a_tree_written_and_read_again_is_the_same_tree(query: dict[str, Any]) -> None:
    tree = from_object(query)
    assert repr(from_line(to_line(tree))) == repr(tree)
    assert repr(from_json(msgspec.json.encode(to_object(tree)))) == repr(tree)


@settings(max_examples=200, deadline=None)
@given(
    name=st.text(min_size=1, max_size=20), value=st.text(max_size=20) | st.floats(allow_nan=False, allow_infinity=False)
)
def test_any_name_and_any_value_can_be_written(name: str, value: Any) -> None:
    try:
        tree = from_object({"all": [{"property": name, "equals": value}, {"did": name, "inLast": 3}]})
    except UnicodeError:
        return
    assert repr(from_line(to_line(tree))) == repr(tree)


def test_an_all_of_one_is_that_one() -> None:
    assert from_object({"all": [{"any": [{"did": "A"}]}]}) == from_line("did A")


def test_operators_are_kept_as_asked() -> None:
    assert from_line("a != 1") != from_line("not a = 1")
    assert Test("equals", (True,)) == Test("equals", (1,))  # so trees are compared by what they print


def test_what_a_query_mentions_is_known_without_asking_anybody() -> None:
    found = mentions(
        from_line('did A >= 2 and not (did A in 7d or first B in 7d) and Plan = x and "age" = 5 and age 5')
    )
    assert found.events == ("A", "B")
    assert found.properties == ("Plan", "age")
