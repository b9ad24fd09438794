"""Which planes of the index a profile is in, as records come, and how names get their numbers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knownas.adapters.memory import MemoryIndex
from knownas.find import planes, terms
from knownas.find.terms import Directory
from knownas.nouns import Count, Profile, Property, Resolved, Source
from knownas.profile.fold import USUAL, Fold, Folded, read
from knownas.profile.leaving import Found, Place, part
from knownas.profile.time import Calendar
from tests.builders import NOON, event, login, profile

DAY = NOON // 86_400
ANN, BEN = "a" * 32, "b" * 32


def said(offset: int, record: dict[str, Any], whose: str = ANN, *, at: int = NOON, **more: Any) -> bytes:
    """A message of a shard."""
    raw = msgspec.Raw(json.dumps(record).encode())
    ts = record.get("ts", at)
    source = Source("events", 0, offset, 0)
    return msgspec.json.encode(Resolved(profile=whose, source=source, at=at * 1000, ts=ts, record=raw, **more))


class Shard:
    """A shard's profiles and index, chunk by chunk."""

    def __init__(self) -> None:
        self.index, self.profiles = MemoryIndex(), dict[str, Profile]()
        self._offset = 0

    def take(self, *records: tuple[str, dict[str, Any]], at: int = NOON, **more: Any) -> Folded:
        """Fold these into profiles as one chunk."""
        fold = Fold(self.profiles, {}, directory=self.index.directory())
        for whose, record in records:
            self._offset += 1
            raw = said(self._offset, record, whose, at=at, **more)
            fold.add(read(raw), raw)
        return self._commit(fold.result())

    def leave(self, whose: str, kind: str = "delete") -> Folded:
        """Delete somebody, or demerge."""
        raw = said(999, {"type": kind, "profile": whose}, whose)
        place, known = Place(0, 999, {}), self.profiles[whose]
        return self._commit(part(read(raw), raw, place, known, Found(), USUAL, self.index.directory()))

    def _commit(self, folded: Folded) -> Folded:
        self.profiles |= folded.profiles
        self.index.write(folded.planes)
        return folded

    def planes_of(self, whose: str) -> set[str]:
        """The planes somebody is in."""
        number = next(number for number, name in self.index.ids.items() if name == whose)
        return {plane for plane, numbers in self.index.planes.items() if number in numbers}


def of_value(value: Any, name: str = "Plan", directory: Directory | None = None) -> set[str]:
    """The planes of a property's value."""
    held = terms.of_property(directory or Directory(), name, value)
    return {plane for term in held for plane in term}


CODE_ONE = {"v0.0"}
NUMBER_FIVE = {"n0.23", "n0.22", "n0.12", "n0.10"}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, set()),
        ("Gold", {"x0"} | CODE_ONE),
        (True, {"x0"} | CODE_ONE),
        ([], set()),
        (["a", "b", "a"], {"x0", "m0", "i0:1", "i0:2"}),
        ([1, 1.0, True], {"x0", "m0", "i0:1", "i0:2"}),
        (["y" * 600], {"x0", "m0", "k0"}),
        ("1850-01-02", {"x0", "hy0", "y0.0"} | CODE_ONE),
        ("1850-01-04T10:00:00Z", {"x0", "hy0", "y0.0", "y0.1"} | CODE_ONE),
        ("1849-12-31", {"x0", "hy0"} | CODE_ONE),
        (0, {"x0", "hn0", "n0.23"}),
        (-0.0, {"x0", "hn0", "n0.23"}),
    ],
)
def test_a_value_is_in_the_planes_of_its_kind(value: Any, wanted: set[str]) -> None:
    assert of_value(value) == wanted


