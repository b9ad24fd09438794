"""Apache Kafka from the published jars and a Java runtime out of pip: kafka.properties says how it is set up."""

from __future__ import annotations

import base64
import shutil
import string
import uuid
from importlib import resources
from pathlib import Path

from knownas.embedded.jars import Installation, default_cache_dir, install_kafka
from knownas.embedded.probe import coordinators_answer
from knownas.embedded.progress import Progress, silent
from knownas.embedded.server import Server
from knownas.embedded.state import LOCALHOST


class Kafka(Server):
    """A running Kafka: `bootstrap`, `port`, `pid`, `stop()`, `kill()`, `restart()`."""

    name = "Kafka"
    ready_within_s = 120.0  # after a power cut it first checks its log; usually it takes two seconds
    stop_within_s = 20.0
    ports_used = 2  # clients and controller

    def __init__(
        self, state_dir: Path, port: int | None = None, progress: Progress = silent, *, cache_dir: Path | None = None
    ) -> None:
        super().__init__(state_dir, port, progress)
        self._cache_dir = cache_dir or default_cache_dir()

    @property
    def bootstrap(self) -> str:
        return f"{LOCALHOST}:{self.port}"

    def _prepare(self) -> list[str]:
        installation = install_kafka(self._cache_dir, self._progress)
        self._format(installation)
        template = string.Template(_packaged("kafka.properties"))
        port, controller_port = self._ports[:2]
        text = template.substitute(port=port, controller_port=controller_port)
        (self.home / "kafka.properties").write_text(text)
        (self.home / "log4j2.properties").write_text(_packaged("log4j2.properties"))
        options = (f"-Djava.io.tmpdir={self._fresh_tmp()}", "-Dlog4j2.configurationFile=log4j2.properties")
        return installation.command("kafka.Kafka", "kafka.properties", options=options)

    def _format(self, installation: Installation) -> None:
        """What Kafka's own `format` leaves in a data directory, with ids of its own; meta.properties comes last."""
        data = self.home / "data"
        if (data / "meta.properties").exists():
            return
        data.mkdir(exist_ok=True)
        shutil.copyfile(installation.checkpoint, data / installation.checkpoint.name)
        unfinished = data / "meta.properties.new"
        unfinished.write_text(f"version=1\nnode.id=1\ncluster.id={_kafka_id()}\ndirectory.id={_kafka_id()}\n")
        unfinished.rename(data / "meta.properties")

    def _fresh_tmp(self) -> str:
        """For the libraries that Kafka unpacks, and leaves when killed; /tmp may forbid running them."""
        tmp = self.home / "tmp"
        shutil.rmtree(tmp, ignore_errors=True)
        tmp.mkdir()
        return tmp.name

    def _is_ready(self) -> bool:
        return coordinators_answer(self.port)


def start_kafka(
    state_dir: Path, port: int | None = None, progress: Progress = silent, *, cache_dir: Path | None = None
) -> Kafka:
    """A Kafka with its data in `state_dir`, ready for producers, groups and transactions; end it with `stop()`."""
    kafka = Kafka(state_dir, port, progress, cache_dir=cache_dir)
    kafka.start()
    return kafka


def _packaged(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text()


def _kafka_id() -> str:
    """Kafka's own form of a UUID; one that begins with a dash it would take for an option."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return text if not text.startswith("-") else _kafka_id()
