"""Reading the ledger back from its topic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from knownas.adapters.kafka_log import KafkaLog
from knownas.nouns import LedgerRow

read_row: Final = msgspec.json.Decoder(LedgerRow).decode


async def rows_about(log: KafkaLog, topic: str, wanted: Callable[[LedgerRow], bool]) -> list[LedgerRow]:
    """The rows that are wanted, each once, in the order of their records' Kafka time."""
    found: dict[tuple[object, int], LedgerRow] = {}
    async for record in log.read(topic, committed_only=True):
        row = read_row(record.value)
        if wanted(row):
            found[row.position, row.index] = row
    return sorted(found.values(), key=lambda row: (row.at, row.position, row.index))
