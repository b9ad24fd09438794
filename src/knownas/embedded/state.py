"""A server's state directory: who may use it, and the ports it had.

Locked by `flock`, which the kernel releases when its last holder is gone: a stale lock cannot exist. The holders are
we and the keeper, so the directory is free again only when the server in it has ended.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import time
from pathlib import Path

from knownas.embedded.errors import EmbeddedError

LOCALHOST = "127.0.0.1"
# Below what systems hand out for outgoing connections, so that a remembered port is not taken by one of those.
FREE_PORTS = range(20_000, 32_000)
# After a kill of its owner a server is given some time to stop by itself: that long a lock may outlive its owner.
OWNER_GONE_S = 20.0


class StateLock:
    """Exclusive use of a state directory; `fd` is handed to the keeper."""

    def __init__(self, home: Path) -> None:
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.fd = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EmbeddedError(f"{home} cannot be a state directory ({error.strerror}): choose another") from error
        try:
            self._acquire(home)
        except BaseException:
            os.close(self.fd)
            raise

    def _acquire(self, home: Path) -> None:
        give_up_at = time.monotonic() + OWNER_GONE_S
        while not try_lock(self.fd):
            owner = os.pread(self.fd, 32, 0).decode().strip()
            if _is_alive(owner) or time.monotonic() > give_up_at:
                raise EmbeddedError(f"{home} is in use by process {owner}: stop that one or choose another directory")
            time.sleep(0.05)
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        os.close(self.fd)


def try_lock(fd: int) -> bool:
    """Lock an open file for as long as it is open; False while another has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():  # taken a moment ago by one that has not yet written its name
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def choose_ports(home: Path, wanted: int | None, count: int) -> list[int]:
    """The wanted port first, or the remembered one if it is free; free ones for the rest; remembered for next time."""
    if wanted is not None and not _is_free(wanted):
        raise EmbeddedError(f"port {wanted} on {LOCALHOST} is already taken: free it or choose another")
    memory = home / "ports"
    remembered = [int(port) for port in memory.read_text().split()] if memory.exists() else []
    ports: list[int] = []
    for index in range(count):
        before = remembered[index] if index < len(remembered) else None
        ports.append(_choose(wanted if index == 0 else None, before, ports))
    memory.write_text(" ".join(map(str, ports)))
    return ports


def _choose(wanted: int | None, before: int | None, chosen: list[int]) -> int:
    if wanted is not None:
        return wanted
    if before is not None and before not in chosen and _is_free(before):
        return before
    # Chosen by chance, not in order: two that start at one moment would pick the same.
    for port in random.sample(FREE_PORTS, len(FREE_PORTS)):
        if port not in chosen and _is_free(port):
            return port
    raise EmbeddedError(f"no free port from {FREE_PORTS.start} to {FREE_PORTS.stop - 1} on {LOCALHOST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers themselves do: connections of a server that has just stopped do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return True
