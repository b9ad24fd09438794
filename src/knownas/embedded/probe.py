"""Whether a Kafka broker really serves: its port answers seconds before its coordinators do.

Three requests of the wire protocol, in the oldest form that Kafka 4 speaks. A client library would need an event loop,
which a caller may already be running, and logs every refused connection of a normal start.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from knownas.embedded.state import LOCALHOST

FIND_COORDINATOR, DESCRIBE_GROUPS = 10, 15
GROUP, TRANSACTION = 0, 1
TIMEOUT_S = 5.0
# A group lives in the partition that its name's hash says; names that differ in the last letter alone are neighbours,
# so as many names as there are partitions (offsets.topic.num.partitions) reach each of them.
GROUPS = [b"knownas-probe-" + bytes([letter]) for letter in b"abcdefgh"]


def coordinators_answer(port: int) -> bool:
    """Both coordinators are there and that of groups has read what it stored: clients work at the first try.

    Asking makes a new broker create the topics they keep their state in, so no client waits for that later.
    """
    with socket.create_connection((LOCALHOST, port), TIMEOUT_S) as broker:
        return (
            _error_of_find_coordinator(broker, GROUP) == 0
            and _error_of_find_coordinator(broker, TRANSACTION) == 0
            and not any(_errors_of_describe_groups(broker))
        )


def _error_of_find_coordinator(broker: socket.socket, kind: int) -> int:
    """Version 1: key and kind; the answer is throttle time (4 bytes), error (2), and more."""
    answer = _ask(broker, FIND_COORDINATOR, 1, _text(GROUPS[0]) + struct.pack(">b", kind))
    return _int16(answer, 4)


def _errors_of_describe_groups(broker: socket.socket) -> Iterator[int]:
    """Version 0: a list of names; the answer is for each an error, four texts and a list of members (there are none).

    An error as long as the group's partition is still being read.
    """
    answer = _ask(broker, DESCRIBE_GROUPS, 0, struct.pack(">i", len(GROUPS)) + b"".join(map(_text, GROUPS)))
    at = 4
    for _ in GROUPS:
        yield _int16(answer, at)
        at += 2
        for _text_field in range(4):
            at += 2 + _int16(answer, at)
        at += 4


def _ask(broker: socket.socket, key: int, version: int, body: bytes) -> bytes:
    message = struct.pack(">hhi", key, version, 1) + _text(b"knownas") + body
    broker.sendall(struct.pack(">i", len(message)) + message)
    size = struct.unpack(">i", _read(broker, 4))[0]
    return _read(broker, size)[4:]  # without the correlation id


def _read(broker: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = broker.recv(size - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data


def _text(value: bytes) -> bytes:
    return struct.pack(">h", len(value)) + value


def _int16(data: bytes, at: int) -> int:
    value: int = struct.unpack_from(">h", data, at)[0]
    return value
