"""The real stages on in-memory twins, under a scheduler that decides from a seed whose step is next and who dies.

Every effect of a worker on the store or on Kafka, and every gap between two of them, is a step that waits for the
scheduler. Between steps it lets workers crash, moves partitions while the old worker goes on as a zombie, loses
answers, lets batches fail, arrive late or unanswered. Then, without further faults, everything is worked off and
compared with the plain model.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from knownas.adapters.kafka_log import NOWHERE
from knownas.adapters.memory import (
    LogEntry,
    MemoryDefinitions,
    MemoryKafka,
    MemoryLog,
    MemoryOutlet,
    MemoryShardStore,
    MemorySnapshotStore,
    MemorySourceStore,
    MemoryStore,
)  # fmt: skip
from knownas.errors import WorldFault
from knownas.nouns import EVENTS, RESOLVED, UPDATES, Definition
from knownas.plain import Setting
from knownas.profile.fold import FoldRules
from knownas.profile.time import Calendar
from knownas.records.identities import IdentityRules
from knownas.stages.hold import Hold
from knownas.stages.keeper import Keeper
from knownas.stages.materialize import Materialize
from knownas.stages.ports import Message, NoMeter, Partition
from knownas.stages.publish import Publishers
from knownas.stages.resolve import Resolve
from knownas.stages.snapshots import Snapshots
from knownas.topics import Layout
from tests.simulation.loop import JumpingLoop

TIMELINE_ENTRIES = 500
IDLE_SECONDS = 1.0


class Chunk(NamedTuple):
    """What the transport hands to a stage."""

    hold: Any
    records: list[LogEntry]

    @property
    def next_offset(self) -> int:
        """After the last record."""
        return self.records[-1].offset + 1


@dataclass
class Faults:
    """How likely each fault is at a step; the drain has none."""

    crash: float = 0.01
    zombie: float = 0.01
    lost_answer: float = 0.01
    no_effect: float = 0.01
    bad_batch: float = 0.05


QUIET = Faults(0, 0, 0, 0, 0)


@dataclass
class World:
    """Kafka, the store, and whoever works on them."""

    setting: Setting
    rng: random.Random
    faults: Faults
    ticking: float = 0
    """How likely a worker's shards are due a tick at an idle look; one is at the end."""
    idle_guest_days: int = 0
    snapshot_days: float = 0
    """In how much time each profile is written to the snapshots; every step takes a millisecond then."""
    definitions: list[Definition] = field(default_factory=list)
    """Of live segments, by version."""
    kafka: MemoryKafka = field(default_factory=MemoryKafka)
    store: MemoryStore = field(default_factory=MemoryStore)
    waiting: list[tuple[SimWorker, str, asyncio.Future[None]]] = field(default_factory=list)
    workers: list[SimWorker] = field(default_factory=list)
    was_lost: bool = False
    """Whether the store was lost once and got back."""
    figures_begin: dict[Partition, int] = field(default_factory=dict)
    """Of partitions of stage 1 whose figures it did not get back: where they begin."""
    shards_begin: Mapping[int, int] = field(default_factory=dict)
    """Where the messages of shards begin of which Kafka had lost some then: there begin timelines, too."""
    assigned: dict[Partition, SimWorker] = field(default_factory=dict)
    crashes: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)
    broken: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.layout = Layout("k.", self.setting.partitions, self.setting.shards)
        topics = (
            (EVENTS, self.setting.partitions),
            (UPDATES, self.setting.partitions),
            (RESOLVED, self.setting.shards),
        )
        self.partitions = [(self.layout.name(topic), number) for topic, count in topics for number in range(count)]

    def play(self, work: Coroutine[Any, Any, None]) -> None:
        """Let it be done, in no time; whoever still works then is stopped."""
        loop = JumpingLoop()
        try:
            loop.run_until_complete(work)
        finally:
            for worker in self.workers:
                worker.dead = True
            while tasks := asyncio.all_tasks(loop):
                for task in tasks:
                    task.cancel()
                loop.run_until_complete(asyncio.wait(tasks, timeout=1))
            loop.close()

    def go_on_with(self, store: MemoryStore, shards_begin: Mapping[int, int] = NOWHERE) -> None:
        """All workers are gone, and so is the store; here is another."""
        if store is not self.store:
            of_stage_1 = {partition: at.pos or 0 for partition, at in store.at.items() if partition[0] != RESOLVED}
            self.figures_begin = {tp: pos for tp, pos in of_stage_1.items() if not store.figures[tp]}
        self.store, self.was_lost, self.shards_begin = store, True, shards_begin
        self.workers, self.waiting, self.assigned = [], [], {}

    def produce(self, topic: str, partition: int, value: bytes | None, at: int) -> None:
        """A producer's record."""
        self.kafka.now = max(self.kafka.now, at)
        self.kafka.append((self.layout.name(topic), partition), [Message(None, value, (), at)])

    async def begin(self, workers: int) -> None:
        """Deal the partitions among some workers."""
        started = [SimWorker(self, f"w{n}") for n in range(workers)]
        self.workers += started
        for n, tp in enumerate(self.partitions):
            self.assigned[tp] = started[n % workers]
        for worker in started:
            worker.start(self._of(worker))

    def _of(self, worker: SimWorker) -> set[Partition]:
        return {tp for tp, owner in self.assigned.items() if owner is worker}

    async def run_some(self, steps: int) -> None:
        """So many steps, with faults."""
        for _ in range(steps):
            await self._step()

    async def run(self, steps: int) -> None:
        """So many steps with faults, then all that is left without."""
        await self.run_some(steps)
        if self.ticking:
            self._tick()
        self.faults, self.ticking = QUIET, 0
        for worker in self.workers:
            if worker not in self.assigned.values():
                worker.crash()
        while self.kafka.on_its_way:
            self.kafka.arrive()
        for _ in range(60_000):
            if self._is_settled():
                if not self._is_filling():
                    return
                self._tick()
            await self._step()
        raise AssertionError("stuck: " + self._left())

    def _tick(self) -> None:
        for worker in self.workers:
            worker.keeper.tick()

    def _is_filling(self) -> bool:
        """Whether live segments have still to judge somebody, as they do after a rebuild where Kafka is cut."""
        segments = [of.registry().by_name.values() for of in self.store.segments.values()]
        return any(self.shards_begin.values()) and not all(one.held.filled for some in segments for one in some)

    async def _step(self) -> None:
        self.kafka.now += self.snapshot_days > 0
        for _ in range(6):
            await asyncio.sleep(0)
        self.broken += [worker.publishers.reason for worker in self.workers if worker.publishers.reason is not None]
        if self.broken:
            raise self.broken[0]
        if not self.waiting:
            await asyncio.sleep(0.2)
            return
        self._misfortune()
        if self.waiting:
            worker, name, future = self.waiting.pop(self.rng.randrange(len(self.waiting)))
            if not future.done():
                self.trace.append(f"{worker.name} {name}")
                future.set_result(None)
        if self.rng.random() < 0.05:
            self.kafka.arrive()
        if self.rng.random() < 0.05:
            self._commit_offsets()

    def _misfortune(self) -> None:
        chance = self.rng.random()
        if chance < self.faults.crash:
            worker, name, _ = self.rng.choice(self.waiting)
            self.crashes[name] += 1
            self.trace.append(f"{worker.name} CRASH at {name}")
            worker.crash()
            self._replace(worker)
        elif chance < self.faults.crash + self.faults.zombie:
            worker = self.rng.choice(sorted(set(self.assigned.values()), key=lambda w: w.name))
            self.trace.append(f"{worker.name} loses its partitions and does not know")
            worker.lose(self._of(worker))
            self._replace(worker)

    def _replace(self, worker: SimWorker) -> None:
        tps = self._of(worker)
        if not tps:
            return
        fresh = SimWorker(self, f"w{len(self.workers)}")
        self.workers.append(fresh)
        for tp in tps:
            self.assigned[tp] = fresh
        fresh.start(tps)

    def _commit_offsets(self) -> None:
        for tp, worker in self.assigned.items():
            hold = worker.holds.get(tp)
            if hold is not None and hold.alive:
                self.kafka.offsets[tp] = max(self.kafka.offsets.get(tp, 0), hold.position)

    def _is_settled(self) -> bool:
        return not self._left()

    def _left(self) -> str:
        late = [f"{tp}: {len(self.kafka.logs[tp]) - (self._at(tp) or 0)}" for tp in self.partitions if self._behind(tp)]
        return " ".join([*late, *(f"outbox {n}" for n, outbox in self.store.outboxes.items() if outbox)])

    def _at(self, tp: Partition) -> int | None:
        return self.store.at[self.layout.short(tp[0]), tp[1]].pos

    def _behind(self, tp: Partition) -> bool:
        return (self._at(tp) or 0) < len(self.kafka.logs[tp])


