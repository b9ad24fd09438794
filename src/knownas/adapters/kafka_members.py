"""Who is in a consumer group, what each member reads and holds."""

from __future__ import annotations

from typing import NamedTuple

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from knownas.adapters.kafka_log import KafkaLog
from knownas.stages.ports import Partition


class Member(NamedTuple):
    """A member of a group: its name in Kafka, the name it gives itself, where it connects from, what it holds, which
    topics it reads. While partitions are being dealt Kafka says nothing of what members hold and read."""

    member: str
    client: str
    host: str
    holds: list[Partition]
    reads: frozenset[str]


async def members_of(log: KafkaLog, group: str) -> list[Member]:
    """The members of a group by name; Kafka counts one that died until its session times out."""
    async with log.admin() as admin:
        (answer,) = await admin.describe_consumer_groups([group])
    return sorted(
        Member(member, client, host.removeprefix("/"), _held(assignment), _read(metadata))
        for _, _, _, _, _, members, *_ in answer.groups
        for member, client, host, metadata, assignment in members
    )


def _held(assignment: bytes) -> list[Partition]:
    if not assignment:  # between two assignments
        return []
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return sorted((tp.topic, tp.partition) for tp in decoded.partitions())


def _read(metadata: bytes) -> frozenset[str]:
    return frozenset(ConsumerProtocolMemberMetadata.decode(metadata).subscription if metadata else ())
