"""The order of records that Kafka, the ledger and what was sent recorded, for the model to be fed in.

Kafka orders the records of a partition. Between partitions only identities tell the order. Each generation of an
identity begins with a release (the first with nothing), is claimed once and ends with a release: a record that found it
free stands before the claim, one that found it owned after the claim, and all of them before the release. The first
deletion that suppresses an identity stands after every record that was decided by that identity, and before at least
one of the identities of a record that was turned away for it. Any order that keeps all this gives the same result; this
one takes as much as it can from one partition, then from the next.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from knownas.errors import KnownasError
from knownas.nouns import EVENTS, RESOLVED, Identity, LedgerRow, Position, Source, murmur2
from knownas.plain.model import Step
from knownas.plain.reading import ABOUT_A_PROFILE, LogRecord, Logs, Reading, Setting, read
from knownas.plain.resolving import origin_of

Key = tuple[str, str]
"""An identity as the ledger names it."""


class Said(NamedTuple):
    """What was sent of a record: the reason if stage 1 rejected it, and in which generations its identities were."""

    reason: str = ""
    generations: tuple[int, ...] = ()


class _Sent(msgspec.Struct):
    source: Source
    generations: tuple[int, ...] = ()


_read_sent = msgspec.json.Decoder(_Sent).decode


def what_was_said(resolved: Iterable[bytes], rejected: Mapping[Position, Said]) -> dict[Position, Said]:
    """What messages of the `resolved` topic and rejections say of their records; what stage 2 rejects was resolved."""
    told = (one for one in map(_read_sent, resolved) if not one.source.index)
    return {**rejected, **{Position(*one.source[:3]): Said("", one.generations) for one in told}}


def said_in(headers: Iterable[tuple[str, bytes | None]]) -> Said:
    """What the headers of a rejected record say of it."""
    said = {name: (value or b"").decode() for name, value in headers}
    generations = said.get("generations", "")
    return Said(said["reason"], tuple(map(int, generations.split(","))) if generations else ())


class Contradiction(KnownasError):
    """The log and the ledger tell different stories. The message names the records that wait for each other."""


class _Waiting(NamedTuple):
    """Records that must come before one, and those of which one must."""

    all_of: set[Position]
    one_of: set[Position]

    def may_go(self, taken: set[Position]) -> bool:
        return self.all_of <= taken and (not self.one_of or bool(self.one_of & taken))


def find_order(
    logs: Logs, rows: Iterable[LedgerRow], setting: Setting, said: Mapping[Position, Said] | None = None
) -> list[Step]:
    """An order of all records that the logs, the ledger and what was sent allow."""
    waiting = _Constraints(logs, rows, setting, said or {}).waiting
    left = {
        partition: [Position(*partition, record.offset) for record in reversed(records)]
        for partition, records in sorted(logs.items())
    }
    order: list[Step] = []
    taken: set[Position] = set()
    progress = True
    while progress:
        progress = False
        for partition, positions in left.items():
            while positions and waiting[positions[-1]].may_go(taken):
                taken.add(positions.pop())
                order.append(partition)
                progress = True
    stuck = [positions[-1] for positions in left.values() if positions]
    if stuck:
        raise Contradiction("; ".join(_told(position, waiting[position], taken) for position in stuck))
    return order


class _Constraints:
    """Which record waits for which."""

    def __init__(self, logs: Logs, rows: Iterable[LedgerRow], setting: Setting, said: Mapping[Position, Said]) -> None:
        self.setting, self.said = setting, said
        self.waiting: dict[Position, _Waiting] = defaultdict(lambda: _Waiting(set(), set()))
        self.claims: dict[Key, dict[int, Position]] = defaultdict(dict)
        self.releases: dict[Key, dict[int, Position]] = defaultdict(dict)
        self.suppressions: dict[Key, set[Position]] = defaultdict(set)
        self.claimed_for: dict[tuple[Key, str], list[int]] = defaultdict(list)
        self.copied: set[Position] = set()
        for row in rows:
            if row.identity is not None:
                self._note(row, row.identity, Position(*row.position))
        for key, releases in self.releases.items():
            for generation, release in releases.items():
                self._second(release, self.claims[key].get(generation))
        for partition, records in logs.items():
            for record in records:
                self._place(partition, record)

    def _note(self, row: LedgerRow, key: Key, here: Position) -> None:
        generation = row.generation or 0
        if row.kind == "claimed":
            self.claims[key][generation] = here
            self.claimed_for[key, row.profile].append(generation)
        elif row.kind == "released":
            self.releases[key][generation] = here
        elif row.kind == "suppressed":
            self.suppressions[key].add(here)

    def _second(self, later: Position | None, earlier: Position | None) -> None:
        if later is not None and earlier is not None and later != earlier:
            self.waiting[later].all_of.add(earlier)

    def _place(self, partition: Step, record: LogRecord) -> None:
        here = Position(*partition, record.offset)
        origin = origin_of(record, *partition, self.setting.names)
        if origin is not None:
            if origin[0] in self.copied:
                return
            self.copied.add(origin[0])
        if origin is not None and origin[0].topic == RESOLVED:
            self._place_release(here, json.loads(record.value or b""))
            return
        at = record.at if origin is None else origin[1]
        reading = read(record.value, at, self.setting, record.beside(is_copy=origin is not None))
        if isinstance(reading, str):
            return
        if reading.device is not None:
            home = murmur2(reading.device.encode()) % self.setting.partitions
            if partition != (EVENTS, home):
                return
        keys = [(identity.kind, self.setting.names.identity(identity)) for identity, _ in reading.usable]
        self._place_record(here, reading, keys, self.said.get(here, Said()))

    def _place_record(self, here: Position, reading: Reading, keys: list[Key], said: Said) -> None:
        about_a_profile = reading.type in ABOUT_A_PROFILE
        if said.reason == "suppressed":
            self.waiting[here].one_of.update(*(self.suppressions[key] for key in keys))
        elif not about_a_profile:
            for key in keys:
                for suppression in self.suppressions[key]:
                    self._second(suppression, here)
        asks = reading.type != "logout" and reading.profile is None
        if asks and said.reason in ("", "nobody_owns", "different_owners"):
            for key, generation in zip(keys, said.generations or [0] * len(keys), strict=True):
                self._place_use(here, key, generation)

    def _place_use(self, here: Position, key: Key, seen: int) -> None:
        """It found this identity in this generation; -1 - g says that it found it free and left it so."""
        claims, releases = self.claims[key], self.releases[key]
        if seen < 0:
            generation = -1 - seen
            self._second(claims.get(generation), here)
            self._second(releases.get(generation), here)
        else:
            generation = seen
            self._second(here, claims.get(generation))
            self._second(releases.get(generation), here)
        self._second(here, releases.get(generation - 1))

    def _place_release(self, here: Position, asked: dict[str, str]) -> None:
        """A release that changed nothing found the identity in other hands: no claim for that profile stood then."""
        for kind, text in _identities(asked):
            key = kind, self.setting.names.identity(Identity(kind, text))
            releases = self.releases[key]
            if here in releases.values():
                continue
            for generation in self.claimed_for[key, asked["profile"]]:
                release = releases.get(generation)
                if release is None or (release[:2] == here[:2] and release.offset > here.offset):
                    self._second(self.claims[key][generation], here)


def _identities(asked: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    identities = asked.get("identities")
    return iter(identities.items()) if isinstance(identities, dict) else iter(())


def _told(position: Position, waiting: _Waiting, taken: set[Position]) -> str:
    """What a stuck record waits for."""
    missing = sorted(waiting.all_of - taken)
    names = ", ".join(map(_name, missing or sorted(waiting.one_of)))
    return f"{_name(position)} carries an identity that, says the ledger, {names} decided on before"


def _name(position: Position) -> str:
    return f"{position.topic}/{position.partition}@{position.offset}"
