"""A record that is sent home says where it was found, and nobody else can say so."""

from __future__ import annotations

import pytest

from knownas.nouns import Names, Position
from knownas.records.origin import Origin, seal, unseal
from tests.builders import NAMES

ORIGIN = Origin(Position("updates", 3, 17), 1_763_700_000_123)


@pytest.mark.parametrize("value", [b'{"type":"event"}', b"", b"\xff\xfe", "\\xff é".encode()])
def test_a_sealed_origin_is_read_again(value: bytes) -> None:
    assert unseal(NAMES, seal(NAMES, ORIGIN, 2, value), 2, value) == ORIGIN


def test_a_seal_holds_for_its_record_its_partition_and_its_deployment_only() -> None:
    header = seal(NAMES, ORIGIN, 2, b"value")
    assert unseal(NAMES, header, 1, b"value") is None
    assert unseal(NAMES, header, 2, b"another value") is None
    assert unseal(Names(b"another secret"), header, 2, b"value") is None
    assert unseal(NAMES, header.replace(b":17:", b":18:"), 2, b"value") is None


@pytest.mark.parametrize(
    "header", [b"", b":", b"updates:3:17:1", b"a:b:c:d:e", b"\xff:\xff", b"updates:3:17:1:" + b"0" * 32]
)
def test_any_other_header_is_an_ordinary_one(header: bytes) -> None:
    assert unseal(NAMES, header, 2, b"value") is None
