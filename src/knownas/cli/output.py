"""How commands speak: to people on a terminal, or one JSON document with `--json`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def say_json(value: Any) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
    sys.stdout.flush()


def when(ts: float | None) -> str:
    """A time as people read it, in UTC and said so."""
    if ts is None:
        return "never"
    return datetime.fromtimestamp(ts, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plain(text: Any) -> str:
    """A value from outside as one line of harmless text: no terminal controls, no markup."""
    cleaned = "".join(c if c.isprintable() else "�" for c in str(text))
    return cleaned.replace("[", "\\[")
