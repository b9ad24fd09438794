"""Repeats of a producer's record: the optional `id`, known for seven days of the partition's time.

A record with an `id` that was counted before under the same key is a repeat. Both stand in one partition, so "before"
is a lower offset there: a record found again after a crash meets its own mark and is no repeat of itself. Days are
counted in the partition's time, which is the greatest Kafka time so far: no clock is asked, and records that come out
of order make nothing forgotten that was known.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from knownas.nouns import Names

WINDOW_DAYS: Final = 7
DAY_SECONDS: Final = 24 * 3600
MARK_BYTES: Final = 12


class Counted(NamedTuple):
    """Where a record with an id was counted: its offset, and the partition's time then, in whole seconds."""

    offset: int
    seconds: int

    @property
    def day(self) -> int:
        """The day of the partition's time, counted since 1970."""
        return self.seconds // DAY_SECONDS


def mark(names: Names, key: bytes, record_id: str) -> bytes:
    """What stands for a producer's id under a key."""
    return bytes.fromhex(names.digest("id", key.decode("latin-1"), record_id)[: 2 * MARK_BYTES])


def is_before(counted: Counted, offset: int, seconds: int) -> bool:
    """Whether a record at this offset and time repeats the one that was counted."""
    return counted.offset < offset and seconds - counted.seconds < WINDOW_DAYS * DAY_SECONDS


def oldest_day(time_ms: int) -> int:
    """The first day whose marks may still be asked for when the partition's time is this, in milliseconds."""
    return time_ms // 1000 // DAY_SECONDS - WINDOW_DAYS
