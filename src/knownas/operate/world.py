"""What every command needs of the outside, opened once and closed in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from knownas.adapters.kafka_log import KafkaLog
from knownas.adapters.keys import Keys
from knownas.adapters.redis import Link
from knownas.nouns import Names
from knownas.operate.layout import StoredLayout, check_layout
from knownas.settings import Settings
from knownas.topics import Layout


class World:
    """What every command needs of the outside: Kafka's logs, the store, names."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.names = Names(settings.secret_bytes())
        self.keys = Keys(settings.redis_prefix)
        self.log = KafkaLog(settings.kafka)
        self._links: list[Link] = []

    def link(self) -> Link:
        """A connection to the store of one's own; closed with the world."""
        link = Link(self.settings.redis.get_secret_value())
        self._links.append(link)
        return link

    async def layout(self) -> Layout:
        """The deployment's layout, checked."""
        link = self.link()
        return await check_layout(self.log, StoredLayout(link, self.keys), self.names, self.settings)

    async def close(self) -> None:
        """Close every connection."""
        for link in self._links:
            await link.close()


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[World]:
    """A world that is closed in the end."""
    world = World(settings)
    try:
        yield world
    finally:
        await world.close()
