"""The ways into the store, and one clear line for each way in which it refuses: who waits, who stops, what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from knownas.adapters.redis import Link
from knownas.adapters.redis_address import Credentials, Node, address, without_login
from knownas.adapters.redis_cluster import ClusterLink, link_to
from knownas.embedded import start_valkey
from knownas.errors import CannotStart, WorldFault
from tests.certificates import Authority
from tests.secured import TlsRedis
from tests.valkeys import ConfiguredValkey

URLS = [
    ("redis://h:1/3", "h:1", {"host": "h", "port": 1, "db": 3}),
    ("redis://h", "h:6379", {"host": "h"}),
    ("rediss://me:pa%2Fss@h:1", "h:1", {"username": "me", "password": "pa/ss"}),
    ("unix:///run/valkey.sock", "/run/valkey.sock", {"path": "/run/valkey.sock"}),
    ("redis+cluster://:s3cret@a:1,b:2", "a:1,b:2", {"password": "s3cret"}),
    ("rediss+cluster://a", "a:6379", {"ssl_ca_certs": "ca.pem"}),
]


@pytest.mark.parametrize(("url", "shown", "options"), URLS)
def test_a_url_says_where_the_store_is_and_shows_no_password(url: str, shown: str, options: dict[str, Any]) -> None:
    found = address(url, Credentials(ca_file="ca.pem"))
    assert found.shown == shown
    assert options.items() <= dict(found.options).items()
    assert "s3cret" not in without_login(url) + found.shown


def test_a_cluster_is_known_by_all_the_nodes_that_are_named() -> None:
    assert address("redis+cluster://a:1,b:2/0").nodes == (Node("a", 1), Node("b", 2))
    with pytest.raises(ValueError, match="no database but 0"):
        address("redis+cluster://a:1/3")


def test_what_the_url_says_is_stronger_than_the_settings() -> None:
    found = address("redis://me:mine@h", Credentials("you", "yours"))
    assert (found.options["username"], found.options["password"]) == ("me", "mine")
    assert address("redis://h", Credentials("you", "yours")).options["password"] == "yours"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who vouches for the store."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[TlsRedis]:
    """A Redis with TLS."""
    server = authority.signs("server")
    with TlsRedis(tmp_path_factory.mktemp("tls"), server, authority.own.cert) as redis:
        redis.start()
        yield redis


async def refused(link: Link, *command: Any) -> Exception:
    """What a command ends with."""
    async with link:
        with pytest.raises((CannotStart, WorldFault)) as ended:
            await link.run([command or ("PING",)])
    assert "\n" not in str(ended.value)
    return ended.value


@pytest.mark.services
async def test_with_tls_the_certificate_must_hold(tls: TlsRedis, authority: Authority, tmp_path: Path) -> None:
    trusted, other = str(authority.own.cert), str(Authority(tmp_path).own.cert)
    async with Link(address(tls.tls_url, Credentials(ca_file=trusted))) as link:
        assert await link.run([("PING",)]) == [b"PONG"]
    unknown = await refused(Link(address(tls.tls_url, Credentials(ca_file=other))))
    assert isinstance(unknown, CannotStart)
    assert "KNOWNAS_REDIS_CA_FILE" in str(unknown)
    elsewhere = address(tls.tls_url.replace("127.0.0.1", "localhost"), Credentials(ca_file=trusted))
    assert "mismatch" in str(await refused(Link(elsewhere))).lower()


@pytest.mark.services
async def test_tls_where_there_is_none_and_none_where_there_is_are_told_apart_from_a_store_that_is_away(
    tls: TlsRedis, redis_url: str
) -> None:
    without = await refused(Link(tls.tls_url.replace("rediss", "redis")))
    assert str(without).endswith("speaks TLS there: begin KNOWNAS_REDIS with rediss, not redis")
    needless = await refused(Link(redis_url.replace("redis", "rediss")))
    assert str(needless).endswith("speaks no TLS there: name its port that does in KNOWNAS_REDIS")
    assert {type(without), type(needless)} == {CannotStart}
    assert "does not answer" in str(await refused(Link("rediss://127.0.0.1:9")))


class OnTheWay:
    """Somebody between us and the store, who forwards everything until they break TLS off and answer themselves."""

    def __init__(self, port: int) -> None:
        self._port, self.breaks_off = port, False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if self.breaks_off:
            if (await reader.read(4)) == b"PING":
                writer.write(b"+PONG\r\n")
            writer.close()
            return
        from_store, to_store = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(forward(reader, to_store), forward(from_store, writer), return_exceptions=True)


async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Everything, until its end."""
    while data := await source.read(1 << 16):
        sink.write(data)
    sink.close()