class SimWorker:
    """A worker: the real keeper, stages and publishers, and a transport that does what ours promises."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.dead = False
        self.holds: Mapping[Partition, Hold] = {}
        self.cursor: dict[int, int] = {}
        self.tps: set[Partition] = set()
        self.lost: set[Partition] = set()
        self.tasks: set[asyncio.Task[Any]] = set()
        setting, meter = world.setting, NoMeter()
        self.sources = MemorySourceStore(world.store, self)
        self.shards = MemoryShardStore(world.store, self, TIMELINE_ENTRIES)
        self.publishers = Publishers(
            self.shards, lambda shard: MemoryOutlet(world.kafka, self, f"shard-{shard}"), world.layout, meter,
            self._refused, 0.01, self.gap,
        )  # fmt: skip
        self.keeper = Keeper(
            self.sources, self.shards, self.publishers, MemoryLog(world.kafka), world.layout, "group", IDLE_SECONDS,
            idle_guest_days=world.idle_guest_days, definitions=MemoryDefinitions(world.definitions, self),
        )  # fmt: skip
        self.keeper.retake = self._retake
        rules = IdentityRules(setting.kinds, setting.region)
        fold_rules = FoldRules(Calendar(setting.day_timezone), setting.region)
        self.resolve = Resolve(
            self.sources, MemoryOutlet(world.kafka, self), setting.names, rules, world.layout, meter, self._refused,
            self.gap,
        )  # fmt: skip
        snapshots = Snapshots(MemorySnapshotStore(world.store, self), self.shards, world.snapshot_days)
        self.materialize = Materialize(
            self.shards, self.publishers, world.layout, setting.names, meter, self._refused, 4, fold_rules, self.gap,
            snapshots,
        )  # fmt: skip

    # -- the weather of this worker

    async def step(self, name: str) -> None:
        """Wait for the scheduler."""
        if self.dead:
            raise asyncio.CancelledError
        future = asyncio.get_running_loop().create_future()
        self.world.waiting.append((self, name, future))
        self.world.passed[name] += 1
        await future
        if self.dead:
            raise asyncio.CancelledError
        if self.world.rng.random() < self.world.faults.no_effect and "." in name and not name.startswith("gap"):
            raise WorldFault(f"{name} failed")

    def answered(self, name: str) -> bool:  # noqa: ARG002
        """Most answers arrive."""
        return self.world.rng.random() >= self.world.faults.lost_answer

    def fate(self) -> str:
        """Most batches are sent."""
        if self.world.rng.random() >= self.world.faults.bad_batch:
            return "sent"
        return self.world.rng.choice(["unanswered", "lost", "late"])

    async def gap(self, name: str) -> None:
        """Between two effects."""
        await self.step(f"gap {name}")

    # -- living and dying

    def start(self, tps: set[Partition]) -> None:
        """Take partitions and work on them."""
        self.tps = set(tps)
        self._task(self._work())

    def crash(self) -> None:
        """Stop at once; nothing of this worker has an effect from here on."""
        self.dead = True
        self.world.waiting = [item for item in self.world.waiting if item[0] is not self]
        publishing = {publisher.task for publisher in self.publishers._of.values() if publisher.task is not None}
        for task in self.tasks | publishing | self.publishers.retaking:
            task.cancel()

    def lose(self, tps: Iterable[Partition]) -> None:
        """Partitions go to somebody else; this worker learns of it a little later."""
        self.lost |= set(tps)

    def _task(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None and not self.dead:
            self.world.broken.append(task.exception() or RuntimeError())

    async def _work(self) -> None:
        await self._take(self.tps)
        self._task(self._poll_for(lambda topic: topic != RESOLVED, self.resolve))
        self._task(self._poll_for(lambda topic: topic == RESOLVED, self.materialize))
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            if self.lost:
                gone, self.lost = self.lost, set()
                self.tps -= gone
                await self.keeper.drop(gone)
            if self.world.rng.random() < self.world.ticking:
                self.keeper.tick()
            with suppress(WorldFault):
                await self.keeper.look_once()

    async def _take(self, tps: Iterable[Partition]) -> None:
        taken = await self.keeper.take(list(tps))
        for hold in taken.values():
            self.cursor[id(hold)] = hold.position
        self.holds = {**self.holds, **taken}

    async def _retake(self, tps: Iterable[Partition]) -> None:
        await self._take([tp for tp in tps if tp in self.tps])

    async def _refused(self, holds: Any) -> None:
        await self.keeper.refused(holds)

    async def _poll_for(self, wanted: Any, stage: Any) -> None:
        while True:
            await self.step("poll")
            chunks = [
                chunk for tp in sorted(self.tps) if wanted(self.world.layout.short(tp[0])) for chunk in self._read(tp)
            ]
            if chunks:
                await stage.poll(chunks)
            else:
                await asyncio.sleep(0.3)

    def _read(self, tp: Partition) -> list[Chunk]:
        hold = self.holds.get(tp)
        if hold is None or not hold.alive or self.world.rng.random() < 0.3:
            return []
        start = self.cursor[id(hold)]
        records = self.world.kafka.logs[tp][start : start + self.world.rng.randint(1, 4)]
        if not records:
            return []
        self.cursor[id(hold)] = records[-1].offset + 1
        return [Chunk(hold, list(records))]
