"""Pages of Markdown that are made from the code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_MADE: Final = "Made from the code by `make schemas`."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def page(title: str, *parts: str) -> str:
    """A page with its title."""
    return "\n\n".join([f"# {title}", _MADE, *parts]) + "\n"
