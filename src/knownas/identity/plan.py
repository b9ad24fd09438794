"""What goes into a decision and what comes out of it: the values of one chunk of one partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from knownas.identity.facts import Facts
from knownas.identity.repeats import Counted
from knownas.nouns import Identity, LedgerRow, Outcome, Owner, Rejection, Resolved
from knownas.records.control import Control
from knownas.records.intake import Flaw, Intake
from knownas.records.origin import Origin

Header = tuple[str, bytes | None]
"""As Kafka has them: a value may be null."""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One Kafka record with what was read from it. `device` is its device's hashed name and `home` the partition where
    that belongs, both None where it has none. `mark` stands for the producer's own id, where there is one."""

    offset: int
    at: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    intake: Intake | Control | Flaw
    device: str | None
    home: int | None
    origin: Origin | None
    mark: bytes | None = None


class Known(NamedTuple):
    """What the store holds on the devices, identities and marks of a chunk, and what was decided for it before a crash.
    `time` is the partition's, in milliseconds, before the chunk."""

    facts: Mapping[str, Facts]
    owners: Mapping[Identity, Owner | None]
    outcomes: Mapping[int, Outcome]
    origins: Mapping[str, int]
    marks: Mapping[bytes, Sequence[Counted]] = {}
    time: int = 0


class Look(NamedTuple):
    """An owner row that a decision rests on, and the row to write in its place, if any."""

    identity: Identity
    found: Owner | None
    new: Owner | None


class Moved(NamedTuple):
    """A record to be sent to its home partition of `events`."""

    partition: int
    key: bytes
    value: bytes
    headers: list[Header]
    at: int


class Sent(msgspec.Struct, frozen=True, gc=False):
    """A resolved message and the headers that go with it."""

    message: Resolved
    headers: Sequence[Header]


class Plan(NamedTuple):
    """Everything that follows from a chunk, by the order in which it takes effect: `looks`, facts, outcomes and marks
    in one piece; then ledger rows; then the rest. `looks` are in the order of decision, those of a replayed record left
    out. `owners` are the owners as they are afterwards, `time` the partition's after the chunk; `repeats` counts
    records that came from elsewhere a second time.
    """

    looks: list[Look]
    facts: dict[str, Facts]
    outcomes: dict[int, Outcome]
    rows: list[LedgerRow]
    resolved: list[Sent]
    rejections: list[Rejection]
    moved: list[Moved]
    origins: dict[str, int]
    owners: Mapping[Identity, Owner | None]
    repeats: int
    marks: Mapping[bytes, Counted] = {}
    time: int = 0

    @property
    def takes(self) -> bool:
        """Whether an owner row is to be written."""
        return any(look.new is not None for look in self.looks)
