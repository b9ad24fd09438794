"""How commands speak: to people on a terminal, or one JSON document with `--json`."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from rich.console import Console

from knownas.errors import KnownasError

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def say_json(value: Any) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
    sys.stdout.flush()


def say_line(text: str) -> None:
    """One line on standard output, at once: what somebody who started this waits for."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def when(ts: float | None) -> str:
    """A time as people read it, in UTC and said so."""
    if ts is None:
        return "never"
    try:
        return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError):
        return f"{ts} seconds after 1970"


def plain(text: Any) -> str:
    """A value from outside as one line of harmless text: no terminal controls, no markup."""
    cleaned = "".join(c if c.isprintable() else "�" for c in str(text))
    return cleaned.replace("[", "\\[")


def so_many(people: int) -> str:
    """A number of people."""
    return f"{people:,} {'person' if people == 1 else 'people'}"


def is_news(line: logging.LogRecord) -> bool:
    """Whether a library's line says what nobody else says. They log every exception that passes through them: ours,
    with which the process ends in one line or for which it waits and says so; those with which Kafka's client tells
    itself to begin anew; and that they were told to stop."""
    error = line.exc_info[1] if line.exc_info else None
    if isinstance(error, (KnownasError, asyncio.CancelledError)) or type(error).__module__ == "aiokafka.errors":
        return False
    return not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed")


def quiet_logs(as_json: bool = False, level: str = "info") -> None:
    """Our own lines go to standard error, the libraries' only where something fails; as JSON each line is an object."""
    # Traces without the values of variables: these are records of people, and keys.
    on_terminal = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    renderers: list[Any] = [on_terminal]
    if as_json:
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    stamps: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    structlog.configure(
        processors=[*stamps, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
    of_libraries = logging.StreamHandler(sys.stderr)
    of_libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *stamps],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    of_libraries.addFilter(is_news)
    logging.basicConfig(level=logging.ERROR, handlers=[of_libraries], force=True)
    for name in ("aiokafka", "faust", "mode", "knownas"):
        logging.getLogger(name).setLevel(logging.CRITICAL if name == "aiokafka" else logging.ERROR)
