"""What an SDK may read back: only what its own device has set."""

from __future__ import annotations

import pytest

from knownas.doors.clevertap_sdk import is_all_own, may_read, read_back
from knownas.doors.user_agent import described
from knownas.nouns import Count, Entry, Identity, Profile, Property

D = "43c5d176c9e9445cb73b582ca461bc6a"
ANN = [Identity("identity", "ann-1"), Identity("email", "ann@example.com")]


def entry(topic: str = "events", partition: int = 2, kind: str = "event") -> Entry:
    return Entry(1, 5, kind, None, None, topic, partition, 9)


def person(version: int, *devices: str) -> Profile:
    return Profile(1, "p", version, devices=list(devices) or [D], identities=ANN, identified_at=5)


@pytest.mark.parametrize(
    ("device", "may"),
    [
        (D, True),
        ("__" + D, True),
        ("_u" + D[2:], False),
        ("_w_ann", False),
        ("__hann", False),
        (D.upper(), False),
        ("-" + D, False),
        ("", False),
    ],
)
def test_only_a_device_whose_id_is_chance_may_read(device: str, may: bool) -> None:
    assert may_read(device) is may


@pytest.mark.parametrize(
    ("profile", "entries", "own"),
    [
        (Profile(1, "p", 3, devices=[D]), [], True),
        (person(2), [entry(), entry()], True),
        (person(2), [entry(), entry("updates", 0)], False),
        (person(2), [entry(), entry(partition=3)], False),
        (person(2), [entry("updates"), entry("updates")], False),
        (person(3), [entry(), entry()], False),
        (person(2), [entry(), entry("updates", 0, "test")], True),
        (person(2), [entry()] * 3, True),
        (person(2), [entry()] * 5, False),
        (person(2, D, "e"), [entry(), entry()], False),
        (Profile(1, "p", 2, devices=[D], devices_more=1, identities=ANN, identified_at=5), [entry(), entry()], False),
        (person(2, "e"), [entry(), entry()], False),
        (Profile(1, "p", 2, devices=[D], identified_at=5), [entry(), entry("updates", 0)], False),
    ],
    ids=["its guest", "its person", "a server wrote too", "something else wrote too", "only servers wrote",
         "more was written than is kept", "an operator's mark", "one more meanwhile", "a timeline that is full",
         "two devices", "many devices", "another device", "a person who was released"],
)  # fmt: skip
def test_a_profile_is_shown_to_the_device_that_set_all_of_it(profile: Profile, entries: list[Entry], own: bool) -> None:
    assert is_all_own(profile, D, entries, 5) is own


def test_what_is_read_back_has_the_shape_that_the_sdk_merges() -> None:
    profile = Profile(
        1, "p", identities=ANN, properties={"Plan": Property("Gold", 5), "Old": Property(None, 6)},
        events={"Viewed": Count(3, 10, 20.5)},
    )  # fmt: skip
    assert read_back(profile) == {
        "events": {"Viewed": [3, 10, 20]},
        "profile": {"Plan": "Gold", "Identity": "ann-1"},
        "expires_in": 1200,
    }
    assert read_back(None) == {"events": {}, "profile": {}, "expires_in": 1200}


@pytest.mark.parametrize(
    ("user_agent", "found"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
         {"browser": "Edge", "os": "Windows"}),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1",
         {"browser": "Safari", "os": "iOS"}),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
         {"browser": "Firefox", "os": "macOS"}),
        ("Mozilla/5.0 (Linux; Android 16; Pixel) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36",
         {"browser": "Chrome", "os": "Android"}),
        ("curl/8.5.0", {}),
    ],
)  # fmt: skip
def test_browsers_and_systems_have_their_common_names(user_agent: str, found: dict[str, str]) -> None:
    assert described(user_agent) == found
