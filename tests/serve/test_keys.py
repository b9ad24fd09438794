"""Keys as a gateway holds them: revoked ones are let go, those of a store that lost everything are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import pytest

from knownas.adapters.keys import AT
from knownas.adapters.redis import Command
from knownas.errors import WorldFault
from knownas.nouns import EVENTS
from knownas.operate.layout import UNFINISHED
from knownas.serve.keys import Held, KeyStore
from tests.builders import event
from tests.pipeline.deployment import Deployment
from tests.serve.running import gateway

LOST = {
    "it is empty": (),
    "whoever started on it has remembered the layout": ("layout",),
    "it is half rebuilt": ("layout", "position", "rebuilding"),
}
"""What there is in a store that lost everything."""


class Gate(NamedTuple):
    """A store that can lose everything, and the keys as a gateway holds them."""

    deployment: Deployment
    store: KeyStore
    held: Held

    def writes(self, what: str) -> Command:
        """The command that puts it there."""
        keys = self.deployment.world.keys
        commands: dict[str, Command] = {
            "layout": ("HSET", keys.layout, "format", "1", "partitions", "4", "shards", "4"),
            "position": ("HSET", keys.source(EVENTS, 2) + AT, "pos", "7"),
            "rebuilding": ("HSET", keys.layout, UNFINISHED, "1"),
        }
        return commands[what]

    async def run(self, *what: str) -> None:
        """Put it there."""
        if what:
            await self.deployment.world.link().run([self.writes(one) for one in what])

    async def lose(self) -> None:
        """The store is as if it had never been."""
        found = await self.deployment.reader.keys_like(self.deployment.world.keys.prefix + "{*")
        await self.deployment.world.link().run([("UNLINK", key) for key in found])


@pytest.fixture
def gate(deployment: Deployment) -> Gate:
    """Keys of a deployment of this test's own."""
    world = deployment.world
    store = KeyStore(world.link(), world.keys, world.names)
    return Gate(deployment, store, Held(store))


@pytest.mark.parametrize("what", LOST.values(), ids=LOST)
async def test_keys_hold_while_the_store_has_lost_them_until_it_has_keys_again(gate: Gate, what: Sequence[str]) -> None:
    await gate.run("layout", "position")
    key, row = await gate.store.create("a page", ["write"])
    await gate.held.look()
    await gate.lose()
    await gate.run(*what)
    with pytest.raises(WorldFault, match="lost its keys"):
        await gate.held.look()
    assert gate.held.find([key]) == [row]
    other, made = await gate.store.create("another", ["write"])
    await gate.held.look()
    assert (gate.held.find([key]), gate.held.find([other])) == ([], [made])


@pytest.mark.parametrize("worked", [(), ("position",)], ids=["nobody has worked yet", "somebody works"])
async def test_the_last_key_that_is_revoked_is_let_go_too(gate: Gate, worked: Sequence[str]) -> None:
    await gate.run("layout", *worked)
    key, _ = await gate.store.create("a page", ["write"])
    await gate.held.look()
    await gate.store.revoke(key)
    await gate.held.look()
    assert gate.held.known
    assert gate.held.find([key]) == []


@pytest.mark.parametrize("what", [(), ("layout", "rebuilding")], ids=["empty", "half rebuilt"])
async def test_a_gateway_that_has_seen_no_keys_yet_knows_none_until_the_store_is_back(
    gate: Gate, what: Sequence[str]
) -> None:
    await gate.lose()
    await gate.run(*what)
    with pytest.raises(WorldFault):
        await gate.held.look()
    assert not gate.held.known
    await gate.lose()
    await gate.run("layout")
    await gate.held.look()
    assert gate.held.known


async def test_a_rebuild_that_ends_while_the_keys_are_read_shuts_nobody_out(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gate.run("layout", "position")
    key, row = await gate.store.create("a page", ["write"])
    await gate.held.look()
    await gate.lose()
    looked = gate.store.is_worked_on

    async def after_it_ended() -> bool | None:
        await gate.run("layout", "position")
        await gate.deployment.world.link().run([("HSET", gate.deployment.world.keys.gateway_keys, *stored)])
        return await looked()

    stored: list[str | bytes] = [gate.store.digest(key), msgspec.json.encode(row)]
    monkeypatch.setattr(gate.store, "is_worked_on", after_it_ended)
    await gate.held.look()
    assert gate.held.find([key]) == [row]


async def test_uploads_go_on_while_the_store_has_lost_everything(gate: Gate) -> None:
    async with gateway(gate.deployment) as running:
        await gate.lose()
        with pytest.raises(WorldFault):
            await running.house._keys.look()
        assert (await running.put(event("d-1", "A"))).status == 200
        assert (await running.call("POST", "/v1/records", headers={"Authorization": "Bearer nonsense"})).status == 401


async def test_whoever_shows_a_key_to_a_gateway_that_knows_none_is_told_to_come_back(gate: Gate) -> None:
    await gate.lose()
    async with gateway(gate.deployment, rights=()) as running:
        refused = await running.call("POST", "/v1/records", headers={"Authorization": "Bearer perhaps"})
        assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
        assert (await running.call("GET", "/health")).json["reasons"] == ["keys have not been read yet"]