@pytest.mark.parametrize("name", ["Photo", "Email", "Phone", "FBID", "GPID"])
def test_what_is_looked_up_in_another_way_is_only_there(name: str) -> None:
    assert of_value("x@y.ie", name) == {"x0"}


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False), min_size=2))
def test_slices_are_in_the_order_of_numbers_and_an_exact_one_stands_for_one_number(numbers: list[float]) -> None:
    ordered = sorted(numbers)
    slices = [planes.number_slice(number) for number in ordered]
    assert slices == sorted(slices)
    assert all(0 <= one < 1 << planes.NUMBER_BITS for one in slices)
    exact = {planes.number_slice(number): number for number in ordered if planes.is_exact(number)}
    assert all(number == exact[one] for one, number in zip(slices, ordered, strict=True) if planes.is_exact(number))


@pytest.mark.parametrize(
    ("number", "exact"), [(8_192, True), (8_193, False), (-8_191, True), (0.5, True), (0.1, False), (2**63 - 1, False)]
)
def test_whole_small_numbers_are_exact(number: float, exact: bool) -> None:
    assert planes.is_exact(number) is exact


def test_a_value_beyond_the_dictionary_is_in_a_bucket_and_those_in_it_keep_their_codes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planes, "CODES", 2)
    directory = Directory()
    codes = [directory.code("0", text) for text in ("s:a", "s:b", "s:c", "s:a")]
    assert codes[:2] == [1, 2]
    assert codes[2] >> planes.BUCKET_BIT == 1
    assert codes[3] == 1


def test_a_shard_bounds_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes, "EVENTS", 1)
    monkeypatch.setattr(planes, "PROPERTIES", 1)
    monkeypatch.setattr(planes, "CODES_IN_ALL", 1)
    directory = Directory()
    assert [directory.event(name) for name in ("A", "B", "A")] == [0, None, 0]
    assert of_value("Gold", "Plan", directory) == {"x0", "v0.0"}
    assert of_value("Gold", "Size", directory) == set()
    assert "v0.12" in of_value("Silver", "Plan", directory)


@pytest.mark.parametrize(
    ("count", "wanted"),
    [
        (Count(1, 0, 0, [DAY, 1]), {"e0", f"d0:{DAY}"}),
        (Count(2, 0, 0, [DAY, 2]), {"e0", "e0+1", f"d0:{DAY}", f"dd0:{DAY}"}),
        (Count(9, 0, 0, [DAY - 1, 1, DAY, 3]), {"e0", "e0+1", "e0+2", "e0+3", "b0", f"d0:{DAY}", f"dd0:{DAY}"}),
        (Count(3, 0, 0, []), {"e0", "e0+1"}),
    ],
)
def test_an_event_is_in_the_planes_of_its_days_from_the_oldest_on_and_of_how_often(
    count: Count, wanted: set[str]
) -> None:
    directory = Directory()
    directory.oldest = DAY
    assert {plane for term in terms.of_event(directory, "Viewed", count) for plane in term} == wanted


@pytest.mark.parametrize(
    ("state", "latest"),
    [({}, 0), ({"made": 5}, 0), ({"next": 3}, None), ({"next": 3, "made": 5}, None), ({"next": 3, "latest": DAY}, DAY)],
    ids=["new", "empty when it was made anew", "of a version that did not keep it", "that one, made anew", "kept"],
)
def test_an_index_in_which_nobody_ever_was_knows_of_the_latest_day_whatever_else_is_written_there(
    state: dict[str, int], latest: int | None
) -> None:
    assert Directory.stored(state, []).latest == latest


def test_numbers_are_given_in_the_order_of_records_and_the_one_freed_last_is_given_out_first() -> None:
    shard, people = Shard(), [f"{n:032x}" for n in range(5)]
    shard.take(*((whose, event("d-1")) for whose in people[:3]))
    assert [shard.profiles[whose].number for whose in people[:3]] == [0, 1, 2]
    shard.leave(people[0])
    shard.leave(people[1])
    assert (shard.index.free, shard.index.ids) == ([0, 1], {2: people[2]})
    shard.take((people[3], event("d-1")))
    shard.take((people[4], event("d-1")))
    assert [shard.profiles[whose].number for whose in people[3:]] == [1, 0]


