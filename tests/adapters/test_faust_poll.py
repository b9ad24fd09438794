"""The poll transport on a real Kafka: what a hold promises, through rebalances, crashes, pauses and broken brokers."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from faust.types import TP

from knownas.adapters import faust_poll
from knownas.adapters.faust_poll import (
    Chunk,
    Hold,
    PollApp,
    PollConsumer,
    PollSettings,
    PollThread,
    PollTransport,
    RecordsGone,
    check_faust,
)
from knownas.embedded import start_kafka
from knownas.errors import CannotStart
from tests.adapters import poll_worker
from tests.adapters.poll_worker import FileHold, Journal, JournalKeeper, journal_keeper, poll_app, process_all

Polls = asyncio.Queue[Mapping[TP, Chunk]]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process or thread does."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def make_topic(kafka: str, name: str, partitions: int) -> list[TP]:
    async with admin(kafka) as client:
        await client.create_topics([NewTopic(name, partitions, 1)])
    return [TP(name, number) for number in range(partitions)]


async def produce(kafka: str, tps: Iterable[TP], count: int) -> None:
    """Send `count` records to each partition."""
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for tp in tps:
            for sent in range(0, count, 100):
                batch = producer.create_batch()
                for number in range(sent, min(sent + 100, count)):
                    batch.append(key=b"key", value=b"%d" % number, timestamp=None)
                await producer.send_batch(batch, tp.topic, partition=tp.partition)


async def committed(kafka: str, group: str) -> dict[TP, int]:
    async with admin(kafka) as client:
        offsets = await client.list_consumer_group_offsets(group)
    return {TP(*tp): offset.offset for tp, offset in offsets.items()}


@asynccontextmanager
async def running(app: PollApp) -> AsyncIterator[PollApp]:
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


def collect(app: PollApp, *topics: str) -> Polls:
    """Let an agent put aside what it is given. Positions move when the test says so."""
    polls: Polls = asyncio.Queue()

    @app.agent(app.polls(*topics))
    async def gather(stream: Any) -> None:
        async for chunks in stream:
            polls.put_nowait(chunks)

    return polls


async def next_of(polls: Polls) -> Mapping[TP, Chunk]:
    async with asyncio.timeout(30):
        return await polls.get()


def offsets(chunk: Chunk) -> list[int]:
    return [record.offset for record in chunk.records]


@pytest.fixture
def file(tmp_path: Path) -> str:
    """The store that all workers of a test share."""
    return str(tmp_path / "journal.sqlite")


@pytest.fixture
def keeper(file: str) -> JournalKeeper:
    return journal_keeper(file, "here")


async def test_a_poll_is_one_message_with_the_chunks_of_all_partitions_in_order(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    tps = await make_topic(kafka, namespace, 4)
    await produce(kafka, tps, 250)
    app = poll_app(kafka, namespace, keeper)
    polls = collect(app, namespace)
    async with running(app):
        chunks = await next_of(polls)
    assert {tp: offsets(chunk) for tp, chunk in chunks.items()} == {tp: list(range(250)) for tp in tps}
    assert {chunk.next_offset for chunk in chunks.values()} == {250}
    assert {tp: chunk.hold for tp, chunk in chunks.items()}.keys() == set(tps)
    assert chunks[tps[2]].records[7].value == b"7"


async def test_a_poll_holds_no_more_records_than_the_settings_say(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    tps = await make_topic(kafka, namespace, 2)
    await produce(kafka, tps, 250)
    app = poll_app(kafka, namespace, keeper, PollSettings(max_records=70))
    polls = collect(app, namespace)
    seen: dict[TP, list[int]] = {tp: [] for tp in tps}
    async with running(app):
        while any(len(records) < 250 for records in seen.values()):
            chunks = await next_of(polls)
            assert sum(len(chunk.records) for chunk in chunks.values()) <= 70
            for tp, chunk in chunks.items():
                seen[tp] += offsets(chunk)
    assert list(seen.values()) == [list(range(250))] * 2


async def test_an_agent_reads_several_topics_each_with_messages_of_its_own(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    topics = [f"{namespace}.a", f"{namespace}.b"]
    tps = [tp for topic in topics for tp in await make_topic(kafka, topic, 1)]
    await produce(kafka, tps, 3)
    app = poll_app(kafka, namespace, keeper)
    polls = collect(app, *topics)
    async with running(app):
        given = [set(await next_of(polls)), set(await next_of(polls))]
    assert sorted(given, key=sorted) == [{tps[0]}, {tps[1]}]


async def test_polls_grow_while_an_agent_is_busy(kafka: str, namespace: str, keeper: JournalKeeper) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    app = poll_app(kafka, namespace, keeper)
    sizes: list[int] = []
    free, done = asyncio.Event(), asyncio.Event()

    @app.agent(app.polls(namespace))
    async def slow(stream: Any) -> None:
        async for chunks in stream:
            sizes.append(len(chunks[tp].records))
            await free.wait()
            if sum(sizes) == 1000:
                done.set()

    async with running(app), asyncio.timeout(30):
        for _ in range(100):
            await produce(kafka, [tp], 10)
        free.set()
        await done.wait()
    # One under way, one waiting, one fetched ahead; all that came after these is one poll.
    assert len(sizes) <= 4


async def test_records_of_an_aborted_transaction_are_not_read(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    async with AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=namespace) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(namespace, b"aborted")
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(namespace, b"kept")
    app = poll_app(kafka, namespace, keeper)
    polls = collect(app, namespace)
    async with running(app):
        assert [record.value for record in (await next_of(polls))[tp].records] == [b"kept"]


async def test_a_busy_agent_does_not_hold_up_another_topic(kafka: str, namespace: str, keeper: JournalKeeper) -> None:
    (busy,) = await make_topic(kafka, f"{namespace}.busy", 1)
    (quick,) = await make_topic(kafka, f"{namespace}.quick", 1)
    app = poll_app(kafka, namespace, keeper, PollSettings(max_records=10))
    polls = collect(app, quick.topic)

    @app.agent(app.polls(busy.topic))
    async def wait(stream: Any) -> None:
        async for _ in stream:
            await asyncio.Event().wait()

    await produce(kafka, [busy], 100)
    async with running(app):
        for number in range(20):
            await produce(kafka, [quick], 1)
            assert offsets((await next_of(polls))[quick]) == [number]


async def test_reading_starts_at_the_keepers_position_and_not_at_the_committed_offset(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    tps = await make_topic(kafka, namespace, 2)
    await produce(kafka, tps, 100)
    async with AIOKafkaConsumer(bootstrap_servers=kafka, group_id=namespace, enable_auto_commit=False) as consumer:
        consumer.assign([TopicPartition(*tp) for tp in tps])
        await consumer.commit({TopicPartition(*tps[0]): 50})
    keeper.journal.set_position(tps[0], 20)
    keeper.journal.set_position(tps[1], 60)
    app = poll_app(kafka, namespace, keeper)
    polls = collect(app, namespace)
    async with running(app):
        assert await app.poller.committed(tps) == {tps[0]: 50, tps[1]: None}
        chunks = await next_of(polls)
    assert {tp: offsets(chunk)[0] for tp, chunk in chunks.items()} == {tps[0]: 20, tps[1]: 60}


async def test_stopping_commits_the_last_positions_and_none_where_nothing_was_processed(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    tps = await make_topic(kafka, namespace, 3)
    await produce(kafka, tps[:2], 100)
    keeper.journal.set_position(tps[0], 100)
    app = poll_app(kafka, namespace, keeper, broker_commit_interval=3600)
    process_all(app, keeper, namespace)
    async with running(app):
        await until(lambda: keeper.journal.positions()[tps[1]] == 100)
    assert await committed(kafka, namespace) == {tps[0]: 100, tps[1]: 100}
    assert keeper.dropped[-1] == set(tps)


async def test_what_was_read_but_not_processed_is_never_committed(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    await produce(kafka, [tp], 100)
    app = poll_app(kafka, namespace, keeper)
    polls = collect(app, namespace)
    async with running(app):
        hold = (await next_of(polls))[tp].hold
        hold.position = 40
        await app.poller.commit()
    assert await committed(kafka, namespace) == {tp: 40}


async def test_a_stage_that_is_refused_gets_its_records_again_under_a_fresh_hold(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    tps = await make_topic(kafka, namespace, 2)
    await produce(kafka, tps, 100)
    app = poll_app(kafka, namespace, keeper)
    polls = collect(app, namespace)
    async with running(app):
        first = await next_of(polls)
        first[tps[0]].hold.position = 30
        keeper.journal.set_position(tps[0], 30)
        await app.poller.retake({tps[0]})
        again = await next_of(polls)
        assert not first[tps[0]].hold.alive
        assert first[tps[1]].hold.alive, "its neighbour keeps its hold"
    assert {tp: offsets(chunk) for tp, chunk in again.items()} == {tps[0]: list(range(30, 100))}


class GatedThread(PollThread):
    """Lets a test step in between reading records and handing them over."""

    app: "GatedApp"

    async def poll(self, wait_s: float) -> dict[TP, Chunk]:
        chunks = await super().poll(wait_s)
        if chunks and self.app.step_in is not None:
            step_in, self.app.step_in = self.app.step_in, None
            await step_in(chunks)
        return chunks

    async def place(self, holds: Mapping[TP, Hold]) -> None:
        await super().place(holds)
        if self.app.step_in_after_place is not None:
            await self.app.step_in_after_place()


class GatedConsumer(PollConsumer):
    def _new_consumer_thread(self) -> PollThread:
        return GatedThread(self, loop=self.loop, beacon=self.beacon)


class GatedTransport(PollTransport):
    Consumer = GatedConsumer


class GatedApp(PollApp):
    step_in: Callable[[Mapping[TP, Chunk]], Any] | None = None
    step_in_after_place: Callable[[], Any] | None = None

    def _new_transport(self) -> PollTransport:
        return GatedTransport(self.conf.broker_consumer, self)


def gated(kafka: str, namespace: str, keeper: JournalKeeper) -> GatedApp:
    return GatedApp(namespace, keeper=keeper, broker=f"kafka://{kafka}", broker_session_timeout=6.0)


async def test_records_read_before_a_take_never_come_under_the_hold_that_it_gave(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    await produce(kafka, [tp], 100)
    app = gated(kafka, namespace, keeper)
    polls = collect(app, namespace)
    stale: list[Chunk] = []

    async def take_anew(chunks: Mapping[TP, Chunk]) -> None:
        stale.append(chunks[tp])
        await app.poller.retake({tp})

    app.step_in = take_anew
    async with running(app):
        chunk = (await next_of(polls))[tp]
        assert chunk.hold is not stale[0].hold
        assert chunk.hold.alive
        assert not stale[0].hold.alive
    assert offsets(stale[0]) == offsets(chunk) == list(range(100)), "dropped once, read again, nothing skipped"


async def test_records_that_arrive_for_a_fetch_under_way_during_a_take_belong_to_the_new_hold(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    app = poll_app(kafka, namespace, keeper)
    polls = collect(app, namespace)
    async with running(app):
        await until(lambda: tp in keeper.holds and app.flow_control.is_active())
        await app.poller.retake({tp})
        await produce(kafka, [tp], 10)
        chunk = (await next_of(polls))[tp]
        assert chunk.hold is keeper.holds[tp]
    assert offsets(chunk) == list(range(10))


async def test_records_of_a_live_hold_wait_for_flow_and_are_not_thrown_away(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    await produce(kafka, [tp], 100)
    app = gated(kafka, namespace, keeper)
    polls = collect(app, namespace)
    stopped = asyncio.Event()

    async def stop_flow(_: Mapping[TP, Chunk]) -> None:
        app.poller.stop_flow()
        stopped.set()

    app.step_in = stop_flow
    async with running(app):
        await stopped.wait()
        assert polls.empty()
        app.poller.resume_flow()
        assert offsets((await next_of(polls))[tp]) == list(range(100))


async def test_a_take_that_waits_for_the_store_outlasts_every_timeout_of_faust(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    app = poll_app(kafka, namespace, keeper)
    recovery = app.tables.recovery  # type: ignore[attr-defined]
    waited = asyncio.Event()

    async def take() -> None:
        await asyncio.sleep(0.05)
        waited.set()

    await recovery._wait(take(), timeout=0.001)
    assert waited.is_set()


async def test_nothing_is_read_before_the_take_is_done(kafka: str, namespace: str, keeper: JournalKeeper) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    await produce(kafka, [tp], 10)
    keeper.open.clear()
    app = poll_app(kafka, namespace, keeper)
    polls = collect(app, namespace)
    starting = asyncio.ensure_future(app.start())
    await keeper.asked.wait()
    assert not app.flow_control.is_active()
    keeper.journal.set_position(tp, 5)
    keeper.open.set()
    assert offsets((await next_of(polls))[tp]) == list(range(5, 10))
    await starting
    await app.stop()


async def test_a_rebalance_overtakes_a_take_that_waits_for_the_store(kafka: str, namespace: str, file: str) -> None:
    tps = await make_topic(kafka, namespace, 4)
    await produce(kafka, tps, 10)
    away, there = journal_keeper(file, "away"), journal_keeper(file, "there")
    away.open.clear()
    first, second = poll_app(kafka, namespace, away), poll_app(kafka, namespace, there)
    process_all(first, away, namespace)
    process_all(second, there, namespace)
    starting = asyncio.ensure_future(first.start())
    await away.asked.wait()
    away.asked.clear()
    async with running(second):
        await until(lambda: len(there.holds) == 2)
        await away.asked.wait()
        away.open.set()
        await until(lambda: list(there.journal.positions().values()) == [10] * 4)
        assert away.holds.keys() | there.holds.keys() == set(tps)
        assert len(away.holds) == 2, "of the take for all four nothing is left"
        await starting
        await first.stop()
    check_runs(there.journal)


async def test_a_rebalance_ends_all_holds_and_overtakes_a_stage_that_takes_anew(
    kafka: str, namespace: str, file: str
) -> None:
    tps = await make_topic(kafka, namespace, 4)
    here, there = journal_keeper(file, "here"), journal_keeper(file, "there")
    first, second = poll_app(kafka, namespace, here), poll_app(kafka, namespace, there)
    process_all(first, here, namespace)
    process_all(second, there, namespace)
    async with running(first), asyncio.timeout(30):
        await until(lambda: len(here.holds) == 4 and first.flow_control.is_active())
        before = dict(here.holds)
        here.asked.clear()
        here.open.clear()
        retaking = asyncio.ensure_future(first.poller.retake({tps[0]}))
        await here.asked.wait()
        assert not before[tps[0]].alive, "its records are ignored from the first moment"
        here.asked.clear()
        async with running(second):
            await retaking
            assert here.dropped == [set(tps)], "kept or not, every partition changes its hold"
            assert not any(hold.alive for hold in before.values())
            await here.asked.wait()
            here.open.set()
            await until(lambda: len(here.holds) == len(there.holds) == 2)


async def test_flow_does_not_resume_by_a_take_that_was_overtaken(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    app = poll_app(kafka, namespace, keeper)
    collect(app, namespace)
    async with running(app):
        await until(lambda: tp in keeper.holds and app.flow_control.is_active())
        keeper.asked.clear()
        keeper.open.clear()
        seeking = asyncio.ensure_future(app.poller.perform_seek())
        await keeper.asked.wait()
        await app.poller.on_partitions_revoked({tp})
        keeper.open.set()
        _, waiting = await asyncio.wait({seeking}, timeout=0.2)
        assert waiting, "Faust resumes flow when this returns"
        assert not keeper.holds
        seeking.cancel()


async def test_flow_does_not_resume_when_a_revocation_comes_right_after_the_seek(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    app = gated(kafka, namespace, keeper)
    collect(app, namespace)
    async with running(app):
        await until(lambda: tp in keeper.holds and app.flow_control.is_active())
        revoking: list[asyncio.Task[None]] = []

        async def revoke() -> None:
            revoking.append(asyncio.ensure_future(app.poller.on_partitions_revoked({tp})))
            await until(lambda: not app.poller.flow_active)

        app.step_in_after_place = revoke
        seeking = asyncio.ensure_future(app.poller.perform_seek())
        await until(lambda: len(keeper.dropped) == 1)
        _, waiting = await asyncio.wait({seeking}, timeout=0.2)
        assert waiting
        await revoking[0]
        seeking.cancel()


async def test_a_message_that_waits_through_a_rebalance_does_not_stop_its_topic(
    kafka: str, namespace: str, file: str
) -> None:
    tps = await make_topic(kafka, namespace, 2)
    await produce(kafka, tps, 100)
    here, there = journal_keeper(file, "here"), journal_keeper(file, "there")
    first = poll_app(kafka, namespace, here, PollSettings(max_records=10))
    second = poll_app(kafka, namespace, there)
    collect(second, namespace)
    first_poll, free = asyncio.Event(), asyncio.Event()
    seen: dict[TP, int] = {}

    @first.agent(first.polls(namespace))
    async def process(stream: Any) -> None:
        async for chunks in stream:
            first_poll.set()
            await free.wait()
            for tp, chunk in chunks.items():
                if chunk.hold.alive:
                    assert chunk.records[0].offset == seen.get(tp, 0)
                    seen[tp] = chunk.next_offset

    async with running(first):
        await first_poll.wait()
        async with running(second):
            await until(lambda: len(here.holds) == len(there.holds) == 1)
            free.set()
            (mine,) = here.holds
            await until(lambda: seen.get(mine) == 100)


class Refuses(JournalKeeper):
    async def take(self, tps: set[TP]) -> Mapping[TP, FileHold]:
        raise CannotStart(f"{len(tps)} partitions, but the store is gone: run `knownas rebuild`")


async def test_a_take_that_refuses_ends_the_process_with_its_message(kafka: str, namespace: str, file: str) -> None:
    await make_topic(kafka, namespace, 1)
    app = poll_app(kafka, namespace, Refuses(Journal(file), "here"))
    polls = collect(app, namespace)
    starting = asyncio.ensure_future(app.start())
    await until(lambda: app.crashed)
    assert str(app.crash_reason) == "1 partitions, but the store is gone: run `knownas rebuild`"
    await app.stop()
    await starting
    assert polls.empty()


async def test_an_agent_that_fails_ends_the_process_and_skips_nothing(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    await produce(kafka, [tp], 100)
    app = poll_app(kafka, namespace, keeper, PollSettings(max_records=10))
    given: list[int] = []

    @app.agent(app.polls(namespace))
    async def fail(stream: Any) -> None:
        async for chunks in stream:
            given.extend(offsets(chunks[tp]))
            raise RuntimeError("a mistake of ours")

    async with running(app):
        await until(lambda: app.crashed)
        assert str(app.crash_reason) == "a mistake of ours"
    assert given == list(range(10))


async def test_a_position_before_what_kafka_still_holds_ends_the_process(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    tps = await make_topic(kafka, namespace, 2)
    await produce(kafka, tps, 100)
    async with admin(kafka) as client:
        await client.delete_records({TopicPartition(*tps[1]): RecordsToDelete(60)})
    keeper.journal.set_position(tps[1], 20)
    app = poll_app(kafka, namespace, keeper)
    collect(app, namespace)
    async with running(app):
        await until(lambda: app.crashed)
    assert isinstance(app.crash_reason, RecordsGone)
    assert f"records are gone: {namespace}[1] goes on at 20, and Kafka holds 60 to 100. " in str(app.crash_reason)


async def test_a_position_beyond_what_kafka_holds_ends_the_process(
    kafka: str, namespace: str, keeper: JournalKeeper
) -> None:
    (tp,) = await make_topic(kafka, namespace, 1)
    await produce(kafka, [tp], 10)
    keeper.journal.set_position(tp, 500)
    app = poll_app(kafka, namespace, keeper)
    collect(app, namespace)
    async with running(app):
        await until(lambda: app.crashed)
    assert "goes on at 500, and Kafka holds 0 to 10. " in str(app.crash_reason)


async def test_an_app_makes_no_topic_and_leaves_no_folder(
    kafka: str, namespace: str, keeper: JournalKeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tp,) = await make_topic(kafka, namespace, 1)
    await produce(kafka, [tp], 1)
    app = poll_app(kafka, namespace, keeper)
    polls = collect(app, namespace)
    async with running(app):
        await next_of(polls)
    async with admin(kafka) as client:
        assert [name for name in await client.list_topics() if namespace in name] == [namespace]
    left = os.listdir(tmp_path)  # noqa: PTH208
    assert {name.split(".")[0] for name in left} == {"journal"}


def test_a_faust_that_does_not_fit_is_named_at_import() -> None:
    check_faust(faust_poll.FAUST_NAMES)
    with pytest.raises(ImportError, match=r"Consumer has no perform_sought.*faust-streaming 0\.15"):
        check_faust({PollConsumer: "perform_seek perform_sought"})


# With workers as processes of their own.


class Workers:
    """Workers that share a group and a store."""

    def __init__(self, kafka: str, group: str, file: str, topic: str) -> None:
        self.journal = Journal(file)
        self._arguments = [kafka, group, file]
        self._topic = topic
        self._processes: dict[str, Process] = {}

    async def start(self, name: str, polls: float = float("inf")) -> None:
        """Start one and wait until it has taken partitions."""
        self._processes[name] = await asyncio.create_subprocess_exec(
            sys.executable, poll_worker.__file__, *self._arguments, name, str(polls), self._topic
        )
        await until(lambda: self.has_taken(name, 1))

    def has_taken(self, name: str, partitions: int) -> bool:
        """Whether a worker's last take was of so many partitions, or more."""
        owners = {take.tp: take.worker for take in self.journal.takes()}
        return list(owners.values()).count(name) >= partitions

    async def kill(self, name: str) -> None:
        await self._end(name, signal.SIGKILL)

    async def stop(self, name: str) -> None:
        assert await self._end(name, signal.SIGTERM) == 0

    async def _end(self, name: str, how: signal.Signals) -> int:
        process = self._processes.pop(name)
        process.send_signal(how)
        return await process.wait()

    async def kill_all(self) -> None:
        for name in list(self._processes):
            with suppress(ProcessLookupError):
                await self.kill(name)


