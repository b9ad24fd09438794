"""What the stages need from outside, as they see it: small protocols, and the values that cross them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from knownas.find.segments import Registry
from knownas.find.terms import Directory
from knownas.identity.plan import Known, Plan
from knownas.nouns import Definition, Entry, Identity, Owner, Profile
from knownas.profile.fold import Folded
from knownas.profile.parting import Listed
from knownas.stages.figures import Figures
from knownas.stages.hold import Hold, ShardHold, SourceHold

Partition = tuple[str, int]
"""A topic's name and a partition's number."""


class Chunk(Protocol):
    """Consecutive Kafka records of one partition, and the hold under which they were fetched."""

    @property
    def hold(self) -> Any:
        """A `SourceHold` or a `ShardHold`."""

    @property
    def records(self) -> Sequence[Any]:
        """Records as aiokafka gives them: `offset`, `timestamp` in ms, `key`, `value`, `headers`."""

    @property
    def next_offset(self) -> int:
        """The offset after the last record."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message for a partition; `at` is its Kafka timestamp in milliseconds, None for now."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    at: int | None = None


class Outgoing(NamedTuple):
    """A message in the outbox: topic by its short name, partition, key, value, headers, Kafka timestamp."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    at: int | None


Element = list[Outgoing]
"""What one commit adds to the outbox."""

Batches = Mapping[Partition, Iterable[Message]]
"""Messages in order, by topic and partition."""


class Wanted(NamedTuple):
    """What a chunk of a source partition needs to be decided: devices by hashed name, identities, producers' ids."""

    hold: SourceHold
    devices: Collection[str]
    identities: Collection[Identity]
    marks: Collection[bytes] = ()


class Committed(NamedTuple):
    """What became of the chunks of a poll: whether each hold is still its partition's, and whether the chunks of those
    that are were written. Where owner rows are to be written it is all chunks or none."""

    held: list[bool]
    written: bool


class Shares(NamedTuple):
    """What a chunk of a shard needs to be folded: profiles by id."""

    hold: ShardHold
    profiles: Collection[str]


class SourceStore(Protocol):
    """Stage 1's side of the store. Every load and commit names token and position; None or False means refused."""

    async def positions(self, partitions: Sequence[Partition]) -> list[int | None]:
        """The stored positions, by short topic name."""

    async def take(self, first: Mapping[Partition, int]) -> dict[Partition, SourceHold]:
        """Write a fresh token to each partition and read it; one without a position starts at the one given."""

    async def held(self, holds: Sequence[SourceHold]) -> list[bool]:
        """Whether each hold's token and position are what the store has."""

    async def load(self, wanted: Sequence[Wanted]) -> list[Known | None]:
        """The facts and marks of each chunk and the owners of the whole poll, in one round trip."""

    async def owners(self, identities: Collection[Identity]) -> dict[Identity, Owner | None]:
        """The owner rows of identities as they are now."""

    async def commit(self, chunks: Sequence[tuple[SourceHold, Plan, int]]) -> Committed:
        """Facts, outcomes, marks and the position each chunk starts at, with origins, time and figures as of there.

        If any chunk takes or frees an identity: only if every owner row that the poll's decisions rest on is what they
        found, and every hold holds; then the owner rows with all the rest, in one piece.
        """

    async def advance(self, holds: Sequence[SourceHold]) -> list[bool]:
        """Move positions to what is done, with nothing else to write."""


class ShardStore(Protocol):
    """Stage 2's side of the store."""

    async def positions(self, partitions: Sequence[Partition]) -> list[int | None]:
        """The stored positions, by short topic name."""

    async def take(self, first: Mapping[Partition, int]) -> dict[Partition, tuple[ShardHold, list[Element]]]:
        """Write a fresh token to each shard, then read it and what is still to be published."""

    async def held(self, holds: Sequence[ShardHold]) -> list[bool]:
        """Whether each hold's token and position are what the store has."""

    async def load(self, shares: Sequence[Shares]) -> list[dict[str, Profile] | None]:
        """The profiles that exist, of all chunks of a poll, in one round trip."""

    async def directories(self, holds: Sequence[ShardHold]) -> list[Directory | None]:
        """The directories of the shards' indexes; None where the hold is refused."""

    async def some(self, hold: ShardHold, cursor: int) -> tuple[list[Profile], int]:
        """Some of a shard's profiles, from a cursor on (at first 0), and where to go on (0: those were the last). One
        may come twice."""

    async def registries(self, holds: Sequence[ShardHold]) -> list[Registry | None]:
        """The live segments of the shards; None where the hold is refused."""

    async def figures(self, holds: Sequence[ShardHold]) -> list[Figures | None]:
        """The figures of the shards; None where the hold is refused."""

    async def due(self, hold: ShardHold, until_ms: int, most: int) -> dict[str, int]:
        """Profiles whose time has come for segments, with that time in milliseconds, the earliest first."""

    async def numbered(self, hold: ShardHold, first: int, most: int) -> list[str]:
        """The profiles that have these numbers; empty where nobody has."""

    async def timelines(self, hold: ShardHold, profiles: Sequence[str]) -> list[list[Entry]]:
        """What is kept of timelines."""

    async def listed(self, asked: Sequence[tuple[ShardHold, Listed]]) -> set[Listed]:
        """Which of these are in overflow lists."""

    async def leaving(self, hold: ShardHold, profile: str) -> dict[str, list[str]]:
        """The first `STEP` items of each list that a profile is still to let go of, in order of place and text."""

    async def index(self, hold: ShardHold) -> bool:
        """Put a shard's idle guests in order, for a commit that says so to follow; False where refused."""

    async def idle(self, hold: ShardHold, before: float) -> list[str]:
        """The guests whose last record came before then, the longest idle first, at most `IDLE_STEP`."""

    async def commit(self, chunks: Sequence[tuple[ShardHold, Folded, int, Element]]) -> list[bool]:
        """Everything of each chunk with the position after it and the hold's figures, and what the outbox gets."""

    async def trim(self, holds: Sequence[tuple[ShardHold, Element]]) -> list[bool]:
        """Let go of published outbox elements and add one, if it says anything, with nothing else to write."""

    async def has_token(self, hold: ShardHold) -> bool:
        """Whether the shard is still this hold's, wherever its position stands."""


