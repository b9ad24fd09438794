"""The operator table, line by line: what a property is after each operator, and at which time."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from knownas.nouns import Property
from knownas.plain.properties import apply
from knownas.profile.properties import change

LARGE = 2**63 - 1
MISSING = None
HELD: list[tuple[Any, Any, Any, Any]] = [
    # held (value, ts) or missing, given, afterwards (value, ts) or missing; the record's ts is 10
    (MISSING, "a", ("a", 10), None),
    (("b", 9), "a", ("a", 10), None),
    (("b", 10), "a", ("a", 10), None),
    (("b", 11), "a", ("b", 11), None),
    (("b", 9), {"$set": "a"}, ("a", 10), None),
    (MISSING, None, (None, 10), None),
    (("b", 9), None, (None, 10), None),
    (("b", 11), None, ("b", 11), None),
    ((None, 11), "a", (None, 11), None),
    (("b", 9), {"$delete": 1}, (None, 10), None),
    (("b", 11), {"$delete": 1}, ("b", 11), None),
    (MISSING, ["b", "a", "b", 1, 1.0, True], (["b", "a", 1, True], 10), None),
    (("b", 9), [], (None, 10), None),
    (MISSING, {"$setOnce": "a"}, ("a", 10), None),
    (("b", 9), {"$setOnce": "a"}, ("b", 9), None),
    ((None, 11), {"$setOnce": "a"}, ("a", 11), None),
    (MISSING, {"$setOnce": []}, (None, 10), None),
    (MISSING, {"$setOnce": ["a", "a"]}, (["a"], 10), None),
    (MISSING, {"$add": "a"}, (["a"], 10), None),
    (("b", 11), {"$add": ["a", "b"]}, (["b", "a"], 11), None),
    ((["a", "b"], 9), {"$add": "a"}, (["a", "b"], 10), None),
    ((list(range(100)), 9), {"$add": [100, 3]}, (list(range(1, 101)), 10), None),
    ((None, 9), {"$add": "a"}, (["a"], 10), None),
    (MISSING, {"$add": []}, (None, 10), None),
    (MISSING, {"$remove": "a"}, MISSING, None),
    ((None, 9), {"$remove": "a"}, (None, 9), None),
    ((["a", "b"], 9), {"$remove": "a"}, (["b"], 10), None),
    ((["a", "b"], 9), {"$remove": ["a", "b"]}, (None, 10), None),
    ((["a", 1, True], 9), {"$remove": True}, (["a", 1], 10), None),
    (("a", 11), {"$remove": "a"}, (None, 11), None),
    (("a", 9), {"$remove": "b"}, ("a", 10), None),
    (MISSING, {"$incr": 5}, (5, 10), None),
    ((None, 9), {"$incr": 5}, (5, 10), None),
    ((1, 11), {"$incr": 5}, (6, 11), None),
    ((50.5, 9), {"$incr": 10.5}, (61.0, 10), None),
    ((1, 9), {"$decr": 5}, (-4, 10), None),
    (MISSING, {"$decr": 5}, (-5, 10), None),
    (("a", 9), {"$incr": 1}, ("a", 9), "not_a_number"),
    ((True, 9), {"$incr": 1}, (True, 9), "not_a_number"),
    (([1], 9), {"$decr": 1}, ([1], 9), "not_a_number"),
    ((LARGE, 9), {"$incr": 1}, (LARGE, 9), "number_out_of_range"),
    ((-LARGE, 9), {"$decr": 2}, (-LARGE, 9), "number_out_of_range"),
    (MISSING, {"$decr": -LARGE - 1}, MISSING, "number_out_of_range"),
    ((1.7e308, 9), {"$incr": 1.7e308}, (1.7e308, 9), "number_out_of_range"),
]


@pytest.mark.parametrize("apply_", [pytest.param(change, id="core"), pytest.param(apply, id="plain")])
@pytest.mark.parametrize(("held", "given", "after", "refusal"), HELD)
def test_a_property_after_a_value_or_an_operator(apply_: Any, held: Any, given: Any, after: Any, refusal: Any) -> None:
    properties = {} if held is None else {"p": Property(*copy.deepcopy(held))}
    assert apply_(properties, "p", given, 10) == refusal
    found = properties.get("p")
    assert repr(found and (found.value, found.ts)) == repr(after)


@pytest.mark.parametrize("values", [("a", None), ("a", "b"), (["a"], "b"), (None, 5)])
def test_two_plain_values_end_the_same_in_either_order_of_arrival(values: tuple[Any, Any]) -> None:
    ends = []
    for arrivals in ([(values[0], 1), (values[1], 2)], [(values[1], 2), (values[0], 1)]):
        properties: dict[str, Property] = {}
        for value, ts in arrivals:
            change(properties, "p", value, ts)
        ends.append(properties)
    assert ends[0] == ends[1]
