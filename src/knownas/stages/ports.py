"""What the stages need from outside, as they see it: small protocols, and the values that cross them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from knownas.identity.decide import Claim, Known, Plan
from knownas.nouns import Identity, Owner, Profile
from knownas.profile.fold import Folded
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


class Message(NamedTuple):
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
    """What a chunk of a source partition needs to be decided: devices by hashed name, identities."""

    hold: SourceHold
    devices: Collection[str]
    identities: Collection[Identity]


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
        """The facts of each chunk and the owners of the whole poll, in one round trip."""

    async def owners(self, identities: Collection[Identity]) -> dict[Identity, Owner | None]:
        """The owner rows of identities as they are now."""

    async def claim(self, claims: Sequence[Claim]) -> int:
        """Write the claims of a poll in order, up to the first that does not hold; how many records' were written."""

    async def commit(self, chunks: Sequence[tuple[SourceHold, Plan, int]]) -> list[bool]:
        """Facts, outcomes and the position each chunk starts at, with the origins as of there."""

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

    async def devices_beyond(self, asked: Sequence[tuple[ShardHold, str, str]]) -> set[tuple[str, str]]:
        """Which of these (profile, device) pairs are in overflow lists."""

    async def commit(self, chunks: Sequence[tuple[ShardHold, Folded, int, Element]]) -> list[bool]:
        """Everything of each chunk with the position after it, and what it adds to the outbox."""

    async def trim(self, holds: Sequence[ShardHold]) -> list[bool]:
        """Let go of published outbox elements, with nothing else to write."""

    async def has_token(self, hold: ShardHold) -> bool:
        """Whether the shard is still this hold's, wherever its position stands."""


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


class Meter(Protocol):
    """Counts what happens; every call is cheap and made once per chunk or poll, not per record."""

    def count(self, what: str, amount: int = 1, reason: str = "") -> None:
        """Add to a counter."""


Gap = Callable[[str], Awaitable[None]]
"""Awaited between any two effects, with the name of the step just done: where tests stop, kill and cut."""

Refusal = Callable[[Sequence[Hold]], Coroutine[Any, Any, None]]
"""Told of holds that the store refused: they are given up, and taken again where still assigned."""


async def no_gap(_: str) -> None:
    """The gap of every day: nothing happens in it."""
