"""A Kafka and a Redis that ask for TLS and passwords."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from knownas.embedded import Kafka
from tests.certificates import Pair
from tests.valkeys import ConfiguredValkey

USER, PASSWORD = "knownas", "a pass word, with 'quotes' \\ and more"
SCRAM_ROUNDS = 4_096
ACL = Path(__file__).parents[1] / "deploy" / "knownas.acl"
LISTENERS = ("SASL_SSL", "SSL", "SASL_PLAINTEXT")


class SecuredKafka(Kafka):
    """One with a listener of each kind beside the plain one, which the probe uses."""

    ports_used = 5

    def __init__(self, state_dir: Path, server: Pair, authority: Path) -> None:
        super().__init__(state_dir)
        self._server, self._authority = server, authority

    def _prepare(self) -> list[str]:
        command = super()._prepare()
        store = self.home / "server.pem"
        store.write_text(self._server.key.read_text() + self._server.cert.read_text())
        file = self.home / "kafka.properties"
        text = file.read_text().replace(",CONTROLLER://", f",{self._listeners()},CONTROLLER://")
        file.write_text(text + self._more())
        return command

    def _listeners(self) -> str:
        ports = self._ports[2:]
        return ",".join(f"{name}://127.0.0.1:{port}" for name, port in zip(LISTENERS, ports, strict=True))

    def _more(self) -> str:
        password = PASSWORD.replace("\\", "\\\\\\\\").replace('"', '\\\\"')
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        protocols = ",".join(["CONTROLLER:PLAINTEXT", *(f"{name}:{name}" for name in ("PLAINTEXT", *LISTENERS))])
        lines = [f"listener.security.protocol.map={protocols}"]
        lines.append("sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512")
        for name in ("sasl_ssl", "sasl_plaintext"):
            listener = f"listener.name.{name}"
            lines.append(f'{listener}.plain.sasl.jaas.config={plain} user_{USER}="{password}";')
            lines += [f"{listener}.scram-sha-{bits}.sasl.jaas.config={scram}" for bits in (256, 512)]
        lines += ["ssl.keystore.type=PEM", "ssl.keystore.location=server.pem", "ssl.truststore.type=PEM"]
        lines += [f"ssl.truststore.location={self._authority}", "listener.name.ssl.ssl.client.auth=required"]
        return "\n".join(["", *lines, ""])

    def at(self, security: str) -> str:
        """The address of a listener."""
        return f"127.0.0.1:{self._ports[2 + LISTENERS.index(security.upper())]}"

    def knows_us(self) -> None:
        """Let our user in by SCRAM too."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            info = ScramCredentialInfo(mechanism, SCRAM_ROUNDS)
            wanted = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
            for done in admin.alter_user_scram_credentials([wanted]).values():
                done.result(20)


class TlsRedis(ConfiguredValkey):
    """A Redis with TLS, at its second port. The embedded Valkey has none; Debian's redis-server does."""

    name = "Redis"

    def __init__(self, state_dir: Path, server: Pair, authority: Path, more: Sequence[str] = ()) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            pytest.skip("no redis-server with TLS here: apt-get install redis-server")
        files = f"tls-cert-file {server.cert}", f"tls-key-file {server.key}", f"tls-ca-cert-file {authority}"
        super().__init__(state_dir, ["tls-port $bus", "tls-auth-clients no", *files, *more])
        self._binary = binary

    def _prepare(self) -> list[str]:
        return [self._binary, *super()._prepare()[1:]]

    @property
    def tls_url(self) -> str:
        """For clients that speak TLS."""
        return f"rediss://127.0.0.1:{self.bus}/0"


def with_passwords(acl: str) -> str:
    """The file with a password for everybody, as an operator would add it; whether it is up is what anybody may ask."""
    shown = f" on #{hashlib.sha256(PASSWORD.encode()).hexdigest()} "
    return acl.replace(" on ", shown).replace("user default off", "user default on nopass resetkeys -@all +ping")
