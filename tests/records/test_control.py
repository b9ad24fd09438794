"""What stage 2 asks of stage 1, as it is sent: where it goes, who may say it, what it says."""

from __future__ import annotations

import pytest

from knownas.nouns import EVENTS, UPDATES, Identity, Position, murmur2
from knownas.records.control import Control, Detach, Release, origin_of, read, write
from knownas.records.origin import HEADER, Origin, unseal
from tests.builders import NAMES, NOON

ORIGIN = origin_of(3, 7, 1, NOON * 1000)
DETACH = Detach("d-1", "P", "deleted", NOON)
RELEASE = Release(Identity("email", "ann@x.ie"), "P", "released", NOON + 0.5)


@pytest.mark.parametrize(("control", "topic", "key"), [(DETACH, EVENTS, b"d-1"), (RELEASE, UPDATES, b"email:ann@x.ie")])
def test_a_control_record_goes_to_where_its_device_or_identity_belongs_and_says_what_was_written(
    control: Control, topic: str, key: bytes
) -> None:
    written = write(control, ORIGIN, 8, NAMES)
    assert (written.topic, written.partition, written.key, written.at) == (topic, murmur2(key) % 8, key, NOON * 1000)
    [(name, header)] = written.headers
    assert name == HEADER
    origin = unseal(NAMES, header or b"", written.partition, written.value, topic)
    assert origin == ORIGIN
    assert read(written.value, origin) == control


def test_the_same_seal_is_none_in_another_topic_or_partition() -> None:
    written = write(RELEASE, ORIGIN, 8, NAMES)
    header = written.headers[0][1] or b""
    assert unseal(NAMES, header, written.partition, written.value, EVENTS) is None
    assert unseal(NAMES, header, written.partition + 1, written.value, UPDATES) is None
    assert unseal(NAMES, header, written.partition, written.value + b" ", UPDATES) is None


@pytest.mark.parametrize("origin", [None, Origin(Position(EVENTS, 0, 7), NOON * 1000)])
def test_nobody_but_a_shard_can_say_it(origin: Origin | None) -> None:
    assert read(write(DETACH, ORIGIN, 8, NAMES).value, origin) is None


def test_origins_of_one_shard_follow_each_other_as_its_messages_do() -> None:
    offsets = [origin_of(0, offset, index, 0).position.offset for offset in (0, 1, 2) for index in (0, 1, 1500)]
    assert offsets == sorted(set(offsets))
