"""Who is in a consumer group, and what each member holds."""

from __future__ import annotations

from typing import NamedTuple

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from knownas.adapters.kafka_log import KafkaLog
from knownas.stages.ports import Partition


class Member(NamedTuple):
    """A member of a group: its name in Kafka, the name it gives itself, where it connects from, what it holds."""

    member: str
    client: str
    host: str
    holds: list[Partition]


async def members_of(log: KafkaLog, group: str) -> list[Member]:
    """The members of a group by name; Kafka counts one that died until its session times out."""
    async with log.admin() as admin:
        (answer,) = await admin.describe_consumer_groups([group])
    return sorted(
        Member(member, client, host.removeprefix("/"), _held(assignment))
        for _, _, _, _, _, members, *_ in answer.groups
        for member, client, host, _, assignment in members
    )


def _held(assignment: bytes) -> list[Partition]:
    if not assignment:  # between two assignments
        return []
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return sorted((tp.topic, tp.partition) for tp in decoded.partitions())
