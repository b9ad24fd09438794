from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from knownas.embedded import EmbeddedError, Kafka, Valkey, start_valkey
from knownas.embedded.state import StateLock, choose_ports


def test_a_directory_in_use_is_refused_in_one_line_that_names_who_has_it(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    with pytest.raises(EmbeddedError, match=f"{tmp_path} is in use by process {os.getpid()}: stop that one"):
        StateLock(tmp_path)
    lock.release()
    StateLock(tmp_path).release()


def test_a_lock_file_left_by_a_dead_process_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("4194305")
    StateLock(tmp_path).release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"file/kafka cannot be a state directory .*: choose another"):
        StateLock(tmp_path / "file" / "kafka")


def test_ports_are_remembered(tmp_path: Path) -> None:
    first = choose_ports(tmp_path, None, 2)
    assert len(set(first)) == 2
    assert choose_ports(tmp_path, None, 2) == first


def test_a_remembered_port_that_another_took_is_replaced(tmp_path: Path) -> None:
    first = choose_ports(tmp_path, None, 2)
    with socket.create_server(("127.0.0.1", first[0])):
        second = choose_ports(tmp_path, None, 2)
    assert second[0] != first[0]
    assert second[1] == first[1]


@pytest.mark.parametrize("server", [Kafka, Valkey])
def test_a_wanted_port_that_is_taken_is_named(tmp_path: Path, server: type[Kafka | Valkey]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EmbeddedError, match=rf"port {port} on 127\.0\.0\.1 is already taken: free it or choose"):
            server(tmp_path, port).start()


@pytest.mark.services
def test_a_second_start_in_the_same_directory_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as first:
        with pytest.raises(EmbeddedError, match="in use by process"):
            start_valkey(tmp_path)
        os.kill(first.pid, 0)