@pytest.mark.services
async def test_who_breaks_tls_off_makes_nobody_who_was_connected_stop_and_no_line_say_to_go_on_without(
    tls: TlsRedis, authority: Authority
) -> None:
    between = OnTheWay(int(tls.tls_url.rpartition(":")[2].partition("/")[0]))
    trusts = Credentials(ca_file=str(authority.own.cert))
    async with await asyncio.start_server(between.serve, "127.0.0.1", 0) as server:
        where = address(f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}", trusts)
        async with Link(where) as link:
            assert await link.run([("PING",)]) == [b"PONG"]
            between.breaks_off = True
            await link.close()
            said = await refused(link)
        assert isinstance(said, WorldFault)
        assert "does not answer" in str(said)
        assert str(await refused(Link(where))).endswith("speaks no TLS there: name its port that does in KNOWNAS_REDIS")


async def test_a_node_that_a_cluster_names_later_is_another_of_what_was_connected(cluster_url: str) -> None:
    link, later = ClusterLink(address(cluster_url)), Node("127.0.0.1", 9)
    assert not link._link(later)._has_been_there
    await link.run([("GET", "x")])
    assert link._link(later)._has_been_there
    await link.close()


@pytest.mark.services
async def test_a_wrong_password_stops_and_names_the_settings(tmp_path: Path) -> None:
    with start_valkey(tmp_path, password="right") as valkey:
        said = await refused(Link(address(valkey.url.replace("right", "wrong"))))
        assert isinstance(said, CannotStart)
        assert "KNOWNAS_REDIS_PASSWORD" in str(said)
        assert "wrong" not in str(said).replace("WRONGPASS", "")


BAD_DAYS = [
    (("REPLICAOF", "127.0.0.1", 9), "is read-only, so it is a replica: point KNOWNAS_REDIS at the primary"),
    (("CONFIG", "SET", "maxmemory", 1), "is full: raise its maxmemory"),
    (("CONFIG", "SET", "min-replicas-to-write", 1), "has too few replicas"),
]


@pytest.mark.services
@pytest.mark.parametrize(("done", "line"), BAD_DAYS)
async def test_a_store_that_takes_no_writes_is_waited_for(tmp_path: Path, done: tuple[Any, ...], line: str) -> None:
    with ConfiguredValkey(tmp_path) as valkey:
        valkey.start()
        valkey.say(*done)
        said = await refused(Link(valkey.url), "SET", "x", "y")
        assert isinstance(said, WorldFault)
        assert line in str(said)
        scripted = Link(valkey.url)
        assert line in str(await refused(scripted, *scripted.script("swap", ("x",), "", "y")))


async def test_a_cluster_and_one_server_are_not_mistaken_for_each_other(cluster_url: str, redis_url: str) -> None:
    one_node = f"redis://{cluster_url.rpartition(',')[2]}"
    said = [str(await refused(Link(one_node), "GET", f"{{{number}}}")) for number in range(3) if number]
    assert any("write redis+cluster://" in line for line in said)
    alone = redis_url.replace("redis://", "redis+cluster://")
    assert "is no cluster" in str(await refused(link_to(address(alone)), "GET", "x"))
