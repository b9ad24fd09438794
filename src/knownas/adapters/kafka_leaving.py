"""Leaving a group for good though one has a name in it: LeaveGroup, version 3 (Kafka 2.4), which aiokafka lacks.

Kafka keeps the partitions of a member that has a name until its session times out. For a worker that died that is
right, it may be back in a moment; whoever is told to stop says so, and the others go on with its partitions at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.kafka_members import Member, members_of

API_KEY: Final = 13
"""LeaveGroup, as Kafka's protocol numbers its requests."""
VERSION: Final = 3
"""Its first one that names members."""
_MEMBERS: Final = ("member_id", String("utf-8")), ("group_instance_id", String("utf-8"))


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


def _others_go_on(members: Sequence[Member], member: str) -> bool:
    """Whether any other reads a topic that this one reads; of whom Kafka does not say it may be so."""
    ours = next((one.reads for one in members if one.member == member), frozenset())
    others = [one.reads for one in members if one.member != member]
    return any(not ours or not reads or ours & reads for reads in others)


async def leave_to_others(log: KafkaLog, group: str, member: str, name: str) -> bool:
    """Leave, if there is somebody to go on; whether that was so. Alone one keeps one's place, for Kafka takes its time
    before it deals out partitions in a group that was empty; and beside those who work for the other stage alone, whom
    it would deal partitions that they do not read.

    `member` is what Kafka called us. If it is another's name by now that one stays, which is an error of Kafka's.
    """
    if not _others_go_on(await members_of(log, group), member):
        return False
    async with log.admin() as admin:
        coordinator = await admin.find_coordinator(group)
        answer: Any = await admin._send_request_to_node(coordinator, _Leave(group, member, name))
        for code in (answer.error_code, *(code for *_, code in answer.members)):
            if code:
                raise for_code(code)(f"{name} cannot leave {group}")
    return True
