"""`knownas doctor`: looks at everything that a deployment stands on, and judges what it saw. It writes nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from pydantic import SecretStr
from redis.exceptions import ResponseError

from knownas.adapters.kafka_cluster import KafkaCluster
from knownas.adapters.kafka_members import members_of
from knownas.adapters.reader import Reader
from knownas.adapters.redis import Link
from knownas.errors import CannotStart, WorldFault
from knownas.nouns import EVENTS, RESOLVED
from knownas.operate.coverage import snapshot_gap
from knownas.operate.findings import Finding, fine, note, wrong
from knownas.operate.judge_kafka import KafkaSeen, judge_kafka
from knownas.operate.judge_store import StoreSeen, judge_store
from knownas.operate.judge_work import WorkSeen, judge_names, judge_work
from knownas.operate.layout import StoredLayout, layout_now, layout_problems, topic_problems, topics
from knownas.operate.settle import lags
from knownas.operate.watch import info_of
from knownas.operate.world import World
from knownas.settings import Settings
from knownas.settings_unread import unread
from knownas.topics import Layout

LOOK_SECONDS: Final = 10.0
"""Longer than anything takes that is well."""
CHANCE: Final = 50
"""Keys that are looked at by chance."""
SETTINGS: Final = ("appendonly", "appendfsync", "maxmemory-policy")
_ASKED: Final = {
    "Kafka": "what KNOWNAS_KAFKA leads to", "store": "what KNOWNAS_REDIS leads to", "work": "Kafka or the store",
}  # fmt: skip
_NO_SECRET: Final = {"secret": SecretStr("not set; nothing is hashed with this"), "secret_file": None}


class Doctor:
    """One visit. What cannot be looked at because something else is broken is left out, and that something said."""

    def __init__(self, settings: Settings, watch_seconds: float, look_seconds: float = LOOK_SECONDS) -> None:
        self._secret = _secret_of(settings)
        known = self._secret.state == "fine"
        self._world = World(settings if known else settings.model_copy(update=_NO_SECRET))
        self._seconds, self.look_seconds = watch_seconds, look_seconds
        self._link = self._world.link()
        self._kafka: KafkaSeen | None = None
        self._nodes: list[StoreSeen] = []

    async def findings(self) -> AsyncIterator[Finding]:
        """Every finding, as soon as it is made."""
        yield self._secret
        for finding in judge_names(unread()):
            yield finding
        for about, look in (("Kafka", self._look_at_kafka), ("store", self._look_at_store)):
            for finding in await self._in_time(about, look):
                yield finding
        usable = self._kafka is not None and not self._kafka.problems
        if usable and self._nodes and self._secret.state == "fine":
            for finding in await self._in_time("work", self._look_at_work, self._seconds):
                yield finding

    async def close(self) -> None:
        """End the visit."""
        await self._world.close()

    async def _in_time(
        self, about: str, look: Callable[[], Awaitable[list[Finding]]], watched: float = 0.0
    ) -> list[Finding]:
        """What a look finds; whoever was woken does not wait for what says nothing, beyond the time that is watched."""
        try:
            async with asyncio.timeout(self.look_seconds + watched):
                return await look()
        except TimeoutError:
            said = f"{_ASKED[about]} has not answered for {self.look_seconds:g} s"
            means = "it hangs, or something on the way swallows packets; workers wait, and nothing is lost"
            do = "look at its log and its disk; if they say nothing, at firewalls and network policies on the way"
            return [wrong(about, said, means, do)]

    async def _look_at_kafka(self) -> list[Finding]:
        settings, cluster = self._world.settings, KafkaCluster(self._world.log)
        wanted = {settings.topic_prefix + short: topic for short, topic in topics().items()}
        try:
            found = await cluster.topics(list(wanted))
            counts = {name: topic.partitions for name, topic in found.items()}
            problems = topic_problems(counts, settings.topic_prefix)
            kept = found.get(settings.topic_prefix + RESOLVED)
            gap = snapshot_gap(settings.snapshot_days, int(kept.config.get("retention.ms", "-1"))) if kept else None
            self._kafka = KafkaSeen(await cluster.brokers(), found, wanted, problems, gap)
        except (WorldFault, CannotStart) as away:
            return [_away("Kafka", away, "KNOWNAS_KAFKA leads to it", "start it, or set KNOWNAS_KAFKA to where it is")]
        return list(judge_kafka(self._kafka))

    async def _look_at_store(self) -> list[Finding]:
        try:
            self._nodes = [await self._seen_of(node) for node in await self._link.nodes()]
        except (WorldFault, CannotStart) as away:
            return [_away("store", away, "KNOWNAS_REDIS leads to it", "start it, or set KNOWNAS_REDIS to where it is")]
        except ResponseError as refused:
            return [note("store", f"it does not let us ask: {refused}", "its user may not run INFO or TIME")]
        judged = [list(judge_store(seen)) for seen in self._nodes]
        if len(judged) == 1:
            return judged[0]
        return [
            finding._replace(about=f"{finding.about}, node {number}")
            for number, findings in enumerate(judged, 1)
            for finding in findings
        ]

    async def _seen_of(self, node: Link) -> StoreSeen:
        before = time.time()
        told, (seconds, micros) = await node.run([("INFO",), ("TIME",)])
        ahead = int(seconds) + int(micros) / 1e6 - (before + time.time()) / 2
        prefix = self._world.keys.prefix.encode()
        some = [key for key in await _ask(node, *[("RANDOMKEY",)] * CHANCE) if key is not None]
        others = sum(not key.startswith(prefix) for key in some)
        waits = self._world.settings.redis_wait_replicas
        return StoreSeen(info_of(told), await _config(node), ahead, len(some), others, waits)

    async def _look_at_work(self) -> list[Finding]:
        try:
            return list(judge_work(await self._seen_of_work()))
        except (WorldFault, CannotStart) as problem:
            return [_away("work", problem, "it was there a moment ago", "look again")]

    async def _seen_of_work(self) -> WorkSeen:
        world = self._world
        assert self._kafka is not None
        prefix, counts = world.settings.topic_prefix, self._kafka.topics
        layout = Layout(prefix, counts[prefix + EVENTS].partitions, counts[prefix + RESOLVED].partitions)
        stored = await StoredLayout(self._link, world.keys).layout()
        problems = layout_problems(stored, layout_now(layout, world.names, world.settings), prefix) if stored else []
        reader = Reader(self._link, world.keys, world.names, layout)
        first = await reader.positions()
        await asyncio.sleep(self._seconds)
        lag = {tp: one.behind for tp, one in (await lags(world.log, reader, layout)).items()}
        second = await reader.positions()
        (keys,) = await self._link.run([("HLEN", world.keys.gateway_keys)])
        return WorkSeen(
            is_new=not stored,
            problems=problems,
            workers=await self._workers(layout),
            lag=lag,
            moved={tp for tp, at in second.items() if at != first[tp]},
            seconds=self._seconds,
            waiting=await reader.unpublished(),
            keys=keys,
        )

    async def _workers(self, layout: Layout) -> Mapping[str, list[tuple[str, int]]]:
        members = await members_of(self._world.log, self._world.settings.group)
        return {member.member: [(layout.short(t), n) for t, n in member.holds] for member in members}


async def _config(node: Link) -> dict[str, str] | None:
    answers = await _ask(node, *[("CONFIG", "GET", name) for name in SETTINGS])
    if len(answers) < len(SETTINGS):
        return None
    return {name.decode(): value.decode() for name, value in (answer[:2] for answer in answers)}


async def _ask(node: Link, *commands: tuple[str, ...]) -> list[Any]:
    """Answers, or none where our user may not ask."""
    try:
        return await node.run(commands)
    except (ResponseError, CannotStart):
        return []


def _secret_of(settings: Settings) -> Finding:
    try:
        settings.secret_bytes()
    except CannotStart as problem:
        said, _, do = str(problem).partition(": ")
        return wrong("secret", said, "no worker starts: without it nobody would be recognized", do)
    return fine("secret", "there is one")


def _away(about: str, problem: Exception, means: str, do: str) -> Finding:
    return wrong(about, str(problem).splitlines()[0], means, do)
