"""`knownas demo`: a believable shop sends its traffic through the real thing."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from knownas.adapters.kafka import KafkaOutlet
from knownas.adapters.reader import Reader
from knownas.cli.gateway import key_store, serving
from knownas.cli.going_on import GUIDE, batches, keep_open, put_segment
from knownas.cli.output import console, errors, say_json
from knownas.cli.runs import local_services, make_topics
from knownas.cli.waiting import stopping
from knownas.demo.characters import ANN, DARA_EMAIL, STORE_TABLET
from knownas.demo.shop import Sending, traffic
from knownas.errors import KnownasError
from knownas.nouns import COUNTED, LEDGER, REJECTED
from knownas.operate.settle import backlog, until_settled
from knownas.operate.verify import Report, verify_store
from knownas.operate.world import World, open_world
from knownas.serve.keys import RIGHTS
from knownas.settings import Settings
from knownas.topics import Layout

AT_ONCE = 2_000
DEMO = "demo"
"""What the demo's keys are called."""
MOST_IN_FLIGHT = 40_000
"""The producer waits while more than this many records are not done, so that what one watches is the present."""
IDLE_CHECK_MS = 200

Events = Annotated[int, Parameter(validator=validators.Number(gte=1))]


async def demo(
    events: Events = 20_000,
    seed: int = 7,
    exit: bool = False,  # noqa: A002 (the contract names the switch)
    json: bool = False,
    state_dir: Path | None = None,
) -> int:
    """Play a shop: guests, logins on second devices, shared tablets, purchases, opt-outs, on real Kafka and Valkey.

    Parameters
    ----------
    events
        How many records the shop sends.
    seed
        The same seed plays the same shop.
    exit
        Stop when all is done; otherwise everything stays up to look around until Ctrl-C.
    json
        End with one line of JSON.
    state_dir
        Where Kafka, Valkey and the secret are kept; by default a fresh folder that is removed in the end.
    """
    with ExitStack() as stack:
        if state_dir is None:
            state_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="knownas-demo-")))
        settings = stack.enter_context(local_services(state_dir, idle_check_ms=IDLE_CHECK_MS))
        async with stopping() as stop:
            return await _play(settings, stop, events, seed, stay=not exit, json=json)


async def _play(settings: Settings, stop: asyncio.Event, events: int, seed: int, stay: bool, json: bool) -> int:
    await make_topics(settings)
    async with open_world(settings) as world:
        layout = await world.layout()
        async with _worker(world, layout), AsyncExitStack() as stack:
            url = await stack.enter_async_context(_gateway(world, layout)) if stay else None
            if url is not None and not json:
                console.print(f"the page: {url}/  (no key is asked for on this machine)", markup=False)
            reader = Reader(world.link(), world.keys, world.names, layout)
            started = time.monotonic()
            with _progress(json) as progress:
                task = progress.add_task("profiles being made", total=events)
                await _send_all(world, layout, reader, traffic(seed, events, int(time.time())), stop, progress, task)
                await until_settled(world.log, reader, layout, lambda _: progress.update(task))
            seconds = time.monotonic() - started
            if stop.is_set():
                return 1
            if not json:
                errors.print("comparing every profile with the plain model's ...")
            figures = await _figures(world, layout, reader, events, seconds)
            if json:
                say_json(figures[0])
            else:
                _tell(*figures, kafka=settings.kafka)
            if url is not None:
                await _tell_gateway(world, url, json)
                await put_segment(world)
                console.print("the shop stays open, and everything up, until Ctrl-C")
                await keep_open(world, layout, seed + 1, stop)
    return 0 if figures[1].equal else 1


def _gateway(world: World, layout: Layout) -> AbstractAsyncContextManager[str]:
    return serving(world, layout, is_open=True, any_port=True, say=lambda _: None, guide=GUIDE)


