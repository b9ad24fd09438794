"""The chunk while it is being decided: the view of facts and owners moves on with every record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from knownas.identity.facts import Facts, with_fact
from knownas.identity.plan import Arrival, Known, Look, Moved, Plan, Sent
from knownas.identity.repeats import Counted, is_before
from knownas.nouns import Fact, Identity, LedgerRow, Names, Outcome, Owner, Position, Rejection
from knownas.records.intake import Intake
from knownas.records.origin import HEADER, Origin, seal

NOBODYS_DATA: Final = ("suppressed",)
"""Reasons whose rejections hold nothing of the record: not its key, not its bytes, no detail."""


class Desk:
    """What is known of a partition at the record at hand, and what was decided so far."""

    def __init__(self, topic: str, partition: int, known: Known, names: Names) -> None:
        self.topic, self.partition, self.known, self.names = topic, partition, known, names
        self.facts: dict[str, Facts] = {}
        self.owners: dict[Identity, Owner | None] = dict(known.owners)
        self.looks: list[Look] = []
        self.outcomes: dict[int, Outcome] = {}
        self.rows: list[LedgerRow] = []
        self.resolved: list[Sent] = []
        self.rejections: list[Rejection] = []
        self.moved: list[Moved] = []
        self.origins: dict[str, int] = dict(known.origins)
        self.repeats = 0
        self.marks: dict[bytes, Counted] = {}
        self.time = known.time

    def plan(self) -> Plan:
        """Everything that was decided."""
        return Plan(
            self.looks,
            self.facts,
            self.outcomes,
            self.rows,
            self.resolved,
            self.rejections,
            self.moved,
            self.origins,
            self.owners,
            self.repeats,
            self.marks,
            self.time,
        )

    def came_before(self, origin: Origin) -> bool:
        """Whether a record from elsewhere has been here already; if not, it has now."""
        origin_partition = f"{origin.position.topic}/{origin.position.partition}"
        if origin.position.offset <= self.origins.get(origin_partition, -1):
            self.repeats += 1
            return True
        self.origins[origin_partition] = origin.position.offset
        return False

    def facts_of(self, device: str) -> Facts:
        """A device's facts as they are by now."""
        facts = self.facts.get(device)
        return self.known.facts[device] if facts is None else facts

    def add_fact(self, device: str, facts: Facts, fact: Fact) -> None:
        """From just after this record on, the device speaks for somebody else."""
        self.facts[device] = with_fact(facts, fact)

    def look(self, usable: tuple[Identity, ...], new: Mapping[Identity, Owner]) -> None:
        """Note on which owner rows a decision rests, and write the new ones."""
        for identity in usable:
            written = new.get(identity)
            self.looks.append(Look(identity, self.owners[identity], written))
            if written is not None:
                self.owners[identity] = written

    def is_repeat(self, mark: bytes, offset: int) -> bool:
        """Whether a record with this mark was counted at a lower offset within the window."""
        seconds = self.time // 1000
        here = self.marks.get(mark)
        if here is not None and is_before(here, offset, seconds):
            return True
        return any(is_before(counted, offset, seconds) for counted in self.known.marks.get(mark, ()))

    def count(self, mark: bytes, offset: int) -> None:
        """Remember that the record with this mark is counted."""
        self.marks[mark] = Counted(offset, self.time // 1000)

    def reject(
        self,
        arrival: Arrival,
        reason: str,
        detail: str,
        generations: tuple[int, ...] = (),
        *,
        keeps_bytes: bool = True,
    ) -> None:
        """Let a record go to where rejected ones are kept."""
        kept = keeps_bytes and reason not in NOBODYS_DATA
        key, value = (arrival.key, arrival.value) if kept else (None, None)
        position = Position(self.topic, self.partition, arrival.offset)
        self.rejections.append(
            Rejection(position=position, reason=reason, detail=detail, key=key, value=value, generations=generations)
        )

    def send_home(self, arrival: Arrival, intake: Intake, home: int) -> None:
        """Send a record to where its device belongs."""
        device = intake.record.device
        assert device is not None
        assert arrival.value is not None
        origin = Origin(Position(self.topic, self.partition, arrival.offset), arrival.at)
        headers = [*arrival.headers, (HEADER, seal(self.names, origin, home, arrival.value))]
        self.moved.append(Moved(home, device.encode(), arrival.value, headers, arrival.at))