@asynccontextmanager
async def workers(kafka: str, group: str, file: str, topic: str) -> AsyncIterator[Workers]:
    crew = Workers(kafka, group, file, topic)
    try:
        yield crew
    finally:
        await crew.kill_all()


@asynccontextmanager
async def records_streaming(kafka: str, tps: list[TP], sent: dict[TP, int]) -> AsyncIterator[None]:
    """Send records all the while; `sent` says how many in the end."""
    ended = asyncio.Event()

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
            while not ended.is_set():
                for tp in tps:
                    batch = producer.create_batch()
                    for _ in range(20):
                        batch.append(key=None, value=b"streaming", timestamp=None)
                    await producer.send_batch(batch, tp.topic, partition=tp.partition)
                    sent[tp] = sent.get(tp, 0) + 20
                await asyncio.sleep(0.05)

    sending = asyncio.ensure_future(send())
    try:
        yield
    finally:
        ended.set()
        await sending


@asynccontextmanager
async def commits_watched(kafka: str, group: str, journal: Journal) -> AsyncIterator[list[dict[TP, int]]]:
    """See all the while that nothing is committed ahead of the store."""
    ended = asyncio.Event()
    samples: list[dict[TP, int]] = []

    async def watch() -> None:
        async with admin(kafka) as client:
            while not ended.is_set():
                seen = await client.list_consumer_group_offsets(group)
                positions = journal.positions()  # read after: they only grow
                sample = {TP(*tp): offset.offset for tp, offset in seen.items()}
                assert all(offset <= positions[tp] for tp, offset in sample.items()), (sample, positions)
                samples.append(sample)
                await asyncio.sleep(0.05)

    watching = asyncio.ensure_future(watch())
    try:
        yield samples
    finally:
        ended.set()
        await watching


