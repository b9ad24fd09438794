"""What needs no service: limits, the table of routes, positions, keys, CORS."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from knownas.doors import Answer, Asked, Put, answer_json
from knownas.nouns import Position
from knownas.serve.faults import Fault
from knownas.serve.freshness import Seen, read_positions
from knownas.serve.gateway import position_text
from knownas.serve.limits import BURST_SECONDS, Limits
from knownas.serve.routes import About, Route, bearer
from knownas.serve.routes_changes import read_id, write_id
from knownas.serve.table import Table


async def nothing(_: Asked) -> Answer:
    """Answers."""
    return answer_json({})


def route(method: str, path: str) -> Route:
    """A route that answers."""
    return Route(method, path, nothing, None, About(path, "Tests"))


TABLE = Table([route("GET", "/a"), route("POST", "/a"), route("GET", "/p/{id}"), route("GET", "/p/by/{kind}/{value}")])


@pytest.mark.parametrize(
    ("method", "path", "found", "inside"),
    [
        ("GET", "/a", "/a", {}),
        ("HEAD", "/a/", "/a", {}),
        ("GET", "/p/x%2Fy", "/p/{id}", {"id": "x/y"}),
        ("GET", "/p/by/email/a%2Bb@x.ie", "/p/by/{kind}/{value}", {"kind": "email", "value": "a+b@x.ie"}),
    ],
)
def test_a_path_means_a_route(method: str, path: str, found: str, inside: dict[str, str]) -> None:
    got = TABLE.find(method, path)
    assert (got.route.path, got.inside) == (found, inside)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/b", 404), ("PUT", "/a", 405), ("GET", "/p/", 404), ("GET", "/p/x/y", 404)]
)
def test_a_path_without_a_route_is_refused(method: str, path: str, status: int) -> None:
    with pytest.raises(Fault) as fault:
        TABLE.find(method, path)
    assert fault.value.status == status


def test_a_route_cannot_be_there_twice() -> None:
    with pytest.raises(ValueError, match="is there twice"):
        Table([route("GET", "/a"), route("GET", "/a")])


def taken(limits: Limits, times: Sequence[float]) -> list[bool]:
    """Which of one caller's requests, at these times, are let in."""
    let_in = []
    for now in times:
        try:
            with limits.caller("key", now):
                let_in.append(True)
        except Fault:
            let_in.append(False)
    return let_in


def test_a_caller_may_burst_then_is_held_to_the_rate() -> None:
    burst = int(10 * BURST_SECONDS)
    limits = Limits(at_once=5, caller_at_once=5, caller_rate=10, bytes_at_once=1)
    assert taken(limits, [100.0] * (burst + 1)) == [True] * burst + [False]
    assert taken(limits, [100.15, 100.15, 101.15]) == [True, False, True]
    assert taken(Limits(5, 5, 0, 1), [100.0] * 1_000) == [True] * 1_000


def test_requests_at_once_are_bounded_for_all_and_for_each() -> None:
    limits = Limits(at_once=2, caller_at_once=1, caller_rate=0, bytes_at_once=1)
    with limits.anybody(), limits.anybody():
        assert limits.at_once == 2
        with pytest.raises(Fault), limits.anybody():
            pass
    with limits.caller("a", 0), limits.caller("b", 0), pytest.raises(Fault), limits.caller("a", 0):
        pass
    assert limits.at_once == 0


def test_all_bodies_in_work_weigh_no_more_than_they_may() -> None:
    limits = Limits(at_once=5, caller_at_once=5, caller_rate=0, bytes_at_once=10)
    with limits.bodies() as one:
        one(6)
        with limits.bodies() as other:
            other(4)
            with pytest.raises(Fault) as fault:
                other(1)
            assert fault.value.status == 429
        one(4)
    with limits.bodies() as again:
        again(10)


def test_positions_come_back_as_they_went_out() -> None:
    positions = {("events", 3): 120, ("updates", 0): 7}
    assert position_text(positions) == "events/3@120,updates/0@7"
    assert read_positions(position_text(positions)) == positions
    assert read_positions("events/3@1,events/3@9,events/3@4") == {("events", 3): 9}


@pytest.mark.parametrize(
    "text", ["", "events", "events/1", "events/x@1", "events/1@", "events/1@²", ",", "a/1@1," * 65]
)
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(Fault):
        read_positions(text)


def test_what_a_shard_has_folded_stage_one_has_sent() -> None:
    seen = Seen({("events", 0): 5}, [{("events", 0): 9}, {("events", 0): 3}])
    assert seen.stage_one(("events", 0)) == 10


def test_an_event_id_says_where_its_reader_is() -> None:
    at = {0: 12, 7: 3}
    assert read_id(write_id(at).decode()) == at


@pytest.mark.parametrize(
    ("header", "keys"),
    [("Bearer abc", ("abc",)), ("bearer  abc ", ("abc",)), ("Basic abc", ()), ("Bearer ", ()), ("", ())],
)
def test_a_key_is_shown_as_bearer(header: str, keys: tuple[str, ...]) -> None:
    asked = Asked("GET", "/", [], "", {"authorization": header}, b"", 0, "")
    assert tuple(bearer(asked)) == keys


def test_a_put_stands_somewhere_or_says_why_not() -> None:
    assert Put(Position("events", 0, 1)).reason == ""
    assert Put(None, "bad_device", "x").position is None