class Definitions(Protocol):
    """The definitions of live segments, as they are put and removed."""

    async def newer(self, than: int) -> list[Definition]:
        """Those with a higher version, the lowest first, as many as fit in a message; asked often."""


class Outlet(Protocol):
    """A producer. With a transactional id every `send` is one transaction, and the newest outlet of an id fences all
    earlier ones (`errors.Refused`)."""

    @property
    def is_open(self) -> bool:
        """Whether there is a producer; after a failure there is none until the next `open` or `send`."""

    async def open(self) -> None:
        """Connect; a transactional outlet fences its predecessors here."""

    async def send(self, batches: Batches) -> None:
        """Send everything, wait for every acknowledgement; nothing overtakes what failed."""

    async def close(self) -> None:
        """Close the connection."""


class Log(Protocol):
    """What Kafka knows of offsets and groups."""

    async def committed(self, group: str, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The group's committed offsets; partitions without one are left out."""

    async def bounds(self, partitions: Collection[Partition]) -> dict[Partition, tuple[int, int]]:
        """The first offset still held and the one after the last, of each partition."""


Laps = Callable[[str], None]
"""Told of a step of a poll when it is done."""


class Meter(Protocol):
    """Counts what happens; every call is cheap and made once per chunk or poll, not per record."""

    def count(self, what: str, amount: int = 1, *labels: str) -> None:
        """Add to a counter; which there are, and their labels, stands in `operate.metrics`."""

    def observe(self, what: str, value: float, *labels: str) -> None:
        """Add a value to a histogram."""

    def age(self, what: str, at_ms: int, *labels: str) -> None:
        """Add to a histogram how long ago something was."""

    def laps(self, stage: str) -> Laps:
        """A stop-watch for the steps of a poll: each call notes the time since the one before as that of a step; the
        step `poll` is all of it."""


Headers = Sequence[tuple[str, bytes | None]]
"""Headers of a Kafka record."""


class Tracer(Protocol):
    """Follows records that carry a trace through the stages. There is none unless traces are asked for."""

    def begin(self) -> None:
        """A poll of stage 1 is about to be sent, or is so again."""

    def forward(self, headers: Headers) -> Headers:
        """The headers with which a record goes on."""

    def sent(self) -> None:
        """What was forwarded is acknowledged."""

    def folding(self, shard: int, records: Iterable[Any]) -> Folding:
        """Stage 2 begins to fold a chunk of `resolved`."""


class Folding(Protocol):
    """A chunk on its way through stage 2."""

    @property
    def onwards(self) -> Mapping[int, Headers]:
        """The headers with which what a record made goes on, by its offset, for those that carry a trace."""

    def done(self) -> None:
        """The chunk is committed."""


class NoMeter:
    """The meter of whoever does not count."""

    def count(self, what: str, amount: int = 1, *labels: str) -> None:
        """Do not count."""

    def observe(self, what: str, value: float, *labels: str) -> None:
        """Do not look."""

    def age(self, what: str, at_ms: int, *labels: str) -> None:
        """Do not look."""

    def laps(self, stage: str) -> Laps:  # noqa: ARG002
        """Take no time."""
        return lambda _: None


Gap = Callable[[str], Awaitable[None]]
"""Awaited between any two effects, with the name of the step just done: where tests stop, kill and cut."""

Refusal = Callable[[Sequence[Hold]], Coroutine[Any, Any, None]]
"""Told of holds that the store refused: they are given up, and taken again where still assigned."""


async def no_gap(_: str) -> None:
    """The gap of every day: nothing happens in it."""
