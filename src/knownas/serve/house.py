"""The gateway put together: what it uses, its routes, its life from start to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from knownas.adapters.find_store import StoredShards
from knownas.adapters.kafka_ends import KafkaEnds
from knownas.adapters.kafka_lanes import KafkaLanes
from knownas.adapters.reader import Reader
from knownas.adapters.segments import SegmentReader, SegmentStore
from knownas.errors import WorldFault
from knownas.operate.asking import Asking
from knownas.operate.beside import beside
from knownas.operate.overview import Overviews
from knownas.operate.world import World
from knownas.serve import (
    routes_about,
    routes_changes,
    routes_clevertap,
    routes_find,
    routes_overview,
    routes_profiles,
    routes_records,
    routes_sdk,
    routes_segment,
    routes_segments,
)
from knownas.serve.app import App
from knownas.serve.freshness import Freshness
from knownas.serve.gateway import Gateway, KafkaGateway
from knownas.serve.http import HttpServer
from knownas.serve.keys import Held, KeyStore
from knownas.serve.ledgers import Ledgers
from knownas.serve.metrics import GatewayMetrics
from knownas.serve.page import pages
from knownas.serve.page.audit import Audit
from knownas.serve.page.guide import Guide
from knownas.serve.page.rooms import Rooms
from knownas.serve.page.watching import Watching
from knownas.serve.people import READERS, StorePeople
from knownas.serve.records import Records
from knownas.serve.routes import Route, Services
from knownas.serve.routes_changes import Streams
from knownas.serve.seeking import Seeking
from knownas.serve.traces import TracedGateway, heard, spans_of
from knownas.topics import Layout

DOORS: Final = (routes_clevertap, routes_sdk, routes_segment)
"""The vendors' doors: each module has `routes(services)`."""
STOP_SECONDS: Final = 10.0


class House:
    """A gateway. Stateless: any number of them may run."""

    def __init__(self, world: World, layout: Layout, is_open: bool = False, guide: Guide | None = None) -> None:
        settings = world.settings
        self.metrics = GatewayMetrics()
        self._lanes = KafkaLanes(world.kafka, settings.http_ack_seconds)
        self._keys = Held(KeyStore(world.link(), world.keys, world.names))
        self._ends = KafkaEnds(world.kafka)
        self._fresh = Freshness(self._ends, self._reader(world, layout), world.link(), world.keys, layout)
        self._watching = Watching(settings.http_streams)
        self._streams = Streams(world.kafka, layout, self.metrics, settings.http_streams)
        self._spans = spans_of(settings)
        self.overviews = Overviews(world, layout)
        rooms = self._rooms(world, layout)
        routes, page = self._calls(world, rooms), pages.made(rooms, self._keys, is_open, guide)
        self.routes = [*routes, *routes_about.routes(self.health, self.metrics.page, routes), *page.routes]
        self.app = App(self.routes, self._keys, settings, self.metrics, is_open, page.refused)
        self._server = HttpServer(self.app.respond if self._spans is None else heard(self.app.respond))

    def _rooms(self, world: World, layout: Layout) -> Rooms:
        """What calls and pages use."""
        settings, rules = world.settings, world.settings.identity_rules()
        readers = [self._reader(world, layout) for _ in range(READERS)]
        people = StorePeople(readers, world.link(), world.keys, rules, layout.shards)
        plain = KafkaGateway(self._lanes, layout, rules, self.metrics)
        gateway: Gateway = TracedGateway(plain, self._spans) if self._spans is not None else plain
        return Rooms(
            services=Services(gateway, people, world.names, rules, settings),
            people=people,
            fresh=self._fresh,
            ledgers=Ledgers(Asking(world.log, self._reader(world, layout), world.names, layout)),
            seeking=Seeking(StoredShards(world.link(), world.keys, layout.shards), settings),
            segments=SegmentStore(world.link(), world.keys),
            members=SegmentReader(world.link(), world.keys, layout),
            audit=Audit(world.link(), world.keys),
            watching=self._watching,
            overviews=self.overviews,
            records=Records(world, layout, self._reader(world, layout)),
            layout=layout,
        )

    def _calls(self, world: World, rooms: Rooms) -> list[Route]:
        """The vendors' doors and our own calls."""
        layout = rooms.layout
        return [
            *(route for door in DOORS for route in door.routes(rooms.services)),
            *routes_records.routes(rooms.services),
            *routes_profiles.routes(rooms.services, rooms.people, rooms.fresh, rooms.ledgers, layout.shards),
            *routes_find.routes(rooms.people, rooms.seeking),
            *routes_segments.routes(rooms.segments, rooms.members, rooms.seeking.finder),
            *routes_overview.routes(world, layout, rooms.overviews),
            *routes_changes.routes(self._streams),
        ]

    @staticmethod
    def _reader(world: World, layout: Layout) -> Reader:
        return Reader(world.link(), world.keys, world.names, layout)

    def health(self) -> dict[str, Any]:
        """Alive as long as it answers; ready when it can take records and show people."""
        reasons = list(dict.fromkeys(said for said in (self._lanes.trouble, self._fresh.trouble) if said))
        if not self._keys.known:
            reasons.append("keys have not been read yet")
        return {"live": True, "ready": not reasons, "reasons": reasons}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What a gateway needs, for as long as the block runs; inside, `listen`.

        Leaving: no new connections, streams end, what is in work is answered, then Kafka is let go. What looks after
        keys and freshness waits for the world by itself; where it fails for another reason the block ends with that,
        or revoked keys would hold for ever.
        """
        try:
            await self._lanes.open()
            with suppress(WorldFault):  # looked for again behind the scenes; until then callers are told
                await self._keys.look()
            async with beside(self._keys.look_after(), self._fresh.look_after(), asyncio.to_thread(pages.warm)):
                try:
                    yield
                finally:
                    self._streams.stop()
                    self._watching.stop()
                    await self._server.stop(STOP_SECONDS)
        finally:
            await self._lanes.close()
            await self._ends.close()
            if self._spans is not None:
                await self._spans.close()

    async def listen(self, host: str, port: int) -> int:
        """Take requests; the port that was taken."""
        return await self._server.start(host, port)
