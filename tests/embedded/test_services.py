from __future__ import annotations

from pathlib import Path

import pytest
import redis

from knownas.embedded import EmbeddedError, Services


def test_given_addresses_are_used_and_nothing_is_started(tmp_path: Path) -> None:
    with Services(tmp_path, kafka="kafka.example:9092", redis="redis://redis.example:6379/3") as services:
        assert services.bootstrap == "kafka.example:9092"
        assert services.redis_url == "redis://redis.example:6379/3"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.services
def test_only_the_missing_one_is_started(tmp_path: Path) -> None:
    with Services(tmp_path, kafka="kafka.example:9092") as services:
        assert services.embedded_kafka is None
        assert redis.Redis.from_url(services.redis_url).ping()
    assert [path.name for path in tmp_path.iterdir()] == ["valkey"]


@pytest.mark.services
def test_both_start_and_say_what_they_do(tmp_path: Path) -> None:
    said = []
    with Services(tmp_path, progress=lambda what, _fraction=None: said.append(what)) as services:
        assert services.bootstrap.startswith("127.0.0.1:")
        assert redis.Redis.from_url(services.redis_url).ping()
    assert {"Starting Kafka", "Starting Valkey"} <= set(said)


@pytest.mark.services
def test_one_that_cannot_start_takes_the_other_along(tmp_path: Path) -> None:
    (tmp_path / "valkey").touch()
    services = Services(tmp_path)
    with pytest.raises(EmbeddedError, match="valkey cannot be a state directory"):
        services.__enter__()
    assert services.embedded_kafka is not None
    assert services.embedded_kafka.pid == 0
