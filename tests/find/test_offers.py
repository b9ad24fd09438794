"""What may be chosen in a row follows from what is asked, and from what people have said so far."""

from __future__ import annotations

from typing import Any

import pytest

from knownas.find.form.editing import settled
from knownas.find.form.model import Compared, Group, Row
from knownas.find.form.offers import NAMES, Control, Offers, of_a_count, some

CATALOG: dict[str, Any] = {
    "events": [
        {"name": "Charged", "properties": [{"name": "Amount", "kinds": ["number"], "values": [30, 12.5]}]},
        {"name": "Viewed", "properties": []},
    ],
    "properties": [
        {"name": "Plan", "kinds": ["text"], "values": ["Gold", "Silver"]},
        {"name": "visits", "kinds": ["number"], "values": []},
        {"name": "vip", "kinds": ["boolean"], "values": [True]},
        {"name": "renewal", "kinds": ["date"], "values": ["2026-01-31"]},
        {"name": "mixed", "kinds": ["number", "text"], "values": []},
    ],
    "fields": [{"name": "type", "values": ["customer"]}, {"name": "city", "values": ["Cork"]}],
}
OFFERS = Offers(CATALOG)


def words(control: Control) -> list[str]:
    """The operators as they read."""
    return [word for _, word in control.operators]


PROPERTIES = [
    # a property, an operator that is offered, one that is not, what is suggested
    ("Plan", "starts with", "is more than", ["Gold", "Silver"]),
    ("visits", "is more than", "contains", []),
    ("vip", "is", "is more than", ["true"]),
    ("renewal", "is before", "is less than", ["2026-01-31"]),
    ("mixed", "contains", "is in the last", []),
    ("nobody said this", "contains", "is before", []),
]


@pytest.mark.parametrize(("name", "offered", "not_offered", "values"), PROPERTIES)
def test_operators_of_a_property_are_those_of_its_values(
    name: str, offered: str, not_offered: str, values: list[str]
) -> None:
    control = OFFERS.property(Compared(name))
    assert (offered in words(control), not_offered in words(control), control.values) == (True, False, values)


def test_what_a_row_says_already_can_be_chosen() -> None:
    assert "is more than" in words(OFFERS.property(Compared("Plan", "greater")))
    assert words(OFFERS.property(Compared("Plan", "like"))) == words(OFFERS.property(Compared("Plan")))


def test_properties_of_an_event_are_those_that_it_came_with() -> None:
    assert (OFFERS.said_in(" Charged "), OFFERS.said_in("Viewed"), OFFERS.said_in("Flown")) == (["Amount"], [], [])
    assert OFFERS.event_property("Charged", Compared("Amount")).values == ["30", "12.5"]
    assert OFFERS.event_property("Viewed", Compared("Amount")).values == []


INPUTS = [
    # a field, an operator, what the value is written in
    ("type", "equals", "choice"),
    ("type", "in", "list"),
    ("test", "equals", "yes-no"),
    ("age", "between", "number"),
    ("birthday", "today", "none"),
    ("birthday", "on", "monthDay"),
    ("birthday", "month", "month"),
    ("lastSeen", "less", "date"),
    ("lastSeen", "inLast", "days"),
    ("city", "contains", "text"),
    ("shoe size", "equals", "text"),
]


@pytest.mark.parametrize(("name", "operator", "written"), INPUTS)
def test_a_value_is_written_in_what_fits_it(name: str, operator: str, written: str) -> None:
    assert OFFERS.field(Compared(name, operator)).input == written


def test_values_are_chosen_where_they_are_few() -> None:
    assert OFFERS.field(Compared("type")).choices == [("customer", "customer")]
    assert OFFERS.field(Compared("test")).choices == [("true", "yes"), ("false", "no")]
    assert words(OFFERS.field(Compared("reachable")))[0] == "include"
    assert words(of_a_count(Compared()))[:2] == ["exactly", "more than"]


def test_people_are_put_in_order_by_numbers() -> None:
    assert OFFERS.numbers() == ["visits", "mixed"]


def test_of_many_names_the_frequent_are_offered_and_those_like_what_is_typed() -> None:
    names = [f"event {n}" for n in range(NAMES)] + ["Rarely Charged", "Never"]
    assert some(names, ["", " charge"]) == [*names[:NAMES], "Rarely Charged"]
    assert some(["A"], ["b"]) == ["A"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Compared("birthday", "equals", "5"), Compared("birthday", "today")),
        (Compared("type", "greater", "5", "6"), Compared("type", "equals")),
        (Compared("type", "equals", "gold"), Compared("type", "equals")),
        (Compared("type", "in", "gold"), Compared("type", "in", "gold")),
        (Compared("age", "between", "5", "6"), Compared("age", "between", "5", "6")),
        (Compared("shoe size", "like", "5"), Compared("shoe size", "like", "5")),
    ],
)
def test_an_operator_that_cannot_be_asked_of_another_field_gives_way(before: Compared, after: Compared) -> None:
    form = Group("all", (Row(what="field", test=before), Group("any", (Row(what="field", test=before),))))
    assert settled(form) == Group(
        "all", (Row(what="field", test=after), Group("any", (Row(what="field", test=after),)))
    )
    assert settled(Row(what="property", test=before)) == Row(what="property", test=before)
