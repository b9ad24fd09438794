"""What a rejected record is sent again as, and what is left out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from knownas.nouns import EVENTS, Position
from knownas.operate.rejects import Rejected, as_data
from knownas.operate.resend import Again, Came, Left, Mender
from knownas.records.identities import IdentityRules
from knownas.topics import Layout

PLACE = Position(EVENTS, 3, 17)
LAYOUT = Layout("k.", 4, 4)
MENDER = Mender(IdentityRules(("identity", "email"), None), LAYOUT, 1_763_700_100_000)
CAME = Came(1_763_700_000_500, [("traceparent", b"00-1")])
SEEN: dict[str, Any] = {"type": "event", "device": "d-1", "evtName": "Seen", "ts": 1_763_700_000}


def refused(reason: str, value: bytes | None, truncated: int | None = None) -> Rejected:
    """A rejected record."""
    return Rejected(3, 5, 1_763_700_001_000, reason, "said why", PLACE, "d-1", b"d-1", value, truncated)


def again(reason: str, record: Any, edited: bytes | None = None, truncated: int | None = None) -> Again | Left:
    """What comes of it."""
    value = record if isinstance(record, bytes | None) else msgspec.json.encode(record)
    return MENDER.again(refused(reason, value, truncated), edited, CAME)


SENT = [
    ("its own id stays", "nobody_logs_out", {"type": "logout", "device": "d-1", "id": "x", "ts": 5}, {}),
    ("one without an id gets its position", "nobody_owns", SEEN, {"id": "again:events/3/17"}),
    ("an id that is null is none", "nobody_owns", {**SEEN, "id": None}, {"id": "again:events/3/17"}),
    ("an id that stage 1 has counted is replaced", "deleted", {**SEEN, "id": "x"}, {"id": "again:events/3/17"}),
    ("one without a time gets that at which it came", "nobody_owns", {**SEEN, "ts": None, "id": "x"},
     {"ts": 1_763_700_000.5}),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "record", "other"), [row[1:] for row in SENT], ids=[row[0] for row in SENT])
def test_what_is_sent_again(reason: str, record: dict[str, Any], other: dict[str, Any]) -> None:
    found = again(reason, record)
    assert isinstance(found, Again)
    assert msgspec.json.decode(found.message.value or b"") == record | other
    assert (found.message.key, list(found.message.headers)) == (b"d-1", [("traceparent", b"00-1")])


def test_it_goes_to_where_it_belongs_whatever_partition_it_was_rejected_in() -> None:
    at_home, other = again("nobody_owns", SEEN), again("nobody_owns", {**SEEN, "device": "d-3"})
    assert isinstance(at_home, Again)
    assert isinstance(other, Again)
    assert at_home.target[0] == other.target[0] == "k.events"
    assert at_home.target != other.target
    served = again("no_identity", None, edited=b'{"type":"event","evtName":"Seen","identities":{"email":"Ann@x.ie"}}')
    assert isinstance(served, Again)
    assert (served.target[0], served.message.key) == ("k.updates", b"email:ann@x.ie")


LEFT = [
    ("a duplicate counts already", "duplicate", SEEN, None, None, "it was counted the first time it came"),
    ("of what is suppressed nothing is kept", "suppressed", None, None, None, "nothing of it is kept"),
    ("what had no value has none", "empty", None, None, None, "it has no value"),
    ("what was cut", "too_large", b"{", None, 2_000_000, "only the beginning of its 2,000,000 bytes is kept"),
    ("what is not mended", "not_json", b"{", None, None, "it would be rejected again: not_json: "),
    ("what is not even text", "not_json", b'{"\xff":1}', None, None, "it would be rejected again: not_json: "),
    ("what is mended badly", "not_json", b"{", b"[]", None, "it would be rejected again: not_object: "),
    ("who names nobody", "no_identity", {"type": "event", "evtName": "Seen"}, None, None,
     "it would be rejected again: no_identity: "),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "record", "edited", "truncated", "why"), [row[1:] for row in LEFT], ids=[row[0] for row in LEFT]
)
def test_what_is_left_out(reason: str, record: Any, edited: bytes | None, truncated: int | None, why: str) -> None:
    found = again(reason, record, edited, truncated)
    assert isinstance(found, Left)
    assert found.why.startswith(why)


def test_what_is_put_in_the_place_of_a_duplicate_or_of_what_was_cut_is_sent() -> None:
    for reason, truncated in (("duplicate", None), ("too_large", 2_000_000)):
        assert isinstance(again(reason, b"{", msgspec.json.encode(SEEN), truncated), Again)


@pytest.mark.parametrize(
    ("value", "shown"), [(b"{", {"text": "{"}), (None, {"text": None}), (b"\xff", {"base64": "/w=="})]
)
def test_bytes_are_shown_as_text_or_in_base64(value: bytes | None, shown: dict[str, Any]) -> None:
    data = as_data(refused("not_json", value))
    assert shown.items() <= data.items()
    assert (data["topic"], data["rejected"], data["at"]) == (EVENTS, {"partition": 3, "offset": 5}, 1_763_700_001)
