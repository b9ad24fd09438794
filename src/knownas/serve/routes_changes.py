"""Changes as they happen: server-sent events out of `knownas.profile-changed`.

An event's id says where in each partition the reader is, so who comes back with `Last-Event-ID` goes on exactly there:
nothing is missed, and what was on the way when the connection broke comes again (its `version` tells).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from knownas.adapters.kafka_access import Kafka
from knownas.adapters.kafka_changes import Change, ChangeReader
from knownas.doors import Asked
from knownas.errors import WorldFault
from knownas.nouns import CHANGED, shard_of
from knownas.serve.faults import bad_request
from knownas.serve.limits import too_many
from knownas.serve.metrics import GatewayMetrics
from knownas.serve.routes import About, Route, Stream, event_stream
from knownas.topics import Layout

HEARTBEAT_SECONDS: Final = 15.0
RETRY_MS: Final = 2_000
LONGEST_ID: Final = 20_000


class Streams:
    """The open streams of a gateway; they end when it stops."""

    def __init__(self, bootstrap: Kafka, layout: Layout, metrics: GatewayMetrics, most: int) -> None:
        self._bootstrap, self._layout, self._metrics, self._most = bootstrap, layout, metrics, most
        self._stopping = False
        self._open = 0

    def stop(self) -> None:
        """End every stream."""
        self._stopping = True

    async def open(self, asked: Asked) -> Stream:
        """`GET /v1/changes`"""
        if self._open >= self._most:
            raise too_many(f"{self._most} streams are open", 5)
        after = read_id(asked.headers["last-event-id"]) if "last-event-id" in asked.headers else {}
        if any(partition >= self._layout.shards for partition in after):
            raise bad_request("bad_event_id", "this id is of another deployment")
        profile = asked.said("profile") or None
        partitions = range(self._layout.shards) if profile is None else [shard_of(profile, self._layout.shards)]
        return event_stream(self._parts(list(partitions), after, profile))

    async def _parts(
        self, partitions: list[int], after: dict[int, int], profile: str | None
    ) -> AsyncGenerator[bytes, None]:
        self._open += 1
        self._metrics.streams.inc()
        reader = ChangeReader(self._bootstrap, self._layout.name(CHANGED), partitions)
        clock = asyncio.get_running_loop().time
        try:
            at = await reader.open(after)
            yield b"retry: %d\nid: %s\n\n" % (RETRY_MS, write_id(at))
            said = clock()
            while not self._stopping:
                events = b"".join(_events(await reader.some(), at, profile))
                if not events and clock() - said > HEARTBEAT_SECONDS:
                    events = b": still here\n\n"
                if events:
                    said = clock()
                    yield events
        except WorldFault:
            return  # the client comes back, with its Last-Event-ID
        finally:
            self._open -= 1
            self._metrics.streams.dec()
            await reader.close()


def _events(some: Sequence[Change], at: dict[int, int], profile: str | None) -> list[bytes]:
    events = []
    for change in some:
        at[change.partition] = change.offset + 1
        if profile is not None and change.profile != profile:
            continue
        kind = b"changed" if change.value is not None else b"deleted"
        data = change.value if change.value is not None else b'{"id":"%s"}' % change.profile.encode()
        events.append(b"id: %s\nevent: %s\ndata: %s\n\n" % (write_id(at), kind, data))
    return events


def write_id(at: dict[int, int]) -> bytes:
    """Where a reader is: `partition@next offset`, parted by dots."""
    return ".".join(f"{partition}@{offset}" for partition, offset in sorted(at.items())).encode()


def read_id(text: str) -> dict[int, int]:
    """What `Last-Event-ID` says."""
    found = {}
    for part in text.split(".") if len(text) <= LONGEST_ID else [""]:
        partition, _, offset = part.partition("@")
        if not (part.isascii() and partition.isdigit() and offset.isdigit() and max(len(partition), len(offset)) <= 18):
            raise bad_request("bad_event_id", "`Last-Event-ID` is not one that this stream gave")
        found[int(partition)] = int(offset)
    return found


def routes(streams: Streams) -> list[Route]:
    """`GET /v1/changes`"""
    about = About(
        "Changes of profiles as they happen (server-sent events)", "Live", media="text/event-stream",
        query={"profile": "only this profile's"},
    )  # fmt: skip
    return [Route("GET", "/v1/changes", streams.open, "read", about)]
