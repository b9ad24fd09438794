"""Making the topics, and checking before every start that Kafka, store and secret still belong together."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any, Final

from aiokafka.admin import NewTopic

from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.errors import CannotStart
from knownas.nouns import CHANGED, EVENTS, FORMAT, LEDGER, REJECTED, RESOLVED, UPDATES, Names
from knownas.settings import Settings
from knownas.topics import Layout

OF_SOURCES: Final = (EVENTS, UPDATES, LEDGER, REJECTED)
OF_SHARDS: Final = (RESOLVED, CHANGED)

_REMEMBERED: Final = (
    ("kinds", "IDENTITY_KINDS"), ("region", "PHONE_REGION"), ("days", "DAY_TIMEZONE"), ("group", "GROUP"),
)  # fmt: skip
"""Settings on which stored state depends, by the names under which the store remembers them."""


def topics() -> dict[str, Any]:
    """The topics of topics.toml, by short name."""
    return tomllib.loads(files("knownas").joinpath("topics.toml").read_text(encoding="utf-8"))


async def create_topics(log: KafkaLog, layout: Layout, replication: int) -> list[str]:
    """Make every topic that is missing; the names of those that were made now."""
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
    missing = [prefix + short for short in topics() if prefix + short not in counts]
    if missing:
        raise CannotStart(f"Kafka has no topic {', '.join(missing)}: run `knownas topics create`")
    layout = Layout(prefix, counts[prefix + EVENTS], counts[prefix + RESOLVED])
    for group, wanted in ((OF_SOURCES, layout.partitions), (OF_SHARDS, layout.shards)):
        for short in group:
            if counts[prefix + short] != wanted:
                raise CannotStart(
                    f"topic {prefix + short} has {counts[prefix + short]} partitions and {prefix + group[0]} {wanted}; "
                    "they must be the same. Delete the empty one and run `knownas topics create`"
                )
    return layout


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
    prefix = settings.topic_prefix
    layout = await check_topics(log, prefix)
    now = {
        "format": str(FORMAT),
        "partitions": str(layout.partitions),
        "shards": str(layout.shards),
        "secret": names.digest("the mark of the secret"),
        "kinds": ",".join(settings.identity_kinds),
        "region": settings.phone_region or "",
        "days": settings.day_timezone,
        "group": settings.group,
    }
    stored = await store.layout()
    if not stored:
        await store.remember(now)
        stored = await store.layout()
    if int(stored["format"]) > FORMAT:
        raise CannotStart(
            f"the store was written by a newer knownas (format {stored['format']}, this one reads {FORMAT}): "
            "start that version"
        )
    if stored["secret"] != now["secret"]:
        raise CannotStart(
            "the secret is not the one the store was made with, so nobody would be recognized: set KNOWNAS_SECRET (or "
            "KNOWNAS_SECRET_FILE) to the one used before"
        )
    for what, name in _REMEMBERED:
        # A store that an earlier version made says nothing of these.
        if stored.get(what, now[what]) != now[what]:
            raise CannotStart(
                f"KNOWNAS_{name} is {now[what]!r}, the store was made with {stored[what]!r}: what was decided by the "
                "one would be decided differently by the other. Set it to what it was"
            )
    for what, topic in (("partitions", EVENTS), ("shards", RESOLVED)):
        if stored[what] != now[what]:
            raise CannotStart(
                f"topic {prefix + topic} has {now[what]} partitions, the store was made for {stored[what]}: the number "
                "is fixed when topics are made. Point KNOWNAS_KAFKA and KNOWNAS_REDIS to a pair that belongs together, "
                "or empty both and run `knownas topics create`"
            )
    return layout
