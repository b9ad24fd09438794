"""What follows from a person's leaving, beside the profile itself: the shapes of it, and its numbers.

A message that makes a profile let go of something causes control records for stage 1 and messages for other shards.
Each names what caused it by the message's offset in its shard and a number of its own, so whoever gets it twice, or a
fold that is repeated after a crash, finds the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from knownas.nouns import RESOLVED, Identity, LedgerKind, LedgerRow, Position, Resolved, Source, Task
from knownas.records.control import Control, Detach, Reason, Release, origin_of
from knownas.records.origin import Origin

if TYPE_CHECKING:  # the fold makes use of these shapes
    from knownas.profile.fold import Arrived

SECOND_STAGE: Final = 1000
"""Ledger rows of stage 2 are numbered from here, apart from those stage 1 wrote for the same record."""


class Listed(NamedTuple):
    """A text in one of a profile's overflow lists."""

    profile: str
    what: str
    text: str


class Parting(NamedTuple):
    """What the store lets go of with a commit.

    `erased` are profiles whose timelines go; `departing` are overflow lists (profile, what) that become leaving lists;
    `swept` are texts that leave a leaving list, `dropped` those that leave an overflow list. `indexed` says whether
    the shard keeps its idle guests in order of their last record from here on; None: as before.
    """

    erased: Sequence[str] = ()
    departing: Sequence[tuple[str, str]] = ()
    swept: Sequence[Listed] = ()
    dropped: Sequence[Listed] = ()
    indexed: bool | None = None


class Consequences:
    """What one message causes elsewhere, numbered from 1 in the order in which it is said."""

    def __init__(self, cause: Arrived, shard: int, offset: int) -> None:
        self._cause, self._shard, self._offset = cause, shard, offset
        self._number = 0
        self.controls: list[tuple[Control, Origin]] = []
        self.told: list[Resolved] = []

    def number(self) -> int:
        """The next number."""
        self._number += 1
        return self._number

    def detach(self, device: str, profile: str, reason: Reason) -> None:
        """A device is to speak for nobody, if it still speaks for this profile."""
        self._control(Detach(device, profile, reason, self._cause.ts))

    def release(self, identity: Identity, profile: str, reason: Reason) -> None:
        """An identity is to be free, if it still belongs to this profile."""
        self._control(Release(identity, profile, reason, self._cause.ts))

    def _control(self, control: Control) -> None:
        self.controls.append((control, origin_of(self._shard, self._offset, self.number(), self._cause.at)))

    def tell(self, profile: str, task: Task, guest: str | None = None) -> None:
        """Ask something of a profile, in whatever shard it lives."""
        source = Source(RESOLVED, self._shard, self._offset, self.number())
        cause = self._cause
        self.told.append(Resolved(profile=profile, source=source, at=cause.at, ts=cause.ts, task=task, guest=guest))

    def turn_away(self) -> None:
        """A message came too late for a profile that is deleted: what it brought along must be let go again."""
        cause = self._cause
        if cause.record is not None and cause.record.device is not None:
            self.detach(cause.record.device, cause.profile, "deleted")
        for identity in cause.claims:
            self.release(identity, cause.profile, "deleted")
        if cause.record is not None and cause.guest is not None:
            self.tell(cause.guest, "remove")


def ledger_row(cause: Arrived, kind: LedgerKind, profile: str, reason: str) -> LedgerRow:
    """The row that says what became of a profile by this message."""
    source = cause.source
    position = Position(source.topic, source.partition, source.offset)
    return LedgerRow(
        kind=kind, position=position, index=SECOND_STAGE + source.index, ts=cause.ts, at=cause.at, profile=profile,
        reason=reason,
    )  # fmt: skip
