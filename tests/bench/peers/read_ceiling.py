"""The ceiling: aiokafka and orjson read and parse what comes in, and do nothing with it."""

from __future__ import annotations

import asyncio

import orjson
from aiokafka import AIOKafkaConsumer

from tests.bench.peers import outside


async def main() -> None:
    """Read for ever."""
    progress = outside.Progress()
    consumer = AIOKafkaConsumer(
        outside.EVENTS, outside.UPDATES, bootstrap_servers=outside.KAFKA, group_id=outside.NAMESPACE,
        auto_offset_reset="earliest",
    )  # fmt: skip
    await consumer.start()
    while True:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                parse(record.value)
            progress.done += len(records)


def parse(value: bytes) -> None:
    """Parse one record; what cannot be parsed is read all the same."""
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return


if __name__ == "__main__":
    asyncio.run(main())
