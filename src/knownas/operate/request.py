"""An operator's record: put into its topic, and what came of it.

What came of it is said by the ledger or by `rejected`: whoever waits listens to both from before the record is sent, so
nothing is missed, however fast the workers are. The wait is bounded; a record that is in Kafka is acted on all the
same, later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

import orjson

from knownas.adapters.kafka_lanes import KafkaLanes
from knownas.errors import WorldFault, WrongInput
from knownas.nouns import LEDGER, REJECTED, LedgerRow, Position, murmur2
from knownas.operate.ledger import read_row
from knownas.operate.world import World
from knownas.records.destination import destination
from knownas.records.intake import Flaw, take_in
from knownas.stages.ports import Message
from knownas.topics import Layout

ACK_SECONDS: Final = 10.0

Settles = Callable[[LedgerRow, Position], bool]
"""Whether a row of the ledger says that what the record at a position asked for is done."""


class Answer(NamedTuple):
    """What came of a record: it is `done` for a profile, `rejected` with a reason, or nothing is known yet (`sent`)."""

    position: Position
    state: Literal["done", "rejected", "sent"]
    profile: str | None = None
    reason: str | None = None
    detail: str | None = None


async def request(
    world: World, layout: Layout, record: dict[str, Any], now_ms: int, settles: Settles, wait_seconds: float
) -> Answer:
    """Send a record to where it belongs and wait, not for ever, for what comes of it."""
    topic, key, value = _checked(world, record, now_ms)
    lanes = KafkaLanes(world.kafka, ACK_SECONDS)
    target = (layout.name(topic), murmur2(key) % layout.partitions)
    try:
        async with world.log.tail([layout.name(LEDGER), layout.name(REJECTED)]) as arrived:
            await lanes.open()
            sent = (await lanes.send({target: [Message(key, value)]}))[target]
            if sent.trouble is not None:
                raise WorldFault(sent.trouble)
            position = Position(topic, target[1], sent.offsets[0])
            try:
                async with asyncio.timeout(wait_seconds):
                    while True:
                        for one in await arrived():
                            answer = _answer_in(one, layout, position, settles)
                            if answer is not None:
                                return answer
            except TimeoutError:
                return Answer(position, "sent")
    finally:
        await lanes.close()


def _checked(world: World, record: dict[str, Any], now_ms: int) -> tuple[str, bytes, bytes]:
    """Topic, key and value; what would be rejected as it stands is said, not sent."""
    intake = take_in(orjson.dumps(record), now_ms, world.settings.identity_rules())
    where = intake if isinstance(intake, Flaw) else destination(intake)
    if isinstance(where, Flaw):
        raise WrongInput(f"{where.reason}: {where.detail}")
    assert not isinstance(intake, Flaw)
    return *where, intake.raw


def _answer_in(record: Any, layout: Layout, position: Position, settles: Settles) -> Answer | None:
    if layout.short(record.topic) == LEDGER:
        row = read_row(record.value)
        return Answer(position, "done", row.profile) if settles(row, position) else None
    said = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    here = (layout.name(position.topic), str(position.partition), str(position.offset))
    if (said.get("topic"), said.get("partition"), said.get("offset")) != here:
        return None
    return Answer(position, "rejected", None, said["reason"], said.get("detail"))
