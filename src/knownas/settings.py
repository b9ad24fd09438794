"""Every setting of knownas: one frozen object, read from the environment (`KNOWNAS_...`) once, validated once."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from knownas.errors import CannotStart
from knownas.nouns import PROPERTY_OF_KIND
from knownas.profile.fold import FoldRules
from knownas.profile.time import Calendar
from knownas.profile.zones import zone
from knownas.records.identities import IdentityRules
from knownas.settings_access import AccessSettings

LOCAL: Final = ".knownas/environment"
"""Where `knownas up` and `knownas demo` write the addresses of what they started, for commands in the same folder."""

OF_A_DEPLOYMENT: Final = ("kafka", "redis", "secret")
"""Whoever names one of these means another deployment than the one that runs in the folder."""

SHORTEST_TOKEN_KEY: Final = 32
_ORIGIN: Final = re.compile(r"https?://[^/\s?#@]+")
_ORDINAL: Final = re.compile(r"-(0|[1-9]\d{0,3})$")
"""How the name of a StatefulSet's pod ends; that of a Deployment's has five characters there."""


class Settings(AccessSettings):
    """What a deployment decides. Units are last in the names."""

    model_config = SettingsConfigDict(env_prefix="KNOWNAS_", frozen=True, extra="ignore", env_file=LOCAL)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (the signature is given)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Given values, then the environment, then what runs in the folder, unless those mean another deployment."""
        said = env_settings() | init_settings()
        named = any(said.get(name) is not None for name in OF_A_DEPLOYMENT)
        return (init_settings, env_settings) if named else (init_settings, env_settings, dotenv_settings)

    kafka: str = Field("127.0.0.1:9092", description="Kafka's bootstrap servers, host:port, separated by commas")
    redis: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="the store's URL: redis://, rediss:// (TLS), unix://, redis+cluster://",
    )
    secret: SecretStr | None = Field(None, min_length=8, description="keys the hashes in ids and in the ledger")
    secret_file: str | None = Field(None, description="a file that holds the secret")
    group: str = Field("knownas", min_length=1, description="Kafka consumer group of the workers")
    topic_prefix: str = Field("knownas.", description="what the names of all topics start with")
    redis_prefix: str = Field("ka:", description="what all keys in the store start with")
    identity_kinds: Annotated[tuple[str, ...], NoDecode] = Field(
        ("identity", "email", "facebook", "google"), description="declared identity kinds in order, by commas"
    )
    phone_region: str | None = Field(None, description="region of phone numbers without country code, e.g. IE")
    day_timezone: str = Field("UTC", description="IANA name of the time zone whose days events are counted by")
    timeline_entries: int = Field(500, ge=1, le=100_000, description="newest entries kept per profile")
    publish_counts: bool = Field(False, description="publish a change for every counted event too")
    poll_min_bytes: int = Field(20_000, ge=1, description="a poll waits until this much has come")
    poll_max_wait_ms: int = Field(10, ge=1, description="or until this long has passed")
    poll_max_records: int = Field(4_000, ge=1, description="most records of one poll")
    publish_linger_ms: int = Field(50, ge=0, description="how long changes are gathered into one transaction")
    cached_profiles: int = Field(50_000, ge=0, description="profiles a worker keeps in memory, over all its shards")
    session_timeout_ms: int = Field(
        10_000, ge=1_000, le=90_000, description="silence after which Kafka gives a worker up"
    )
    idle_check_ms: int = Field(2_000, ge=50, description="how often an idle worker looks at its partitions")
    tick_seconds: float = Field(60.0, gt=0, description="how often each shard looks at the clock")
    idle_guest_days: int = Field(
        0, ge=0, le=36_500, description="days without a record after which a guest is deleted; 0 keeps all"
    )
    snapshot_days: float = Field(
        7.0, ge=0, le=3_650, description="each profile is written to the snapshots once in so many days; 0: none is"
    )
    find_most: int = Field(
        20_000, ge=0, description="most people looked at one by one for a query; beyond that its answer is a range"
    )
    worker_name: str | None = Field(
        None, pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="a name of letters, digits and . _ - that this worker alone has and keeps over restarts",
    )  # fmt: skip
    keep_place: bool = Field(
        False, description="a named worker that is told to stop keeps its partitions for its return; by default the "
        "others go on with them at once",
    )  # fmt: skip
    drain_seconds: float = Field(20.0, gt=0, description="how long a worker that is told to stop may take")
    health_host: str = Field("127.0.0.1", min_length=1, description="address of a worker's health page")
    health_port: int = Field(0, ge=0, le=65535, description="port of a worker's health page; 0 takes a free one")
    log_json: bool = Field(False, description="log lines as JSON objects")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least that is logged")
    traces: bool = Field(
        False, description="OpenTelemetry traces from requests and records to changes; needs knownas[otel]"
    )
    http_host: str = Field("127.0.0.1", min_length=1, description="address that the gateway listens on")
    http_port: int = Field(8088, ge=0, le=65535, description="port of the gateway; 0 takes a free one")
    http_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="origins (https://shop.example) whose pages may call the gateway, by commas; * is every one"
    )
    http_body_bytes: int = Field(16_000_000, ge=1_000, description="largest body of a request, unpacked")
    http_records: int = Field(1_000, ge=1, le=100_000, description="most records of one call")
    http_at_once: int = Field(500, ge=1, description="requests in work at once, of all callers")
    http_bytes_at_once: int = Field(256_000_000, ge=1_000_000, description="most bytes of all bodies in work, unpacked")
    http_key_at_once: int = Field(200, ge=1, description="requests in work at once, of one key")
    http_key_rate: int = Field(5_000, ge=0, description="requests a second of one key; 0 sets no limit")
    http_streams: int = Field(50, ge=0, description="open streams of changes at once")
    http_receive_seconds: float = Field(10.0, gt=0, description="how long a caller may take to send a request")
    http_ack_seconds: float = Field(8.0, gt=0, description="how long Kafka may take to acknowledge an upload")
    http_access_log: bool = Field(False, description="a line for each answer: route, status, time; nothing of persons")
    http_wait_seconds: float = Field(10.0, ge=0, description="longest a read waits for a position")
    http_token_keys: SecretStr | None = Field(
        None, description="keys of at least 32 characters, by commas, with which sites sign tokens for reading back"
    )
    http_token_seconds: int = Field(3_600, ge=1, le=86_400, description="longest that such a token may live")

    @field_validator("identity_kinds", "http_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _parts(value) if isinstance(value, str) else value

    @field_validator("identity_kinds")
    @classmethod
    def _check_kinds(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if not kinds or len(set(kinds)) != len(kinds):
            raise ValueError("name at least one kind, and each only once")
        bad = [kind for kind in kinds if not kind.isidentifier() or kind in ("device", *PROPERTY_OF_KIND.values())]
        if bad:
            raise ValueError(f"{', '.join(bad)} cannot be a kind: use letters, digits and _, and not 'device'")
        return kinds

    @field_validator("http_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        bad = [origin for origin in origins if origin != "*" and not _ORIGIN.fullmatch(origin)]
        if bad:
            raise ValueError(f"{bad[0]!r} is not an origin: scheme://host or scheme://host:port, nothing after it")
        return origins

    @field_validator("http_token_keys")
    @classmethod
    def _check_token_keys(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None and any(len(key) < SHORTEST_TOKEN_KEY for key in _parts(keys.get_secret_value())):
            raise ValueError(
                f"each has at least {SHORTEST_TOKEN_KEY} characters (make one: head -c 32 /dev/urandom | base64)"
            )
        return keys

    @field_validator("day_timezone")
    @classmethod
    def _check_timezone(cls, name: str) -> str:
        if zone(name) is None:
            raise ValueError(f"{name!r} is no time zone: use a name like Europe/Dublin")
        return name

    @field_validator("kafka")
    @classmethod
    def _check_kafka(cls, addresses: str) -> str:
        for address in addresses.split(","):
            host, _, port = address.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{address.strip()!r} is not host:port")
        return addresses

    @field_validator("redis")
    @classmethod
    def _check_redis(cls, url: SecretStr) -> SecretStr:
        from knownas.adapters.redis_address import address

        address(url.get_secret_value().strip())
        return url

    @model_validator(mode="after")
    def _check_secret(self) -> Settings:
        if self.secret is not None and self.secret_file:
            raise ValueError("set KNOWNAS_SECRET or KNOWNAS_SECRET_FILE, not both")
        return self

    def stable_name(self) -> str | None:
        """The name under which Kafka keeps this worker's partitions for it while it restarts; None where it has none.

        A pod of a StatefulSet has one by itself, and nobody else runs there. Any other host's name may be shared.
        """
        if self.worker_name is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            host = socket.gethostname()
            return host if _ORDINAL.search(host) else None
        return self.worker_name

    def identity_rules(self) -> IdentityRules:
        """What the records room needs to know of the settings."""
        return IdentityRules(self.identity_kinds, self.phone_region)

    def fold_rules(self) -> FoldRules:
        """What the profile room needs to know of the settings."""
        calendar = Calendar(self.day_timezone)
        return FoldRules(calendar, self.phone_region, self.publish_counts, self.timeline_entries)

    def token_keys(self) -> tuple[str, ...]:
        """The keys of tokens, the one that signs first; none: there are no tokens."""
        return _parts(self.http_token_keys.get_secret_value()) if self.http_token_keys is not None else ()

    def secret_bytes(self) -> bytes:
        """The deployment's secret; without one nothing that hashes may start."""
        if self.secret is not None:
            return self.secret.get_secret_value().encode()
        if not self.secret_file:
            raise CannotStart(
                "no secret is set: put at least 8 characters into KNOWNAS_SECRET, or name a file that holds them in "
                "KNOWNAS_SECRET_FILE (make one: head -c 32 /dev/urandom | base64 > knownas.secret). Where `knownas up` "
                "or `knownas demo` runs, type this in the folder in which that was started"
            )
        try:
            secret = Path(self.secret_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CannotStart(f"KNOWNAS_SECRET_FILE {self.secret_file} cannot be read: {error}") from error
        if len(secret) < 8:
            raise CannotStart(f"KNOWNAS_SECRET_FILE {self.secret_file} holds fewer than 8 characters")
        return secret.encode()


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def load(**given: Any) -> Settings:
    """Settings from the environment, overridden by what is given; all problems in one `CannotStart`."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise CannotStart("\n".join(_problem(problem) for problem in error.errors())) from None


def _problem(problem: Any) -> str:
    where = "KNOWNAS_" + str(problem["loc"][0]).upper() if problem["loc"] else "settings"
    field = Settings.model_fields.get(str(problem["loc"][0])) if problem["loc"] else None
    what = f" ({field.description})" if field is not None and field.description else ""
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}{what}"
