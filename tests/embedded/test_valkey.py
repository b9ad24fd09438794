from __future__ import annotations

from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from knownas.embedded import Valkey, start_valkey

pytestmark = pytest.mark.services


def client(valkey: Valkey) -> redis.Redis:
    return redis.Redis.from_url(valkey.url, decode_responses=True)


def test_an_answer_means_durable_and_nothing_is_evicted(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as valkey:
        settings = client(valkey).config_get("append*", "maxmemory-policy", "bind", "save")
    expected = {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
        "save": "",
    }
    assert expected.items() <= settings.items()


def test_data_and_port_outlive_a_stop_and_a_kill(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as valkey:
        url = valkey.url
        client(valkey).set("stopped", "kept")
    with start_valkey(tmp_path) as valkey:
        assert valkey.url == url
        client(valkey).set("killed", "kept too")
        first = valkey.pid
        valkey.kill()
        valkey.restart()
        assert (valkey.url, valkey.pid != first) == (url, True)
        assert client(valkey).mget("stopped", "killed") == ["kept", "kept too"]


def test_a_password_is_asked_for_and_shown_to_nobody(tmp_path: Path) -> None:
    password = 'odd "one" \\ #/@:ü'
    with start_valkey(tmp_path, password=password) as valkey:
        assert client(valkey).ping()
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=valkey.port, retry=Retry(NoBackoff(), 0)).ping()
        assert password not in repr(valkey)
        assert b"requirepass" not in Path(f"/proc/{valkey.pid}/cmdline").read_bytes()
    assert (tmp_path / "valkey.conf").stat().st_mode & 0o077 == 0
    assert password not in (tmp_path / "server.log").read_text()


def test_stopping_twice_is_no_mistake(tmp_path: Path) -> None:
    valkey = start_valkey(tmp_path)
    valkey.stop()
    valkey.stop()
    assert valkey.pid == 0
