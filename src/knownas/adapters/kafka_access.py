"""Where Kafka is and how it lets us in, as each of its clients wants to be told. The only place that knows."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import SecretStr

from knownas.errors import CannotStart
from knownas.settings import Settings


class Certificates(NamedTuple):
    """Files in PEM: who vouches for Kafka's certificate (none: whom the system trusts), ours and its key."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class KafkaAccess(NamedTuple):
    """How Kafka is reached. As a text it is where that is, nothing else."""

    bootstrap: str
    security: str = "plaintext"
    mechanism: str = "PLAIN"
    username: str | None = None
    password: SecretStr | None = None
    certificates: Certificates = Certificates()

    def __str__(self) -> str:
        return self.bootstrap

    @property
    def tls(self) -> ssl.SSLContext | None:
        """With TLS its context; a wrong file is `CannotStart`."""
        return tls_context(self.certificates) if self.security.endswith("ssl") else None

    @property
    def login(self) -> tuple[str, str] | None:
        """Name and password, where they are asked for."""
        if not self.security.startswith("sasl") or self.password is None:
            return None
        return self.username or "", self.password.get_secret_value()


Kafka = str | KafkaAccess
"""A bare address is one without TLS and password."""


def access(settings: Settings) -> KafkaAccess:
    """What the settings say."""
    return KafkaAccess(
        settings.kafka,
        settings.kafka_security,
        settings.kafka_mechanism,
        settings.kafka_username,
        settings.kafka_password,
        Certificates(settings.kafka_ca_file, settings.kafka_cert_file, settings.kafka_key_file),
    )


def client_options(kafka: Kafka) -> dict[str, Any]:
    """The options of an aiokafka client."""
    if isinstance(kafka, str):
        return {"bootstrap_servers": kafka}
    options: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap, "security_protocol": kafka.security.upper()}
    if kafka.tls is not None:
        options["ssl_context"] = kafka.tls
    if kafka.login is not None:
        username, password = kafka.login
        options |= {"sasl_mechanism": kafka.mechanism, "sasl_plain_username": username, "sasl_plain_password": password}
    return options


@lru_cache(4)
def tls_context(certificates: Certificates) -> ssl.SSLContext:
    """TLS that asks for a certificate which names the host."""
    try:
        context = ssl.create_default_context(cafile=certificates.ca_file)
        if certificates.cert_file is not None:
            context.load_cert_chain(certificates.cert_file, certificates.key_file)
    except (OSError, ssl.SSLError) as error:
        raise CannotStart(
            f"a certificate for Kafka cannot be used ({error}): check KNOWNAS_KAFKA_CA_FILE, _CERT_FILE and _KEY_FILE"
        ) from error
    return context
