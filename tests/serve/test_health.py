"""What a gateway says of itself."""

from __future__ import annotations

from knownas.operate.world import World
from knownas.serve.house import House
from knownas.settings import load
from knownas.topics import Layout


async def test_what_two_parts_of_a_gateway_wait_for_is_named_once() -> None:
    world = World(load(secret="a secret for tests"))
    house = House(world, Layout("k.", 1, 1))
    away = "Kafka does not answer at 127.0.0.1:9092"
    house._lanes.trouble = house._fresh.trouble = away
    assert house.health() == {"live": True, "ready": False, "reasons": [away, "keys have not been read yet"]}
    await world.close()
