"""Every shape that is stored, with a value of it that uses every field, and how it is read and written.

`python -m tests.formats.stored` writes the values' bytes to `format-N.json`, once for each format: from then on they
must be read for ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from knownas.adapters.reader import owner_bytes, read_entry, read_facts, read_owner, read_profile
from knownas.find.segments import Held, State
from knownas.identity.repeats import Counted
from knownas.nouns import FORMAT, Count, Definition, Entry, Fact, Identity, Outcome, Owner, Profile, Property
from knownas.operate.cut import read_mark, read_piece
from knownas.stages.ports import Outgoing
from knownas.stages.snapshots import Kept, Mark, Piece

encode: Final = msgspec.msgpack.Encoder().encode


class Shape(NamedTuple):
    """A stored value, how it is read and how it is written."""

    value: Any
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes] = encode


def _reader(kind: Any) -> Callable[[bytes], Any]:
    return msgspec.msgpack.Decoder(kind).decode


ANN: Final = Profile(
    format=FORMAT, id="a" * 32, version=9, changed=8, type="customer",
    identities=[Identity("email", "ann@example.com")], identities_more=1, devices=["d-1"], devices_more=2,
    guests=["b" * 32], guests_more=3, guest_of="c" * 32, properties={"Plan": Property("Gold", 5.5)},
    events={"Charged": Count(2, 1, 3, [20_000, 2])}, first_seen=1, last_seen=3.5, identified_at=2,
    tokens={"d-1": "token"}, sessions=2, session_start=2, session_last=3, session_previous=1,
    context={"os": "iOS", "latitude": 51.9}, context_ts=3, channel={"source": "google"}, channel_ts=1,
    subscriptions={"email:ann@example.com": Property(value=False, ts=3)}, test=True, test_ts=2, demerged=True,
    gone=False, number=7, segments=[0, 2],
)  # fmt: skip
HELD: Final = Held(2, Definition(name="golden", version=4, query={"property": "Plan", "is": "Gold"}), filled=True)
STATE: Final = State(3, 1_763_700_000_000, 4, (500, [2]), 81)
MARK: Final = Mark(
    FORMAT, 82, {"events/0": (7, 1)}, {"customer": 1}, {"from": b"\\x00"}, STATE, [HELD], {"keys": {"k": b"v"}}
)

SHAPES: Final = {
    "profile": Shape(ANN, read_profile),
    "tombstone": Shape(Profile(format=FORMAT, id="a" * 32, version=10, changed=10, gone=True), read_profile),
    "timeline entry": Shape(Entry(FORMAT, 3, "event", "Charged", b'{"Amount":30}', "events", 1, 7), read_entry),
    "facts": Shape((Fact(7, "guest", "b" * 32, 0), Fact(9, "identified", "a" * 32, 0)), read_facts),
    "owner": Shape(Owner("a" * 32, 1, "events", 1, 9), read_owner, owner_bytes),
    "suppressed owner": Shape(Owner("", 2, "updates", 0, 12, suppressed=True), read_owner, owner_bytes),
    "outcomes": Shape({9: Outcome("a" * 32, (0,), (1,), (1, 0), "")}, _reader(dict[int, Outcome])),
    "origins": Shape({"resolved/1": 7_340_033}, _reader(dict[str, int])),
    "watermarks": Shape({"events/0": (7, 1)}, _reader(dict[str, tuple[int, int]])),
    "ids": Shape((1_763_700_000_000, (20_118, 20_119)), _reader(tuple[int, tuple[int, ...]])),
    "mark of an id": Shape(Counted(7, 1_763_700_000), _reader(Counted)),
    "outbox element": Shape([Outgoing("ledger", 1, b"k", b"v", [("h", b"1")], 3)], _reader(list[Outgoing])),
    "segment": Shape(HELD, _reader(Held)),
    "state of segments": Shape(STATE, _reader(State)),
    "snapshot": Shape(Kept(encode(ANN), {"devices": [(100, "d-100")]}), _reader(Kept)),
    "piece of a snapshot": Shape(Piece(FORMAT, 82, 1, b"data"), read_piece),
    "mark of a shard": Shape(MARK, read_mark),
}


def fixture(version: int) -> Path:
    """Where the bytes of a format are kept."""
    return Path(__file__).parent / f"format-{version}.json"


def main() -> None:
    """Write the bytes of today's format."""
    kept = {name: shape.write(shape.value).hex() for name, shape in SHAPES.items()}
    fixture(FORMAT).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
