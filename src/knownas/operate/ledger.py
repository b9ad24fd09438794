"""Reading the ledger back from its topic.

A row is in the ledger's partition of the number of the partition where it was decided: of `events` or `updates` for
what stage 1 decides, of the shard for what stage 2 refuses and does. So all rows of a device are in one partition, its
home's. Rows about an identity or a profile may be in any; a profile's are looked for from `EARLIER_MS` before its first
record on. One CPU reads about 350,000 rows a second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import msgspec

from knownas.adapters.kafka_log import KafkaLog, Progress, no_progress
from knownas.nouns import LedgerRow, Profile

read_row: Final = msgspec.json.Decoder(LedgerRow).decode

EARLIER_MS: Final = 8 * 24 * 3600 * 1000
"""A record's `ts` is at most a day ahead of its Kafka time, and Kafka keeps records for a week by that time: what is
decided about a profile comes from records that are hardly older than this before its first."""


def since_of(profile: Profile | None) -> int:
    """From which Kafka time on there may be rows about a profile; all of it where nothing is known."""
    if profile is None or profile.gone:
        return 0
    return max(0, int(profile.first_seen * 1000) - EARLIER_MS)


class Naming:
    """Wants the rows that name any of some ids: hashed devices and identities, and profiles. Of a device that is bound
    to one of them also its next binding, by which it leaves."""

    def __init__(self, *ids: str) -> None:
        self._ids = frozenset(ids)
        self._bound: set[str] = set()

    def __call__(self, row: LedgerRow) -> bool:
        """Whether a row is wanted, asked in the order of the rows."""
        device = row.device
        if row.kind == "bound" and device is not None and device not in self._ids:
            if row.profile in self._ids:
                self._bound.add(device)
            elif device in self._bound:
                self._bound.discard(device)
                return True
        digest = row.identity[1] if row.identity is not None else None
        return not self._ids.isdisjoint((row.profile, row.from_, device, digest))


async def rows_about(
    log: KafkaLog,
    topic: str,
    wanted: Callable[[LedgerRow], bool],
    partitions: Collection[int] | None = None,
    since_ms: int = 0,
    progress: Progress = no_progress,
) -> list[LedgerRow]:
    """The rows that are wanted, each once, in the order of their records' Kafka time; of all partitions or of some,
    and from some Kafka time on."""
    found: dict[tuple[object, int], LedgerRow] = {}
    async for record in log.read(topic, True, partitions, since_ms, progress):
        row = read_row(record.value)
        if wanted(row):
            found[row.position, row.index] = row
    return sorted(found.values(), key=lambda row: (row.at, row.position, row.index))
