"""Why Kafka cannot be reached: its client only says that it cannot, so one connection is tried by hand."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from knownas.adapters.kafka_access import Kafka, client_options
from knownas.errors import CannotStart, WorldFault

TRY_SECONDS: Final = 5.0

_WANTS: Final = {
    "PLAINTEXT": "does that port want TLS or a password (KNOWNAS_KAFKA_SECURITY)?",
    "SASL_PLAINTEXT": "does that port want TLS (KNOWNAS_KAFKA_SECURITY=sasl_ssl)?",
    "SSL": "does that port want a password (KNOWNAS_KAFKA_SECURITY=sasl_ssl)?",
}
"""What a port wants that closes the connection, by what it was offered."""


@asynccontextmanager
async def world(kafka: Kafka) -> AsyncIterator[None]:
    """Turns what a client of Kafka raises into whose fault it is."""
    try:
        yield
    except KafkaConnectionError as error:
        raise await trouble(kafka) from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise WorldFault(f"Kafka at {kafka}: {str(error) or type(error).__name__}") from error


async def trouble(kafka: Kafka) -> CannotStart | WorldFault:
    """What to raise where no client gets a connection: waiting helps, or it does not."""
    options = client_options(kafka)
    offered = options.get("security_protocol", "PLAINTEXT")
    for host, port, _ in collect_hosts(options.pop("bootstrap_servers")):
        try:
            async with asyncio.timeout(TRY_SECONDS):
                await _ask(await create_conn(host, port, **options))
        except (KafkaError, OSError, TimeoutError) as error:
            if (wrong := _wrong(error, f"{host}:{port}", offered)) is not None:
                return wrong
    return WorldFault(f"Kafka does not answer at {kafka}")


async def _ask(connection: AIOKafkaConnection) -> None:
    """Who has given no password is told of it at the first question only."""
    try:
        await connection.send(MetadataRequest([], False))
    finally:
        connection.close()


def _wrong(error: Exception, where: str, offered: str) -> CannotStart | WorldFault | None:
    if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError):
        return CannotStart(
            f"Kafka at {where} refuses our name or password: check KNOWNAS_KAFKA_USERNAME, KNOWNAS_KAFKA_PASSWORD and "
            "KNOWNAS_KAFKA_MECHANISM"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return CannotStart(f"Kafka at {where} does not take this KNOWNAS_KAFKA_MECHANISM: {error}")
    if isinstance(error, IllegalSaslStateError):
        return CannotStart(
            f"Kafka at {where} takes no passwords: set KNOWNAS_KAFKA_SECURITY={offered.lower().removeprefix('sasl_')}, "
            "or name a port that does in KNOWNAS_KAFKA"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return CannotStart(
            f"Kafka at {where} shows a certificate that does not hold ({error.verify_message}): check "
            "KNOWNAS_KAFKA_CA_FILE, and that KNOWNAS_KAFKA names the host as the certificate does"
        )
    if isinstance(error.__cause__, ssl.SSLError) and error.__cause__.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED":
        return CannotStart(
            f"Kafka at {where} wants a certificate of ours: name it in KNOWNAS_KAFKA_CERT_FILE, its key in _KEY_FILE"
        )
    if isinstance(error, ssl.SSLError):
        return CannotStart(
            f"no TLS with Kafka at {where} ({(error.reason or str(error)).replace('_', ' ').lower()}): is that a port "
            "with TLS, and does it know our certificate (KNOWNAS_KAFKA_CERT_FILE)?"
        )
    if isinstance(error, ConnectionResetError) and offered.endswith("SSL"):
        return WorldFault(
            f"Kafka at {where} breaks TLS off at once: is that a port without TLS? Name the one with TLS in "
            "KNOWNAS_KAFKA"
        )
    if isinstance(error, KafkaConnectionError) and "closed" in str(error) and offered in _WANTS:
        return WorldFault(f"Kafka at {where} closes the connection at once: {_WANTS[offered]}")
    return None
