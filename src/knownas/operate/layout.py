"""Making the topics, and checking before every start that Kafka, store and secret still belong together."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, NamedTuple

from aiokafka.admin import NewTopic

from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.errors import CannotStart
from knownas.nouns import CHANGED, EVENTS, FORMAT, LEDGER, REJECTED, RESOLVED, SNAPSHOTS, UPDATES, Names
from knownas.settings import Settings
from knownas.topics import Layout

OF_SOURCES: Final = (EVENTS, UPDATES, LEDGER, REJECTED)
OF_SHARDS: Final = (RESOLVED, CHANGED, SNAPSHOTS)

_REMEMBERED: Final = (
    ("kinds", "IDENTITY_KINDS"), ("region", "PHONE_REGION"), ("days", "DAY_TIMEZONE"), ("group", "GROUP"),
)  # fmt: skip
"""Settings on which stored state depends, by the names under which the store remembers them."""


UNFINISHED: Final = "rebuilding"
"""What a store remembers from the beginning of a rebuild to its end."""


def topics() -> dict[str, Any]:
    """The topics of topics.toml, by short name."""
    return tomllib.loads(files("knownas").joinpath("topics.toml").read_text(encoding="utf-8"))


class Fit(NamedTuple):
    """The numbers of partitions that topics are made with, and the topics that have them already, where some do."""

    layout: Layout
    like_sources: str | None = None
    like_shards: str | None = None


def fit(counts: Mapping[str, int], wanted: Layout) -> Fit:
    """A layout that fits the topics that are there, given how many partitions each has."""
    sources, shards = (usual(counts, wanted.prefix, group) for group in (OF_SOURCES, OF_SHARDS))
    partitions = wanted.partitions if sources is None else counts[sources]
    return Fit(Layout(wanted.prefix, partitions, wanted.shards if shards is None else counts[shards]), sources, shards)


def usual(counts: Mapping[str, int], prefix: str, group: Sequence[str]) -> str | None:
    """Of topics that must have as many partitions as each other, one that has as many as most; None: none is there."""
    there = [prefix + short for short in group if prefix + short in counts]
    numbers = [counts[topic] for topic in there]
    return max(there, key=lambda topic: numbers.count(counts[topic]), default=None)


async def create_topics(log: KafkaLog, layout: Layout, replication: int) -> list[str]:
    """Make every topic that is missing, beside others with as many partitions as those have; the names of those that
    were made now."""
    counts = await log.partition_counts([layout.name(short) for short in topics()])
    return await create_missing(log, fit(counts, layout).layout, replication)


async def create_missing(log: KafkaLog, layout: Layout, replication: int) -> list[str]:
    """The same with these numbers, which fit the topics that are there."""
    wanted = []
    for short, topic in topics().items():
        count = layout.shards if topic["partitions"] == "shards" else layout.partitions
        wanted.append(NewTopic(layout.name(short), count, replication, topic_configs=topic["config"]))
    made = await log.create(wanted)
    await check_topics(log, layout.prefix)
    return made


async def check_topics(log: KafkaLog, prefix: str) -> Layout:
    """The layout that Kafka's topics have; `CannotStart` where one is missing or does not fit the others."""
    counts = await log.partition_counts([prefix + short for short in topics()])
    if problems := topic_problems(counts, prefix):
        raise CannotStart("\n".join(problems))
    return Layout(prefix, counts[prefix + EVENTS], counts[prefix + RESOLVED])


def topic_problems(counts: Mapping[str, int], prefix: str) -> list[str]:
    """What is wrong with the topics that there are, given how many partitions each has; a line a problem."""
    missing = [prefix + short for short in topics() if prefix + short not in counts]
    problems = [f"Kafka has no topic {', '.join(missing)}: run `knownas topics create`"] if missing else []
    for group in (OF_SOURCES, OF_SHARDS):
        there = {prefix + short: counts[prefix + short] for short in group if prefix + short in counts}
        like = usual(counts, prefix, group) or ""
        problems += [
            f"topic {topic} has {count} partitions and {like} {there[like]}; they must be the same. If it was just "
            "made and is empty: delete it and run `knownas topics create`. If partitions were added to it: RUNBOOK.md "
            'says under "More partitions" how to move'
            for topic, count in there.items()
            if count != there[like]
        ]
    return problems


class StoredLayout:
    """The layout as the store remembers it."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self._link, self._keys = link, keys

    async def layout(self) -> dict[str, str]:
        """What was remembered, or nothing."""
        (flat,) = await self._link.run([("HGETALL", self._keys.layout)])
        return {flat[i].decode(): flat[i + 1].decode() for i in range(0, len(flat), 2)}

    async def remember(self, layout: dict[str, str]) -> None:
        """Remember, unless something is remembered already."""
        await self._link.run([("HSETNX", self._keys.layout, field, value) for field, value in layout.items()])


async def check_layout(log: KafkaLog, store: StoredLayout, names: Names, settings: Settings) -> Layout:
    """Check that topics, store, secret and identity kinds fit, and remember them at the first start."""
    layout = await check_topics(log, settings.topic_prefix)
    now = layout_now(layout, names, settings)
    stored = await store.layout()
    if not stored:
        await store.remember(now)
        stored = await store.layout()
    if problems := layout_problems(stored, now, settings.topic_prefix):
        raise CannotStart("\n".join(problems))
    return layout


def layout_now(layout: Layout, names: Names, settings: Settings) -> dict[str, str]:
    """What a store would remember of this deployment."""
    return {
        "format": str(FORMAT),
        "partitions": str(layout.partitions),
        "shards": str(layout.shards),
        "secret": names.digest("the mark of the secret"),
        "kinds": ",".join(settings.identity_kinds),
        "region": settings.phone_region or "",
        "days": settings.day_timezone,
        "group": settings.group,
    }


def layout_problems(stored: Mapping[str, str], now: Mapping[str, str], prefix: str) -> list[str]:
    """How a deployment does not fit what the store was made with; a line a problem."""
    problems = []
    if UNFINISHED in stored:
        problems.append("the store is half rebuilt: run `knownas rebuild --replace`, and let it come to its end")
    if int(stored["format"]) > FORMAT:
        problems.append(
            f"the store was written by a newer knownas (format {stored['format']}, this one reads {FORMAT}): "
            "start that version"
        )
    if stored["secret"] != now["secret"]:
        problems.append(
            "the secret is not the one the store was made with, so nobody would be recognized: set KNOWNAS_SECRET (or "
            "KNOWNAS_SECRET_FILE) to the one used before"
        )
    # A store that an earlier version made says nothing of some of these.
    problems += [
        f"KNOWNAS_{name} is {now[what]!r}, the store was made with {stored[what]!r}: what was decided by the "
        "one would be decided differently by the other. Set it to what it was"
        for what, name in _REMEMBERED
        if stored.get(what, now[what]) != now[what]
    ]
    problems += [
        f"topic {prefix + topic} has {now[what]} partitions, the store was made for {stored[what]}: the number "
        "is fixed when topics are made. Point KNOWNAS_KAFKA and KNOWNAS_REDIS to a pair that belongs together, "
        "or empty both and run `knownas topics create`"
        for what, topic in (("partitions", EVENTS), ("shards", RESOLVED))
        if stored[what] != now[what]
    ]
    return problems