async def _tell_gateway(world: World, url: str, json: bool) -> None:
    """Where the gateway is, and a key for each right: fresh ones, those of an earlier demo are taken back."""
    store = key_store(world)
    for row in (await store.rows()).values():
        if row.name == DEMO:
            await store.revoke(row.id)
    keys = {right: (await store.create(DEMO, [right]))[0] for right in RIGHTS}
    if json:
        say_json({"url": url, "keys": keys})
        return
    console.print(f"look at the page: {url}/")
    console.print("ask over HTTP, from this machine without a key:")
    console.print(f"  {url}/docs says what there is")
    for right, key in keys.items():
        console.print(f"  {right:<5} key: {key}", markup=False)
    shown = f"-H 'Authorization: Bearer {keys['read']}'"
    console.print(f"  curl {shown} {url}/v1/profiles/by/email/{ANN.email}", markup=False)
    console.print(f"  curl -N {shown} {url}/v1/changes", markup=False)


@asynccontextmanager
async def _worker(world: World, layout: Layout) -> AsyncIterator[None]:
    """A worker in this process for as long as the block runs; if it ends, so does the block."""
    from knownas.wiring import Worker

    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(Worker(world, layout).run(stop, lambda _: ready.set()))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        waiting.cancel()
        running.result()
        raise KnownasError("the worker ended before it was ready")
    owner = asyncio.current_task()
    assert owner is not None
    running.add_done_callback(lambda _: owner.cancel() if not stop.is_set() else None)
    try:
        yield
    finally:
        stop.set()
        await running


async def _send_all(
    world: World, layout: Layout, reader: Reader, records: Iterable[Sending], stop: asyncio.Event, progress: Progress,
    task: TaskID,
) -> None:  # fmt: skip
    outlet = KafkaOutlet(world.kafka)
    iterator = iter(records)
    try:
        while not stop.is_set() and (some := list(islice(iterator, AT_ONCE))):
            await outlet.send(batches(some, layout))
            progress.update(task, advance=len(some))
            while await backlog(world.log, reader, layout) > MOST_IN_FLIGHT and not stop.is_set():
                await asyncio.sleep(0.1)
    finally:
        await outlet.close()


async def _figures(
    world: World, layout: Layout, reader: Reader, events: int, seconds: float
) -> tuple[dict[str, Any], Report]:
    counters = await reader.counters()
    rejected = {(r.partition, r.offset) async for r in world.log.read(layout.name(REJECTED), committed_only=True)}
    report = await verify_store(world, layout)
    figures = {
        "events": events,
        "profiles": {kind: counters[kind] for kind in COUNTED},
        "links": counters["links"],
        "gray": counters["gray"],
        "rejected": len(rejected),
        "seconds": round(seconds, 2),
        "events_per_second": round(events / seconds),
        "verified": report.equal_profiles,
    }
    return figures, report


def _tell(figures: dict[str, Any], report: Report, kafka: str) -> None:
    """A short summary that somebody understands who has not read a word."""
    profiles = figures["profiles"]
    known = profiles["addressable"] + profiles["customer"]
    lines = [
        f"{figures['events']:,} records in {figures['seconds']:.1f} s ({figures['events_per_second']:,} a second; "
        "producer, Kafka, Valkey and worker on this machine)",
        f"{known + profiles['anonymous']:,} people: {profiles['anonymous']:,} anonymous, {profiles['addressable']:,} "
        f"addressable, {profiles['customer']:,} customers",
        f"{figures['links']:,} times a guest turned out to be somebody known; what they had done as a guest "
        f"({figures['gray']:,} events) stays with {profiles['orphans']:,} orphan profiles, shown in gray and counted "
        "for nobody",
        f"{figures['rejected']:,} records were rejected and are kept with their reason in knownas.{REJECTED}",
        f"{figures['verified']:,} profiles are, byte for byte, what the plain model makes of the same log",
    ]
    for line in lines:
        console.print(f"  {line}")
    for line in report.differences[:10]:
        console.print(f"  differs: {line}", style="red", markup=False)
    console.print("look, from another terminal in this folder:")
    for command in (
        f"knownas profile email:{ANN.email}",
        f"knownas explain {ANN.phone}",
        f"knownas explain {STORE_TABLET}",
        f"knownas explain email:{DARA_EMAIL}",
        "knownas find 'did Charged >= 2 in 90d and not did \"App Launched\" in 30d'",
        f"kcat -C -b {kafka} -t knownas.{LEDGER}",
    ):
        console.print(f"  {command}", markup=False)


def _progress(quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}"), TimeElapsedColumn())
    return Progress(*columns, console=errors, transient=True, disable=quiet or not sys.stderr.isatty())
