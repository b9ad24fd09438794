"""The services that tests ask for. Started when the first test asks; a test that is pure starts nothing.

Embedded ones by default; KNOWNAS_KAFKA and KNOWNAS_REDIS name running ones; KNOWNAS_TEST_SERVICES=docker takes
containers. Tests share them, so each keeps to names of its own: see `namespace`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knownas.embedded import EmbeddedError, Progress, console_progress, start_kafka, start_valkey
from tests.valkeys import cluster, url_of

KAFKA_IMAGE = "confluentinc/cp-kafka:8.1.0"
VALKEY_IMAGE = "valkey/valkey:9.0"
VALKEY_COMMAND = "valkey-server --appendonly yes --appendfsync always --maxmemory-policy noeviction"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent / "faults"):
            item.add_marker(pytest.mark.faults)
        if {"kafka", "redis_url", "cluster_url"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.services)


@pytest.fixture(scope="session")
def kafka(services: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Kafka, as in `bootstrap_servers`."""
    if given := os.environ.get("KNOWNAS_KAFKA"):
        yield given
    elif services == "docker":
        with _kafka_container() as bootstrap:
            yield bootstrap
    else:
        with _shown(request) as progress:
            started = start_kafka(tmp_path_factory.mktemp("kafka"), progress=progress)
        with started:
            yield started.bootstrap


@pytest.fixture(scope="session")
def redis_url(services: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Valkey or Redis, as in `Redis.from_url`."""
    if given := os.environ.get("KNOWNAS_REDIS"):
        yield given
    elif services == "docker":
        with _valkey_container() as url:
            yield url
    else:
        with _shown(request) as progress:
            started = start_valkey(tmp_path_factory.mktemp("valkey"), progress=progress)
        with started:
            yield started.url


@pytest.fixture(scope="session")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of three Valkeys, always an embedded one."""
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield url_of(nodes)


@pytest.fixture
def namespace() -> str:
    """A short name that no other test has, for topics, groups and keys."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="session")
def services() -> str:
    """Where services come from: embedded or docker."""
    chosen = os.environ.get("KNOWNAS_TEST_SERVICES", "embedded")
    if chosen not in {"embedded", "docker"}:
        pytest.exit(f"KNOWNAS_TEST_SERVICES is {chosen!r}: it may be 'embedded' or 'docker'", returncode=2)
    if chosen == "docker":
        _require_docker()
    return chosen


@contextmanager
def _shown(request: pytest.FixtureRequest) -> Iterator[Progress]:
    """A first download takes its time, so it shows, although tests' output is captured."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled(), console_progress() as progress:
            yield progress
    except EmbeddedError as error:
        pytest.exit(str(error), returncode=1)


def _require_docker() -> None:
    import docker

    try:
        docker.from_env().ping()
    except (docker.errors.DockerException, OSError) as error:
        reason = str(error).splitlines()[0]
        pytest.exit(f"KNOWNAS_TEST_SERVICES=docker, but no Docker daemon answers ({reason}): start it", returncode=1)


@contextmanager
def _kafka_container() -> Iterator[str]:
    from testcontainers.community.kafka import KafkaContainer

    container = KafkaContainer(KAFKA_IMAGE).with_kraft()
    for name, value in {
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "OFFSETS_TOPIC_NUM_PARTITIONS": "8",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    }.items():
        container.with_env(f"KAFKA_{name}", value)
    with container:
        yield container.get_bootstrap_server()


@contextmanager
def _valkey_container() -> Iterator[str]:
    from testcontainers.community.valkey import ValkeyContainer

    with ValkeyContainer(VALKEY_IMAGE).with_command(VALKEY_COMMAND) as container:
        yield f"redis://{container.get_host()}:{container.get_exposed_port()}/0"
