"""What verification makes of what was published of live segments, and of shards that are filling one."""

from __future__ import annotations

from typing import Any

import pytest

from knownas.find.segments import Held, Registry, State
from knownas.find.turning import Midnights
from knownas.nouns import FORMAT, Definition, Profile
from knownas.operate.verify_segments import Change, Expected, Heard
from knownas.plain.folding import Shard
from knownas.profile.time import Calendar

DAY_MS = 86_400_000
GOLD = {"property": "Plan", "equals": "Gold"}
NOT_GOLD = {"not": GOLD}


def change(what: str, version: int = 1, segment_version: int = 1) -> Change:
    """`+gold ann`: Ann enters gold; `-gold ann`: she leaves."""
    segment, _, profile = what[1:].partition(" ")
    return Change(segment, segment_version, profile, what[0] == "+", version, version)


@pytest.mark.parametrize(
    ("told", "is_whole", "twice"),
    [
        ([change("+gold ann"), change("-gold ann", 2), change("+gold ann", 3)], True, []),
        ([change("+gold ann"), change("+gold ben"), change("+away ann")], True, []),
        ([change("+gold ann"), change("-gold ann", 2), change("+gold ann"), change("-gold ann", 2)], True, []),
        ([change("+gold ann"), change("+gold ann"), change("-gold ann", 2), change("-gold ann", 2)], True, []),
        ([change("+gold ann"), change("+gold ann", 2)], True, ["ann enters gold once more at version 2"]),
        ([change("-gold ann", 4)], True, ["ann leaves gold once more at version 4"]),
        ([change("-gold ann", 4), change("-gold ann", 5)], False, ["ann leaves gold once more at version 5"]),
        ([change("+gold ann", 4)], False, []),
    ],
    ids=["in and out", "each by themselves", "all sent again", "each sent again", "twice in", "never was in",
         "twice out", "what came before is gone"],
)  # fmt: skip
def test_nobody_enters_or_leaves_twice_but_what_is_sent_again_counts_once(
    told: list[Change], is_whole: bool, twice: list[str]
) -> None:
    heard = Heard(is_whole=is_whole)
    for one in told:
        heard.take(one)
    assert [line.partition(": ")[2] for line in heard.twice] == twice


def shard(**queries: Any) -> Shard:
    """Ann alone, and these live segments."""
    ann = Profile(format=FORMAT, id="ann", version=1)
    return Shard(profiles={"ann": ann}, segments=queries, newest_definition=len(queries))


def registry(latest: int, *held: Held) -> Registry:
    """What the shard has stored."""
    return Registry(State(latest=latest), held)


def held(name: str, query: dict[str, Any] | None, *, filled: bool = True) -> Held:
    """A segment as a shard keeps it."""
    return Held(7, Definition(name=name, version=1, query=query), filled)


CASES = [
    # what the shard stores, whom it has in number 7, what was published, what differs, what is filling
    (registry(1, held("away", NOT_GOLD)), [7], ["+away ann"], [], set()),
    (registry(1, held("away", NOT_GOLD)), [], [], ["does not say that ann is in away"], set()),
    (registry(1, held("away", NOT_GOLD)), [7], ["+away ben", "+away ann"], ["says that ben is in away"], set()),
    (registry(1, held("away", NOT_GOLD, filled=False)), [], [], [], {"away"}),
    (registry(1, held("away", NOT_GOLD, filled=False)), [7], ["+away ann"], [], {"away"}),
    (registry(0), [], [], [], {"away"}),
    (registry(0, held("away", GOLD)), [], [], [], {"away"}),
    (registry(1, held("away", NOT_GOLD), Held(8, Definition(name="old", version=1), False)), [7, 8],
     ["+away ann", "+old ann"], [], {"old"}),
]  # fmt: skip


@pytest.mark.parametrize(("stored", "there", "told", "differs", "filling"), CASES)
def test_who_is_in_a_segment_is_compared_where_everybody_was_judged_by_it(
    stored: Registry, there: list[int], told: list[str], differs: list[str], filling: set[str]
) -> None:
    expected, heard = Expected(shard(away=NOT_GOLD), stored), Heard(is_whole=True)
    for one in told:
        heard.take(change(one))
    wanted, found = expected.definitions()
    assert wanted == found
    expected.put_in({"ann": Profile(format=FORMAT, id="ann", segments=there)}, 500)
    assert [line.removeprefix("segment-changed ") for line in expected.differences(heard)] == differs
    assert expected.unsettled() == filling
    if not differs:
        assert expected.shard.profiles["ann"].segments == there


def test_of_what_the_topic_no_longer_holds_only_whoever_was_heard_of_is_compared() -> None:
    expected = Expected(shard(away=NOT_GOLD), registry(1, held("away", NOT_GOLD)))
    expected.put_in({}, 500)
    assert list(expected.differences(Heard(is_whole=False))) == []
    heard = Heard(is_whole=False)
    heard.take(change("-away ann"))
    assert list(expected.differences(heard)) == ["segment-changed does not say that ann is in away"]


def test_whoever_the_clock_may_move_is_noted_for_that_time_or_an_earlier_one() -> None:
    lately, midnights = {"field": "lastSeen", "inLast": 2}, Midnights(Calendar())
    stored = Registry(State(latest=1, clock_ms=5 * DAY_MS), [held("lately", lately)])
    expected = Expected(shard(lately=lately), stored)
    (ann,) = expected.shard.profiles.values()
    ann.last_seen = 4 * DAY_MS / 1_000
    for noted, is_overlooked in (({}, True), ({"ann": 6 * DAY_MS + 1}, True), ({"ann": 6 * DAY_MS}, False),
                                 ({"ann": 1}, False)):  # fmt: skip
        assert bool(list(expected.overlooked(noted, midnights))) == is_overlooked, noted
    ann.guest_of = "ben"
    assert list(expected.overlooked({}, midnights)) == []


def test_a_segment_that_a_shard_lacks_or_has_otherwise_differs() -> None:
    for stored in (registry(1), registry(1, held("away", GOLD))):
        wanted, found = Expected(shard(away=NOT_GOLD), stored).definitions()
        assert wanted != found
