"""Asking a broker how full its disks are: Kafka's DescribeLogDirs, version 4 (Kafka 3.3), which aiokafka lacks."""

from __future__ import annotations

from typing import Any, NamedTuple

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

API_KEY = 35
VERSION = 4


class Disk(NamedTuple):
    """A folder of a broker in which logs are kept: bytes of its disk, -1 where the broker does not say."""

    broker: int
    folder: str
    total: int
    usable: int
    broken: bool


class _Answer(Response):  # type: ignore[misc]
    API_KEY = API_KEY
    API_VERSION = VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("results", CompactArray(
            ("error_code", Int16),
            ("log_dir", CompactString("utf-8")),
            ("topics", CompactArray(
                ("name", CompactString("utf-8")),
                ("partitions", CompactArray(
                    ("partition_index", Int32), ("partition_size", Int64), ("offset_lag", Int64),
                    ("is_future_key", Boolean), ("tags", TaggedFields),
                )),
                ("tags", TaggedFields),
            )),
            ("total_bytes", Int64),
            ("usable_bytes", Int64),
            ("tags", TaggedFields),
        )),
        ("tags", TaggedFields),
    )  # fmt: skip


class _Asked(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = API_KEY
    API_VERSION = VERSION
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", CompactArray(
            ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields),
        )),
        ("tags", TaggedFields),
    )  # fmt: skip


class AskLogDirs(Request[_Asked]):  # type: ignore[misc]
    """The question; it names no topic, for only the disks are asked about."""

    API_KEY = API_KEY

    def build(self, request_struct_class: type[_Asked]) -> _Asked:
        """The question as it is sent."""
        return request_struct_class([], {})


def disks_of(broker: int, answer: Any) -> list[Disk]:
    """What a broker says of its disks."""
    return [
        Disk(broker, one["log_dir"], one["total_bytes"], one["usable_bytes"], bool(one["error_code"]))
        for one in answer.to_object()["results"]
    ]
