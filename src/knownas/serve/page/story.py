"""The ledger of a profile, a device or an identity as the page tells it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from knownas.identity.story import About, Called, gathered, standing, stands, told
from knownas.nouns import LedgerRow, Timestamp

MOST_PROFILES: Final = 200
"""How many profiles of a story are called by their names."""
PROFILE_ID: Final = re.compile(r"\b([0-9a-f]{32})\b")
_ICONS: Final = {
    "bound": "smartphone", "claimed": "user-check", "linked": "link", "switched": "split", "refused": "ban",
    "released": "unlink", "demerged": "unlink", "deleted": "trash-2", "tested": "flask-conical", "suppressed": "ban",
}  # fmt: skip


class Piece(NamedTuple):
    """A part of a sentence; one that means a profile leads there."""

    text: str
    profile: str | None = None


class Decision(NamedTuple):
    """A row as it is told: when, what, decided by which record; `times` like it, the last at `last`."""

    ts: Timestamp
    icon: str
    pieces: list[Piece]
    record: str
    times: int
    last: Timestamp


class Story(NamedTuple):
    """What something is by the ledger, since when, and how that came about; `suppressed`: records with it are
    rejected."""

    stands: list[Piece]
    since: Timestamp | None
    record: str | None
    suppressed: bool
    decisions: list[Decision]


class Teller:
    """Tells rows: `called` are words for hashed devices and identities, `names` those of profiles by their ids."""

    def __init__(self, called: Called, names: Mapping[str, str], this_profile: str | None = None) -> None:
        self._called, self._names, self._this = called, names, this_profile

    def story(self, about: About, who: str, words: str, rows: Sequence[LedgerRow]) -> Story:
        """Rows, in their order, as a story of one whom the ledger names `who` and people call `words`."""
        stood = standing(about, who, rows)
        row = stood.row
        return Story(
            self.pieces(stands(stood, words)),
            row.ts if row else None,
            record_of(row) if row else None,
            stood.suppressed,
            self.decisions(rows),
        )

    def decisions(self, rows: Iterable[LedgerRow]) -> list[Decision]:
        """Rows as they are told."""
        return [
            Decision(row.ts, _ICONS[row.kind], self._sentence(row), record_of(row), times, last.ts)
            for row, times, last in gathered(rows)
        ]

    def _sentence(self, row: LedgerRow) -> list[Piece]:
        sentence = told(row, self._called)
        if self._this is not None:
            sentence = sentence.replace(f"guest {self._this}", "this guest").replace(self._this, "this profile")
        return self.pieces(sentence[0].upper() + sentence[1:])

    def pieces(self, sentence: str) -> list[Piece]:
        """A sentence in which profiles are called by their names."""
        parts = PROFILE_ID.split(sentence)
        pieces = [Piece(self._names.get(text, text[:8]), text) if place % 2 else Piece(text)
                  for place, text in enumerate(parts)]  # fmt: skip
        return [piece for piece in pieces if piece.text]


def record_of(row: LedgerRow) -> str:
    """The record that decided a row."""
    return f"{row.position.topic}/{row.position.partition}/{row.position.offset}"


def profiles_in(rows: Iterable[LedgerRow]) -> list[str]:
    """The profiles that rows name, the newest first, each once."""
    found: dict[str, None] = {}
    for row in reversed(list(rows)):
        found |= dict.fromkeys(one for one in (row.profile, row.from_) if one)
    return list(found)[:MOST_PROFILES]
