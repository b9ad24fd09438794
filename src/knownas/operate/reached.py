"""How far a partition of stage 1 is, as the store keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from knownas.adapters.store import encode
from knownas.identity.repeats import oldest_day
from knownas.nouns import Outcome

FIELDS: Final = ("pos", "origins", "outcomes", "ids")
"""What of a partition's `at` says how far it is."""

_read_origins: Final = msgspec.msgpack.Decoder(dict[str, int]).decode
_read_outcomes: Final = msgspec.msgpack.Decoder(dict[int, Outcome]).decode
_read_ids: Final = msgspec.msgpack.Decoder(tuple[int, tuple[int, ...]]).decode


@dataclass
class Reached:
    """How far a partition of `events` or `updates` is."""

    position: int
    origins: dict[str, int] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    time: int = 0
    days: set[int] = field(default_factory=set)

    def late(self) -> list[int]:
        """The days whose marks nobody asks for any more."""
        return [day for day in self.days if day < oldest_day(self.time)]

    def said(self) -> list[Any]:
        """The fields that say so."""
        if not (self.position or self.outcomes):  # where nothing ever came nobody has written more
            return ["pos", self.position]
        days = tuple(sorted(self.days.difference(self.late())))
        ids = encode((self.time, days))
        return ["pos", self.position, "origins", encode(self.origins), "outcomes", encode(self.outcomes), "ids", ids]


def read_reached(fields: Sequence[bytes | None], position: int) -> tuple[Reached, int]:
    """What a store has of a partition that is at this position, and the record from which on it has nothing."""
    pos, origins, outcomes, ids = fields
    reached = Reached(position)
    if pos is None:
        return reached, 0
    reached.origins = _read_origins(origins) if origins else {}
    known = _read_outcomes(outcomes) if outcomes else {}
    reached.outcomes = {offset: outcome for offset, outcome in known.items() if offset >= position}
    reached.time, days = _read_ids(ids) if ids else (0, ())
    reached.days = set(days)
    return reached, int(pos)
