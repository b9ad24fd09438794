"""The order of records that Kafka and the ledger recorded, for the model to be fed in.

Kafka orders the records of a partition. Between partitions only identities tell the order: the record that claimed
an identity, as the ledger says, came before every other record that was decided by that identity. Any order that
keeps both gives the same result; this one takes as much as it can from one partition, then from the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from knownas.errors import KnownasError
from knownas.nouns import EVENTS, LedgerRow, Position, murmur2
from knownas.plain.model import Step
from knownas.plain.reading import LogRecord, Logs, Setting, read
from knownas.plain.resolving import origin_of


class Contradiction(KnownasError):
    """The log and the ledger tell different stories. The message names the records that wait for each other."""


class _Waiting(NamedTuple):
    """A record, and the records that must come before it: the claimers of its identities."""

    position: Position
    claimers: list[Position]


def find_order(logs: Logs, rows: Iterable[LedgerRow], setting: Setting) -> list[Step]:
    """An order of all records that the logs and the ledger's `claimed` rows allow."""
    claimed = {
        row.identity: Position(*row.position) for row in rows if row.kind == "claimed" and row.identity is not None
    }
    left = {
        partition: [_waiting(partition, record, claimed, setting) for record in reversed(records)]
        for partition, records in sorted(logs.items())
    }
    order: list[Step] = []
    taken: set[Position] = set()
    progress = True
    while progress:
        progress = False
        for partition, waiting in left.items():
            while waiting and all(claimer in taken for claimer in waiting[-1].claimers):
                taken.add(waiting.pop().position)
                order.append(partition)
                progress = True
    stuck = [waiting[-1] for waiting in left.values() if waiting]
    if stuck:
        raise Contradiction("; ".join(_told(record, taken) for record in stuck))
    return order


def _waiting(
    partition: Step, record: LogRecord, claimed: dict[tuple[str, str], Position], setting: Setting
) -> _Waiting:
    here = Position(*partition, record.offset)
    keys = _identities_decided_by(partition, record, setting)
    return _Waiting(here, [claimed[key] for key in keys if key in claimed and claimed[key] != here])


def _identities_decided_by(partition: Step, record: LogRecord, setting: Setting) -> list[tuple[str, str]]:
    """The identities a record uses: none where it is rejected, moved home, a logout, or names its profile."""
    origin = origin_of(record, *partition, setting.names)
    at = record.at if origin is None else origin[1]
    reading = read(record.value, at, setting, record.beside(is_copy=origin is not None))
    if isinstance(reading, str) or reading.type == "logout" or reading.profile is not None:
        return []
    if reading.device is not None:
        home = murmur2(reading.device.encode()) % setting.partitions
        if partition != (EVENTS, home):
            return []
    return [(identity.kind, setting.names.identity(identity)) for identity, _ in reading.usable]


def _told(record: _Waiting, taken: set[Position]) -> str:
    waits_for = ", ".join(_name(claimer) for claimer in record.claimers if claimer not in taken)
    return f"{_name(record.position)} carries an identity that, says the ledger, {waits_for} claimed before"


def _name(position: Position) -> str:
    return f"{position.topic}/{position.partition}@{position.offset}"
