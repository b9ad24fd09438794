"""What a look at a set-up ends with: findings, each with what it means and what to type."""

from __future__ import annotations

from typing import Literal, NamedTuple

State = Literal["fine", "note", "warning", "wrong"]


class Finding(NamedTuple):
    """One thing that was looked at. A `note` is good to know; a `warning` will hurt some day; what is `wrong` hurts
    now, or breaks a promise. `means` and `do` stand where something is to be done."""

    about: str
    state: State
    said: str
    means: str = ""
    do: str = ""


def is_to_be_done(finding: Finding) -> bool:
    """Whether an operator must act on it."""
    return finding.state in ("warning", "wrong")


def fine(about: str, said: str) -> Finding:
    """Looked at, and well."""
    return Finding(about, "fine", said)


def note(about: str, said: str, means: str = "") -> Finding:
    """Good to know."""
    return Finding(about, "note", said, means)


def warning(about: str, said: str, means: str, do: str) -> Finding:
    """It will hurt some day."""
    return Finding(about, "warning", said, means, do)


def wrong(about: str, said: str, means: str, do: str) -> Finding:
    """It hurts now, or breaks a promise."""
    return Finding(about, "wrong", said, means, do)
