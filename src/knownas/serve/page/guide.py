"""What a demo's page suggests to look at first."""

from __future__ import annotations

from typing import NamedTuple


class Suggestion(NamedTuple):
    """Something to try: what one sees there, and where it is."""

    title: str
    text: str
    path: str


class Guide(NamedTuple):
    """A strip of suggestions."""

    suggestions: tuple[Suggestion, ...]