def test_who_is_deleted_leaves_every_plane() -> None:
    shard = Shard()
    records = [
        event("d-1"),
        login("d-1", {"Plan": "Gold", "tags": ["a"], "DOB": "1990-02-28"}),
        event("d-1", "Charged"),
    ]
    shard.take(*((ANN, record) for record in records))
    assert shard.planes_of(ANN) >= {"all", "t:customer", "x0", "hasborn"}
    shard.leave(ANN)
    assert [plane for plane, numbers in shard.index.planes.items() if numbers] == []
    assert shard.profiles[ANN].number == -1


def test_who_is_demerged_is_reached_no_more_and_stays() -> None:
    shard = Shard()
    shard.take((ANN, login("d-1") | {"context": {"pushToken": "t"}}), claims=[("email", "ann@x.ie")])
    assert shard.planes_of(ANN) >= {"t:addressable", "r:push"}
    shard.leave(ANN, "demerge")
    assert {plane for plane in shard.planes_of(ANN) if plane[1] == ":" or plane == "all"} == {"all", "t:anonymous"}


@pytest.mark.parametrize(
    ("before", "after", "begins", "ends"),
    [
        ({"tags": [1]}, {"tags": [True]}, {"i0:2"}, {"i0:1"}),
        ({"a": 1}, {"a": True}, {"v0.0"}, {"hn0"}),
        ({"a": 1}, {"a": None}, set(), {"x0", "hn0"}),
        ({"Birthday": "1850-01-03"}, {"DOB": "1850-01-02"}, {"born.0"}, {"born.1", "bday.0"}),
        ({"DOB": "1850-01-02"}, {"DOB": None}, set(), {"hasborn", "born.0"}),
        ({"Timezone": "Utopia"}, {"tz": "Asia/Kolkata"}, {"zone"}, set()),
        ({"MSG-email": True}, {"Email": "a@x.ie"}, {"r:email", "t:addressable"}, {"t:anonymous"}),
    ],
)
def test_a_property_that_changes_leaves_what_it_was(
    before: dict[str, Any], after: dict[str, Any], begins: set[str], ends: set[str]
) -> None:
    shard = Shard()
    shard.take((ANN, profile("d-1", before)))
    was = shard.planes_of(ANN)
    shard.take((ANN, profile("d-1", after)))
    now = shard.planes_of(ANN)
    assert (now & begins, was & begins) == (begins, set())
    assert (was & ends, now & ends) == (ends, set())
    assert now == terms.terms(shard.profiles[ANN], shard.index.directory(), Calendar())


@pytest.mark.parametrize(
    ("context", "begins"),
    [
        ({"city": "Cork", "latitude": 51.9, "longitude": -8.5}, {"ccity.0", "geo"}),
        ({"timezone": "Europe/Dublin"}, {"ctimezone.0", "zone"}),
        ({"timezone": "Utopia"}, {"ctimezone.0"}),
        ({"source": "google", "campaign": "spring"}, {"csource.0", "ccampaign.0"}),
        ({"latitude": 51.9}, set()),
    ],
)
def test_what_a_context_says_is_indexed(context: dict[str, Any], begins: set[str]) -> None:
    shard = Shard()
    shard.take((ANN, event("d-1")))
    was = shard.planes_of(ANN)
    shard.take((ANN, event("d-1", context=context)))
    few = {"e0+1", f"dd0:{DAY}"}
    assert shard.planes_of(ANN) == was | begins | few


def test_the_channel_is_told_no_longer_where_the_first_visit_turns_out_to_be_earlier() -> None:
    shard = Shard()
    shard.take((ANN, event("d-1", ts=NOON, context={"source": "google"})))
    assert "csource.0" in shard.planes_of(ANN)
    shard.take((ANN, event("d-1", ts=NOON - 9_000)))
    assert "csource.0" not in shard.planes_of(ANN)


