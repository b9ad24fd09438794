"""Records that were found in the wrong place carry where they came from in a sealed header.

The seal is a hash with the deployment's secret over origin, destination and value, so a producer cannot forge one:
a header that does not verify is an ordinary header.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from knownas.nouns import Names, Position

HEADER: Final = "knownas-origin"


class Origin(NamedTuple):
    """Where a record was first found, and its Kafka timestamp there in milliseconds."""

    position: Position
    at: int


def seal(names: Names, origin: Origin, partition: int, value: bytes) -> bytes:
    """The header's value for a record that is sent on to a partition of `events`."""
    said = f"{origin.position.topic}:{origin.position.partition}:{origin.position.offset}:{origin.at}"
    return f"{said}:{_mac(names, said, partition, value)}".encode()


def unseal(names: Names, header: bytes, partition: int, value: bytes) -> Origin | None:
    """The origin that a header tells, or None where the seal is not ours."""
    try:
        said, mac = header.decode().rsplit(":", 1)
        topic, origin_partition, offset, at = said.split(":")
        if mac != _mac(names, said, partition, value):
            return None
        return Origin(Position(topic, int(origin_partition), int(offset)), int(at))
    except ValueError:
        return None


def _mac(names: Names, said: str, partition: int, value: bytes) -> str:
    return names.digest("origin", said, str(partition), value.decode("utf-8", "backslashreplace"))
