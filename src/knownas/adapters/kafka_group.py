"""From where the workers' consumer group goes on, as somebody may say who is none of them."""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from knownas.adapters.kafka_access import Kafka, client_options
from knownas.errors import WorldFault
from knownas.stages.ports import Partition


async def go_on_at(kafka: Kafka, group: str, positions: Mapping[Partition, int]) -> None:
    """Let a group go on at these positions, be they before where it was; Kafka refuses while anybody is in it."""
    wanted = {TopicPartition(*partition): position for partition, position in positions.items()}
    consumer = AIOKafkaConsumer(**client_options(kafka), group_id=group, enable_auto_commit=False)
    try:
        await consumer.start()
        consumer.assign(list(wanted))
        await consumer.commit(wanted)
    except KafkaError as error:
        raise WorldFault(f"Kafka does not take the positions of group {group}: {error}") from error
    finally:
        await consumer.stop()
