"""What an answer says of itself, to programs and to people: what it includes, what it cannot know, and its bounds."""

from __future__ import annotations

from typing import Any

import pytest

from knownas.cli.find import say_found
from knownas.find.answer import Found, numbers

EXACT = Found(1_052, 3, None, (1_052, 3), [])
SAID: dict[str, Any] = {"people": 1_052, "orphans": 3, "exact_since": None, "unknown": []}

ANSWERS: list[tuple[Found, dict[str, Any], list[str]]] = [
    (EXACT, SAID, ["1,052 people, and 3 orphans apart"]),
    (EXACT._replace(people=1, orphans=0), SAID | {"people": 1, "orphans": 0}, ["1 person"]),
    (
        EXACT._replace(orphans=1, since=20_688),
        SAID | {"orphans": 1, "exact_since": "2026-08-23"},
        ["1,052 people, and 1 orphan apart",
         "exact as far as days from 2026-08-23 on are concerned: what was before is not all kept"],
    ),
    (
        EXACT._replace(capped=True, at_most=(45_000, 70)),
        SAID | {"capped": True, "atMost": {"people": 45_000, "orphans": 70}},
        ["from 1,052 to 45,000 people (and from 3 to 70 orphans): more than may be looked at one by one; ask closer"],
    ),
    (
        EXACT._replace(people=0, orphans=0, unknown=["Flown", "Rank\x1b"]),
        SAID | {"people": 0, "orphans": 0, "unknown": ["Flown", "Rank\x1b"]},
        ["0 people", "nobody ever had Flown", "nobody ever had Rank�"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("found", "to_programs", "to_people"), ANSWERS)
def test_an_answer_says_what_it_includes_and_what_it_cannot_know(
    found: Found, to_programs: dict[str, Any], to_people: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert numbers(found) == to_programs
    say_found(found, count=True)
    assert capsys.readouterr().out.splitlines() == to_people
