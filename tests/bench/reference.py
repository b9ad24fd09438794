"""No work, no figure: what a system has made of the traffic is compared with what the simple rules make of it.

Every event that can be counted is counted once, whatever the order in which partitions are read, so the sum of all
event counts must be right to the last one. How many profiles, links and timeline entries there are depends on which of
two partitions came first (two devices on which one person logs in), and that is nobody's fault: these must lie
between what the rules make of the traffic in three orders (by time, partition after partition, and that backwards),
give or take `TOLERANCE`. knownas is held to more: each of its profiles is compared with the plain model's, byte for
byte (`knownas verify`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import orjson

from knownas.demo.shop import Sending
from tests.bench.peers.batches import Materializing, Resolving
from tests.bench.traffic import Traffic, batches

TOLERANCE: Final = 0.05

Values = list[bytes | None]


class Outcome(NamedTuple):
    """What is in the store: the sum of all event counts, profiles, guests linked to somebody, timeline entries."""

    events: int
    profiles: int
    links: int
    entries: int


def expected(traffic: Traffic) -> list[Outcome]:
    """What the simple rules make of the traffic in several orders of reading; everybody reads the warm-up first."""
    by_time: Values = [record.value for record in (*traffic.warm_up, *traffic.measured)]
    forwards = _by_partition(traffic.warm_up) + _by_partition(traffic.measured)
    backwards = _by_partition(traffic.warm_up, backwards=True) + _by_partition(traffic.measured, backwards=True)
    return [_made_of(values) for values in (by_time, forwards, backwards)]


def _by_partition(records: Sequence[Sending], *, backwards: bool = False) -> Values:
    made = batches(records, "")
    return [message.value for target in sorted(made, reverse=backwards) for message in made[target]]


def _made_of(values: Values) -> Outcome:
    resolving = Resolving(values)
    folding = Materializing([value for _, value in resolving.decide([None] * len(resolving.keys))])
    folding.fold([None] * len(folding.keys))
    return outcome(folding.writes.values(), map(len, folding.timelines.values()))


def outcome(profiles: Iterable[bytes], timeline_lengths: Iterable[int]) -> Outcome:
    """What a peer's profiles and timelines come to."""
    events = count = links = 0
    for raw in profiles:
        profile = orjson.loads(raw)
        events += sum(counted["count"] for counted in profile["events"].values())
        links += profile["guestOf"] is not None
        count += 1
    return Outcome(events, count, links, sum(timeline_lengths))


def differences(found: Outcome, wanted: Sequence[Outcome]) -> list[str]:
    """In which ways a system's outcome is not that of the traffic."""
    said = []
    for what in Outcome._fields:
        has, should = getattr(found, what), [getattr(one, what) for one in wanted]
        tolerance = 0.0 if what == "events" else TOLERANCE
        least, most = min(should) * (1 - tolerance), max(should) * (1 + tolerance)
        if not least <= has <= most:
            said.append(f"it has {has} {what}, which should be {least:.0f} to {most:.0f}")
    return said
