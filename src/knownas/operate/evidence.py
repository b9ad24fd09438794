"""What the topics say of records whose partitions have not moved past them: what was sent, and what was decided.

It is gathered while the topics are read for other reasons, and only of records from the positions on at which stage 1
will go on: those before them come no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from knownas.identity.restoring import Sent
from knownas.nouns import RESOLVED, Definition, LedgerRow, Position, Source
from knownas.stages.ports import Partition
from knownas.topics import Layout

SECOND_STAGES: Final = frozenset({"unknown_profile", "deleted", "not_identified", "not_held"})
"""Reasons for which stage 2 rejects records: stage 1 has counted them."""


class _Message(msgspec.Struct, frozen=True, gc=False):
    source: Source
    profile: str
    generations: tuple[int, ...] = ()
    segments: list[Definition] = []


_read: Final = msgspec.json.Decoder(_Message).decode


class Evidence:
    """What was sent of records at or after these positions, by short topic name and partition."""

    def __init__(self, positions: Mapping[Partition, int]) -> None:
        self.positions = positions
        self.sent: dict[Position, Sent] = {}
        self.rows: dict[Position, list[LedgerRow]] = defaultdict(list)
        self.uncounted: set[Position] = set()
        """All records that stage 1 has rejected."""
        self.definitions: dict[str, Definition] = {}
        """The newest of each live segment that a shard was told."""
        self.latest = 0
        """The highest version of a definition that a shard has seen."""

    def row(self, row: LedgerRow) -> None:
        """A ledger row; the same may come twice."""
        position = Position(*row.position)
        if self._comes_again(position) and row not in self.rows[position]:
            self.rows[position].append(row)

    def message(self, value: bytes) -> None:
        """A message of the `resolved` topic."""
        said = _read(value)
        self.define(said.segments)
        position = Position(*said.source[:3])
        if not said.source.index and position.topic != RESOLVED and self._comes_again(position):
            self.sent[position] = Sent(said.profile, said.generations)

    def define(self, definitions: Sequence[Definition]) -> None:
        """Definitions that a shard was told."""
        for definition in definitions:
            self.latest = max(self.latest, definition.version)
            known = self.definitions.get(definition.name)
            if known is None or known.version < definition.version:
                self.definitions[definition.name] = definition

    def rejection(self, record: Any, layout: Layout) -> None:
        """A record of the `rejected` topic."""
        said = {name: (value or b"").decode() for name, value in record.headers}
        if said["reason"] in SECOND_STAGES:
            return
        position = Position(layout.short(said["topic"]), int(said["partition"]), int(said["offset"]))
        self.uncounted.add(position)
        if self._comes_again(position):
            generations = said.get("generations", "")
            found = tuple(map(int, generations.split(","))) if generations else ()
            self.sent.setdefault(position, Sent("", found, said["reason"]))

    def _comes_again(self, position: Position) -> bool:
        first = self.positions.get((position.topic, position.partition))
        return first is not None and position.offset >= first
