"""Publishing what the outbox holds: one publisher a shard, beside the folding, several commits at a time.

A publisher sends through an outlet with the shard's transactional id, so a worker that lost the shard cannot send
late and become a key's newest message. What is acknowledged is counted on the hold; the next commit trims it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from knownas.errors import Refused
from knownas.stages.hold import ShardHold
from knownas.stages.patience import Patience
from knownas.stages.ports import Element, Gap, Message, Meter, Outlet, Partition, Refusal, ShardStore, no_gap
from knownas.topics import Layout

MOST_BYTES: Final = 4_000_000
"""Of one transaction, or a long backlog would never be done within the transaction's time-out."""
MOST_WAITING: Final = 200
"""Elements that wait for a shard's publisher before its folding waits too: memory is not a place to keep them."""


class Publisher:
    """Sends one shard's outbox elements in order, for as long as its hold is alive."""

    def __init__(self, hold: ShardHold, outlet: Outlet, waiting: Sequence[Element]) -> None:
        self.hold, self.outlet = hold, outlet
        self.waiting: deque[Element] = deque(waiting)
        self.wake = asyncio.Event()
        if waiting:
            self.wake.set()
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.patience = Patience(f"publish {hold.partition}")
        self.task: asyncio.Task[None] | None = None


class Publishers:
    """The publishers of a worker's shards."""

    def __init__(
        self,
        store: ShardStore,
        outlet_for: Callable[[int], Outlet],
        layout: Layout,
        meter: Meter,
        refused: Refusal,
        linger_seconds: float,
        gap: Gap = no_gap,
    ) -> None:
        self._store, self._outlet_for, self._layout = store, outlet_for, layout
        self._meter, self._refused, self._linger, self._gap = meter, refused, linger_seconds, gap
        self._of: dict[int, Publisher] = {}
        self.retaking: set[asyncio.Task[None]] = set()
        """Tasks that take a shard again after its publisher was fenced; the loop itself would not keep them alive."""
        self.broken = asyncio.Event()
        self.reason: BaseException | None = None
        """What nobody expected of a publisher, if it happened: the worker must end with it."""

    @property
    def trouble(self) -> str | None:
        """What any publisher waits for."""
        return next((trouble for publisher in self._of.values() if (trouble := publisher.patience.trouble)), None)

    @property
    def count(self) -> int:
        """How many shards are published for."""
        return len(self._of)

    async def prepare(self, shard: int) -> Outlet:
        """The first step of taking a shard: an outlet that fences all before it."""
        await self.end(shard)
        outlet = self._outlet_for(shard)
        await outlet.open()
        return outlet

    def begin(self, hold: ShardHold, outlet: Outlet, waiting: Sequence[Element]) -> None:
        """The last step of taking a shard: publish what the one before left, then what is offered."""
        publisher = Publisher(hold, outlet, waiting)
        self._of[hold.partition] = publisher
        publisher.task = asyncio.create_task(self._run(publisher), name=f"publish-{hold.partition}")

    def offer(self, hold: ShardHold, messages: Element) -> None:
        """Publish one committed outbox element."""
        publisher = self._of.get(hold.partition)
        if publisher is not None and publisher.hold is hold:
            publisher.waiting.append(messages)
            publisher.wake.set()
            if len(publisher.waiting) >= MOST_WAITING:
                publisher.has_room.clear()

    def waiting(self, shard: int) -> int:
        """How many elements wait to be published for a shard."""
        publisher = self._of.get(shard)
        return len(publisher.waiting) if publisher is not None else 0

    async def room(self, hold: ShardHold) -> None:
        """Wait while too much waits to be published for a shard."""
        publisher = self._of.get(hold.partition)
        if publisher is not None and publisher.hold is hold:
            await publisher.has_room.wait()

    async def end(self, shard: int) -> None:
        """Stop publishing for a shard at once; the outbox keeps what was not sent."""
        publisher = self._of.pop(shard, None)
        if publisher is None:
            return
        publisher.has_room.set()
        if publisher.task is not None:
            publisher.task.cancel()
            await asyncio.gather(publisher.task, return_exceptions=True)
        await publisher.outlet.close()

    def is_idle(self, shard: int) -> bool:
        """Whether everything offered for a shard is published."""
        publisher = self._of.get(shard)
        return publisher is None or not publisher.waiting

    async def _run(self, publisher: Publisher) -> None:
        hold = publisher.hold
        try:
            while hold.alive:
                await publisher.wake.wait()
                publisher.wake.clear()
                await asyncio.sleep(self._linger)
                while publisher.waiting and hold.alive:
                    await publisher.patience.until_done(lambda: self._publish(publisher), lambda: hold.alive)
        except Refused:
            self._meter.count("fenced_publishers")
            hold.drop()
            # Taking the shard again ends this publisher, so that must not wait for itself.
            retaking = asyncio.create_task(self._refused([hold]))
            self.retaking.add(retaking)
            retaking.add_done_callback(self._retaken)
        except Exception as error:  # noqa: BLE001 (whatever it is, it must not end in a task that nobody looks at)
            self._break(error)
        finally:
            publisher.has_room.set()

    def _retaken(self, retaking: asyncio.Task[None]) -> None:
        self.retaking.discard(retaking)
        if not retaking.cancelled() and (error := retaking.exception()) is not None:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        self.reason = error
        self.broken.set()

    async def _publish(self, publisher: Publisher) -> None:
        hold, outlet = publisher.hold, publisher.outlet
        if not outlet.is_open:
            await self._reopen(publisher)
        batches: dict[Partition, list[Message]] = {}
        taken = size = 0
        for element in publisher.waiting:
            size += sum(len(message.value or b"") for message in element)
            if taken and size > MOST_BYTES:
                break
            taken += 1
            for topic, partition, key, value, headers, at in element:
                target = (self._layout.name(topic), partition)
                batches.setdefault(target, []).append(Message(key, value, headers, at))
        await self._gap("publish.before")
        await outlet.send(batches)
        await self._gap("publish.sent")
        for _ in range(taken):
            publisher.waiting.popleft()
        if len(publisher.waiting) < MOST_WAITING:
            publisher.has_room.set()
        hold.published += taken
        for (topic, _), messages in batches.items():
            self._meter.count("messages", len(messages), self._layout.short(topic))

    async def _reopen(self, publisher: Publisher) -> None:
        """Open the outlet again, which fences the shard's rightful one: only who holds the token may. Asked before, so
        as to disturb nobody, and after, because whoever took the shard in between is now fenced and would be
        overtaken; whoever takes it later fences us."""
        await self._check_token(publisher.hold)
        await self._gap("publish.checked")
        try:
            await publisher.outlet.open()
            await self._gap("publish.reopened")
            await self._check_token(publisher.hold)
        except BaseException:
            await publisher.outlet.close()
            raise

    async def _check_token(self, hold: ShardHold) -> None:
        if not await self._store.has_token(hold):
            raise Refused("the shard was taken by another worker")
