"""Faust hands an agent one message per poll and topic; `event.value` maps each partition of the poll to its `Chunk`.

Faust keeps the group, the agents, the timing of commits and the web. What is different here, and the rules:

1. *Holds.* A partition is read under a `Hold` that the app's `Keeper` gives out. A revocation ends every hold; after
   each rebalance, and when a stage asks (`retake`), partitions are taken anew and sought to `hold.position`. The
   group's committed offset never says where to read.
2. *The consumer's thread ties records to holds.* Seeking, tying a partition to its hold and draining records all happen
   in the thread's loop without a pause in between, so that a chunk carries the hold it was read under whatever was
   under way meanwhile. A chunk of a dead hold is dropped, here or by the stage. A chunk of a live hold always reaches
   its agent: where flow is stopped it waits; it is never thrown away.
3. *A take lasts as long as it must.* Flow resumes only after a take and its seek; a revocation ends a take under way. A
   take that raises ends the process.
4. *Commits report, they decide nothing.* What is committed is `hold.position`, so it never runs ahead of the store.
5. *Nothing hoards.* A topic is polled while no message of it waits for its agent. Beyond that and one fetch ahead, what
   arrives stays with the broker: polls grow under load, and a busy agent does not hold up the other topics.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import faust
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import (
    ConsumerStoppedError,
    KafkaConnectionError,
    KafkaError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import OffsetAndMetadata
from faust.app.base import BootStrategy
from faust.exceptions import ConsumerNotStarted
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AgentT, ConsumerMessage, EventT, ServiceT, StreamT, TopicT

from knownas.errors import CannotStart

T = TypeVar("T")

KAFKA_AWAY_BACKOFF_S = 1.0
"""Between two tries to reach a Kafka that is away."""
COMMIT_TIMEOUT_S = 5.0
"""aiokafka would try one commit for ever, and into the next generation of the group."""
DROP_TIMEOUT_S = 10.0
"""How long stages may finish what they hold. Then the hold is ended over their heads; their fences do the rest."""


class Hold(Protocol):
    """The right to process one partition, from one take to the next."""

    position: int
    """The next offset to process, moved on once the store has accepted it. Never ahead of the store."""
    alive: bool
    """False once the hold is given up, and for good: what was read under it must not be processed."""


class Keeper(Protocol):
    """Gives out the right to process partitions. Called on the app's loop, one call at a time."""

    async def take(self, tps: set[TP]) -> Mapping[TP, Hold]:
        """Take these partitions anew: a fresh hold for each. Waits while the store is away; raises to end the process.

        Cancelled when the partitions are revoked meanwhile.
        """
        ...

    async def drop(self, tps: set[TP]) -> None:
        """Partitions are about to be lost: finish or abandon what is under way, write positions, end the holds."""
        ...


class Decoded(Protocol):
    """A record as aiokafka decodes it; its time is in milliseconds."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Chunk(msgspec.Struct, frozen=True):
    """Consecutive records of one partition from one poll, at least one, in order."""

    hold: Hold
    records: list[Decoded]

    @property
    def next_offset(self) -> int:
        """Where the hold's position belongs once these records are done with."""
        return int(self.records[-1].offset) + 1


@dataclass(frozen=True)
class PollSettings:
    """How long a poll waits and how large it grows."""

    min_bytes: int = 20_000
    """A fetch is answered when the broker has this much ..."""
    max_wait_ms: int = 10
    """... or after this long, with whatever there is."""
    idle_wait_ms: int = 500
    """Once nothing has come for a second, a fetch waits this long and is answered at the first byte: an idle worker
    costs next to nothing, and what wakes it does not wait."""
    max_records: int = 5_000
    """Over all partitions of a poll. Bounds how long a stage is busy with one poll, and what a crash repeats."""
    max_bytes_per_partition: int = 262_144
    isolation_level: str = "read_committed"


class RecordsGone(CannotStart):
    """Kafka holds the wanted offset no more, or not yet: records were lost to retention or the topic is another one."""

    def __init__(self, tp: TP, wanted: int, first: int, end: int) -> None:
        """Name the partition, the offset that comes next and the range that Kafka has."""
        super().__init__(
            f"records are gone: {tp.topic}[{tp.partition}] goes on at {wanted}, and Kafka holds {first} to {end}. "
            "Point KNOWNAS_KAFKA and KNOWNAS_REDIS to a pair that belongs together, or empty both and start anew"
        )


