"""What Kafka says of itself: brokers, version, disks, how topics are set up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError

from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.log_dirs import AskLogDirs, Disk, disks_of

_TELLS: Final = ((1, "min", 4, "4.0"), (35, "max", 4, "3.3"), (11, "max", 5, "2.3"))
"""A broker does not say its version, but which requests it takes: a request's number, whether the lowest or the highest
version of it that the broker takes is at least this, and which version of Kafka came with that."""


class Topic(NamedTuple):
    """How a topic is set up."""

    partitions: int
    replication: int
    config: Mapping[str, str]


class Brokers(NamedTuple):
    """The brokers there are; `version` is the least that it can be, None for older than any we know."""

    number: int
    version: str | None
    disks: list[Disk]


class KafkaCluster:
    """Questions that are asked now and then."""

    def __init__(self, log: KafkaLog) -> None:
        self._log = log

    async def brokers(self) -> Brokers:
        """The brokers, their version, and their disks where they say anything of them."""
        async with self._log.admin() as admin:
            ids = [broker["node_id"] for broker in (await admin.describe_cluster())["brokers"]]
            disks: list[Disk] = []
            for broker in ids:
                try:
                    disks += disks_of(broker, await admin._send_request_to_node(broker, AskLogDirs()))
                except (KafkaError, NotImplementedError, IncompatibleBrokerVersion):
                    continue  # an older one, or we may not ask
            return Brokers(len(ids), _version(admin), disks)

    async def topics(self, names: Collection[str]) -> dict[str, Topic]:
        """How these topics are set up; those that do not exist are left out."""
        async with self._log.admin() as admin:
            described = [one for one in await admin.describe_topics(list(names)) if not one["error_code"]]
            wanted = [ConfigResource(ConfigResourceType.TOPIC, one["topic"]) for one in described]
            configs = _configs(await admin.describe_configs(wanted)) if wanted else {}
        return {
            one["topic"]: Topic(
                len(one["partitions"]),
                min((len(partition["replicas"]) for partition in one["partitions"]), default=0),
                configs.get(one["topic"], {}),
            )
            for one in described
        }


def _configs(answers: Collection[Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for answer in answers:
        for resource in answer.to_object()["resources"]:
            entries = resource["config_entries"]
            found[resource["resource_name"]] = {entry["config_names"]: entry["config_value"] for entry in entries}
    return found


def _version(admin: AIOKafkaAdminClient) -> str | None:
    takes: dict[int, tuple[int, int]] = next((conn._versions for conn in admin._client._conns.values()), {})
    for key, which, least, version in _TELLS:
        lowest, highest = takes.get(key, (0, 0))
        if (lowest if which == "min" else highest) >= least:
            return version
    return None
