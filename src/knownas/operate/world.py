"""What every command needs of the outside, opened once and closed in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from knownas.adapters.kafka_access import access
from knownas.adapters.kafka_group import go_on_at
from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.adapters.redis_address import Address, Credentials, Replicas, address
from knownas.adapters.redis_cluster import link_to
from knownas.nouns import Names
from knownas.operate.layout import StoredLayout, check_layout
from knownas.settings import Settings
from knownas.stages.ports import Partition
from knownas.topics import Layout


class World:
    """What every command needs of the outside: Kafka's logs, the store, names."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.names = Names(settings.secret_bytes())
        self.keys = Keys(settings.redis_prefix)
        self.kafka = access(settings)
        self.store = store_at(settings)
        self.log = KafkaLog(self.kafka)
        self._links: list[Link] = []

    def link(self) -> Link:
        """A connection to the store of one's own; closed with the world."""
        link = link_to(self.store)
        self._links.append(link)
        return link

    async def layout(self) -> Layout:
        """The deployment's layout, checked."""
        link = self.link()
        return await check_layout(self.log, StoredLayout(link, self.keys), self.names, self.settings)

    async def go_on_at(self, positions: Mapping[Partition, int]) -> None:
        """Let the workers' group go on at these positions, by full topic name; refused while anybody is in it."""
        await go_on_at(self.kafka, self.settings.group, positions)

    async def close(self) -> None:
        """Close every connection."""
        for link in self._links:
            await link.close()


def store_at(settings: Settings) -> Address:
    """Where the store is, with all that the settings say of it."""
    password = settings.redis_password.get_secret_value() if settings.redis_password is not None else None
    credentials = Credentials(
        settings.redis_username, password, settings.redis_ca_file, settings.redis_cert_file, settings.redis_key_file
    )
    replicas = Replicas(settings.redis_wait_replicas, settings.redis_wait_ms)
    return address(settings.redis.get_secret_value().strip(), credentials, replicas)


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[World]:
    """A world that is closed in the end."""
    world = World(settings)
    try:
        yield world
    finally:
        await world.close()
