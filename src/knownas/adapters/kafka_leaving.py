"""Leaving a group for good though one has a name in it: LeaveGroup, version 3 (Kafka 2.4), which aiokafka lacks.

Kafka keeps the partitions of a member that has a name until its session times out. For a worker that died that is
right, it may be back in a moment; whoever is told to stop says so, and the others go on with its partitions at once.
"""

from __future__ import annotations

from typing import Any

from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.kafka_members import members_of

API_KEY = 13
VERSION = 3
_MEMBERS = ("member_id", String("utf-8")), ("group_instance_id", String("utf-8"))


class _Answer(Response):  # type: ignore[misc]
    API_KEY = API_KEY
    API_VERSION = VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32), ("error_code", Int16), ("members", Array(*_MEMBERS, ("error_code", Int16))),
    )  # fmt: skip


class _Asked(RequestStruct):  # type: ignore[misc]
    API_KEY = API_KEY
    API_VERSION = VERSION
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(("group", String("utf-8")), ("members", Array(*_MEMBERS)))


class _Leave(Request[_Asked]):  # type: ignore[misc]
    API_KEY = API_KEY

    def __init__(self, group: str, member: str, name: str) -> None:
        self._group, self._member, self._name = group, member, name

    def build(self, request_struct_class: type[_Asked]) -> _Asked:
        """The request as it is sent."""
        return request_struct_class(self._group, [(self._member, self._name)])


async def leave_to_others(log: KafkaLog, group: str, member: str, name: str) -> bool:
    """Leave, if there is somebody to go on; whether that was so. Alone one keeps one's place, for Kafka takes its time
    before it deals out partitions in a group that was empty.

    `member` is what Kafka called us. If it is another's name by now that one stays, which is an error of Kafka's.
    """
    if all(other.member == member for other in await members_of(log, group)):
        return False
    async with log.admin() as admin:
        coordinator = await admin.find_coordinator(group)
        answer: Any = await admin._send_request_to_node(coordinator, _Leave(group, member, name))
        for code in (answer.error_code, *(code for *_, code in answer.members)):
            if code:
                raise for_code(code)(f"{name} cannot leave {group}")
    return True