def check_runs(journal: Journal) -> None:
    """Each hold's first chunk starts at its position and each next one where the last ended."""
    starts = {take.token: take.position for take in journal.takes()}
    notes = journal.notes()
    for token, start in starts.items():
        run = [note for note in notes if note.token == token]
        assert not run or run[0].first == start
        assert all(one.next == other.first for one, other in pairwise(run))


def check_processed(journal: Journal, sent: Mapping[TP, int]) -> None:
    """Every offset was processed exactly once; what was repeated had not been accepted."""
    for tp, count in sent.items():
        done = sorted((note.first, note.next) for note in journal.notes() if note.tp == tp and note.done)
        assert done[0][0] == 0
        assert done[-1][1] == count
        assert all(one[1] == other[0] for one, other in pairwise(done))


async def test_through_joins_kills_and_returns_nothing_is_skipped_and_nothing_is_committed_early(
    kafka: str, namespace: str, file: str
) -> None:
    tps = await make_topic(kafka, namespace, 6)
    sent: dict[TP, int] = {}
    async with workers(kafka, namespace, file, namespace) as crew:
        journal = crew.journal
        async with commits_watched(kafka, namespace, journal) as samples:
            async with records_streaming(kafka, tps, sent):
                await crew.start("first")
                await crew.start("second")
                await until(lambda: crew.has_taken("first", 3) and crew.has_taken("second", 3))
                await crew.kill("first")
                await until(lambda: crew.has_taken("second", 6))
                await crew.start("third")
                await until(lambda: crew.has_taken("second", 3) and crew.has_taken("third", 3))
                await crew.stop("second")
                await until(lambda: crew.has_taken("third", 6))
                await crew.start("second again")
            await until(lambda: journal.positions() == sent)
            await crew.stop("third")
            await until(lambda: crew.has_taken("second again", 6))
            await crew.stop("second again")
    check_runs(journal)
    check_processed(journal, sent)
    assert len(samples) > 10
    assert await committed(kafka, namespace) == sent


