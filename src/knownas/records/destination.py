"""Where a record belongs: its topic and its key. Whoever puts records into Kafka asks here."""

from __future__ import annotations

from knownas.nouns import EVENTS, UPDATES
from knownas.records.intake import Flaw, Intake


def destination(intake: Intake) -> tuple[str, bytes] | Flaw:
    """The short name of the topic and the key; a flaw where the record names nobody at all."""
    record = intake.record
    if record.device is not None:
        return EVENTS, record.device.encode()
    if record.profile is not None:
        return UPDATES, record.profile.encode()
    if not intake.named.usable:
        return Flaw("no_identity", "no device, and no identity that can be used")
    identity = intake.named.usable[0]
    return UPDATES, f"{identity.kind}:{identity.value}".encode()
