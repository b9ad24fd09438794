"""Whatever records come and however time passes, who is in a segment is whom its query finds."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest

from knownas.find.evaluate import evaluate
from knownas.find.membership import Touch, Watch
from knownas.find.moment import Moment
from knownas.find.reading import from_object
from knownas.find.segments import Registry, SegmentChange
from knownas.find.turning import Midnights
from knownas.nouns import Definition, Entry, Identity, Profile, Source
from knownas.plain.finding import Asked, matches
from knownas.profile.fold import Arrived, Carried, Fold, FoldRules
from knownas.profile.time import Calendar
from knownas.stages.segments import Watched
from tests.find.lives import NOW_MS, ZONES, history, queries

KEPT = 5
"""So few entries are kept of a timeline."""


class Life:
    """One profile, its segments, and the clock."""

    def __init__(self, segments: list[dict[str, Any]], zone: str) -> None:
        self.calendar = Calendar(zone)
        self.midnights = Midnights(self.calendar)
        self.queries = segments
        self.registry = Registry()
        self.zone = zone
        for number, query in enumerate(segments):
            self.registry.define(Definition(name=f"s{number}", version=number + 1, query=query))
        self.registry.clock_ms = NOW_MS
        self.registry.index()
        self.profile: Profile | None = None
        self.timeline: list[Entry] = []
        self.due: int | None = None
        self.offset = 0
        self.heard: set[str] = set()

    def kept(self, _: str) -> list[Entry]:
        return self.timeline[-KEPT:]

    def record(self, *, arrived: Arrived) -> None:
        self.offset += 1
        record = arrived.record
        touch = Touch(None, None, (), arrived.ts)
        if record is not None:
            raw = bytes(record.evtData)
            full = len(self.timeline) >= KEPT
            touch = Touch(
                record.evtName if record.type == "event" else None, None if raw == b"null" else raw,
                record.profileData or (), arrived.ts, self.timeline[-KEPT].name if full else None,
            )  # fmt: skip
        known = {"p": self.profile} if self.profile is not None else {}
        touched = self.profile or Profile(format=1, id="p")
        self.is_foreseen = self.registry.reads_timeline(touched, touch.event, touch.properties, KEPT)
        fold = Fold(known, {}, (), FoldRules(self.calendar))
        stored = {"p": self.timeline[-KEPT:]} if self.is_foreseen else {}
        watched = Watched(self.registry, self.midnights, fold, stored, KEPT)
        watched.add(arrived, msgspec.json.encode(arrived), self.offset)
        folded = watched.result()
        self.timeline += folded.timelines.get("p", [])
        self.profile = folded.profiles.get("p", self.profile)
        self.take(folded.segments)

    def tick(self, seconds: int) -> None:
        self.registry.clock_ms += seconds * 1_000
        if self.profile is not None and self.due is not None and self.due <= self.registry.clock_ms:
            watch = Watch(self.registry, self.midnights, self.kept)
            due, self.due = self.due, None
            watch.pass_time(self.profile, due, self.registry.clock_ms / 1_000)
            self.take(SegmentChange(watch.transitions, watch.due))

    def take(self, change: SegmentChange) -> None:
        for transition in change.transitions:
            assert (transition.segment not in self.heard) == transition.entered
            (self.heard.add if transition.entered else self.heard.discard)(transition.segment)
        due = change.due.get("p")
        if due is not None:
            assert due > self.registry.clock_ms
            self.due = due if self.due is None else min(due, self.due)

    def check(self) -> None:
        profile = self.profile
        if profile is None:
            return
        is_person = profile.guest_of is None
        asked = Asked(self.registry.clock_ms, self.zone)
        for number, query in enumerate(self.queries):
            wanted = is_person and matches(query, profile, self.kept("p"), asked)[0]
            assert (number in profile.segments) is wanted, (query, profile, self.timeline)
            assert (f"s{number}" in self.heard) is wanted
            found = evaluate(from_object(query), profile, self.kept("p"), Moment(self.registry.clock_ms, self.calendar))
            assert is_person is False or found.holds is wanted


def arrived(life: Life, step: dict[str, Any]) -> Arrived:
    clock = life.registry.clock_ms // 1_000
    source, at = Source("events", 0, life.offset + 1, 0), life.registry.clock_ms
    if "record" not in step:
        return Arrived(
            profile="p", source=source, at=at, ts=clock, guest=step.get("guest"), guestOf=step.get("guestOf")
        )
    said = dict(step["record"])
    ts = clock - clock % 86_400 - said.pop("ago") * 86_400 + said.pop("second")
    claims = [Identity("email", f"{life.offset}@x.ie")] if said.pop("claims", False) else []
    if "evtData" in said:
        said["evtData"] = msgspec.Raw(msgspec.json.encode(said["evtData"]))
    return Arrived(profile="p", source=source, at=at, ts=ts, record=Carried(**said), claims=claims)


@pytest.mark.parametrize("seed", range(40))
def test_who_is_in_a_segment_is_whom_its_query_finds(seed: int) -> None:
    dice = Random(seed)
    life = Life(queries(dice, 150), dice.choice(ZONES))
    for step in history(dice, 50):
        if "tick" in step:
            life.tick(step["tick"])
        else:
            life.record(arrived=arrived(life, step))
        life.check()
