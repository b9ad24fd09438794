"""What a query came to is said in words that a product person understands."""

from __future__ import annotations

from datetime import date

import pytest

from knownas.find.answer import Found
from knownas.find.line import from_line
from knownas.find.values import number_of
from knownas.find.wrong import WrongQuery
from knownas.serve.page import finding_words as words

EXACT = Found(1052, 3, None, (1052, 3), [])


@pytest.mark.parametrize(
    ("found", "people", "orphans"),
    [
        (EXACT, "1,052 people", "and 3 former guests, counted apart"),
        (EXACT._replace(people=1, orphans=0), "1 person", ""),
        (EXACT._replace(people=0, orphans=1), "0 people", "and 1 former guest, counted apart"),
        (
            EXACT._replace(capped=True, at_most=(45_000, 3)),
            "1,052 to 45,000 people",
            "and 3 former guests, counted apart",
        ),
        (
            EXACT._replace(capped=True, at_most=(45_000, 70)),
            "1,052 to 45,000 people",
            "and 3 to 70 former guests, counted apart",
        ),
    ],
)
def test_people_and_former_guests_are_counted_apart(found: Found, people: str, orphans: str) -> None:
    assert (words.people(found), words.orphans(found)) == (people, orphans)


NOTES = [
    (EXACT, []),
    (EXACT._replace(capped=True), ["More than 20,000 people would have to be looked at one by one"]),
    (EXACT._replace(since=number_of(date(2026, 8, 22))), ["Exact from 22 August 2026 on."]),
    (EXACT._replace(unknown=["Chraged", "Flown"]), ["Is “Charged” meant?", "Nobody ever had “Flown”"]),
]


@pytest.mark.parametrize(("found", "told"), NOTES)
def test_what_one_should_know_of_a_number_is_said(found: Found, told: list[str]) -> None:
    said = words.notes(found, 20_000, ["Charged", "Viewed"])
    assert len(said) == len(told)
    assert all(part in note for part, note in zip(told, said, strict=True))
    assert "meant" not in " ".join(words.notes(found, 20_000, []))


@pytest.mark.parametrize(
    ("line", "before", "at", "after"),
    [
        ("age 25 and type gold and x = 1", "age 25 and type ", "gold", " and x = 1"),
        ("did Charged >= ", "did Charged >=", "", ""),
        ("a = 1)", "a = 1", ")", ""),
        ("", "", "", ""),
    ],
)
def test_a_line_is_marked_at_the_word_that_is_wrong(line: str, before: str, at: str, after: str) -> None:
    with pytest.raises(WrongQuery) as caught:
        from_line(line)
    mark = words.marked(line, caught.value)
    assert (mark.before, mark.at.strip(), mark.after) == (before, at, after)
    assert mark.before + mark.at + mark.after == line


def test_orders_are_said_in_words() -> None:
    assert list(words.sorts(["visits", "name"], "points").items()) == [
        ("lastSeen", "last seen first"), ("firstAcquired", "newest first"), ("name", "by name"),
        ("visits", "most visits first"), ("points", "most points first"),
    ]  # fmt: skip
