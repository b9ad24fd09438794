"""What the stories cannot show of a fold: repeats, what a chunk publishes, what it writes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from tests.builders import NOON, event, profile

from knownas.nouns import Profile, Resolved, Source
from knownas.profile.fold import Fold, Folded, read


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
    told = json.loads(raw)
    assert (key, told["since"], told["version"], told["ts"]) == ("p", 2, 5, NOON + 5)
    assert told["changed"] == {"properties.a": {"from": 1, "to": 3}, "properties.b": {"from": None, "to": 2}}
    assert told["profile"]["events"]["Viewed"]["count"] == 2
    assert second.profiles["p"].events["Viewed"].count == 3


def test_counting_alone_is_published_only_where_a_setting_asks_for_it() -> None:
    start = msgspec.msgpack.encode(_folded(Fold({}, {}), _message(1, event("d"))).profiles["p"])
    for publish, versions in ((False, []), (True, [2])):
        known = {"p": msgspec.msgpack.decode(start, type=Profile)}
        folded = _folded(Fold(known, {}, publish_counts=publish), _message(2, event("d")))
        assert [json.loads(raw)["version"] for _, raw in folded.changes] == versions


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
