"""Snapshots read back, and what is still to be done of a shard whose beginning Kafka lacks.

Deletions have their tombstones among the snapshots, so ticks, which delete by the clock, are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from knownas.adapters.reader import read_profile
from knownas.errors import CannotStart
from knownas.nouns import FORMAT, Source
from knownas.profile.fold import line_of, read
from knownas.stages.snapshots import MARK, Kept, Mark, Piece, encode

_read_piece: Final = msgspec.msgpack.Decoder(Piece).decode
_read_mark: Final = msgspec.msgpack.Decoder(Mark).decode
_read_kept: Final = msgspec.msgpack.Decoder(Kept).decode

T = TypeVar("T", Mark, Piece)


class Snapshot(NamedTuple):
    """A profile as it was once, and the position it reflects."""

    position: int
    kept: Kept


class Cut:
    """A shard whose beginning Kafka lacks: what its snapshots reflect, which of them are tombstones, how far each
    source partition is."""

    def __init__(self, snapshots: Mapping[str, Snapshot]) -> None:
        self.reflected = {profile: snapshot.position for profile, snapshot in snapshots.items()}
        self.gone = {profile for profile, one in snapshots.items() if read_profile(one.kept.profile).gone}
        self._watermarks: dict[str, tuple[int, int]] = {}

    def split(self, records: Sequence[Any]) -> tuple[list[Any], dict[str, list[bytes]]]:
        """The messages that are still to be folded, and the timelines' lines of those that are reflected already."""
        left: list[Any] = []
        lines: dict[str, list[bytes]] = {}
        for record in records:
            arrived = read(record.value)
            if arrived.task == "tick" or self._came_before(arrived.source):
                continue
            if record.offset >= self.reflected.get(arrived.profile, 0):
                left.append(record)
            elif arrived.record is not None and arrived.profile not in self.gone:
                lines.setdefault(arrived.profile, []).append(encode(line_of(arrived)))
        return left, lines

    def _came_before(self, source: Source) -> bool:
        partition, at = f"{source.topic}/{source.partition}", (source.offset, source.index)
        if at <= self._watermarks.get(partition, (-1, 0)):
            return True
        self._watermarks[partition] = at
        return False


class Newest:
    """The newest snapshots of a shard, gathered message by message. Whoever takes over a shard may publish once more
    what was published, and end before the rest: so the highest position counts, not the last message."""

    def __init__(self) -> None:
        self.mark: Mark | None = None
        self._pieces: dict[str, Piece] = {}
        self._there: set[str] = set()

    def take(self, key: str, value: bytes | None) -> None:
        """One message."""
        if value is None:
            self._there.discard(key)
        elif key == MARK:
            mark = read_mark(value)
            self.mark = mark if self.mark is None or mark.position >= self.mark.position else self.mark
        else:
            self._there.add(key)
            piece = read_piece(value)
            known = self._pieces.get(key)
            if known is None or piece.position >= known.position:
                self._pieces[key] = piece

    def snapshots(self) -> dict[str, Snapshot]:
        """Each profile's that is whole."""
        found = {key: joined(key, self._pieces) for key in self._heads()}
        return {profile: snapshot for profile, snapshot in found.items() if snapshot is not None}

    def torn(self) -> list[str]:
        """Profiles whose newest snapshot lacks a message."""
        return [key for key in self._heads() if not _messages_of(key, self._pieces)]

    def _heads(self) -> Iterable[str]:
        return dict.fromkeys(key.partition("/")[0] for key in self._pieces)

    def numbers(self) -> dict[str, int]:
        """Of how many messages each snapshot is that is of more than one, and what an earlier one may have left."""
        numbered = [key.partition("/") for key in self._there if "/" in key]
        found: dict[str, int] = {}
        for profile, _, number in numbered:
            found[profile] = max(found.get(profile, 1), int(number) + 1)
        return found


def read_mark(value: bytes) -> Mark:
    """A shard's mark."""
    return _checked(_read_mark(value))


def read_piece(value: bytes) -> Piece:
    """One message of a snapshot."""
    return _checked(_read_piece(value))


def joined(profile: str, pieces: Mapping[str, Piece]) -> Snapshot | None:
    """The snapshot of a profile from its messages; None where one of them lacks."""
    messages = _messages_of(profile, pieces)
    if not messages:
        return None
    return Snapshot(messages[0].position, _read_kept(b"".join([one.data for one in messages])))


def _messages_of(profile: str, pieces: Mapping[str, Piece]) -> list[Piece]:
    """All messages of a snapshot; none where one of them lacks."""
    first = pieces.get(profile)
    if first is None:
        return []
    rest = [pieces.get(f"{profile}/{number}") for number in range(1, first.of)]
    found = [one for one in [first, *rest] if one is not None and one.position == first.position]
    return found if len(found) == first.of else []


def _checked(read: T) -> T:
    if read.format > FORMAT:
        raise CannotStart(
            f"the snapshots were written by a newer knownas (format {read.format}, this one reads {FORMAT}): start "
            "that version"
        )
    return read
