"""How far what one reads is behind what was written, and waiting until it is not.

A written record is visible in a profile when the profile's shard has folded a record of the same partition that stands
there or later: what comes from one partition reaches a shard in order. Records that concern other profiles do not show
there; for those it is enough that stage 1 is past the record (its position, which an idle worker moves on now and
then), and every shard past what stage 1 had sent by then (the ends of `resolved` at that moment).

Seconds behind are measured, not taken from timestamps: every second the ends of all topics are noted, and what is not
past an end noted a while ago is that while behind.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec

from knownas.adapters.kafka_ends import KafkaEnds
from knownas.adapters.keys import AT, Keys
from knownas.adapters.reader import Reader
from knownas.adapters.redis import Link
from knownas.errors import WorldFault
from knownas.nouns import EVENTS, RESOLVED, UPDATES
from knownas.serve.faults import Fault, bad_request
from knownas.stages.ports import Partition
from knownas.topics import Layout

LOOK_SECONDS: Final = 1.0
WAIT_LOOK_SECONDS: Final = (0.02, 0.25)
"""How long one who waits leaves the store alone: a tenth of the time waited so far, within these."""
KEPT_LOOKS: Final = 900
"""Fifteen minutes: who is further behind than that is told "at least"."""
MOST_POSITIONS: Final = 64

Where = Callable[[], Awaitable[int | None]]

_read_watermarks: Final = msgspec.msgpack.Decoder(dict[str, tuple[int, int]]).decode


class Behind(NamedTuple):
    """Records that were written and are not in what is read yet, since how long, and how far the shard is."""

    records: int
    seconds: float
    position: str

    def text(self) -> str:
        """As the header `Knownas-Behind` says it."""
        return f"records={self.records}, seconds={self.seconds:.1f}, position={self.position}"


class Seen(NamedTuple):
    """How far everything is: positions by topic and partition, and what each shard has folded of each partition."""

    positions: Mapping[Partition, int]
    folded: Sequence[Mapping[Partition, int]]

    def stage_one(self, at: Partition) -> int:
        """Up to where stage 1 surely is: what a shard has folded it has sent."""
        return max(self.positions[at], max((folded.get(at, -1) for folded in self.folded), default=-1) + 1)


class Freshness:
    """Watches positions and ends; positions are by short topic name."""

    def __init__(self, ends: KafkaEnds, reader: Reader, link: Link, keys: Keys, layout: Layout) -> None:
        self._ends, self._reader, self._link, self._keys, self._layout = ends, reader, link, keys, layout
        self._sources = [(topic, number) for topic in (EVENTS, UPDATES) for number in range(layout.partitions)]
        self._shards = [(RESOLVED, shard) for shard in range(layout.shards)]
        self._looks: deque[tuple[float, Mapping[Partition, int]]] = deque(maxlen=KEPT_LOOKS)
        self._done: Mapping[Partition, int] = {}
        self.trouble: str | None = None

    async def look_after(self) -> None:
        """Look every second."""
        while True:
            try:
                await self.look()
                self.trouble = None
            except WorldFault as error:
                self.trouble = str(error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Note the ends, then how far everything is."""
        ends = await self._ends_of([*self._sources, *self._shards])
        await self._seen()
        self._looks.append((time.monotonic(), ends))

    def behind(self, shard: int) -> Behind | None:
        """How far reads of a shard's profiles are behind; None: they are not."""
        if not self._looks:
            return None
        newest_look, ends = self._looks[-1]
        mine = (RESOLVED, shard)
        late = {at: ends[at] - self._done[at] for at in (*self._sources, mine) if ends[at] > self._done[at]}
        if not late:
            return None
        first = next((look for look, then in self._looks if any(then[at] > self._done[at] for at in late)), newest_look)
        return Behind(sum(late.values()), time.monotonic() - first, f"{RESOLVED}/{shard}@{self._done[mine]}")

    async def until(self, wanted: Mapping[Partition, int], where: Where, seconds: float) -> None:
        """Return when records at these positions are visible; `Fault` if they are not within the time.

        `where` says in which shard the one is that they are about, None as long as nobody knows.
        """
        for topic, number in wanted:
            if (topic, number) not in self._sources:
                raise bad_request("bad_position", f"there is no {topic}/{number}")
        try:
            async with asyncio.timeout(seconds):
                await self._until(wanted, where)
        except TimeoutError:
            text = f"not visible within {seconds:g} seconds"
            with suppress(WorldFault):
                seen = await self._seen()
                text += "; stage 1 is at " + ", ".join(f"{at[0]}/{at[1]}@{seen.stage_one(at)}" for at in wanted)
            raise Fault(504, "not_visible_yet", text, {"Retry-After": "1"}) from None

    async def _until(self, wanted: Mapping[Partition, int], where: Where) -> None:
        ends: Mapping[Partition, int] | None = None
        started = time.monotonic()
        least, most = WAIT_LOOK_SECONDS
        while True:
            shard = await where()
            seen = await self._seen()
            folded = shard is not None and all(seen.folded[shard].get(at, -1) >= end for at, end in wanted.items())
            if folded and await where() == shard:  # a login may have led elsewhere while this was looked at
                return
            if ends is None and all(seen.positions[at] > offset for at, offset in wanted.items()):
                ends = await self._ends_of(self._shards)
            if ends is not None and all(seen.positions[at] >= end for at, end in ends.items()):
                return
            await asyncio.sleep(min(most, max(least, (time.monotonic() - started) / 10)))

    async def _seen(self) -> Seen:
        positions = await self._reader.positions()
        commands = [("HGET", self._keys.shard(shard) + AT, "watermarks") for _, shard in self._shards]
        seen = Seen(positions, [_folded(raw) for raw in await self._link.run(commands)])
        self._done = {at: seen.stage_one(at) for at in self._sources} | {at: positions[at] for at in self._shards}
        return seen

    async def _ends_of(self, partitions: list[Partition]) -> dict[Partition, int]:
        ends = await self._ends.ends([(self._layout.name(topic), number) for topic, number in partitions])
        return {(self._layout.short(topic), number): end for (topic, number), end in ends.items()}


def _folded(raw: bytes | None) -> dict[Partition, int]:
    found = {}
    for at, (offset, _) in (_read_watermarks(raw) if raw else {}).items():
        topic, _, number = at.partition("/")
        found[topic, int(number)] = offset
    return found


def read_positions(text: str) -> dict[Partition, int]:
    """What `?wait=` says: `events/3@120,updates/0@7`, as an answer's `Knownas-Position` has it."""
    parts = text.split(",")
    if len(parts) > MOST_POSITIONS:
        raise bad_request("bad_position", f"at most {MOST_POSITIONS} positions")
    found: dict[Partition, int] = {}
    for part in parts:
        topic, _, rest = part.strip().partition("/")
        number, _, offset = rest.partition("@")
        if not (number.isascii() and offset.isascii() and number.isdigit() and offset.isdigit() and len(part) < 64):
            raise bad_request("bad_position", "a position is topic/partition@offset, several are parted by commas")
        found[topic, int(number)] = max(int(offset), found.get((topic, int(number)), -1))
    return found