class Fetched(OrderedDict[TopicPartition, Any]):
    """What is fetched and not drained yet, as aiokafka's fetcher keeps it. Records go on as they were decoded: aiokafka
    would copy each into a larger one that also names topic and partition, which a chunk does for all of them."""

    def __setitem__(self, tp: TopicPartition, result: Any) -> None:
        """Keep the result of a fetch, or its failure."""
        if isinstance(result, FetchResult):
            _set(result._partition_records, _consumer_record=_as_decoded)
        super().__setitem__(tp, result)


def _as_decoded(_: TopicPartition, record: T) -> T:
    return record


class PollThread(driver.AIOKafkaConsumerThread):
    """The consumer's own thread, around aiokafka. What starts with an underscore runs in the thread's loop."""

    app: "PollApp"

    def __post_init__(self) -> None:
        """No partition is tied to a hold yet."""
        super().__post_init__()
        self._holds: dict[TP, Hold] = {}
        self._waiting: set[str] = set()  # topics with a message that its agent has not taken yet

    async def on_start(self) -> None:
        """Start the consumer; a Kafka that is away is waited for."""
        while not self.should_stop:
            try:
                await super().on_start()
                return self._tune_fetcher()
            except KafkaConnectionError as away:
                self.log.warning("Kafka is away, will try again: %s", away)
                if self._consumer is not None:
                    await self._consumer.stop()
            await self.sleep(KAFKA_AWAY_BACKOFF_S)
        return None

    async def on_thread_stop(self) -> None:
        """Stop the consumer; where aiokafka was about to try a fetch again, that cancels its own stopping half-way."""
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            await self._ensure_consumer()._client.close()

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        """Set what Faust fixes or has no setting for; aiokafka reads these once, when the consumer starts."""
        consumer = super()._create_worker_consumer(transport)
        _set(consumer, _max_partition_fetch_bytes=self.app.poll.max_bytes_per_partition)
        _set(consumer, _isolation_level=self.app.poll.isolation_level)
        _set(consumer, _auto_offset_reset="none")  # out of range is an error, not a reason to skip records
        return consumer

    def _tune_fetcher(self) -> None:
        """Let what waits for a busy agent not hold up the fetching of other topics; aiokafka would, for 100 ms."""
        fetcher = self._ensure_consumer()._fetcher
        _set(fetcher, _prefetch_backoff=self.app.poll.max_wait_ms / 1000, _records=Fetched())

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """From here on, nothing that is fetched belongs to a hold until the next take."""
        self._holds.clear()
        self._waiting.clear()
        await super().on_partitions_revoked(revoked)

    async def place(self, holds: Mapping[TP, Hold]) -> None:
        """Seek each partition to its hold's position; what is read from there on belongs to the hold."""
        await self._run(self._place(holds))

    async def poll(self, wait_s: float) -> dict[TP, Chunk]:
        """Wait for records of topics that have no message waiting; from now on these have one."""
        return await self._run(self._poll(wait_s))

    def make_room(self, topic: str) -> None:
        """Let a topic be polled again; a poll under way counts it in."""
        with suppress(RuntimeError):  # the thread has ended
            self.thread_loop.call_soon_threadsafe(self._make_room, topic)

    async def commit(self, tps: Mapping[TP, int]) -> bool:
        """Commit to the group, beside Faust's queue of two calls at a time: no other call may wait behind it.

        A failure is no reason to end: the next commit says more. And stopping must not hang on a Kafka that is away.
        """
        try:
            return await asyncio.wait_for(self._run(self._commit(tps)), COMMIT_TIMEOUT_S)
        except (KafkaError, TimeoutError, ConsumerStoppedError) as failed:
            self.log.warning("Positions were not committed to the group this time: %r", failed)
            return False

    async def committed(self, tps: Iterable[TP]) -> dict[TP, int | None]:
        """Ask Kafka for the group's committed offsets."""
        return await self._run(self._committed(tps))

    async def reached(self) -> dict[TP, int]:
        """Up to where partitions are read, of topics that have no message waiting."""
        return await self._run(self._reached())

    @property
    def member(self) -> str:
        """What Kafka calls this member of the group; empty before it has joined and after it has left."""
        coordinator = self._consumer._coordinator if self._consumer is not None else None
        return str(coordinator.member_id) if coordinator is not None else ""

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run in the thread's loop, wait here; cancelling here cancels there. A thread that ends says so."""
        try:
            running = asyncio.run_coroutine_threadsafe(work, self.thread_loop)
        except RuntimeError as closed:
            work.close()
            raise ConsumerStoppedError from closed
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise ConsumerStoppedError from None

    async def _place(self, holds: Mapping[TP, Hold]) -> None:
        consumer = self._ensure_consumer()
        for tp in self.assignment() & holds.keys():
            consumer.seek(TopicPartition(*tp), holds[tp].position)
            self._holds[tp] = holds[tp]

    async def _poll(self, wait_s: float) -> dict[TP, Chunk]:
        consumer = self._ensure_consumer()
        if consumer._closed:
            raise ConsumerStoppedError
        consumer._coordinator.check_errors()  # or they stay there unseen, and the group's membership ends unseen
        with consumer._subscription.fetch_context():
            try:
                fetched = await consumer._fetcher.fetched_records(self, wait_s, self.app.poll.max_records)
            except OffsetOutOfRangeError as out_of_range:
                await self._check_range(out_of_range.args[0])
                return {}
        # No pause since the records were drained: they belong to the holds of this very moment.
        self._waiting.update(tp.topic for tp in fetched)
        self._pace(consumer, busy=bool(self._waiting))
        return {TP(*tp): Chunk(self._holds[tp], records) for tp, records in fetched.items()}

    def __contains__(self, tp: TP) -> bool:
        """Whether to read from a partition now: aiokafka asks for each that has records, whenever it looks."""
        hold = self._holds.get(tp)
        return hold is not None and hold.alive and tp.topic not in self._waiting

    def _make_room(self, topic: str) -> None:
        self._waiting.discard(topic)
        fetcher = self._ensure_consumer()._fetcher
        for waiter in fetcher._fetch_waiters:
            fetcher._notify(waiter)

    def _pace(self, consumer: AIOKafkaConsumer, *, busy: bool) -> None:
        """Set how long the fetches from now on wait; aiokafka asks its fetcher each time."""
        poll = self.app.poll
        _set(consumer._fetcher, _fetch_min_bytes=poll.min_bytes if busy else 1)
        _set(consumer._fetcher, _fetch_max_wait_ms=poll.max_wait_ms if busy else poll.idle_wait_ms)

    async def _check_range(self, wanted: Mapping[TopicPartition, int]) -> None:
        """Kafka refused these offsets: the records are gone, unless it has them after all (a leader that caught up)."""
        consumer = self._ensure_consumer()
        first, end = await consumer.beginning_offsets(wanted), await consumer.end_offsets(wanted)
        for tp, offset in wanted.items():
            if TP(*tp) in self._holds and not first[tp] <= offset <= end[tp]:
                raise RecordsGone(TP(*tp), offset, first[tp], end[tp])

    async def _commit(self, tps: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        offsets = {TopicPartition(*tp): OffsetAndMetadata(tps[tp], "") for tp in self.assignment() & tps.keys()}
        if offsets:
            await consumer.commit(offsets)
        return bool(offsets)

    async def _reached(self) -> dict[TP, int]:
        subscription = self._ensure_consumer()._subscription.subscription
        if subscription is None or subscription.assignment is None:  # before it joins, and while it leaves
            return {}
        quiet = [tp for tp in self._holds if tp.topic not in self._waiting]
        states = {tp: subscription.assignment.state_value(TopicPartition(*tp)) for tp in quiet}
        return {tp: state.position for tp, state in states.items() if state is not None and state.has_valid_position}

    async def _committed(self, tps: Iterable[TP]) -> dict[TP, int | None]:
        consumer = self._ensure_consumer()
        return {tp: await consumer.committed(TopicPartition(*tp)) for tp in tps}


class PollConsumer(driver.Consumer):
    """Takes partitions, delivers polls, commits positions. Everything here runs on the app's loop."""

    app: "PollApp"
    _thread: PollThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Nothing is assigned, nothing held."""
        self._holds: dict[TP, Hold] = {}
        self._assigned: set[TP] = set()
        self._revoked = asyncio.Event()  # a new one for each assignment
        self._take_lock = asyncio.Lock()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> PollThread:
        thread = PollThread(self, loop=self.loop, thread_loop=uvloop.new_event_loop(), beacon=self.beacon)
        _set(thread, _close_thread_loop_on_stop=True)  # as if it were of the thread's own making
        return thread

    # Holds: taken after each rebalance, given up before the next.

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop taking, let stages finish, end all holds; only then let Faust do its part."""
        try:
            await self._give_up()
        finally:
            await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Remember what to take; Faust calls `perform_seek` when agents are ready for it."""
        self._assigned, self._revoked = set(assigned), asyncio.Event()
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Take all assigned partitions and seek them. Returns only if that was done: Faust then resumes flow."""
        if not await self._take(self._assigned, self._revoked):
            await asyncio.Event().wait()  # until the rebalance, or the end of the process, that came in between

    async def retake(self, tps: Iterable[TP]) -> None:
        """Take anew what a stage was refused though it is still assigned; records come again from the position."""
        refused, revoked = self._holds.keys() & set(tps), self._revoked
        for tp in refused:
            self._holds[tp].alive = False
        if refused and not revoked.is_set():  # or a stage would wait for the very revocation that waits for stages
            await self._take(refused, revoked)

    async def committed(self, tps: Iterable[TP]) -> dict[TP, int | None]:
        """The group's committed offsets, None where there is none: a keeper compares them with its positions."""
        return await self._thread.committed(tps)

    async def reached(self) -> dict[TP, int]:
        """Up to where partitions are read, marks of transactions included, where nothing read is on its way."""
        try:
            return await self._thread.reached()
        except (ConsumerStoppedError, ConsumerNotStarted):
            return {}

    @property
    def member(self) -> str:
        """What Kafka calls this member of the group; empty before it has joined and after it has left."""
        return self._thread.member

    async def leave(self) -> None:
        """Stop for good: take nothing more, let stages finish, commit how far they came."""
        held = await self._give_up()
        if not self.app.crashed:  # or the thread is ending by itself
            await self._commit_positions(held)

    async def _give_up(self) -> dict[TP, Hold]:
        """End all holds; returns those that were alive, whose positions are still true."""
        self._revoked.set()
        self.stop_flow()
        async with self._take_lock:
            held = {tp: hold for tp, hold in self._holds.items() if hold.alive}
            try:
                if self._holds:
                    await asyncio.wait_for(self.app.keeper.drop(set(self._holds)), DROP_TIMEOUT_S)
            except TimeoutError:
                self.log.warning("Stages did not finish within %s s; what they hold is repeated", DROP_TIMEOUT_S)
            finally:
                self._end(self._holds)
                self._holds = {}
        return held

    async def _take(self, tps: set[TP], revoked: asyncio.Event) -> bool:
        """Take these partitions and seek them; False if that was overtaken by a revocation."""
        async with self._take_lock:
            if revoked.is_set():
                return False
            holds = await self._unless(revoked, self.app.keeper.take(set(tps)))
            if holds is None:
                return False
            assert holds.keys() == tps, f"took {tps}, got holds for {set(holds)}"
            self._end({tp: self._holds[tp] for tp in holds if tp in self._holds})
            self._holds.update(holds)
            await self._thread.place(holds)
            return not revoked.is_set()

    async def _unless(self, revoked: asyncio.Event, take: Awaitable[Mapping[TP, Hold]]) -> Mapping[TP, Hold] | None:
        """Wait for a take or a revocation, whichever is first; a take that raises ends the process."""
        taking, revocation = asyncio.ensure_future(take), asyncio.ensure_future(revoked.wait())
        try:
            await asyncio.wait({taking, revocation}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            revocation.cancel()
            taking.cancel()
            await asyncio.wait({taking}, timeout=DROP_TIMEOUT_S)
        if taking.cancelled() or not taking.done():
            return None
        if failed := taking.exception():
            await self.app.crash(failed)
            return None
        if revoked.is_set():
            self._end(taking.result())
            return None
        return taking.result()

    @staticmethod
    def _end(holds: Mapping[TP, Hold]) -> None:
        for hold in holds.values():
            hold.alive = False

    # Polls: one at a time, for the topics whose agents have taken what they were given.

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Deliver polls until told to stop. Faust's own loop counts offsets, and drops what was sought back to."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for _, message in self.getmany(timeout=1.0):
                    await self.wait_first(self.callback(message), self.suspend_flow.wait())
        except RecordsGone as gone:
            await self.app.crash(gone)
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109
        """One poll: a message for each topic that has records."""
        await self._flowing()
        try:
            chunks = await self._thread.poll(timeout)
        except KafkaError as failed:  # before any record was drained
            if not failed.retriable:
                raise
            self.log.warning("Kafka is away, will try again: %r", failed)
            await self.sleep(KAFKA_AWAY_BACKOFF_S)
            return
        for topic in {tp.topic for tp in chunks}:
            await self._flowing()
            live = {tp: chunk for tp, chunk in chunks.items() if tp.topic == topic and chunk.hold.alive}
            if live:
                yield next(iter(live)), self._message(live)
            else:
                self.on_taken(topic)

    async def _flowing(self) -> None:
        while not (self.flow_active or self.should_stop):
            await self.wait(self.can_resume_flow.wait())

    def on_taken(self, topic: str) -> None:
        """An agent has begun with a message of this topic: the next poll may be fetched."""
        self._thread.make_room(topic)

    def _message(self, chunks: Mapping[TP, Chunk]) -> ConsumerMessage:
        """Look like a record of the first partition; agents take `value` and Faust the generation."""
        tp, chunk = next(iter(chunks.items()))
        first = chunk.records[0]
        return ConsumerMessage(
            topic=tp.topic,
            partition=tp.partition,
            offset=first.offset,
            timestamp=first.timestamp / 1000.0,
            timestamp_type=first.timestamp_type,
            headers=[],
            key=None,
            value=cast("bytes", chunks),  # Faust passes it through
            checksum=None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    # Commits: for lag metrics and autoscalers.

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        """Commit the positions of live holds, whatever was acknowledged."""
        return await self._commit_positions({tp: hold for tp, hold in self._holds.items() if hold.alive})

    async def _commit_positions(self, holds: Mapping[TP, Hold]) -> bool:
        """Commit what moved on. At a hold's start its position counts as moved, unless nothing was processed ever."""
        due = {tp: hold.position for tp, hold in holds.items() if hold.position > (self._committed_offset[tp] or 0)}
        if not due or not await self._commit(due):
            return False
        self._committed_offset.update(due)
        self.app.monitor.on_tp_commit(due)
        return True

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Say nothing: Faust looks for one message per partition and would call most partitions of a poll stuck."""


class PollTransport(driver.Transport):
    """Faust's Kafka with our consumer."""

    Consumer = PollConsumer


class PollRecovery(Recovery):
    """Faust's steps after a rebalance."""

    async def _wait(self, coro: Any, timeout: Any = None) -> None:  # noqa: ARG002, ASYNC109
        """Wait without a limit: past it Faust would end these steps in silence, for this and every later rebalance."""
        await super()._wait(coro)


class PollTables(TableManager):
    """No tables; Faust keeps its steps after a rebalance here."""

    @property
    def recovery(self) -> Recovery:
        """Make recovery ours."""
        if self._recovery is None:
            self._recovery = PollRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Start at once: Faust sleeps a second for tables to come."""
        await self._update_channels()
        await self.recovery.start()


class PollSensor(faust.Sensor):
    """Sees agents take messages, the one place where Faust tells of it."""

    def on_stream_event_in(self, tp: TP, offset: int, stream: StreamT[Any], event: EventT[Any]) -> None:  # noqa: ARG002
        """Let the topic be polled again."""
        cast("PollApp", stream.app).poller.on_taken(tp.topic)


class PollBoot(BootStrategy):
    """Start what is used: stages send through producers of their own."""

    enable_kafka_producer = False


class PollApp(faust.App):
    """A Faust app whose agents read polls.

    >>> app = PollApp("knownas", keeper=keeper, broker="kafka://127.0.0.1:9092")
    >>> @app.agent(app.polls("knownas.events", "knownas.updates"))
    ... async def resolve(stream):
    ...     async for chunks in stream: ...  # {TP: Chunk}
    """

    BootStrategy = PollBoot
    _consumer: PollConsumer | None

    def __init__(self, id: str, *, keeper: Keeper, poll: PollSettings | None = None, **options: Any) -> None:  # noqa: A002
        """Take Faust's settings as `options`; those that make polls work are set here."""
        self.keeper = keeper
        self.poll = poll or PollSettings()
        quiet = {"web_enabled": False, "web_bind": "127.0.0.1", "topic_disable_leader": True}
        ours = {
            "topic_allow_declare": False,  # topics are made by whoever runs Kafka, from deploy/topics.toml
            "reply_create_topic": False,
            "stream_wait_empty": False,
            "table_standby_replicas": 0,  # round robin deals the partitions: there are no tables to be near to
            # Never full, as a topic has one message waiting at most: at a full one Faust would sleep a whole second.
            "stream_buffer_maxsize": 64,
            "TableManager": PollTables,
        }
        super().__init__(id, **{**quiet, **options, **ours})
        self.sensors.add(PollSensor())

    @property
    def poller(self) -> PollConsumer:
        """The consumer, for `retake` and `committed`."""
        return cast("PollConsumer", self.consumer)

    @property
    def member(self) -> str:
        """What Kafka calls this member of the group; empty before it has joined and after it has left."""
        return self._consumer.member if self._consumer is not None else ""

    async def reached(self) -> dict[tuple[str, int], int]:
        """Up to where partitions are read; nothing before the consumer is there."""
        reached = await self._consumer.reached() if self._consumer is not None else {}
        return {(tp.topic, tp.partition): at for tp, at in reached.items()}

    def polls(self, *topics: str) -> TopicT:
        """Name topics for an agent to read. Acknowledgements are off: positions are what counts."""
        return self.topic(*topics, value_type=bytes, value_serializer="raw", acks=False)

    def _new_transport(self) -> PollTransport:
        return PollTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Leave no folder behind: nothing is kept on disk."""

    async def _on_agent_error(self, agent: AgentT[Any], exc: BaseException) -> None:  # noqa: ARG002
        """End the process: Faust would restart the agent behind the poll that failed, and skip its records."""
        await self.crash(exc)

    async def on_stop(self) -> None:
        """Leave the partitions in order before Faust cancels the agents."""
        try:
            if self._consumer is not None:
                await self._consumer.leave()
        finally:
            await super().on_stop()


def _set(kafka: Any, **attribute: Any) -> None:
    """Set what aiokafka offers no setting for, or none that Faust passes on."""
    for name, value in attribute.items():
        if not hasattr(kafka, name):
            raise _misfit(type(kafka), name)
        setattr(kafka, name, value)


def _misfit(owner: type, name: str) -> ImportError:
    return ImportError(
        f"This Faust does not fit: {owner.__module__}.{owner.__qualname__} has no {name}. "
        "knownas works with faust-streaming 0.15.3 and aiokafka 0.14."
    )


def check_faust(expected: Mapping[type, str]) -> None:
    """Compare what is overridden or called here with the installed Faust: one renamed there would never be called."""
    for owner, names in expected.items():
        for name in names.split():
            if not hasattr(owner, name):
                raise _misfit(owner, name)


FAUST_NAMES: dict[type, str] = {
    driver.AIOKafkaConsumerThread: "on_start on_thread_stop on_partitions_revoked commit assignment _commit"
    " _create_worker_consumer _ensure_consumer",
    driver.Consumer: "on_partitions_revoked on_partitions_assigned perform_seek getmany"
    " force_commit verify_event_path stop_flow resume_flow flow_active _drain_messages _new_consumer_thread _commit",
    driver.Transport: "Consumer",
    Recovery: "_wait _resume_streams",
    TableManager: "recovery on_start _recovery _update_channels",
    faust.Sensor: "on_stream_event_in",
    BootStrategy: "enable_kafka_producer",
    faust.App: "BootStrategy on_stop consumer_generation_id _consumer _new_transport _create_directories"
    " _on_agent_error",
}
check_faust(FAUST_NAMES)
