"""A query as rows to fill in: one tree with the other two forms, and told off in its rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knownas.find.form import texts
from knownas.find.form.asking import asked, begun
from knownas.find.form.editing import changed
from knownas.find.form.fields import read
from knownas.find.form.model import Compared, Group, Problem, Row
from knownas.find.form.showing import shown
from knownas.find.line import from_line
from knownas.find.reading import from_object
from knownas.find.writing import to_line
from knownas.find.wrong import WrongQuery
from tests.find.people import queries

Fields = dict[str, str]

ROWS: list[tuple[str, Fields]] = [
    # the one-line form, and what a browser sends of its first row
    ("did Charged", {"what": "did", "event": " Charged "}),
    ("did Charged", {"what": "did", "event": "Charged", "or_none": "on", "bound.value": "left over"}),
    ("not did Charged in 7d", {"what": "not-did", "event": "Charged", "when": "days", "days": "7"}),
    ("did Charged >= 2", {"what": "did", "event": "Charged", "often": "count"}),
    ("did Charged 2..5 from 2026-01-01 to 2026-01-31",
     {"what": "did", "event": "Charged", "often": "count", "bound.operator": "between", "bound.value": "2",
      "bound.high": "5", "when": "dates", "start": "2026-01-01", "end": "2026-01-31"}),
    ("did Charged < 3 including none",
     {"what": "did", "event": "Charged", "often": "count", "bound.operator": "less", "bound.value": "3",
      "or_none": "on"}),
    ("did Charged where (Amount > 10 and sku = A1)",
     {"what": "did", "event": "Charged", "where.0.name": "Amount", "where.0.operator": "greater",
      "where.0.value": "10", "where.1.name": "sku", "where.1.value": "A1"}),
    ("sum Amount of Charged >= 99.5 in 30d",
     {"what": "did", "event": "Charged", "often": "sum", "bound.name": "Amount", "bound.operator": "atLeast",
      "bound.value": "99.5", "when": "days", "days": "30"}),
    ("average Amount of Charged 1..2",
     {"what": "did", "event": "Charged", "often": "average", "bound.name": "Amount", "bound.operator": "between",
      "bound.value": "1", "bound.high": "2"}),
    ("first Charged in 7d", {"what": "first", "event": "Charged", "when": "days", "days": "7"}),
    ("last Charged to 2026-01-31", {"what": "last", "event": "Charged", "when": "dates", "end": "2026-01-31"}),
    ("Plan = Gold", {"what": "property", "test.name": "Plan", "test.operator": "equals", "test.value": "Gold"}),
    ("Plan != Gold", {"what": "property", "test.name": "Plan", "test.operator": "not", "test.value": "Gold"}),
    ("not Plan = Gold",
     {"what": "property", "negated": "on", "test.name": "Plan", "test.operator": "equals", "test.value": "Gold"}),
    ('Plan in (Gold, "a, b")',
     {"what": "property", "test.name": "Plan", "test.operator": "in", "test.value": 'Gold, "a, b"'}),
    ("Plan in (1, Gold, true)",
     {"what": "property", "test.name": "Plan", "test.operator": "in", "test.value": "1, Gold, true"}),
    ("Plan missing", {"what": "property", "test.name": "Plan", "test.operator": "missing", "test.value": "left over"}),
    ("visits 5..7.5",
     {"what": "property", "test.name": "visits", "test.operator": "between", "test.value": "5", "test.high": "7.5"}),
    ('visits = "5"',
     {"what": "property", "test.name": "visits", "test.operator": "equals", "test.value": "5", "test.sort": "text"}),
    ('visits contains "5"',
     {"what": "property", "test.name": "visits", "test.operator": "contains", "test.value": "5"}),
    ("renewal < 2026-01-31",
     {"what": "property", "test.name": "renewal", "test.operator": "less", "test.value": "2026-01-31"}),
    ("renewal in next 7d",
     {"what": "property", "test.name": "renewal", "test.operator": "inNext", "test.value": "7"}),
    ("age 25..30",
     {"what": "field", "test.name": "age", "test.operator": "between", "test.value": "25", "test.high": "30"}),
    ("type in (customer, addressable)",
     {"what": "field", "test.name": "type", "test.operator": "in", "test.value": "customer, addressable"}),
    ("test yes", {"what": "field", "test.name": "test", "test.operator": "equals", "test.value": "true"}),
    ("birthday today", {"what": "field", "test.name": "birthday", "test.operator": "today"}),
    ("birthday on 02-29", {"what": "field", "test.name": "birthday", "test.operator": "on", "test.value": "02-29"}),
    ("birthday in month 2", {"what": "field", "test.name": "birthday", "test.operator": "month", "test.value": "2"}),
    ("appVersion >= 2.10",
     {"what": "field", "test.name": "appVersion", "test.operator": "atLeast", "test.value": "2.10"}),
    ("lastSeen < 2026-01-31",
     {"what": "field", "test.name": "lastSeen", "test.operator": "less", "test.value": "2026-01-31"}),
    ("near 53.35 -6.26 within 10 km",
     {"what": "near", "latitude": "53.35", "longitude": "-6.26", "km": "10"}),
    ("not (a = 1 or did B)", {"what": "line", "line": "not (a = 1 or did B)"}),
]  # fmt: skip

WRONG: list[tuple[Fields, str, str]] = [
    # what is sent of a row, the field that is told off, the problem
    ({"what": "did", "event": "A", "often": "count", "bound.value": "x"}, "bound.value", "a number is wanted"),
    ({"what": "did", "event": "A", "often": "count", "bound.operator": "less", "bound.value": "1"},
     "bound.value", "matches nobody"),
    ({"what": "did", "event": "A", "when": "days", "days": "x"}, "days", "a number of days"),
    ({"what": "did", "event": "A", "when": "dates", "start": "2026-02-02", "end": "2026-01-01"},
     "end", "ends before it begins"),
    ({"what": "not-did", "event": "A", "when": "dates", "start": "soon"}, "start", "a date is wanted"),
    ({"what": "did", "event": "A", "where.0.name": "x", "where.0.operator": "greater", "where.0.value": "true"},
     "where.0.value", "have no order"),
    ({"what": "first", "event": "A"}, "event", "in a window"),
    ({"what": "property", "test.name": "x", "test.value": "five", "test.sort": "number"},
     "test.value", "a number is wanted"),
    ({"what": "property", "test.name": "x", "test.value": "perhaps", "test.sort": "truth"},
     "test.value", "true or false"),
    ({"what": "property", "test.name": "x", "test.operator": "in", "test.value": '"a'},
     "test.value", "a quote is not closed"),
    ({"what": "property", "test.name": "x", "test.operator": "between", "test.value": "5", "test.high": "1"},
     "test.value", "the lower end"),
    ({"what": "property", "test.name": "x", "test.operator": "like", "test.value": "5"},
     "test.value", "there is no operator"),
    ({"what": "field", "test.name": "shoe size", "test.value": "5"}, "test.name", "there is no field"),
    ({"what": "field", "test.name": "age", "test.value": "old"}, "test.value", "a number is wanted"),
    ({"what": "field", "test.name": "type", "test.value": "vip"}, "test.value", "none of them"),
    ({"what": "near", "latitude": "91", "longitude": "0", "km": "5"}, "latitude", "from -90 to 90"),
    ({"what": "line", "line": "did Charged >= "}, "line", "at 15: something is missing"),
]  # fmt: skip

UNFINISHED: list[tuple[Fields, str]] = [
    # what is sent of a row, the field in which something is missing
    ({"what": "did"}, "event"),
    ({"what": "property", "test.name": " ", "test.value": "5"}, "test.name"),
    ({"what": "property", "test.name": "x", "test.operator": "between", "test.value": "5"}, "test.high"),
    ({"what": "field", "test.name": "age"}, "test.value"),
    ({"what": "near", "latitude": "5"}, "longitude"),
    ({"what": "line"}, "line"),
]


def sent(*rows: Fields, join: str = "all") -> Group:
    """A form of one group, as a browser sends it."""
    fields = {f"q.{i}.{name}": text for i, row in enumerate(rows) for name, text in row.items()}
    return read({"q.join": join, **fields}.items())


@pytest.mark.parametrize(("line", "fields"), ROWS)
def test_a_row_asks_what_the_one_line_form_asks(line: str, fields: Fields) -> None:
    found = asked(sent(fields))
    assert (repr(found.query), found.problems) == (repr(from_line(line)), ())


@pytest.mark.parametrize(("line", "_"), ROWS)
def test_a_condition_comes_back_as_a_row_with_fields(line: str, _: Fields) -> None:
    (row,) = shown(from_line(line)).of if not line.startswith("not (") else (None,)
    assert not isinstance(row, Row) or row.what != "line"


@pytest.mark.parametrize(("fields", "field", "problem"), WRONG)
def test_a_row_is_told_off_at_its_field(fields: Fields, field: str, problem: str) -> None:
    found = asked(sent({"what": "did", "event": "B"}, fields))
    (wrong,) = found.problems
    assert (found.query, wrong.at, wrong.field, problem in wrong.text) == (None, "q.1", field, True), wrong


@pytest.mark.parametrize(("fields", "field"), UNFINISHED)
def test_a_row_that_is_not_filled_in_is_named_and_left_out(fields: Fields, field: str) -> None:
    found = asked(sent({"what": "did", "event": "B"}, fields))
    assert (found.query, found.problems) == (from_line("did B"), ())
    assert [(one.at, one.field) for one in found.unfinished] == [("q.1", field)]


PARTS: list[tuple[Fields, list[str]]] = [
    # what is sent of a row that asks for "did A", the fields in which something is missing
    ({"where.0.name": "x"}, ["where.0.value"]),
    ({"where.0.name": "", "where.1.name": "", "where.1.value": "5"}, ["where.0.name", "where.1.name"]),
    ({"often": "sum"}, ["bound.name"]),
    ({"often": "count", "bound.value": " "}, ["bound.value"]),
    ({"often": "average", "bound.name": "x", "bound.operator": "between", "bound.value": "1"}, ["bound.high"]),
]


@pytest.mark.parametrize(("fields", "missing"), PARTS)
def test_of_an_event_only_what_is_not_filled_in_is_left_out(fields: Fields, missing: list[str]) -> None:
    found = asked(sent({"what": "did", "event": "A", **fields}))
    assert (found.query, [one.field for one in found.unfinished]) == (from_line("did A"), missing)


@pytest.mark.parametrize(
    ("fields", "is_begun"),
    [
        ({"what": "did"}, False),
        ({"what": "not-did", "when": "days"}, False),
        ({"what": "property"}, False),
        ({"what": "did", "event": "A", "where.0.name": "x"}, True),
        ({"what": "property", "test.name": "Plan"}, True),
        ({"what": "near", "latitude": "5"}, True),
        ({"what": "did", "event": "A"}, False),
    ],
)
def test_a_row_that_was_begun_is_told_from_an_empty_one(fields: Fields, is_begun: bool) -> None:
    form = sent({"what": "did", "event": "B"}, fields)
    assert begun(form, asked(form)) is is_begun


def test_all_that_is_wrong_is_said_at_once() -> None:
    found = asked(sent(WRONG[0][0], UNFINISHED[0][0], WRONG[2][0]))
    assert [(one.at, one.field) for one in found.problems] == [("q.0", "bound.value"), ("q.2", "days")]
    assert [one.at for one in found.unfinished] == ["q.1"]


@pytest.mark.parametrize(
    ("join", "line"),
    [("all", "did A and did B"), ("any", "did A or did B"), ("none", "not (did A or did B)"),
     ("notAll", "not (did A and did B)"), ("of course", "did A and did B")],
)  # fmt: skip
def test_a_group_joins_its_rows(join: str, line: str) -> None:
    assert asked(sent({"what": "did", "event": "A"}, {"what": "did", "event": "B"}, join=join)).query == from_line(line)


def test_rows_and_tests_come_by_their_numbers_however_they_are_sent() -> None:
    second = {"what": "did", "event": "B", "where.1.name": "y", "where.1.value": "2", "where.0.name": "x"}
    rows = {"q.10": {"what": "did", "event": "C"}, "q.2": {**second, "where.0.value": "1"}}
    pairs = [(f"{at}.{name}", text) for at, row in rows.items() for name, text in row.items()] + [("q.join", "any")]
    assert asked(read(pairs)).query == from_line("did B where (x = 1 and y = 2) or did C")


def test_groups_stand_in_groups() -> None:
    form = shown(from_line("did A and not (Plan = x or (did B and age 5))"))
    assert form.join == "all"
    inner = form.of[1]
    assert isinstance(inner, Group)
    assert (inner.join, len(inner.of)) == ("none", 2)
    assert to_line(asked(form).query or from_line("everyone")) == "did A and not (Plan = x or did B and age = 5)"


def test_a_form_without_rows_asks_for_everyone() -> None:
    for join in ("all", "any", "none", "notAll"):
        assert asked(sent(join=join)).query == from_line("everyone")
    assert shown(from_line("everyone")) == Group()


def test_a_form_that_asks_too_much_is_told_off_as_a_whole() -> None:
    found = asked(sent(*({"what": "line", "line": " and ".join(["did A"] * 40)} for _ in range(3))))
    assert (found.query, [(one.at, one.text) for one in found.problems]) == (
        None, [("", "a query has at most 100 conditions")],
    )  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(query=queries)
def test_any_query_shown_as_a_form_asks_the_same(query: dict[str, Any]) -> None:
    tree = from_object(query)
    assert repr(asked(shown(tree)).query) == repr(tree)


@settings(max_examples=200, deadline=None)
@given(name=st.text(min_size=1, max_size=20), value=st.text(max_size=20) | st.integers() | st.floats() | st.booleans())
def test_any_name_and_any_value_can_be_shown(name: str, value: Any) -> None:
    try:
        tree = from_object(
            {"any": [{"property": name, "in": [value, "b"]}, {"did": name}, {"not": {"not": {"did": name}}}]}
        )
    except (WrongQuery, UnicodeError):
        return
    assert repr(asked(shown(tree)).query) == repr(tree)


@given(
    pairs=st.lists(
        st.tuples(
            st.from_regex(
                r"\Aq(\.[0-9]{1,2}){0,12}\.(join|what|event|test\.(name|operator|value)|where\.[0-9]\.name|often)\Z"
            ),
            st.sampled_from(["all", "none", "did", "not-did", "property", "field", "line", "age", "between", "5", ""]),
        ),
        max_size=30,
    )
)
def test_whatever_is_sent_makes_a_form(pairs: list[tuple[str, str]]) -> None:
    found = asked(read(pairs))
    assert (found.query is None) == bool(found.problems)


PRESSED: list[tuple[str, Group]] = [
    ("add:q:property", Group("all", (Row(event="A"), Group("any", (Row(event="B"),)), Row(what="property")))),
    ("add:q:not-did", Group("all", (Row(event="A"), Group("any", (Row(event="B"),)), Row(negated=True)))),
    ("add:q.1:last",
     Group("all", (Row(event="A"), Group("any", (Row(event="B"), Row(what="last", when="days")))))),
    ("group:q.1:",
     Group("all", (Row(event="A"), Group("any", (Row(event="B"), Group("all", (Row(), Row()))))))),
    ("remove:q.0:", Group("all", (Group("any", (Row(event="B"),)),))),
    ("remove:q.1.0:", Group("all", (Row(event="A"), Group("any")))),
    ("remove:q:", Group()),
    ("test:q.0:", Group("all", (Row(event="A", where=(Compared(),)), Group("any", (Row(event="B"),))))),
]  # fmt: skip


@pytest.mark.parametrize(("button", "after"), PRESSED)
def test_buttons_add_and_remove(button: str, after: Group) -> None:
    assert changed(Group("all", (Row(event="A"), Group("any", (Row(event="B"),)))), button) == after


def test_a_test_of_an_event_is_removed_by_its_number() -> None:
    form = Group("all", (Row(event="A", where=(Compared("x"), Compared("y"))),))
    assert changed(form, "untest:q.0:0") == Group("all", (Row(event="A", where=(Compared("y"),)),))


@pytest.mark.parametrize(
    "button", ["", "add", "add:x:did", "add:q.9:did", "add:q.0:did", "sell:q.0:", "remove:q.0.0.0:", "untest:q.0:z"]
)
def test_a_button_that_names_nothing_changes_nothing(button: str) -> None:
    form = Group("all", (Row(event="A", where=(Compared("x"),)),))
    assert changed(form, button) == form


def test_a_form_grows_no_larger_than_a_query_may_be() -> None:
    form = Group("all", tuple(Row() for _ in range(99)))
    assert changed(form, "add:q:did") == form


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ('"a, b", c', ["a, b", "c"]),
        ("New York,,X", ["New York", "X"]),
    ],
)
def test_a_list_is_cut_at_its_commas(text: str, items: list[str]) -> None:
    assert texts.items(text) == items
    assert texts.items(texts.list_of(items)) == items


def test_what_is_missing_is_said_in_words() -> None:
    assert asked(sent({"what": "did"})).unfinished == (Problem("q.0", "event", "choose an event"),)
    assert asked(read([("q.join", "all"), ("q.0.join", "any")])).unfinished == (
        Problem("q.0", "join", "nothing is asked in this group yet"),
    )
    begun_within = asked(read([("q.join", "all"), ("q.0.join", "any"), ("q.0.0.what", "did")])).unfinished
    assert [one.at for one in begun_within] == ["q.0.0"]
