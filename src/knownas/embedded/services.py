"""Both services for as long as a block runs; those whose address is given are used, not started."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from knownas.embedded.kafka import Kafka
from knownas.embedded.progress import Progress, silent
from knownas.embedded.server import Server
from knownas.embedded.valkey import Valkey


class Services:
    """`with Services(state_dir) as services: services.bootstrap, services.redis_url`.

    `kafka` and `redis` are addresses of services that run already (KNOWNAS_KAFKA, KNOWNAS_REDIS): only the missing
    ones are started, side by side. With both given nothing is started and the state directory is not touched.
    `embedded_kafka` and `embedded_valkey` are the servers that were started, to kill and restart them in tests.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        kafka: str | None = None,
        redis: str | None = None,
        kafka_port: int | None = None,
        redis_port: int | None = None,
        redis_password: str | None = None,
        progress: Progress = silent,
        cache_dir: Path | None = None,
    ) -> None:
        self._given_kafka, self._given_redis = kafka, redis
        self.embedded_kafka: Kafka | None = None
        self.embedded_valkey: Valkey | None = None
        if not kafka:
            self.embedded_kafka = Kafka(state_dir / "kafka", kafka_port, progress, cache_dir=cache_dir)
        if not redis:
            self.embedded_valkey = Valkey(state_dir / "valkey", redis_port, progress, password=redis_password)

    @property
    def bootstrap(self) -> str:
        return self.embedded_kafka.bootstrap if self.embedded_kafka else self._given_kafka or ""

    @property
    def redis_url(self) -> str:
        return self.embedded_valkey.url if self.embedded_valkey else self._given_redis or ""

    @property
    def _servers(self) -> list[Server]:
        return [server for server in (self.embedded_kafka, self.embedded_valkey) if server is not None]

    def __enter__(self) -> Self:
        try:
            for server in self._servers:
                server.launch()
            for server in self._servers:
                server.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        for server in self._servers:
            server.stop()
