"""Settings that say how Kafka and the store let us in: names, passwords, certificates. Secrets may come from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

FROM_FILES: Final = ("redis", "redis_password", "kafka_password", "http_token_keys")
"""Settings that are secret: each may stand in a file, which the setting of its name and `_file` names."""


class AccessSettings(BaseSettings):
    """What opens Kafka and the store."""

    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="how Kafka is spoken to: with TLS, with a name and password, with both"
    )
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="how Kafka is told the name and password"
    )
    kafka_username: str | None = Field(None, min_length=1, description="our name at Kafka")
    kafka_password: SecretStr | None = Field(None, min_length=1, description="our password at Kafka")
    kafka_password_file: str | None = Field(None, description="a file that holds it")
    kafka_ca_file: str | None = Field(None, description="certificates (PEM) that vouch for Kafka's; none: the system's")
    kafka_cert_file: str | None = Field(None, description="our certificate for Kafka (PEM)")
    kafka_key_file: str | None = Field(None, description="its key (PEM)")
    redis_file: str | None = Field(None, description="a file that holds the store's URL")
    redis_username: str | None = Field(None, min_length=1, description="our name at the store")
    redis_password: SecretStr | None = Field(None, min_length=1, description="our password at the store")
    redis_password_file: str | None = Field(None, description="a file that holds it")
    redis_ca_file: str | None = Field(None, description="certificates (PEM) that vouch for the store's")
    redis_cert_file: str | None = Field(None, description="our certificate for the store (PEM)")
    redis_key_file: str | None = Field(None, description="its key (PEM)")
    redis_wait_replicas: int = Field(
        0, ge=0, le=16, description="replicas that must have on disk what was written before anything is sent"
    )
    redis_wait_ms: int = Field(5_000, ge=100, le=20_000, description="how long that may take before it is tried anew")
    http_token_keys_file: str | None = Field(None, description="a file that holds the keys of tokens")

    @field_validator("kafka_security", mode="before")
    @classmethod
    def _read_security(cls, said: Any) -> Any:
        return said.lower() if isinstance(said, str) else said  # Kafka's own settings write SASL_SSL

    @model_validator(mode="before")
    @classmethod
    def _read_files(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        for name in FROM_FILES:
            file = given.get(f"{name}_file")
            if not file:
                continue
            if given.get(name):
                raise ValueError(f"set KNOWNAS_{name.upper()} or KNOWNAS_{name.upper()}_FILE, not both")
            given = {**given, name: _content(f"KNOWNAS_{name.upper()}_FILE", str(file))}
        return given

    @model_validator(mode="after")
    def _check_access(self) -> AccessSettings:
        wrong = [*self._wrong_with_kafka(), *self._wrong_with_files()]
        if wrong:
            raise ValueError("\n".join(wrong))
        return self

    def _wrong_with_kafka(self) -> list[str]:
        asks = self.kafka_security.startswith("sasl")
        has = self.kafka_username is not None and self.kafka_password is not None
        wrong = []
        if asks and not has:
            wrong.append(f"KNOWNAS_KAFKA_SECURITY={self.kafka_security} needs KNOWNAS_KAFKA_USERNAME and _PASSWORD")
        if not asks and (self.kafka_username or self.kafka_password):
            wrong.append(
                f"KNOWNAS_KAFKA_SECURITY={self.kafka_security} has no use for KNOWNAS_KAFKA_USERNAME and _PASSWORD: "
                "set it to sasl_ssl, or sasl_plaintext where the network is trusted"
            )
        if not self.kafka_security.endswith("ssl") and (self.kafka_ca_file or self.kafka_cert_file):
            wrong.append(
                f"KNOWNAS_KAFKA_SECURITY={self.kafka_security} has no use for certificates: set it to ssl or sasl_ssl"
            )
        return wrong

    def _wrong_with_files(self) -> list[str]:
        files = {name: getattr(self, name) for name in type(self).model_fields if name.endswith(_CERTIFICATES)}
        wrong = [
            f"KNOWNAS_{name.upper()}: {file} cannot be read"
            for name, file in files.items()
            if file is not None and not Path(file).is_file()
        ]
        halves = [
            f"set both KNOWNAS_{what.upper()}_CERT_FILE and KNOWNAS_{what.upper()}_KEY_FILE, or none"
            for what in ("kafka", "redis")
            if (files[f"{what}_cert_file"] is None) != (files[f"{what}_key_file"] is None)
        ]
        return [*wrong, *halves, *self._wrong_with_tls(files)]

    def _wrong_with_tls(self, files: dict[str, str | None]) -> list[str]:
        store: SecretStr | None = getattr(self, "redis", None)
        if store is None or store.get_secret_value().strip().startswith("rediss"):
            return []
        said = any(file is not None for name, file in files.items() if name.startswith("redis"))
        return ["KNOWNAS_REDIS has no use for certificates: it must start with rediss"] if said else []


_CERTIFICATES: Final = ("_ca_file", "_cert_file", "_key_file")


def _content(name: str, file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name} {file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
