"""The little process between us and a server: it ends the server when we are gone, however we went.

    python -I -S keeper.py GRACE_S COMMAND...

Its standard input is a pipe whose other end we hold: at its end we are dead, killed even, and the server is asked to
stop, then made to. Its first line of output is the server's process id. What the server writes goes to the keeper's
standard error, which is the server's log. The keeper's exit status is the server's.

Why a process: the kernel's own "signal me when my parent dies" is bound to the parent's thread, not to the parent, so
a server started from a passing thread would die with that thread; and it exists on Linux alone. The keeper has one
thread, so there it can use it for the last gap: if the keeper itself is killed, the server dies with it.

It stands alone (no package, standard library only), so that it starts in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from typing import NoReturn

PR_SET_PDEATHSIG = 1
# A forked child of our parent may hold the pipe open beyond the parent's death; then its change of parent tells.
PARENT_CHECK_S = 1.0


def main() -> int:
    grace_s, command = float(sys.argv[1]), sys.argv[2:]
    parent = os.getppid()
    child_ended = _wake_on_child_end()
    server = _fork(command)
    # A terminal, a service manager or a container may signal the whole group: the server decides, we only watch it.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):  # the parent died just now: seen below
        os.write(1, f"{server}\n".encode())
    status = _watch(server, child_ended, parent)
    if status is None:
        os.kill(server, signal.SIGTERM)
        status = _wait(server, child_ended, grace_s)
    if status is None:
        os.kill(server, signal.SIGKILL)
        status = os.waitpid(server, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _wake_on_child_end() -> int:
    """A pipe that becomes readable when a child ends, so that one `select` can wait for that and for the parent."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return readable


def _watch(server: int, child_ended: int, parent: int) -> int | None:
    """The server's status when it ends by itself; None when the parent is gone."""
    while True:
        readable = select.select([child_ended, 0], [], [], PARENT_CHECK_S)[0]
        ended, status = os.waitpid(server, os.WNOHANG)
        if ended:
            return status
        if 0 in readable or os.getppid() != parent:
            return None
        if child_ended in readable:
            os.read(child_ended, 512)


def _wait(server: int, child_ended: int, grace_s: float) -> int | None:
    """The server's status if it ends in time, else None."""
    give_up_at = time.monotonic() + grace_s
    while (left_s := give_up_at - time.monotonic()) > 0:
        if child_ended in select.select([child_ended], [], [], left_s)[0]:
            os.read(child_ended, 512)
        ended, status = os.waitpid(server, os.WNOHANG)
        if ended:
            return status
    return None


def _fork(command: list[str]) -> int:
    keeper = os.getpid()
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    server = os.fork()
    if server == 0:
        _become(command, keeper, library)
    return server


def _become(command: list[str], keeper: int, library: ctypes.CDLL | None) -> NoReturn:
    """In the forked child: tie its life to the keeper's, leave nothing of ours open, become the server."""
    try:
        if library is not None:
            library.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(0)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and a successor would inherit that
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        # The state directory's lock is among these: the keeper holds it, so that it frees when the server has ended.
        os.closerange(3, 4096)
        # A bare environment: a JAVA_TOOL_OPTIONS or CLASSPATH meant for something else must not change the server.
        os.execve(command[0], command, {"LC_ALL": "C.UTF-8", "TZ": "UTC"})  # noqa: S606
    except OSError as error:
        os.write(2, f"cannot run {command[0]}: {error}\n".encode())
    os._exit(127)


if __name__ == "__main__":
    sys.exit(main())
