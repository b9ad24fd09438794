"""A server never outlives the process that started it, however that one ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from knownas.embedded import Services, Valkey, start_valkey

pytestmark = pytest.mark.services

OWNER = """
import pathlib, signal, sys
from knownas.embedded import Services
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored
with Services(pathlib.Path(sys.argv[1])) as services:
    print(services.embedded_kafka.pid, services.embedded_valkey.pid, flush=True)
    sys.stdin.read()
"""


@contextmanager
def owner(state_dir: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Another process that has both services, as `knownas up` would, in a process group of its own."""
    command = [sys.executable, "-c", OWNER, str(state_dir)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            yield process, [int(pid) for pid in process.stdout.readline().split()]
        finally:
            process.kill()


def wait_until_gone(pids: list[int], within_s: float = 30.0) -> None:
    give_up_at = time.monotonic() + within_s
    while alive := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < give_up_at, f"still running: {alive}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def keeper_of(server: Valkey) -> int:
    return int(Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_killed_owner_leaves_no_server_and_its_directory_can_be_used_at_once(tmp_path: Path) -> None:
    with owner(tmp_path) as (process, pids):
        assert len(pids) == 2
        process.kill()
        process.wait()
        with Services(tmp_path):
            assert not any(map(is_alive, pids))


def test_ctrl_c_reaches_the_owner_alone_and_it_stops_both_cleanly(tmp_path: Path) -> None:
    with owner(tmp_path) as (process, pids):
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert not any(map(is_alive, pids))
    assert (tmp_path / "kafka" / "data" / ".kafka_cleanshutdown").exists()
    assert "ready to exit" in (tmp_path / "valkey" / "server.log").read_text()


def test_a_signal_to_the_whole_group_of_a_server_is_a_clean_stop(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as valkey:
        pid = valkey.pid
        os.killpg(os.getpgid(pid), signal.SIGTERM)
        wait_until_gone([pid])
    assert "ready to exit" in (tmp_path / "server.log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent's life")
def test_a_killed_keeper_takes_its_server_along(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as valkey:
        os.kill(keeper_of(valkey), signal.SIGKILL)
        wait_until_gone([valkey.pid])


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path)
    starter = threading.Thread(target=valkey.start)
    starter.start()
    starter.join()
    with valkey:
        assert redis.Redis.from_url(valkey.url).ping()


def test_a_fork_of_the_owner_does_not_keep_a_server_alive(tmp_path: Path) -> None:
    """A forked child inherits our end of the keeper's pipe, so the pipe alone would not tell."""
    fork_and_die = """
import os, pathlib, sys
from knownas.embedded import start_valkey
valkey = start_valkey(pathlib.Path(sys.argv[1]))
child = os.fork()
if child == 0:
    sys.stdin.read()
    os._exit(0)
print(valkey.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    command = [sys.executable, "-c", fork_and_die, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        wait_until_gone([int(process.stdout.readline())])