async def test_a_crash_between_a_poll_and_its_acknowledgement_repeats_the_chunks(
    kafka: str, namespace: str, file: str
) -> None:
    tps = await make_topic(kafka, namespace, 2)
    await produce(kafka, tps, 500)
    async with workers(kafka, namespace, file, namespace) as crew:
        journal = crew.journal
        await crew.start("hanging", polls=2)
        await until(lambda: any(not note.done for note in journal.notes()))
        await crew.kill("hanging")
        lost = [(note.tp, note.first) for note in journal.notes() if not note.done]
        await crew.start("next")
        await until(lambda: list(journal.positions().values()) == [500, 500])
        await crew.stop("next")
    again = {(note.tp, note.first) for note in journal.notes() if note.worker == "next"}
    assert again.issuperset(lost)
    check_runs(journal)
    check_processed(journal, dict.fromkeys(tps, 500))


async def test_a_kafka_that_is_away_is_waited_for(namespace: str, tmp_path: Path, keeper: JournalKeeper) -> None:
    with await asyncio.to_thread(start_kafka, tmp_path / "kafka") as broker:
        tps = await make_topic(broker.bootstrap, namespace, 2)
        await produce(broker.bootstrap, tps, 10)
        app = poll_app(broker.bootstrap, namespace, keeper)
        process_all(app, keeper, namespace)
        await asyncio.to_thread(broker.kill)
        starting = asyncio.ensure_future(app.start())
        await asyncio.to_thread(broker.restart)
        await until(lambda: list(keeper.journal.positions().values()) == [10, 10])
        await starting
        await asyncio.to_thread(broker.restart)
        await produce(broker.bootstrap, tps, 10)
        await until(lambda: list(keeper.journal.positions().values()) == [20, 20])
        assert not app.crashed
        await asyncio.to_thread(broker.kill)
        await app.stop()
    check_runs(keeper.journal)
    check_processed(keeper.journal, dict.fromkeys(tps, 20))
