"""How people name whom they mean, and when."""

from __future__ import annotations

from typing import Literal

import pytest

from knownas.cli.who import Who, meant, parse_time, parse_who
from knownas.errors import WrongInput
from knownas.nouns import Identity, Position
from knownas.operate.inquiry import parse_position
from knownas.settings import Settings
from knownas.topics import Layout

SETTINGS = Settings(_env_file=None, identity_kinds=("identity", "email", "phone"), phone_region="IE")  # type: ignore[call-arg]
LAYOUT = Layout("knownas.", 4, 2)


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("laptop", Who("laptop", "device", "laptop")),
        ("device:laptop", Who("device:laptop", "device", "laptop")),
        ("device:a:b", Who("device:a:b", "device", "a:b")),
        ("email: ANN@x.ie", Who("email: ANN@x.ie", "identity", " ANN@x.ie", Identity("email", "ann@x.ie"))),
        ("phone:0861234567", Who("phone:0861234567", "identity", "0861234567", Identity("phone", "+353861234567"))),
        ("identity:a:b", Who("identity:a:b", "identity", "a:b", Identity("identity", "a:b"))),
    ],
)  # fmt: skip
def test_names_are_read(text: str, who: Who) -> None:
    assert parse_who(text, SETTINGS, bare="device") == who


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names nobody: give a profile id, device:ID, or kind:value of an identity"),
        ("ios:17", "ios is no declared identity kind; declared are identity, email, phone"),
        ("ios:17", "a device whose id holds a colon is device:ios:17"),
        ("email:undefined", "'undefined' cannot be anybody's email (junk)"),
        ("device:", "device: names nobody"),
        ("email:", "email: names nobody"),
        ("phone:12", "cannot be anybody's phone (bad_phone)"),
    ],
)
def test_what_cannot_be_a_name_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(WrongInput) as raised:
        parse_who(text, SETTINGS, bare="profile")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1763700000", 1_763_700_000_999),
        ("1763700000.25", 1_763_700_000_250),
        ("1763700000250", 1_763_700_000_250),
        ("2025-11-21T04:40:00Z", 1_763_700_000_999),
        ("2025-11-21 04:40:00 UTC", 1_763_700_000_999),
        ("2025-11-21 04:40:00", 1_763_700_000_999),
        ("2025-11-21T05:40:00+01:00", 1_763_700_000_999),
        ("2025-11-21T04:40:00.250Z", 1_763_700_000_250),
        ("2025-11-21", 1_763_683_200_000),
    ],
)
def test_times_are_read_and_one_in_whole_seconds_is_the_end_of_that_second(text: str, ms: int) -> None:
    assert parse_time(text) == ms


@pytest.mark.parametrize("text", ["", "yesterday", "2025-13-01", "9" * 30, "-5", "12:00", "1e9", "nan"])
def test_what_is_no_time_is_said_in_one_line(text: str) -> None:
    with pytest.raises(WrongInput, match="is no time; write 2026-01-31"):
        parse_time(text)


@pytest.mark.parametrize("text", ["knownas.events/3/17", "events/3/17"])
def test_positions_are_read_with_the_topics_prefix_or_without(text: str) -> None:
    assert parse_position(text, LAYOUT) == Position("events", 3, 17)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("events/3", "is no position; write topic/partition/offset, like knownas.events/0/17"),
        ("events/x/1", "is no position"),
        ("events/3/-1", "is no position"),
        ("events/3/²", "is no position"),
        ("knownas.resolved/0/1", "records come in knownas.events and knownas.updates, not in knownas.resolved"),
        ("events/4/1", "knownas.events has the partitions 0 to 3, not 4"),
    ],
)
def test_what_is_no_position_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(WrongInput) as raised:
        parse_position(text, LAYOUT)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "bare", "hint"),
    [
        ("ann@x.ie", "profile", "; an e-mail is email:ann@x.ie"),
        ("ann@x.ie", "device", "; an e-mail is email:ann@x.ie"),
        ("ann-phone", "profile", "; it was taken for a profile's id, a device is device:ann-phone"),
        ("ann-phone", "device", "; it was taken for a device, an identity is kind:value"),
        ("f" * 32, "profile", ""),
        ("device:ann-phone", "profile", ""),
    ],
)  # fmt: skip
def test_who_is_not_found_by_a_bare_name_is_told_what_it_was_taken_for(
    text: str, bare: Literal["profile", "device"], hint: str
) -> None:
    assert meant(parse_who(text, SETTINGS, bare)) == hint
