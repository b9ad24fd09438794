"""Pages of a person's story."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knownas.nouns import FORMAT, Entry
from knownas.profile.timeline import Page, Pager, Place, as_json, decode_cursor, encode_cursor

ANN, GUEST = "ann", "guest"


def entry(ts: float, offset: int = 0, partition: int = 0, topic: str = "events", name: str | None = "A") -> Entry:
    """An event's entry, or a login's where it has no name."""
    return Entry(FORMAT, ts, "event" if name else "login", name, None, topic, partition, offset)


def page(own: list[Entry], guests: list[Entry], size: int, cursor: str | None = None) -> Page:
    """One page of what is kept now."""
    pager = Pager(size, decode_cursor(cursor) if cursor else None)
    pager.add(ANN, own, guest=False)
    pager.add(GUEST, guests, guest=True)
    return pager.page()


def pages(own: list[Entry], guests: list[Entry], size: int) -> list[Page]:
    """All pages, one after the other."""
    found = [page(own, guests, size)]
    while found[-1].cursor is not None:
        found.append(page(own, guests, size, found[-1].cursor))
    return found


def times(page: Page) -> list[float]:
    """The times of a page's lines."""
    return [line.entry.ts for line in page.lines]


def test_own_and_guests_entries_stand_in_their_place_in_time_and_guests_are_marked() -> None:
    told = page([entry(1), entry(4, 3)], [entry(2, 1), entry(3, 2)], 10)
    assert [(line.entry.ts, line.profile, line.guest) for line in told.lines] == [
        (4, ANN, False),
        (3, GUEST, True),
        (2, GUEST, True),
        (1, ANN, False),
    ]
    assert told.cursor is None


def test_entries_that_arrived_late_stand_where_their_time_says() -> None:
    assert times(page([entry(5, 0), entry(1, 1), entry(3, 2)], [], 10)) == [5, 3, 1]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (entry(1, 8), entry(1, 9)),
        (entry(1, 9, partition=0), entry(1, 8, partition=1)),
        (entry(1, 9, topic="events"), entry(1, 8, topic="updates")),
        (entry(1, 9), entry(1.5, 8)),
    ],
)
def test_at_the_same_time_the_position_decides_so_the_order_is_always_the_same(older: Entry, newer: Entry) -> None:
    for own in ([older, newer], [newer, older]):
        assert [line.entry for line in page(own, [], 5).lines] == [newer, older]


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [(0, [0]), (1, [1]), (3, [3]), (4, [3, 1]), (6, [3, 3]), (7, [3, 3, 1])],
)
def test_pages_are_full_but_for_the_last_and_the_last_has_no_cursor(entries: int, wanted: list[int]) -> None:
    assert [len(p.lines) for p in pages([entry(n, n) for n in range(entries)], [], 3)] == wanted


def test_a_newer_entry_between_two_pages_shows_nothing_twice_and_an_older_one_is_met_in_its_place() -> None:
    own = [entry(ts, ts) for ts in (10, 20, 30, 40)]
    first = page(own, [], 2)
    own += [entry(50, 50), entry(15, 51)]
    guests = [entry(35, 52), entry(5, 53)]
    second = page(own, guests, 10, first.cursor)
    assert times(first) == [40, 30]
    assert times(second) == [20, 15, 10, 5]


def test_what_is_no_longer_kept_shifts_nothing() -> None:
    own = [entry(ts, ts) for ts in (10, 20, 30, 40)]
    cursor = page(own, [], 2).cursor
    assert times(page(own[1:], [], 2, cursor)) == [20]


places = st.builds(
    Place,
    st.one_of(st.integers(0, 6), st.floats(0, 6, allow_nan=False)),
    st.sampled_from(["events", "updates"]),
    st.integers(0, 2),
    st.integers(0, 40),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[list[tuple[bool, Entry]]], int]:
    """What is there at first, and what arrives before each further page: (guest's or not, entry). And a page size."""
    unique = st.lists(places, max_size=40, unique_by=lambda place: place[1:])
    arriving: list[list[tuple[bool, Entry]]] = [[]]
    for place in draw(unique):
        if draw(st.integers(0, 3)) == 0:
            arriving.append([])
        made = Entry(FORMAT, place.ts, "event", "A", None, place.topic, place.partition, place.offset)
        arriving[-1].append((draw(st.booleans()), made))
    return arriving, draw(st.integers(1, 7))


@given(histories())
def test_whatever_arrives_between_pages_each_entry_of_the_start_is_shown_once_and_in_order(
    history: tuple[list[list[tuple[bool, Entry]]], int],
) -> None:
    (start, *later), size = history
    kept = list(start)
    shown: list[tuple[Place, bool]] = []
    cursor: str | None = None
    while True:
        told = page([e for g, e in kept if not g], [e for g, e in kept if g], size, cursor)
        shown += [(line.place, line.guest) for line in told.lines]
        cursor = told.cursor
        if cursor is None:
            break
        kept += later.pop(0) if later else []
    order = [place for place, _ in shown]
    assert order == sorted(set(order), reverse=True)
    assert {(Place(e.ts, e.topic, e.partition, e.offset), g) for g, e in start} <= set(shown)


@given(places)
def test_a_cursor_is_read_back_as_it_was_and_fits_into_an_address(place: Place) -> None:
    cursor = encode_cursor(place)
    assert decode_cursor(cursor) == place
    assert cursor.replace("-", "").replace("_", "").isalnum()


A_CURSOR = encode_cursor(Place(1, "events", 0, 0))


@pytest.mark.parametrize("text", ["", "x", "not a cursor", "é", "AAAA", "lMs", A_CURSOR[:-2], A_CURSOR + "AAAA"])
def test_a_text_that_is_no_cursor_is_told_apart(text: str) -> None:
    assert decode_cursor(text) is None


def test_a_cursor_at_no_time_is_none() -> None:
    assert decode_cursor(encode_cursor(Place(float("nan"), "events", 0, 0))) is None


def test_a_story_of_some_entries_has_pages_of_those_alone() -> None:
    pager = Pager(2, wanted=lambda one: one.name == "A")
    pager.add(ANN, [entry(5, name="B"), entry(4), entry(3, name=None), entry(2)], guest=False)
    pager.add(GUEST, [entry(1), entry(6, name="B")], guest=True)
    told = pager.page()
    assert times(told) == [4, 2]
    assert told.cursor is not None
    older = Pager(2, decode_cursor(told.cursor), lambda one: one.name == "A")
    older.add(GUEST, [entry(1), entry(0, name="B")], guest=True)
    assert times(older.page()) == [1]


def test_a_page_of_nothing_is_not_asked_for() -> None:
    with pytest.raises(ValueError, match="at least one line"):
        Pager(0)


def test_the_json_of_a_page_is_the_contracts() -> None:
    data = Entry(FORMAT, 2, "event", "Charged", b'{"Amount":30}', "updates", 1, 9)
    shown: dict[str, Any] = as_json(page([data], [entry(1, name=None)], 1))
    assert shown == {
        "entries": [
            {
                "ts": 2, "type": "event", "evtName": "Charged", "evtData": {"Amount": 30}, "profile": ANN,
                "guest": False, "source": {"topic": "updates", "partition": 1, "offset": 9},
            }
        ],
        "cursor": encode_cursor(Place(2, "updates", 1, 9)),
    }  # fmt: skip
    (login,) = as_json(page([], [entry(1, name=None)], 1))["entries"]
    assert "evtName" not in login
    assert "evtData" not in login
    assert login["guest"] is True
