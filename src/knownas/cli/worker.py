"""`knownas worker`: one worker, until it is stopped."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from knownas.cli.output import errors, http, plain, quiet_logs, say_line
from knownas.cli.waiting import Port, layout_when_there, stopping
from knownas.errors import NotDrained
from knownas.operate.world import open_world
from knownas.settings import Settings, load
from knownas.topics import Only


async def worker(only: Only | None = None, health_port: Port = None) -> None:
    """Run one worker against KNOWNAS_KAFKA and KNOWNAS_REDIS until it is told to stop (Ctrl-C, SIGTERM).

    Start as many as you like: Kafka deals the partitions among them, any may be killed at any time.

    Told to stop it finishes what it holds, says how far it came, and leaves, within KNOWNAS_DRAIN_SECONDS.

    Parameters
    ----------
    only
        The one stage to work for: resolve (whose is each record) or materialize (fold it into the profile), so that
        each scales by itself; by default both.
    health_port
        Where /health and /metrics are served, on KNOWNAS_HEALTH_HOST (127.0.0.1); by default a free port, which is
        printed.
    """
    settings = load(health_port=health_port)
    quiet_logs(settings.log_json, settings.log_level)
    async with stopping() as stop:
        try:
            await run_worker(settings, stop, only)
        except NotDrained as late:
            # What hangs now would hang the interpreter's end as well.
            errors.print(f"knownas: {plain(late)}")
            os._exit(1)


async def run_worker(settings: Settings, stop: asyncio.Event, only: Only | None = None) -> None:
    """Run a worker until `stop` is set, saying where its health page is."""
    from knownas.wiring import Worker  # Faust takes a third of a second, which nobody who asks for help should wait

    async with open_world(settings) as world:
        layout = await layout_when_there(world, stop)
        if layout is not None:
            await Worker(world, layout, only=only).run(stop, ready_at(settings))


def ready_at(settings: Settings) -> Callable[[int], None]:
    """What says, given the port, that a worker is ready: whoever started it waits for that."""
    return lambda port: say_line(f"worker ready, health on {http(settings.health_host, port)}/health")
