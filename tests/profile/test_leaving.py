"""What a message about leaving comes to: who is told what, what stays, what a step leaves to the next."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.builders import NOON

from knownas.nouns import (
    FORMAT,
    RESOLVED,
    SHOWN,
    Count,
    Identity,
    Position,
    Profile,
    Property,
    Resolved,
    Source,
    Task,
)
from knownas.profile.fold import Folded, read
from knownas.profile.leaving import STEP, Found, Place, is_alone, is_idle_guest, part, wanted
from knownas.profile.parting import Listed, Parting
from knownas.records.control import Control, Detach, Reason, Release

ANN, BOB = Identity("email", "ann@x.ie"), Identity("identity", "7")
SHARD, OFFSET = 3, 40
SOURCE = Source("events", 1, 9, 0)


def ann(**more: Any) -> Profile:
    """Somebody with two identities, two devices, a guest and a past."""
    parts: dict[str, Any] = {
        "identities": [ANN, BOB], "devices": ["d-1", "d-2"], "guests": ["g-1"], "tokens": {"d-1": "t"},
        "properties": {"Email": Property("ann@x.ie", NOON)}, "events": {"Charged": Count(2, NOON, NOON)},
        "first_seen": NOON, "last_seen": NOON, "identified_at": NOON,
    }  # fmt: skip
    return Profile(format=FORMAT, id="p", version=5, changed=4, type="customer", **(parts | more))


def record(kind: str, **more: Any) -> bytes:
    """A record about the profile `p`, as stage 1 sends it."""
    said = msgspec.Raw(msgspec.json.encode({"type": kind} | more.pop("record", {})))
    told = Resolved(profile="p", source=SOURCE, at=NOON * 1000, ts=NOON + 1, record=said, **more)
    return msgspec.json.encode(told)


def task(name: Task, **more: Any) -> bytes:
    """What a shard asks of the profile `p`."""
    source = Source(RESOLVED, 0, 7, 2)
    return msgspec.json.encode(Resolved(profile="p", source=source, at=NOON * 1000, ts=NOON + 1, task=name, **more))


def parted(raw: bytes, profile: Profile | None, found: Found | None = None) -> Folded:
    """Fold a message about leaving."""
    arrived = read(raw)
    assert is_alone(arrived)
    return part(arrived, raw, Place(SHARD, OFFSET, {}), profile, found or Found())


def controls(folded: Folded) -> list[Any]:
    """What stage 1 is asked, once it is sure that every question has a number of its own."""
    numbers = [origin.position.offset & 0xFFFFF for _, origin in folded.controls]
    numbers += [told.source.index for told in folded.told]
    assert len(set(numbers)) == len(numbers)
    assert {origin.position[:2] for _, origin in folded.controls} <= {(RESOLVED, SHARD)}
    assert {origin.position.offset >> 20 for _, origin in folded.controls} <= {OFFSET}
    return [control for control, _ in folded.controls]


def told(folded: Folded) -> list[tuple[str, str | None, str | None]]:
    """What shards are asked: of whom, what, about which guest."""
    return [(message.profile, message.task, message.guest) for message in folded.told]


def rows(folded: Folded) -> list[tuple[str, str, str, Position, int]]:
    """The ledger rows in short."""
    return [(row.kind, row.profile, row.reason, row.position, row.index) for row in folded.rows]


def everything(reason: Reason) -> list[Control]:
    """What stage 1 is asked when everything of `ann` goes."""
    devices = [Detach(device, "p", reason, NOON + 1) for device in ("d-1", "d-2")]
    return [*devices, *(Release(identity, "p", reason, NOON + 1) for identity in (ANN, BOB))]


def test_a_deletion_leaves_a_tombstone_and_tells_everybody_who_knew_the_profile() -> None:
    folded = parted(record("delete"), ann())
    assert folded.profiles == {"p": Profile(format=FORMAT, id="p", version=6, changed=6, gone=True)}
    assert folded.changes == [("p", None)]
    assert folded.counters == {"customer": -1}
    assert folded.parting == Parting(erased=["p"], departing=[], swept=[], dropped=[])
    assert rows(folded) == [("deleted", "p", "delete", Position("events", 1, 9), 1000)]
    assert controls(folded) == everything("deleted")
    assert told(folded) == [("g-1", "remove", None)]
    assert folded.timelines == {}
    assert folded.watermarks == {"events/1": (9, 0)}


def test_a_deleted_orphan_takes_its_events_from_the_gray_ones_and_the_person_forgets_it() -> None:
    folded = parted(task("remove"), ann(identities=[], guests=[], guest_of="q"))
    assert folded.counters == {"orphans": -1, "gray": -2}
    assert told(folded) == [("q", "forget", "p")]
    assert rows(folded) == [("deleted", "p", "orphan", Position(RESOLVED, 0, 7), 1002)]


@pytest.mark.parametrize("raw", [record("delete"), task("remove")])
def test_who_is_deleted_before_the_first_record_came_is_a_tombstone_from_the_start(raw: bytes) -> None:
    folded = parted(raw, None)
    assert folded.profiles == {"p": Profile(format=FORMAT, id="p", version=1, changed=1, gone=True)}
    assert (folded.counters, controls(folded)) == ({}, [])


def test_a_demerge_takes_identities_devices_and_tokens_and_leaves_the_rest() -> None:
    folded = parted(record("demerge"), ann())
    profile = folded.profiles["p"]
    assert (profile.identities, profile.devices, profile.tokens, profile.demerged) == ([], [], {}, True)
    assert (profile.guests, profile.version, profile.changed, profile.type) == (["g-1"], 6, 6, "customer")
    assert controls(folded) == everything("demerged")
    assert rows(folded) == [("demerged", "p", "demerge", Position("events", 1, 9), 1000)]
    assert [entry.type for entry in folded.timelines["p"]] == ["demerge"]
    [(_, raw)] = folded.changes
    change = json.loads(raw or b"")
    assert (change["since"], change["version"], change["profile"]["identities"]) == (4, 6, {})
    assert (folded.told, folded.parting.departing) == ([], [])


def test_the_type_follows_a_demerge() -> None:
    profile = ann(properties={}, events={})
    profile.type = "addressable"
    folded = parted(record("demerge"), profile)
    assert (folded.profiles["p"].type, folded.counters) == ("anonymous", {"addressable": -1, "anonymous": 1})


def test_a_second_demerge_counts_and_changes_nothing_else() -> None:
    folded = parted(record("demerge"), ann(identities=[], devices=[], tokens={}, demerged=True))
    assert (folded.profiles["p"].version, folded.profiles["p"].changed, folded.changes) == (6, 4, [])


def test_a_release_takes_the_named_identities_that_the_profile_holds() -> None:
    other = Identity("email", "other@x.ie")
    folded = parted(record("release", releases=[other, ANN]), ann())
    assert folded.profiles["p"].identities == [BOB]
    assert controls(folded) == [Release(ANN, "p", "released", NOON + 1)]
    assert folded.rows == []
    assert [entry.type for entry in folded.timelines["p"]] == ["release"]


def test_a_release_of_an_identity_that_is_not_shown_takes_it_from_where_it_is_kept() -> None:
    raw, profile = record("release", releases=[ANN]), ann(identities=[BOB], identities_more=4)
    listed = Listed("p", "identities", "email:ann@x.ie")
    assert wanted(read(raw), profile).listed == [listed]
    folded = parted(raw, profile, Found(listed=frozenset([listed])))
    assert (folded.profiles["p"].identities, folded.profiles["p"].identities_more) == ([BOB], 3)
    assert folded.parting.dropped == [listed]
    assert controls(folded) == [Release(ANN, "p", "released", NOON + 1)]


REJECTED = {
    "a demerge of nobody": (record("demerge"), None, "unknown_profile"),
    "a release of nobody": (record("release", releases=[ANN]), None, "unknown_profile"),
    "a deletion by an id that nobody has": (record("delete", record={"profile": "p"}), None, "unknown_profile"),
    "a demerge of a guest": (record("demerge"), ann(identities=[], identified_at=None), "not_identified"),
    "a release of what others hold": (record("release", releases=[ANN]), ann(identities=[BOB]), "not_held"),
}


@pytest.mark.parametrize(("raw", "profile", "reason"), REJECTED.values(), ids=REJECTED)
def test_what_cannot_be_done_is_rejected_with_its_bytes_and_changes_nothing(
    raw: bytes, profile: Profile | None, reason: str
) -> None:
    folded = parted(raw, profile)
    [rejection] = folded.rejections
    assert (rejection.reason, rejection.value) == (reason, msgspec.json.encode(json.loads(raw)["record"]))
    assert (folded.profiles, folded.changes, folded.rows, controls(folded)) == ({}, [], [], [])
    assert folded.watermarks == {"events/1": (9, 0)}


def test_a_demerge_of_a_person_whose_identities_were_all_released_is_not_of_a_guest() -> None:
    assert parted(record("demerge"), ann(identities=[])).profiles["p"].demerged


def test_a_message_about_leaving_that_comes_again_is_a_repeat() -> None:
    raw = record("delete")
    folded = part(read(raw), raw, Place(SHARD, OFFSET, {"events/1": (9, 0)}), ann(), Found())
    assert (folded.repeats, folded.profiles, folded.watermarks) == (1, {}, {"events/1": (9, 0)})


GONE = Profile(format=FORMAT, id="p", version=6, changed=6, gone=True)


def test_a_record_about_a_tombstone_is_rejected_and_what_it_brought_is_let_go_again() -> None:
    folded = parted(record("delete", record={"device": "d-9"}, claims=[ANN], guest="g-9"), GONE)
    assert [rejection.reason for rejection in folded.rejections] == ["deleted"]
    assert controls(folded) == [Detach("d-9", "p", "deleted", NOON + 1), Release(ANN, "p", "deleted", NOON + 1)]
    assert told(folded) == [("g-9", "remove", None)]


@pytest.mark.parametrize("raw", [task("remove"), task("forget", guest="g")])
def test_what_shards_ask_of_a_tombstone_is_ignored(raw: bytes) -> None:
    folded = parted(raw, GONE)
    assert (folded.profiles, folded.changes, folded.rows, folded.told, folded.rejections) == ({}, [], [], [], [])
    assert folded.watermarks == {"resolved/0": (7, 2)}


def test_a_person_forgets_a_deleted_guest() -> None:
    folded = parted(task("forget", guest="g-1"), ann())
    assert (folded.profiles["p"].guests, folded.profiles["p"].version, folded.profiles["p"].changed) == ([], 6, 6)
    assert folded.timelines == {}


def test_a_guest_that_is_not_shown_is_forgotten_too_and_one_never_heard_of_is_nothing() -> None:
    raw, profile, listed = task("forget", guest="g-200"), ann(guests_more=3), Listed("p", "guests", "g-200")
    assert wanted(read(raw), profile).listed == [listed]
    folded = parted(raw, profile, Found(listed=frozenset([listed])))
    assert (folded.profiles["p"].guests_more, folded.parting.dropped) == (2, [listed])
    assert parted(raw, ann(guests_more=3)).profiles == {}


MANY = {"devices_more": 4, "identities_more": 1, "guests_more": 2}


def test_what_a_profile_does_not_show_itself_is_left_to_sweeps() -> None:
    deleted, demerged = parted(record("delete"), ann(**MANY)), parted(record("demerge"), ann(**MANY))
    assert deleted.parting.departing == [("p", "devices"), ("p", "identities"), ("p", "guests")]
    assert demerged.parting.departing == [("p", "devices"), ("p", "identities")]
    assert demerged.profiles["p"].devices_more + demerged.profiles["p"].identities_more == 0
    assert demerged.profiles["p"].guests_more == 2
    assert told(deleted)[-1] == told(demerged)[-1] == ("p", "sweep", None)


def test_a_sweep_takes_a_step_and_says_whether_more_is_to_be_done() -> None:
    raw = task("sweep")
    assert wanted(read(raw), GONE).sweeps
    devices = [f"d-{n}" for n in range(STEP)]
    found = Found(leaving={"devices": devices, "identities": ["email:a:b@x.ie"], "guests": ["g-5"]})
    folded = parted(raw, GONE, found)
    asked = controls(folded)
    assert asked[: len(devices)] == [Detach(device, "p", "deleted", NOON + 1) for device in devices]
    assert asked[len(devices) :] == [Release(Identity("email", "a:b@x.ie"), "p", "deleted", NOON + 1)]
    assert told(folded) == [("g-5", "remove", None), ("p", "sweep", None)]
    assert folded.parting.swept == [
        *(Listed("p", "devices", device) for device in devices),
        Listed("p", "identities", "email:a:b@x.ie"), Listed("p", "guests", "g-5"),
    ]  # fmt: skip
    assert folded.profiles == {}
    last = parted(raw, ann(demerged=True), Found(leaving={"devices": devices[1:]}))
    assert controls(last)[0] == Detach("d-1", "p", "demerged", NOON + 1)
    assert told(last) == []


def test_a_tick_deletes_the_idle_guests_that_the_store_found() -> None:
    raw = msgspec.json.encode(
        Resolved(profile="", source=Source(RESOLVED, SHARD, 39, 0), at=NOON * 1000, ts=NOON, task="tick", days=30)
    )
    assert wanted(read(raw), None).idle_before == NOON - 30 * 86_400
    guests = [ann(identities=[], guests=[], devices=[f"d-{n}"]) for n in (1, 2)]
    guests[1].id = "q"
    folded = parted(raw, None, Found(idle=guests))
    assert [profile.gone for profile in folded.profiles.values()] == [True, True]
    assert controls(folded) == [Detach("d-1", "p", "idle", NOON), Detach("d-2", "q", "idle", NOON)]
    assert folded.parting.indexed
    assert [(row.kind, row.reason, row.position) for row in folded.rows] == [
        ("deleted", "idle", Position(RESOLVED, SHARD, OFFSET))
    ] * 2
    indexes = [row.index for row in folded.rows]
    assert len(set(indexes)) == 2
    assert min(indexes) >= 1000


def test_a_tick_without_days_ends_the_order_of_idle_guests() -> None:
    raw = task("tick")
    assert wanted(read(raw), None).idle_before is None
    assert parted(raw, None).parting.indexed is False


@pytest.mark.parametrize(
    ("profile", "idle"),
    [
        (ann(identities=[]), True),
        (ann(identities=[], identities_more=1), False),
        (ann(), False),
        (ann(identities=[], guest_of="q"), False),
        (GONE, False),
    ],
)
def test_who_owns_no_identity_and_is_nobodys_guest_may_be_idle(profile: Profile, idle: bool) -> None:
    assert is_idle_guest(profile) is idle


def test_a_shown_list_has_room_again_after_a_demerge() -> None:
    profile = ann(devices=[f"d-{n}" for n in range(SHOWN)], devices_more=2_000)
    assert parted(record("demerge"), profile).profiles["p"].devices == []
