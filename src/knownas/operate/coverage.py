"""Whether snapshots and the records that Kafka keeps overlap, so that a rebuild finds everything."""

from __future__ import annotations

from typing import Final

CYCLES: Final = 2.0
"""So many times the cycle of snapshots must be kept of `resolved`: a walk may be behind, a rebuild takes its time."""
DAY_MS: Final = 86_400_000


def snapshot_gap(snapshot_days: float, retention_ms: int) -> str | None:
    """What a rebuild would lack with this cycle of snapshots (KNOWNAS_SNAPSHOT_DAYS) and this `retention.ms` of
    `resolved`; None where it lacks nothing. Kept for ever (-1), no snapshot is needed."""
    if retention_ms < 0:
        return None
    if snapshot_days == 0:
        return "no snapshots are written (KNOWNAS_SNAPSHOT_DAYS=0): a rebuild lacks all that resolved no longer holds"
    if retention_ms < CYCLES * snapshot_days * DAY_MS:
        return (
            f"resolved keeps {retention_ms / DAY_MS:g} days and each profile comes to the snapshots once in "
            f"{snapshot_days:g}: a rebuild may lack what came in between. Keep at least "
            f"{CYCLES * snapshot_days:g} days, or lower KNOWNAS_SNAPSHOT_DAYS"
        )
    return None
