"""What a change message says, literally."""

from __future__ import annotations

import json
from typing import Any

import pytest

from knownas.nouns import FORMAT, Count, Identity, Profile, Property, Source
from knownas.profile.change import MESSAGE_BYTES, Before, before, message
from knownas.profile.fold import Arrived, Carried, Fold

NEW = Profile(format=FORMAT, id="p")


def _profile(**fields: Any) -> Profile:
    fields = {"version": 3, "changed": 3, "first_seen": 1, "last_seen": 9} | fields
    return Profile(format=FORMAT, id="p", **fields)


def _told(then: Before, profile: Profile, *, counts: bool = False) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(message(then, profile, 9, 9_000, counts))
    return told


def test_the_first_message_tells_everything_that_is_there() -> None:
    told = _told(before(NEW, False), _profile(devices=["d-1"], properties={"Plan": Property("Gold", 9)}))
    assert told["changed"] == {
        "type": {"from": None, "to": "anonymous"},
        "devices": {"from": None, "to": ["d-1"]},
        "properties.Plan": {"from": None, "to": "Gold"},
    }
    assert (told["id"], told["since"], told["version"], told["type"], told["ts"]) == ("p", 0, 3, "anonymous", 9)
    assert "previousType" not in told


def test_a_message_tells_what_differs_from_the_one_before_and_the_previous_type() -> None:
    then = before(_profile(properties={"Plan": Property("Gold", 1), "n": Property(1, 1), "old": Property(1, 1)}), False)
    now = _profile(
        version=5, type="addressable", identities=[Identity("email", "a@x.ie")], guests=["g"],
        properties={"Plan": Property("Gold", 9), "n": Property(1.0, 9), "old": Property(None, 9)},
    )  # fmt: skip
    told = _told(then, now)
    assert told["changed"] == {
        "type": {"from": "anonymous", "to": "addressable"},
        "identities": {"from": {}, "to": {"email": ["a@x.ie"]}},
        "guests": {"from": [], "to": ["g"]},
        "properties.n": {"from": 1, "to": 1.0},
        "properties.old": {"from": 1, "to": None},
    }
    assert (told["since"], told["previousType"], told["links"]) == (3, "anonymous", ["g"])
    assert told["profile"]["properties"] == {"Plan": "Gold", "n": 1.0}


def test_a_test_mark_and_an_opt_out_are_told_and_told_again_when_they_go() -> None:
    marked = _profile(test=True, subscriptions={"email:a@x.ie": Property(False, 1)})
    told = _told(before(_profile(), False), marked)["changed"]
    assert told == {
        "optedOut": {"from": None, "to": ["email:a@x.ie"]},
        "system.ct_is_test_user": {"from": "No", "to": "Yes"},
    }
    back = {field: {"from": said["to"], "to": said["from"]} for field, said in told.items()}
    assert _told(before(marked, False), _profile())["changed"] == back


def test_an_age_is_that_of_the_moment_of_the_record() -> None:
    child = _profile(properties={"DOB": Property("1968-01-01", 1)})
    told = json.loads(message(before(NEW, False), child, 9, 86_400_000 * 365, False))
    assert told["profile"]["system"] == {"age": 3, "ct_is_test_user": "No"}


def test_counts_are_told_only_where_a_setting_asks_for_it() -> None:
    now = _profile(events={"A": Count(2, 1, 9)})
    assert _told(before(_profile(), False), now)["changed"] == {}
    assert _told(before(_profile(), True), now, counts=True)["changed"] == {"events.A": {"from": None, "to": 2}}


@pytest.mark.parametrize(("then", "now", "differs"), [("Gold", "Gold", False), (1, True, True), (1, 1.0, True)])
def test_setting_what_is_there_already_publishes_nothing(then: Any, now: Any, differs: bool) -> None:
    fold = Fold({}, {})
    for offset, value in enumerate((then, now)):
        record = Carried(type="profile", profileData={"it": value})
        fold.add(Arrived(profile="p", source=Source("events", 0, offset, 0), at=1, ts=offset, record=record), b"")
    (profile,) = fold.result().profiles.values()
    assert (profile.version, profile.changed) == (2, 2 if differs else 1)


def test_a_profile_too_large_for_a_message_is_told_shorter() -> None:
    large = {f"p{n}": Property(["x" * 500] * 100, 1) for n in range(30)}
    encoded = message(before(NEW, False), _profile(properties=large), 9, 9_000, False)
    told = json.loads(encoded)
    assert len(encoded) < MESSAGE_BYTES
    assert told["truncated"] is True
    assert told["changed"]["properties.p7"] is None
    assert told["profile"]["id"] == "p"
