"""What the stories cannot show of a fold: repeats, what a chunk publishes, what it writes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.builders import NOON, event, profile

from knownas.nouns import Profile, Resolved, Source
from knownas.profile.fold import Fold, Folded, FoldRules, read


def _message(offset: int, record: dict[str, Any] | None = None, index: int = 0, **more: Any) -> bytes:
    raw = None if record is None else msgspec.Raw(msgspec.json.encode(record))
    source = Source("events", 0, offset, index)
    told = Resolved(profile="p", source=source, at=NOON * 1000, ts=NOON + offset, record=raw, **more)
    return msgspec.json.encode(told)


def _folded(fold: Fold, *messages: bytes) -> Folded:
    for raw in messages:
        fold.add(read(raw), raw)
    return fold.result()


def test_a_message_at_or_below_the_watermark_of_its_partition_is_skipped() -> None:
    fold = Fold({}, {"events/0": (5, 0), "updates/0": (9, 0)})
    events = [_message(offset, event("d")) for offset in (4, 5, 6)]
    folded = _folded(fold, events[0], events[1], _message(5, guestOf="q", index=1), events[2])
    assert folded.repeats == 2
    assert folded.profiles["p"].version == 2
    assert folded.watermarks == {"events/0": (6, 0), "updates/0": (9, 0)}


def test_a_chunk_publishes_one_message_that_covers_all_its_changes() -> None:
    first = _folded(Fold({}, {}), _message(1, event("d")), _message(2, profile("d", {"a": 1})))
    second = _folded(
        Fold(first.profiles, first.watermarks), _message(3, profile("d", {"b": 2})), _message(4, event("d")),
        _message(5, profile("d", {"a": 3})), _message(6, event("d")),
    )  # fmt: skip
    [(key, raw)] = second.changes
    assert raw is not None
    told = json.loads(raw)
    assert (key, told["since"], told["version"], told["ts"]) == ("p", 2, 5, NOON + 5)
    assert told["changed"] == {"properties.a": {"from": 1, "to": 3}, "properties.b": {"from": None, "to": 2}}
    assert told["profile"]["events"]["Viewed"]["count"] == 2
    assert second.profiles["p"].events["Viewed"].count == 3


def test_counting_alone_is_published_only_where_a_setting_asks_for_it() -> None:
    start = msgspec.msgpack.encode(_folded(Fold({}, {}), _message(1, event("d"))).profiles["p"])
    for publish, versions in ((False, []), (True, [2])):
        known = {"p": msgspec.msgpack.decode(start, type=Profile)}
        folded = _folded(Fold(known, {}, rules=FoldRules(publish_counts=publish)), _message(2, event("d")))
        assert [json.loads(raw)["version"] for _, raw in folded.changes if raw is not None] == versions


def _launch(offset: int, ts: int, **more: Any) -> bytes:
    return _message(offset, event("d", context={"os": "iOS", "appVersion": str(offset)}, **more) | {"ts": ts})


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_change_shows_context_session_and_age_as_of_its_record_in_whatever_chunks(size: int) -> None:
    messages = [
        _launch(1, NOON + 1), _message(2, profile("d", {"DOB": "1990-11-22"})), _launch(3, NOON + 3),
        _message(4, profile("d", {"Plan": "Gold"})), _launch(5, NOON + 5), _launch(6, NOON + 6), _launch(7, NOON + 7),
    ]  # fmt: skip
    profiles: dict[str, Profile] = {}
    marks: dict[str, tuple[int, int]] = {}
    told: list[bytes | None] = []
    for first in range(0, len(messages), size):
        folded = _folded(Fold(profiles, marks), *messages[first : first + size])
        profiles, marks = folded.profiles or profiles, folded.watermarks
        told += [raw for _, raw in folded.changes]
    assert told[-1] is not None
    shown = json.loads(told[-1])["profile"]
    assert (shown["version"], shown["context"]) == (4, {"os": "iOS", "appVersion": "3"})
    assert shown["session"] == {"count": 1, "start": NOON + 1, "last": NOON + 4}
    assert (shown["events"]["Viewed"]["count"], shown["system"]["age"]) == (2, 34)
    assert profiles["p"].context["appVersion"] == "7"


def test_a_test_mark_is_a_change_where_it_differs_and_a_ledger_row_in_any_case() -> None:
    marks = [{"type": "test", "profile": "p", "test": mark} for mark in (False, True, True)]
    folded = _folded(
        Fold({}, {}), _message(1, event("d")), *(_message(2 + n, mark) for n, mark in enumerate(marks)),
        _message(5, marks[0]),
    )  # fmt: skip
    assert [(row.kind, row.reason, row.index) for row in folded.rows] == [
        ("tested", "not_test", 1000), ("tested", "test", 1000), ("tested", "test", 1000), ("tested", "not_test", 1000),
    ]  # fmt: skip
    marked = folded.profiles["p"]
    assert (marked.version, marked.changed, marked.last_seen, marked.sessions) == (5, 5, NOON + 1, 1)
    assert [entry.type for entry in folded.timelines["p"]] == ["event", "test", "test", "test", "test"]


def test_a_test_mark_of_nobody_is_rejected_however_it_is_addressed() -> None:
    records: list[dict[str, Any]] = [
        {"type": "test", "device": "d", "test": True},
        {"type": "test", "profile": "p", "test": True},
    ]
    folded = _folded(Fold({}, {}), *(_message(n, record) for n, record in enumerate(records)))
    assert [one.reason for one in folded.rejections] == ["unknown_profile"] * 2
    assert folded.profiles == {}


def test_a_record_that_names_a_profile_nobody_has_is_rejected_with_the_producers_bytes() -> None:
    record = {"type": "profile", "profile": "p", "profileData": {"Plan": "Gold"}}
    [rejection] = _folded(Fold({}, {}), _message(7, record)).rejections
    assert (rejection.reason, rejection.position, rejection.value) == (
        "unknown_profile", ("events", 0, 7), msgspec.json.encode(record),
    )  # fmt: skip


def test_event_data_goes_into_the_timeline_as_the_bytes_that_came() -> None:
    data = b'{"b" : 1.0,\n"a":"\\u00e9"}'
    record = b'{"type":"event","evtName":"A","evtData":%s }' % data
    raw = b'{"profile":"p","source":["events",0,1,0],"at":1,"ts":1,"record":%s}' % record
    [entry] = _folded(Fold({}, {}), raw).timelines["p"]
    assert entry.data == data


def test_a_device_known_to_be_beyond_the_first_hundred_is_not_added_again() -> None:
    full = _folded(Fold({}, {}), *(_message(n, event(f"d-{n}"), binds=f"d-{n}") for n in range(101)))
    assert full.overflow == [("p", "devices", 100, "d-100")]
    again = Fold(full.profiles, full.watermarks, [("p", "d-100")])
    assert _folded(again, _message(200, event("d-100"), binds="d-100")).overflow == []
