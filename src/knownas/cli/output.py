"""How commands speak: to people on a terminal, or one JSON document with `--json`."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog
from rich.console import Console

from knownas.errors import KnownasError

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

OF_FAUST: Final = ("faust", "mode", "knownas")
"""What its services log under: its own modules, and those of ours that are such services."""


def say_json(value: Any) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
    sys.stdout.flush()


def say_line(text: str) -> None:
    """One line on standard output, at once: what somebody who started this waits for."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def http(host: str, port: int) -> str:
    """The address of what listens here."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
    """Whether a library's line says what nobody else says. Faust logs every exception that passes through it: those
    with which the process ends anyway, in one line, and that it was told to stop. Kafka's client begins anew where its
    own tasks fail. What fails in a task of ours, which nobody waits for, is heard of here alone."""
    error = line.exc_info[1] if line.exc_info else None
    if error is None:
        return True
    library = line.name.partition(".")[0]
    if library in OF_FAUST:
        return not isinstance(error, asyncio.CancelledError) and (_is_swallowed(line) or not _is_known(error))
    if library == "asyncio":
        return not (_is_of_kafka(error) and _is_begun_by_kafkas_client(error))
    # A thread that ended after the loop to which it would have told so.
    return not (library == "concurrent" and isinstance(error, RuntimeError) and str(error) == "Event loop is closed")


def _is_known(error: BaseException) -> bool:
    return isinstance(error, KnownasError) or _is_of_kafka(error)


def _is_swallowed(line: logging.LogRecord) -> bool:
    """Faust ends with every error but those that it meets while it ends."""
    return "Error while stopping" in str(line.msg)


def _is_of_kafka(error: BaseException) -> bool:
    return type(error).__module__ == "aiokafka.errors"


def _is_begun_by_kafkas_client(error: BaseException) -> bool:
    """Whether it comes from a task of the client's, or was put into one of its futures and raised nowhere."""
    raised = error.__traceback__
    return raised is None or str(raised.tb_frame.f_globals.get("__name__")).startswith("aiokafka.")


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
    for name in ("aiokafka", *OF_FAUST):
        logging.getLogger(name).setLevel(logging.CRITICAL if name == "aiokafka" else logging.ERROR)
