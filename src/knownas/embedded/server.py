"""What Kafka and Valkey have in common: a process in a state directory that is started, watched and stopped.

`launch` and `wait_until_ready` are apart so that two servers can start side by side without threads.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from knownas.embedded import keeper
from knownas.embedded.errors import EmbeddedError
from knownas.embedded.progress import Progress
from knownas.embedded.state import StateLock, choose_ports

JAVA_EXCEPTION = re.compile(r"(Caused by: )?[\w.$]+(Exception|Error): ")


class Server(ABC):
    """One server process. Keep the object: when it is dropped, as when this process ends, the server is stopped."""

    name: str
    ready_within_s: float
    stop_within_s: float
    ports_used = 1

    def __init__(self, state_dir: Path, port: int | None, progress: Progress) -> None:
        self.home = state_dir.absolute()
        self.log_file = self.home / "server.log"
        self._wanted_port = port
        self._progress = progress
        self._ports: list[int] = []
        self._lock: StateLock | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._pid = 0

    # What differs

    @abstractmethod
    def _prepare(self) -> list[str]:
        """Write the configuration for `self._ports` into `self.home`; the command to run there."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether the server now does for a client what clients need; OSError counts as no."""

    # What callers use

    @property
    def port(self) -> int:
        return self._ports[0]

    @property
    def pid(self) -> int:
        """The server's own process id, not the keeper's."""
        return self._pid

    def start(self) -> None:
        """Up and ready, or an EmbeddedError and nothing left behind."""
        self.launch()
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Take the state directory and start the process, without waiting for it to be ready."""
        if self._keeper is not None:
            raise EmbeddedError(f"{self.name} is already running as process {self._pid}")
        try:
            self._lock = self._lock or StateLock(self.home)
            self._ports = choose_ports(self.home, self._wanted_port, self.ports_used)
            self._progress(f"Starting {self.name}")
            self._spawn(self._prepare())
        except BaseException:
            self.stop()
            raise

    def wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + self.ready_within_s
        while not self._answers():
            if self._keeper is None or self._keeper.poll() is not None:
                raise EmbeddedError(f"{self.name} ended while it started: {self._last_words()}")
            if time.monotonic() > give_up_at:
                raise EmbeddedError(
                    f"{self.name} was not ready within {self.ready_within_s:g} seconds: see {self.log_file}"
                )
            time.sleep(0.02)
        self._progress(f"Starting {self.name}", 1.0)

    def stop(self) -> None:
        """Ask it to end, make it end if it does not, free the state directory. Stopping twice is no mistake."""
        self._end(signal.SIGTERM)
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def kill(self) -> None:
        """As a power cut would (SIGKILL); the state directory and the ports stay ours, for `restart`."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """On the same state directory and the same ports, whether it runs, was stopped or was killed."""
        self._end(signal.SIGTERM)
        self._wanted_port = self.port
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # How

    def _spawn(self, command: list[str]) -> None:
        assert self._lock is not None
        if self.log_file.exists():  # one earlier log is kept: it says why the last run ended
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        with self.log_file.open("wb") as log:
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__, str(self.stop_within_s), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.home,
                pass_fds=(self._lock.fd,),
                start_new_session=True,  # the terminal's Ctrl-C is for us; the server ends when we have finished
            )
        assert self._keeper.stdout is not None
        first_line = self._keeper.stdout.readline()
        if not first_line:
            raise EmbeddedError(f"{self.name} could not be started: {self._last_words()}")
        self._pid = int(first_line)

    def _answers(self) -> bool:
        try:
            return self._is_ready()
        except OSError:
            return False

    def _last_words(self) -> str:
        """The innermost Java exception, else the first line that speaks of an error, else the last line."""
        lines = [line.strip() for line in self.log_file.read_text(errors="replace").splitlines() if line.strip()]
        exceptions = [line for line in lines if JAVA_EXCEPTION.match(line)][-1:]
        errors = [line for line in lines if "error" in line.lower()][:1]
        words = (exceptions or errors or lines[-1:] or ["it said nothing"])[0]
        return f"{words} (see {self.log_file})"

    def _end(self, how: signal.Signals) -> None:
        running, self._keeper = self._keeper, None
        if running is None:
            return
        pid, self._pid = self._pid, 0
        assert running.stdin is not None
        assert running.stdout is not None
        try:
            if running.poll() is None and pid:
                _signal(pid, how)
                _wait_or_kill(running, pid, self.stop_within_s)
        finally:
            # Whatever interrupted the wait (a second Ctrl-C): at the end of this pipe the keeper finishes the job.
            running.stdin.close()
            running.stdout.close()


def _wait_or_kill(running: subprocess.Popen[bytes], pid: int, within_s: float) -> None:
    try:
        running.wait(within_s)
    except subprocess.TimeoutExpired:
        _signal(pid, signal.SIGKILL)
        running.wait()


def _signal(pid: int, which: signal.Signals) -> None:
    try:
        os.kill(pid, which)
    except ProcessLookupError:
        return  # it ended by itself a moment ago
