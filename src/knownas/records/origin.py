"""Records that were found in the wrong place carry where they came from in a sealed header.

The seal is a hash with the deployment's secret over origin, destination and value, so a producer cannot forge one:
a header that does not verify is an ordinary header. What stage 2 asks of stage 1 (`control`) carries one as well.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from knownas.nouns import EVENTS, Names, Position

HEADER: Final = "knownas-origin"


class Origin(NamedTuple):
    """Where a record was first found, and its Kafka timestamp there in milliseconds."""

    position: Position
    at: int


def seal(names: Names, origin: Origin, partition: int, value: bytes, topic: str = EVENTS) -> bytes:
    """The header's value for a record that is sent on to a partition of `events`, or of another topic."""
    said = f"{origin.position.topic}:{origin.position.partition}:{origin.position.offset}:{origin.at}"
    return f"{said}:{_mac(names, said, _place(topic, partition), value)}".encode()


def unseal(names: Names, header: bytes, partition: int, value: bytes, topic: str = EVENTS) -> Origin | None:
    """The origin that a header tells, or None where the seal is not ours, or made for another place."""
    try:
        said, mac = header.decode().rsplit(":", 1)
        origin_topic, origin_partition, offset, at = said.split(":")
        if mac != _mac(names, said, _place(topic, partition), value):
            return None
        return Origin(Position(origin_topic, int(origin_partition), int(offset)), int(at))
    except ValueError:
        return None


def _place(topic: str, partition: int) -> str:
    return str(partition) if topic == EVENTS else f"{topic}/{partition}"


def _mac(names: Names, said: str, place: str, value: bytes) -> str:
    return names.digest("origin", said, place, value.decode("utf-8", "backslashreplace"))
