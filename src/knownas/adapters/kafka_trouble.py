"""Why Kafka cannot be reached: its client only says that it cannot, so one connection is tried by hand."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from knownas.adapters.kafka_access import Kafka, client_options
from knownas.errors import CannotStart, WorldFault

TRY_SECONDS: Final = 5.0


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
    for host, port, _ in collect_hosts(options.pop("bootstrap_servers")):
        try:
            async with asyncio.timeout(TRY_SECONDS):
                connection = await create_conn(host, port, **options)
        except (KafkaError, OSError, TimeoutError) as error:
            if (wrong := _wrong(error, f"{host}:{port}")) is not None:
                return wrong
        else:
            connection.close()
    return WorldFault(f"Kafka does not answer at {kafka}")


def _wrong(error: Exception, where: str) -> CannotStart | WorldFault | None:
    if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError):
        return CannotStart(
            f"Kafka at {where} refuses our name or password: check KNOWNAS_KAFKA_USERNAME, KNOWNAS_KAFKA_PASSWORD and "
            "KNOWNAS_KAFKA_MECHANISM"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return CannotStart(f"Kafka at {where} does not take this KNOWNAS_KAFKA_MECHANISM: {error}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return CannotStart(
            f"Kafka at {where} shows a certificate that does not hold ({error.verify_message}): check "
            "KNOWNAS_KAFKA_CA_FILE, and that KNOWNAS_KAFKA names the host as the certificate does"
        )
    if isinstance(error, ssl.SSLError):
        return CannotStart(
            f"no TLS with Kafka at {where} ({(error.reason or str(error)).replace('_', ' ').lower()}): is that a port "
            "with TLS, and does it know our certificate (KNOWNAS_KAFKA_CERT_FILE)?"
        )
    if isinstance(error, KafkaConnectionError) and "closed" in str(error):
        return WorldFault(
            f"Kafka at {where} closes the connection at once: does that port want TLS or a password "
            "(KNOWNAS_KAFKA_SECURITY)?"
        )
    return None
