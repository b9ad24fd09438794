"""The way in: records are checked, keyed and put on their topics; answered when Kafka has acknowledged them.

A record is checked here exactly as the stages check it (`records.intake`), so what was answered with a position is not
rejected later for its form. Its Kafka time is the time at which it came. What a request has written so far is
gathered in `written`, from which every answer gets its `Knownas-Position` header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec

from knownas.adapters.kafka_lanes import KafkaLanes
from knownas.doors import UNAVAILABLE, Put
from knownas.nouns import Position, murmur2
from knownas.records.destination import destination
from knownas.records.identities import IdentityRules
from knownas.records.intake import Flaw, Intake, take_in
from knownas.serve.metrics import GatewayMetrics
from knownas.stages.ports import Headers, Message, Partition
from knownas.topics import Layout

written: ContextVar[dict[Partition, int] | None] = ContextVar("written", default=None)
"""The newest offset per topic (short name) and partition that this request has put."""

carried: ContextVar[Headers] = ContextVar("carried", default=())
"""The headers with which the records that this request puts go out."""

AT_ONCE: Final = 100

_encode: Final = msgspec.json.Encoder().encode
_hash_of_key: Final = lru_cache(maxsize=65_536)(murmur2)


class Gateway(Protocol):
    """Puts records on `events` and `updates`."""

    async def put(self, records: Sequence[Mapping[str, Any] | msgspec.Raw], now_ms: int) -> list[Put]:
        """What came of each record, in order. A record that is not acknowledged has the reason `UNAVAILABLE`."""
        ...


class KafkaGateway:
    """The gateway over one producer."""

    def __init__(self, lanes: KafkaLanes, layout: Layout, rules: IdentityRules, metrics: GatewayMetrics) -> None:
        self._lanes, self._layout, self._rules, self._metrics = lanes, layout, rules, metrics

    async def put(self, records: Sequence[Mapping[str, Any] | msgspec.Raw], now_ms: int) -> list[Put]:
        """What came of each record, in order."""
        puts: list[Put] = [Put(None)] * len(records)
        messages: dict[Partition, list[Message]] = {}
        places: dict[Partition, list[int]] = {}
        for place, record in enumerate(records):
            if place % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)  # others wait for a slice of a large upload, not for all of it
            made = self._message(record, now_ms)
            if isinstance(made, Flaw):
                puts[place] = Put(None, made.reason, made.detail)
                continue
            target, message = made
            messages.setdefault(target, []).append(message)
            places.setdefault(target, []).append(place)
        if messages:
            await self._send(messages, places, puts)
        self._count(puts)
        return puts

    async def _send(
        self, messages: dict[Partition, list[Message]], places: dict[Partition, list[int]], puts: list[Put]
    ) -> None:
        named = {(self._layout.name(topic), partition): some for (topic, partition), some in messages.items()}
        sent = await self._lanes.send(named)
        mine = written.get()
        for (topic, partition), where in places.items():
            offsets, trouble = sent[self._layout.name(topic), partition]
            for place, offset in zip(where, offsets, strict=False):
                puts[place] = Put(Position(topic, partition, offset))
            for place in where[len(offsets) :]:
                puts[place] = Put(None, UNAVAILABLE, trouble or "")
            if mine is not None and offsets:
                mine[topic, partition] = max(offsets[-1], mine.get((topic, partition), -1))

    def _message(self, record: Mapping[str, Any] | msgspec.Raw, now_ms: int) -> tuple[Partition, Message] | Flaw:
        try:
            value = bytes(record) if isinstance(record, msgspec.Raw) else _encode(record)
        except (UnicodeEncodeError, RecursionError) as error:
            return Flaw("not_json", str(error))
        intake = take_in(value, now_ms, self._rules)
        if isinstance(intake, Flaw):
            return intake
        return self._placed(intake, now_ms)

    def _placed(self, intake: Intake, now_ms: int) -> tuple[Partition, Message] | Flaw:
        where = destination(intake)
        if isinstance(where, Flaw):
            return where
        topic, key = where
        return (topic, _hash_of_key(key) % self._layout.partitions), Message(key, intake.raw, carried.get(), now_ms)

    def _count(self, puts: Sequence[Put]) -> None:
        taken = sum(1 for put in puts if put.position is not None)
        self._metrics.taken(taken)
        for put in puts if taken < len(puts) else ():
            if put.position is None:
                self._metrics.turned_away(put.reason)


def position_text(ends: Mapping[Partition, int]) -> str:
    """Positions as they go out and come back with `?wait=`: `events/3@120,updates/0@7`."""
    return ",".join(f"{topic}/{partition}@{offset}" for (topic, partition), offset in sorted(ends.items()))
