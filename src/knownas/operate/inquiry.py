"""What became of one record: whose it was counted as, what was decided with it, or why it is not counted.

The answer is put together from what the topics still hold, reading as little of them as can hold it: the record itself,
the ledger's partition of its own partition and of its profile's shard, the same two of `rejected`. Only where these do
not say whose it was (a record without a device that gained nothing) is `resolved` looked through, from the record's
time on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from knownas.adapters.kafka_log import Progress, no_progress
from knownas.adapters.reader import Reader
from knownas.errors import WrongInput
from knownas.identity.story import in_order
from knownas.nouns import (
    EVENTS,
    LEDGER,
    REJECTED,
    RESOLVED,
    UPDATES,
    LedgerRow,
    Names,
    Position,
    Source,
    Timestamp,
    murmur2,
    shard_of,
)
from knownas.operate.ledger import Naming, rows_about
from knownas.operate.world import World
from knownas.records import control
from knownas.records.intake import Intake, take_in
from knownas.records.origin import HEADER, Origin, unseal
from knownas.topics import Layout

State = Literal["counted", "rejected", "sent_home", "control", "waiting", "unknown"]
"""`control`: it came from stage 2, which asked stage 1 to set a device or an identity of `profile` free."""

CLOCKS_APART_MS: Final = 24 * 3600 * 1000
"""How far a producer's clock may be ahead of Kafka's for its record to be found in `resolved`."""


class Inquiry(NamedTuple):
    """What is known of a record.

    `held` says whether Kafka still has it. `home` is where it was sent to be decided, if it was found elsewhere;
    `speaker` is the binding of its device that it met; `rows` are the ledger's rows of its own.
    """

    position: Position
    state: State
    held: bool
    at: int | None
    ts: Timestamp | None
    type: str | None
    device: str | None
    profile: str | None
    reason: str | None
    detail: str | None
    home: Position | None
    speaker: LedgerRow | None
    rows: list[LedgerRow]


class _Typed(msgspec.Struct):
    type: str = ""


class _Resolved(msgspec.Struct):
    profile: str
    source: Source
    at: int
    ts: int | float


_read_type: Final = msgspec.json.Decoder(_Typed).decode
_read_resolved: Final = msgspec.json.Decoder(_Resolved).decode


async def inquire(
    world: World, layout: Layout, reader: Reader, position: Position, progress: Progress = no_progress
) -> Inquiry:
    """Find out what became of the record at a position of `events` or `updates`."""
    topic, partition, offset = position
    name = layout.name(topic)
    ((first, end),) = (await world.log.bounds([(name, partition)])).values()
    if offset >= end:
        raise WrongInput(f"{name}/{partition} holds no record {offset} yet; its next one will be {end}")
    record = await world.log.record(name, partition, offset)
    if record is None and offset >= first:
        raise WrongInput(f"{name}/{partition}/{offset} is no record, but a mark of a transaction")
    seeking = _Seeking(world, layout, position, record, progress)
    if seeking.asked is not None:
        rows = await seeking.own_rows([partition])
        return seeking.found("control", profile=seeking.asked.profile, reason=seeking.asked.reason, rows=rows)
    home = seeking.home()
    if home is not None:
        return seeking.found("sent_home", home=await seeking.copy_in(home))
    answer = await seeking.answer()
    if answer.state == "unknown" and offset >= (await reader.positions())[topic, partition]:
        return answer._replace(state="waiting")
    return answer


class _Seeking:
    """A record on the way to its answer."""

    def __init__(self, world: World, layout: Layout, position: Position, record: Any, progress: Progress) -> None:
        self.world, self.layout, self.position, self.record, self.progress = world, layout, position, record, progress
        self.at: int | None = None
        self.intake: Intake | None = None
        self.origin: Origin | None = None
        self.asked: control.Control | None = None
        if record is not None:
            self.origin = origin_of(world.names, record, position.topic, position.partition)
            self.asked = control.read(record.value, self.origin)
            self.at = self.origin.at if self.origin is not None else max(record.timestamp, 0)
            intake = take_in(record.value, self.at, world.settings.identity_rules())
            self.intake = intake if isinstance(intake, Intake) else None

    @property
    def device(self) -> str | None:
        return self.intake.record.device if self.intake is not None else None

    def found(self, state: State, **more: Any) -> Inquiry:
        """What is known so far, with more."""
        kind = self.intake.record.type if self.intake is not None else None
        if kind is None and self.record is not None:
            kind = _type_of(self.record.value)
        known: dict[str, Any] = {
            "position": self.position, "state": state, "held": self.record is not None, "at": self.at, "type": kind,
            "ts": self.intake.ts if self.intake is not None else None, "device": self.device, "rows": [],
        }  # fmt: skip
        unknown: dict[str, Any] = dict.fromkeys(("profile", "reason", "detail", "home", "speaker"))
        return Inquiry(**(unknown | known | more))

    def home(self) -> int | None:
        """The partition of `events` this record was sent to, if it does not belong where it is."""
        if self.device is None or self.origin is not None:
            return None
        home = murmur2(self.device.encode()) % self.layout.partitions
        return None if (self.position.topic, self.position.partition) == (EVENTS, home) else home

    async def copy_in(self, home: int) -> Position | None:
        """Where a record that was sent home stands there; copies keep their Kafka time."""
        since = self.at or 0
        async for record in self.world.log.read(
            self.layout.name(EVENTS), partitions=[home], since_ms=since, progress=self.progress
        ):
            origin = origin_of(self.world.names, record, EVENTS, home)
            if origin is not None and origin.position == self.position:
                return Position(EVENTS, home, record.offset)
        return None

    async def answer(self) -> Inquiry:
        own = await self.own_rows([self.position.partition])
        speaker = await self._speaker(own)
        rejection = await self._rejection(self.position.partition)
        profile = None if rejection else self._profile_by(own, speaker)
        ts: Timestamp | None = own[0].ts if own else None
        if profile is None and rejection is None and not own and (message := await self._message()) is not None:
            profile, ts = message.profile, message.ts
        if profile is not None:
            shard = shard_of(profile, self.layout.shards) % self.layout.partitions
            if shard != self.position.partition:
                own = [*own, *await self.own_rows([shard])]
                rejection = await self._rejection(shard)
        more: dict[str, Any] = {"profile": profile, "speaker": speaker, "rows": own}
        if self.intake is None:
            more |= {"ts": ts, "at": self.at or (own[0].at if own else None)}
        if rejection is not None:
            return self.found("rejected", **(more | {"reason": rejection[0], "detail": rejection[1]}))
        return self.found("counted" if profile is not None else "unknown", **more)

    async def _speaker(self, own: Sequence[LedgerRow]) -> LedgerRow | None:
        """The binding of the record's device that the record met."""
        devices = [self.world.names.device(self.device)] if self.device is not None else []
        devices += [row.device for row in own if row.device is not None]
        if not devices or self.position.topic != EVENTS:
            return None
        rows = in_order("device", await self._rows(Naming(devices[0]), [self.position.partition], 0))
        met = [row for row in rows if row.kind == "bound" and row.position < self.position]
        return met[-1] if met else None

    async def own_rows(self, partitions: Sequence[int]) -> list[LedgerRow]:
        """The rows that were decided by the record."""
        # A row has the Kafka time of the record that it came from.
        return await self._rows(lambda row: row.position == self.position, partitions, self.at or 0)

    async def _rows(
        self, wanted: Callable[[LedgerRow], bool], partitions: Sequence[int], since_ms: int
    ) -> list[LedgerRow]:
        ledger = self.layout.name(LEDGER)
        return await rows_about(self.world.log, ledger, wanted, partitions, since_ms, self.progress)

    async def _rejection(self, partition: int) -> tuple[str, str] | None:
        wanted = (self.layout.name(self.position.topic), str(self.position.partition), str(self.position.offset))
        rejected = self.layout.name(REJECTED)
        async for record in self.world.log.read(rejected, True, [partition], progress=self.progress):
            said = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
            if (said.get("topic"), said.get("partition"), said.get("offset")) == wanted:
                return said["reason"], said.get("detail", "")
        return None

    def _profile_by(self, own: Sequence[LedgerRow], speaker: LedgerRow | None) -> str | None:
        """Whose the record is, where its own rows or its device's binding say it."""
        if named := self.intake.record.profile if self.intake is not None else None:
            return named
        for row in own:
            if row.profile:
                return row.profile
        if speaker is None or not speaker.profile:
            return None
        if self.intake is None:
            return speaker.profile if own else None
        decided_by_device = not self.intake.named.usable or self.intake.record.type in ("login", "profile")
        return speaker.profile if decided_by_device else None

    async def _message(self) -> _Resolved | None:
        """The message that was made of the record, if any."""
        needle = b'"source":' + msgspec.json.encode(Source(*self.position, 0))
        since = max(0, (self.at or 0) - CLOCKS_APART_MS)
        async for record in self.world.log.read(self.layout.name(RESOLVED), since_ms=since, progress=self.progress):
            if needle in record.value:
                message = _read_resolved(record.value)
                if message.source == Source(*self.position, 0):
                    return message
        return None


def origin_of(names: Names, record: Any, topic: str, partition: int) -> Origin | None:
    """Where a record that was sent here was found first."""
    for name, sealed in record.headers:
        if name == HEADER and sealed is not None and record.value is not None:
            origin = unseal(names, sealed, partition, record.value, topic)
            if origin is not None:
                return origin
    return None


def parse_position(text: str, layout: Layout) -> Position:
    """A position as people write it: topic/partition/offset, the topic with or without its prefix."""
    parts = text.rsplit("/", 2)
    if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
        raise WrongInput(f"{text!r} is no position; write topic/partition/offset, like {layout.name(EVENTS)}/0/17")
    topic, partition = layout.short(parts[0]), int(parts[1])
    if topic not in (EVENTS, UPDATES):
        raise WrongInput(f"records come in {layout.name(EVENTS)} and {layout.name(UPDATES)}, not in {parts[0]}")
    if partition >= layout.partitions:
        raise WrongInput(f"{layout.name(topic)} has the partitions 0 to {layout.partitions - 1}, not {partition}")
    return Position(topic, partition, int(parts[2]))


def _type_of(value: bytes | None) -> str | None:
    try:
        return _read_type(value or b"").type or None
    except msgspec.DecodeError:
        return None
