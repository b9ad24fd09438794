"""The figures of all partitions and shards, added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from knownas.adapters import keys as k
from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.adapters.store import fields_in
from knownas.nouns import EVENTS, RESOLVED, UPDATES, Linked
from knownas.stages.figures import (
    HOURS,
    KEPT_EXAMPLES,
    KEPT_LINKS,
    LINK_DAYS,
    MINUTES,
    Figures,
    Rejections,
    Turnover,
)
from knownas.stages.ports import Partition
from knownas.topics import Layout


class Sums(NamedTuple):
    """Figures of several partitions or shards as one: records by minute and hour, links by day and the newest ones (the
    oldest first), rejections by reason, who entered and left each segment by day."""

    minutes: dict[int, int]
    hours: dict[int, int]
    link_days: dict[int, int]
    links: list[Linked]
    rejections: dict[str, Rejections]
    segments: dict[str, dict[int, Turnover]]


class FigureReader:
    """Reads figures without holding anything."""

    def __init__(self, link: Link, keys: Keys, layout: Layout) -> None:
        self._link, self._keys, self._layout = link, keys, layout

    async def fields(self) -> dict[Partition, dict[str, bytes]]:
        """The fields of each partition and shard, by short topic name."""
        layout, keys = self._layout, self._keys
        sources = [(topic, number) for topic in (EVENTS, UPDATES) for number in range(layout.partitions)]
        prefixes = {tp: keys.source(*tp) for tp in sources}
        prefixes |= {(RESOLVED, shard): keys.shard(shard) for shard in range(layout.shards)}
        answers = await self._link.run([("HGETALL", prefix + k.FIGURES) for prefix in prefixes.values()])
        return {tp: fields_in(flat) for tp, flat in zip(prefixes, answers, strict=True)}

    async def sums(self) -> Sums:
        """All figures there are, added up."""
        return added_up(map(Figures, (await self.fields()).values()))


def added_up(every: Iterable[Figures]) -> Sums:
    """Several figures as one."""
    numbers: dict[str, Counter[int]] = {family: Counter() for family in (MINUTES, HOURS, LINK_DAYS)}
    links: list[Linked] = []
    rejections: dict[str, Rejections] = {}
    segments: dict[str, dict[int, Turnover]] = {}
    for figures in every:
        for family, counted in figures.numbers.items():
            numbers[family].update(counted)
        links += figures.links
        for reason, some in figures.rejections.items():
            rejections[reason] = _joined(rejections[reason], some) if reason in rejections else some
        for name, days in figures.segments.items():
            total = segments.setdefault(name, {})
            for day, (entered, left) in days.items():
                before = total.get(day, Turnover())
                total[day] = Turnover(before.entered + entered, before.left + left)
    newest = sorted(links)[-KEPT_LINKS:]
    return Sums(numbers[MINUTES], numbers[HOURS], numbers[LINK_DAYS], newest, rejections, segments)


def _joined(one: Rejections, other: Rejections) -> Rejections:
    examples = sorted([*one.examples, *other.examples])[-KEPT_EXAMPLES:]
    return Rejections(one.times + other.times, min(one.first, other.first), max(one.last, other.last), examples)
