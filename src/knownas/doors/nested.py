"""Objects in profiles as single properties, each named by its path; and what a request may not blow itself up to.

A path repeats every name above it, and what a batch says once of all its records is repeated in each of them: so a
small request could come to a huge one. What is beyond these limits is not unfolded or is cut; what is left of it is
still longer than a record may be, or a property's name, or a text, so it is refused further on by the usual limits and
the usual words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

PATH: Final = 256
"""Characters of a path; a property's name may have 120 bytes."""
MOST: Final = 400
"""Properties of a record; it may have 256."""
TEXT: Final = 1_024
"""Characters of a text that stands in several records; in a context it may have 512 bytes."""

Inside = Callable[[Any], Iterable[tuple[str, Any]] | None]
"""The steps into a value and what is there; None where a value is one property, whatever is in it."""


def unfolded(fields: Mapping[str, Any], inside: Inside, depth: int = PATH) -> dict[str, Any]:
    """The properties that some fields come to; what lies deeper than `depth` stays as it is."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        for path, single in _unfold(name, value, inside, depth):
            found[path] = single
            if len(found) > MOST:
                return found
    return found


def _unfold(name: str, value: Any, inside: Inside, depth: int) -> Iterator[tuple[str, Any]]:
    steps = inside(value) if depth and len(name) <= PATH else None
    if steps is None:
        yield name, value
        return
    for step, inner in steps:
        yield from _unfold(name + step, inner, inside, depth - 1)


def by_name(value: Any) -> Iterable[tuple[str, Any]] | None:
    """Into objects that hold something."""
    return ((f".{key}", inner) for key, inner in value.items()) if isinstance(value, dict) and value else None
