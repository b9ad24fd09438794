"""Every way in which Kafka may let us in, and one clear line for each way in which it does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka.admin import NewTopic
from pydantic import SecretStr

from knownas.adapters.kafka import KafkaOutlet
from knownas.adapters.kafka_access import Certificates, KafkaAccess, access, client_options
from knownas.adapters.kafka_ends import KafkaEnds
from knownas.adapters.kafka_log import KafkaLog
from knownas.errors import CannotStart, WorldFault
from knownas.settings import load
from tests.certificates import Authority
from tests.secured import PASSWORD, USER, SecuredKafka

pytestmark = pytest.mark.services


class Ways(dict[str, KafkaAccess]):
    """Ways in, by name."""

    def __init__(self, kafka: SecuredKafka, authority: Authority, other: Authority) -> None:
        ours, trusted = authority.signs("client"), str(authority.own.cert)
        both = KafkaAccess(
            kafka.at("sasl_ssl"), "sasl_ssl", "SCRAM-SHA-512", USER, SecretStr(PASSWORD), Certificates(trusted)
        )
        certified = Certificates(trusted, str(ours.cert), str(ours.key))
        super().__init__(
            {
                "SCRAM over TLS": both,
                "the shorter SCRAM": both._replace(mechanism="SCRAM-SHA-256"),
                "PLAIN over TLS": both._replace(mechanism="PLAIN"),
                "PLAIN without TLS": both._replace(
                    bootstrap=kafka.at("sasl_plaintext"), security="sasl_plaintext", mechanism="PLAIN"
                ),
                "our certificate": KafkaAccess(kafka.at("ssl"), "ssl", certificates=certified),
                "a wrong password": both._replace(password=SecretStr("wrong")),
                "another authority": both._replace(certificates=Certificates(str(other.own.cert))),
                "another name": both._replace(bootstrap=kafka.at("sasl_ssl").replace("127.0.0.1", "localhost")),
                "no certificate of ours": KafkaAccess(kafka.at("ssl"), "ssl", certificates=Certificates(trusted)),
                "no TLS": KafkaAccess(kafka.at("sasl_ssl")),
                "a password without TLS": both._replace(security="sasl_plaintext"),
                "no password": KafkaAccess(kafka.at("sasl_plaintext")),
                "TLS without a password": both._replace(security="ssl"),
                "TLS to a plain port": KafkaAccess(kafka.bootstrap, "ssl", certificates=Certificates(trusted)),
                "TLS and a password to a port without": both._replace(bootstrap=kafka.at("sasl_plaintext")),
                "a password to a plain port": both._replace(bootstrap=kafka.bootstrap, security="sasl_plaintext"),
                "a password where certificates do": both._replace(bootstrap=kafka.at("ssl"), certificates=certified),
                "no such port": both._replace(bootstrap="127.0.0.1:9"),
            }
        )


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    """Ways into a Kafka with listeners of every kind."""
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder)
    with SecuredKafka(folder / "kafka", authority.signs("server"), authority.own.cert) as kafka:
        kafka.start()
        kafka.knows_us()
        yield Ways(kafka, authority, Authority(folder, "another"))


@pytest.mark.parametrize(
    "way", ["SCRAM over TLS", "the shorter SCRAM", "PLAIN over TLS", "PLAIN without TLS", "our certificate"]
)
async def test_every_client_gets_in(ways: Ways, way: str) -> None:
    log, ends = KafkaLog(ways[way]), KafkaEnds(ways[way])
    assert await log.answers()
    await log.create([NewTopic("ours", 1, 1)])
    assert await ends.ends([("ours", 0)]) == {("ours", 0): 0}
    await ends.close()
    outlet = KafkaOutlet(ways[way])
    await outlet.open()
    await outlet.close()


REFUSED = [
    ("a wrong password", CannotStart, "refuses our name or password: check KNOWNAS_KAFKA_USERNAME"),
    ("another authority", CannotStart, "a certificate that does not hold .*KNOWNAS_KAFKA_CA_FILE"),
    ("another name", CannotStart, "[Hh]ostname mismatch.*names the host as the certificate does"),
    ("no certificate of ours", CannotStart, "wants a certificate of ours: name it in KNOWNAS_KAFKA_CERT_FILE"),
    ("no TLS", WorldFault, "does that port want TLS or a password .KNOWNAS_KAFKA_SECURITY"),
    ("a password without TLS", WorldFault, "does that port want TLS .KNOWNAS_KAFKA_SECURITY=sasl_ssl"),
    ("no password", WorldFault, "does that port want TLS or a password .KNOWNAS_KAFKA_SECURITY"),
    ("TLS without a password", WorldFault, "does that port want a password .KNOWNAS_KAFKA_SECURITY=sasl_ssl"),
    ("TLS to a plain port", WorldFault, "is that a port without TLS. Name the one with TLS in KNOWNAS_KAFKA$"),
    ("TLS and a password to a port without", WorldFault, "Name the one with TLS in KNOWNAS_KAFKA$"),
    ("a password to a plain port", CannotStart, "takes no passwords: set KNOWNAS_KAFKA_SECURITY=plaintext"),
    ("a password where certificates do", CannotStart, "takes no passwords: set KNOWNAS_KAFKA_SECURITY=ssl"),
    ("no such port", WorldFault, "does not answer at 127.0.0.1:9"),
]


@pytest.mark.parametrize(("way", "kind", "line"), REFUSED)
async def test_who_is_not_let_in_reads_one_line_with_what_to_do(ways: Ways, way: str, kind: Any, line: str) -> None:
    log = KafkaLog(ways[way])
    assert not await log.answers()
    with pytest.raises(kind, match=line) as refused:
        await log.partition_counts(["nothing"])
    assert "\n" not in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_password_is_shown_nowhere() -> None:
    way = access(load(kafka_security="sasl_ssl", kafka_username="me", kafka_password="hidden away"))
    assert "hidden away" not in f"{way} {way!r}"
    assert client_options(way)["sasl_plain_password"] == "hidden away"