def test_what_turns_there_and_back_within_a_chunk_is_no_change() -> None:
    shard = Shard()
    shard.take((ANN, profile("d-1", {"tags": ["a"]})))
    back = shard.take((ANN, profile("d-1", {"tags": {"$remove": "a"}})), (ANN, profile("d-1", {"tags": {"$add": "a"}})))
    assert back.planes.planes == {}


def test_most_events_change_nothing_of_the_index() -> None:
    shard = Shard()
    shard.take(*[(ANN, event("d-1", ts=NOON + n)) for n in range(4)])
    assert shard.take(*[(ANN, event("d-1", ts=NOON + 9 + n)) for n in range(3)]).planes.planes == {}


@pytest.mark.parametrize("days", [0, 1, 5])
def test_each_record_of_a_later_day_ends_one_day_at_most(days: int) -> None:
    shard = Shard()
    shard.take((ANN, event("d-1", ts=NOON - 91 * 86_400)))
    oldest = f"d0:{DAY - 91}"
    assert oldest in shard.planes_of(ANN)
    later = NOON + days * 86_400
    folded = shard.take(*[(BEN, event("d-2", ts=NOON))] * 2, at=later)
    assert folded.planes.expired[::2] == [f"d0:{DAY - 91 + n}" for n in range(min(days, 2))]
    assert (oldest in shard.planes_of(ANN)) == (days == 0)


def test_a_day_that_is_no_longer_kept_of_an_event_leaves_its_plane_before_the_plane_goes() -> None:
    shard = Shard()
    shard.take(*[(ANN, event("d-1", ts=NOON - 91 * 86_400 + n)) for n in range(3)])
    assert shard.planes_of(ANN) >= {f"d0:{DAY - 91}", f"dd0:{DAY - 91}", "b0"}
    shard.take((ANN, event("d-1", ts=NOON + 86_400)))
    assert shard.planes_of(ANN).isdisjoint({f"d0:{DAY - 91}", f"dd0:{DAY - 91}", "b0"})


def test_a_profile_of_an_earlier_version_is_numbered_when_it_is_next_touched() -> None:
    old = Profile(
        format=1, id=ANN, version=3, properties={"Plan": Property("Gold", 1)}, context={"city": "Cork"},
        events={"Viewed": Count(2, 1, 2, [1, 2])}, first_seen=NOON - 5, last_seen=NOON - 5, identities=[], devices=[],
        guests=[], tokens={},
    )  # fmt: skip
    shard = Shard()
    shard.profiles[ANN] = old
    shard.take((ANN, event("d-1", ts=NOON)))
    directory = shard.index.directory()
    assert shard.planes_of(ANN) == terms.terms(shard.profiles[ANN], directory, Calendar())
    assert "ccity.0" in shard.planes_of(ANN)


def test_lists_and_bits_say_the_same_numbers() -> None:
    numbers = [0, 7, 8, 70_000]
    assert planes.unpack(planes.pack(numbers)) == numbers
    assert list(planes.members(bytes([0b1000_0001, 0b1000_0000]))) == [0, 7, 8]
    assert planes.capacity(0) == 1_024
    assert planes.capacity(8_192) == 16_384


def test_lists_are_as_long_as_bits_that_take_ten_times_their_room() -> None:
    assert [planes.listed(bits) for bits in (1_024, 16_384, 65_536, 131_072)] == [4, 68, 256, 256]


def test_the_latest_day_is_that_of_the_last_record_of_anybody_whoever_is_left_and_an_older_index_knows_none() -> None:
    shard = Shard()
    shard.take((ANN, event("a", "X", ts=NOON)), (BEN, event("b", "X", ts=NOON - 86_400)))
    shard.take((BEN, event("b", "X", ts=NOON + 2 * 86_400)), at=NOON + 86_400)
    shard.leave(BEN)
    assert shard.index.state["latest"] == DAY + 2
    del shard.index.state["latest"]
    shard.take((ANN, event("a", "X", ts=NOON + 86_400)), at=NOON + 86_400)
    assert "latest" not in shard.index.state
