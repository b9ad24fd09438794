"""The whole system where Kafka wants SASL and TLS, and the store TLS and users that may do the least."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from knownas.adapters.redis import Command
from knownas.adapters.redis_cluster import link_to
from knownas.errors import CannotStart
from knownas.operate.world import World, store_at
from knownas.serve.house import House
from knownas.serve.keys import KeyStore
from tests.builders import event, login
from tests.certificates import Authority
from tests.pipeline.deployment import Deployment, deployed
from tests.pipeline.test_outages import play
from tests.secured import ACL, PASSWORD, USER, SecuredKafka, TlsRedis, with_passwords
from tests.serve.running import Gateway


class Safe(NamedTuple):
    """Services that ask who one is."""

    kafka: SecuredKafka
    redis: TlsRedis
    settings: dict[str, Any]
    certified: dict[str, Any]
    """The settings of somebody whom Kafka knows by a certificate instead."""


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Safe]:
    """Both services, and the settings of an operator who may talk to them."""
    folder = tmp_path_factory.mktemp("safe")
    authority = Authority(folder)
    server, ca = authority.signs("server"), authority.own.cert
    (password := folder / "password").write_text(PASSWORD + "\n")
    (acl := folder / "users.acl").write_text(with_passwords(ACL.read_text()))
    kafka = SecuredKafka(folder / "kafka", server, ca)
    with kafka, TlsRedis(folder / "redis", server, ca, [f"aclfile {acl}"]) as redis:
        redis.start()
        kafka.start()
        kafka.knows_us()
        settings = {
            "redis": redis.tls_url, "redis_username": "knownas-operator", "redis_password_file": str(password),
            "redis_ca_file": str(ca), "kafka_security": "sasl_ssl", "kafka_mechanism": "SCRAM-SHA-512",
            "kafka_username": USER, "kafka_password_file": str(password), "kafka_ca_file": str(ca),
        }  # fmt: skip
        ours = authority.signs("client")
        certificate = {"kafka_security": "ssl", "kafka_cert_file": str(ours.cert), "kafka_key_file": str(ours.key)}
        others = {name: value for name, value in settings.items() if not name.startswith("kafka")}
        yield Safe(kafka, redis, settings, others | certificate | {"kafka_ca_file": str(ca)})


@pytest.fixture
async def deployment(safe: Safe) -> AsyncIterator[Deployment]:
    """The deployment there, in an operator's hands."""
    given = {"redis_prefix": "ka:", **safe.settings}
    async with deployed(safe.kafka.at("sasl_ssl"), given.pop("redis"), "secured", **given) as made:
        yield made


def as_user(deployment: Deployment, name: str) -> World:
    """The same world for another user of the store."""
    return World(deployment.settings.model_copy(update={"redis_username": name}))


@asynccontextmanager
async def guarded(deployment: Deployment) -> AsyncIterator[Gateway]:
    """A gateway with no more than a gateway's rights; its keys are made by an operator."""
    store = KeyStore(deployment.world.link(), deployment.world.keys, deployment.world.names)
    keys: dict[str, str] = {right: (await store.create(right, [right]))[0] for right in ("write", "read", "admin")}
    world = as_user(deployment, "knownas-gateway")
    house = House(world, await world.layout())
    async with aiohttp.ClientSession() as session, house.running():
        yield Gateway(house, await house.listen("127.0.0.1", 0), keys, session)
    await world.close()


def seen_of(pid: int) -> bytes:
    """What others may see of a process."""
    folder = Path("/proc") / str(pid)
    return (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()


async def test_the_least_rights_are_enough_and_no_password_is_seen(deployment: Deployment) -> None:
    worker = await deployment.start_worker(KNOWNAS_REDIS_USERNAME="knownas-worker")
    async with guarded(deployment) as gateway:
        await play(deployment, 600, seed=4)
        put = await gateway.put(login("d-1", email="ann@x.ie"), event("d-1"))
        assert put.status == 200
        await deployment.settled()
        found = await gateway.get("/v1/profiles/by/email/ann@x.ie")
        assert found.status == 200
        person = f"/v1/profiles/{found.json['id']}"
        for path in (person, f"{person}/timeline", f"{person}/ledger", "/v1/catalog", "/v1/segments", "/v1/overview"):
            assert (await gateway.get(path)).status == 200, path
        for query in ("did Charged or did Product_Viewed", 'birthday in next 30d or not did "App Launched" in 7d'):
            assert (await gateway.call("POST", "/v1/find", "read", json={"query": query})).status == 200
        segment = await gateway.call("PUT", "/v1/segments/all", "admin", json={"query": "type customer"})
        assert segment.status == 202
    report = await deployment.verify()
    assert not report.differences
    assert report.profiles > 40
    assert PASSWORD.encode() not in seen_of(worker.pid)
    assert PASSWORD not in repr(deployment.settings)


async def test_where_kafka_knows_us_by_our_certificate_a_worker_and_every_command_need_no_password(safe: Safe) -> None:
    given = {"redis_prefix": "ka:", **safe.certified}
    async with deployed(safe.kafka.at("ssl"), given.pop("redis"), "secured", **given) as deployment:
        await deployment.start_worker()
        await deployment.send(event("c-1", "A"), login("c-1", email="cara@x.ie"))
        await deployment.settled()
        assert (await deployment.of_identity("email", "cara@x.ie")).version == 2
        assert "no difference" in deployment.command("verify").stdout


async def test_a_gateway_can_change_no_profile_and_a_worker_no_key_of_the_gateways(deployment: Deployment) -> None:
    keys = deployment.world.keys
    forbidden: dict[str, list[Command]] = {
        "knownas-gateway": [
            ("SET", keys.shard(0) + "p:x", "y"), ("HSET", keys.shard(0) + "q:n", "e:x", 1), ("UNLINK", keys.layout),
            ("HSET", keys.gateway_keys, "x", "y"), ("SET", keys.owner("00"), "y"), ("FLUSHALL",),
        ],
        "knownas-worker": [
            ("HSET", keys.gateway_keys, "x", "y"), ("HSET", keys.segments, "x", "y"), ("UNLINK", keys.layout),
            ("KEYS", "*"), ("FLUSHDB",), ("SET", "elsewhere", "y"), ("ACL", "LIST"), ("CONFIG", "SET", "save", ""),
        ],
        "knownas-operator": [("FLUSHALL",), ("SET", "elsewhere", "y"), ("ACL", "LIST"), ("KEYS", "*")],
    }  # fmt: skip
    for name, commands in forbidden.items():
        link = link_to(store_at(as_user(deployment, name).settings))
        for command in commands:
            with pytest.raises(CannotStart, match=r"does not let our user do that .*deploy/knownas\.acl"):
                await link.run([command])


async def test_secrets_in_files_are_what_a_process_is_told_and_nothing_else(deployment: Deployment) -> None:
    environment = deployment.environment()
    assert "KNOWNAS_REDIS_PASSWORD_FILE" in environment
    assert not [name for name, value in environment.items() if PASSWORD in value]
    told = await asyncio.to_thread(deployment.command, "topics", "create")
    assert told.returncode == 0, told.stderr
    assert PASSWORD not in told.stdout + told.stderr
