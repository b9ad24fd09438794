"""The figures: what was counted of a partition's or shard's records, as fields with their values.

A record that is folded counts in its minute and its hour; a link on its day; a rejection under its reason, with the
first and the last Kafka time of such and the newest five. Of minutes the newest 130 are kept in which anything was, of
hours 50, of days 92, of links the newest 20.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from knownas.nouns import Linked, Position
from knownas.plain.calendar import day_number, zone_named
from knownas.plain.reading import Logs, Setting
from knownas.plain.resolving import Decisions, origin_of


class Noted(NamedTuple):
    """What a message or record, at this offset of its shard or partition, was: its Kafka time in milliseconds, whether
    it counts, why it was rejected and where it stands, the link that it made."""

    offset: int
    at: int
    counts: bool = False
    rejected: tuple[str, Position] | None = None
    link: Linked | None = None


def figures(noted: Iterable[Noted], day_timezone: str, since: int = 0) -> dict[str, Any]:
    """All fields, counted from an offset on."""
    zone = zone_named(day_timezone)
    assert zone is not None
    some = [one for one in noted if one.offset >= since]
    links = sorted(one.link for one in some if one.link is not None)
    minutes = Counter(one.at // 60_000 for one in some if one.counts)
    hours = Counter(one.at // 3_600_000 for one in some if one.counts)
    days = Counter(day_number(link.at / 1000, zone) for link in links)
    found: dict[str, Any] = {}
    for letter, counted, kept in (("m", minutes, 130), ("h", hours, 50), ("l", days, 92)):
        found |= {f"{letter}:{key}": counted[key] for key in sorted(counted)[-kept:]}
    if links:
        found["links"] = [list(link) for link in links[-20:]]
    for reason in {one.rejected[0] for one in some if one.rejected is not None}:
        found[f"r:{reason}"] = _rejections(
            [(one.at, one.rejected[1]) for one in some if one.rejected is not None and one.rejected[0] == reason]
        )
    return found


def _rejections(rejected: Sequence[tuple[int, Position]]) -> list[Any]:
    times = [at for at, _ in rejected]
    return [len(rejected), min(times), max(times), [[at, *position] for at, position in rejected[-5:]]]


def noted_in(decisions: Decisions, logs: Logs, setting: Setting) -> dict[tuple[str, int], list[Noted]]:
    """What was rejected in each partition of stage 1, in order."""
    found: dict[tuple[str, int], list[Noted]] = {partition: [] for partition in logs}
    records = {(partition, record.offset): record for partition, some in logs.items() for record in some}
    for rejection in sorted(decisions.rejections, key=lambda one: one.position):
        topic, number, offset = rejection.position
        record = records[(topic, number), offset]
        origin = origin_of(record, topic, number, setting.names)
        at = record.at if origin is None else origin[1]
        found[topic, number].append(Noted(offset, at, rejected=(rejection.reason, rejection.position)))
    return found
