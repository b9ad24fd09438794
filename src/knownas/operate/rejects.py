"""Rejected records as `knownas.rejected` holds them: found by reason or by position, shown without being sent again."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final, NamedTuple

from knownas.adapters.kafka_log import KafkaLog, Progress, no_progress
from knownas.nouns import REJECTED, Position
from knownas.records.reasons import REJECTIONS
from knownas.topics import Layout

AHEAD_MS: Final = 2 * 3_600_000
"""How far a producer's clock may be ahead of Kafka's for its record to be found by its time."""


class Rejected(NamedTuple):
    """A rejected record: where it stands in `rejected` and when it came there, why, its own position, its key and bytes
    as they came. `source` is its key as text; `truncated` is how many bytes it had, where not all are kept."""

    partition: int
    offset: int
    at: int
    reason: str
    detail: str
    position: Position
    source: str
    key: bytes | None
    value: bytes | None
    truncated: int | None


def read_rejected(record: Any, layout: Layout) -> Rejected:
    """A record of `rejected`."""
    said = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    position = Position(layout.short(said["topic"]), int(said["partition"]), int(said["offset"]))
    return Rejected(
        record.partition, record.offset, record.timestamp, said["reason"], said.get("detail", ""), position,
        said.get("source", ""), record.key, record.value,
        int(said["truncated"]) if "truncated" in said else None,
    )  # fmt: skip


async def rejected_records(log: KafkaLog, layout: Layout, progress: Progress = no_progress) -> AsyncIterator[Rejected]:
    """All that are kept, each once: what a crash let be sent again has the same position."""
    seen: set[Position] = set()
    async for record in log.read(layout.name(REJECTED), committed_only=True, progress=progress):
        one = read_rejected(record, layout)
        if one.position not in seen:
            seen.add(one.position)
            yield one


async def rejected_at(log: KafkaLog, layout: Layout, partition: int, offset: int) -> Rejected | None:
    """The one that stands at a place of `rejected`."""
    if partition >= layout.partitions:
        return None
    record = await log.record(layout.name(REJECTED), partition, offset)
    return read_rejected(record, layout) if record is not None and record.headers else None


async def rejected_of(log: KafkaLog, layout: Layout, position: Position, at_ms: int) -> Rejected | None:
    """What became of the record at this position, which came to Kafka at this time. Stage 1 writes to the partition of
    the same number, stage 2 to any."""
    others = [number for number in range(layout.partitions) if number != position.partition]
    since = max(0, at_ms - AHEAD_MS)
    for partitions in filter(None, ([position.partition], others)):
        async with aclosing(log.read(layout.name(REJECTED), True, partitions, since)) as reading:
            async for record in reading:
                if (one := read_rejected(record, layout)).position == position:
                    return one
    return None


def as_data(one: Rejected) -> dict[str, Any]:
    """One rejected record for JSON: its bytes as text where they are text, else in base64; null where none are kept."""
    shown: dict[str, Any] = {
        "reason": one.reason,
        "sentence": REJECTIONS.get(one.reason, ""),
        "detail": one.detail,
        **one.position._asdict(),
        "at": one.at / 1000,
        "rejected": {"partition": one.partition, "offset": one.offset},
        "source": one.source,
    }
    if one.truncated is not None:
        shown["truncated"] = one.truncated
    return shown | _value(one.value)


def _value(value: bytes | None) -> dict[str, Any]:
    try:
        return {"text": value.decode() if value is not None else None}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value or b"").decode()}
