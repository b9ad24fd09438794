"""Garbage goes to `rejected` with its reason and its bytes; the partition goes on."""

from __future__ import annotations

from typing import Any

from knownas.nouns import murmur2
from knownas.records.reasons import REJECTIONS
from tests.builders import event, logout
from tests.pipeline.deployment import Deployment

DEEP = b"[" * 5_000 + b"]" * 5_000

GARBAGE: list[tuple[bytes | None, str]] = [
    (None, "empty"),
    (b"", "empty"),
    (b"{", "not_json"),
    (b"\xff\xfe\x00", "not_json"),
    (b'{"type":"event","device":"d","evtName":"\xc3\x28"}', "not_json"),
    (b'{"type":"event","device":"d","evtName":"\\ud800"}', "not_json"),
    (b"[1]", "not_object"),
    (b'"text"', "not_object"),
    (b"{}", "unknown_type"),
    (b'{"type":"party","device":"d"}', "unknown_type"),
    (b'{"type":"event","evtName":"A"}', "no_identity"),
    (b'{"type":"login","identities":{"email":"a@x.ie"}}', "missing_device"),
    (b'{"type":"event","device":"null","evtName":"A"}', "bad_device"),
    (b'{"type":"event","device":"","evtName":"A"}', "bad_device"),
    (b'{"type":"event","device":"' + b"d" * 129 + b'","evtName":"A"}', "bad_device"),
    (b'{"type":"event","device":7,"evtName":"A"}', "bad_field"),
    (b'{"type":"event","device":"d","evtName":"A","evtData":[]}', "bad_field"),
    (b'{"type":"event","device":"d","evtName":"A","ts":"now"}', "bad_field"),
    (b'{"type":"event","device":"d","evtName":"A","ts":-1}', "bad_ts"),
    (b'{"type":"event","device":"d","evtName":"A","ts":4102444800000}', "future_ts"),
    (b'{"type":"event","device":"d"}', "bad_event_name"),
    (b'{"type":"event","device":"d","evtName":"A","evtData":{"n":1' + b"0" * 400 + b"}}", "number_out_of_range"),
    (b'{"type":"event","device":"d","evtName":"A","evtData":{"n":12345678901234567890123}}', "number_out_of_range"),
    (b'{"type":"event","device":"d","evtName":"A","evtData":{"n":' + DEEP + b"}}", "too_deep"),
    (b'{"type":"event","device":"d","evtName":"A","evtData":{"t":"' + b"x" * 70_000 + b'"}}', "too_large"),
    (b'{"type":"login","device":"d","identities":{"email":["a@x.ie"]}}', "bad_identity"),
    (b'{"type":"event","profile":"nobody-has-this-id","evtName":"A"}', "unknown_profile"),
    (b'{"type":"event","profile":"p","device":"d","evtName":"A"}', "conflicting_address"),
    (b'{"type":"delete","device":"d"}', "nobody_owns"),
]


async def test_every_kind_of_garbage_is_kept_with_its_reason_and_the_partition_goes_on(deployment: Deployment) -> None:
    home: dict[str, Any] = {"partition": 1}
    for value, _ in GARBAGE:
        await deployment.send(value, **home)
    await deployment.send(logout("never-seen"), event("fine"))
    async with deployment.worker():
        await deployment.settled()
    rejected = await deployment.rejected()
    expected = {("1", offset): (reason, value) for offset, (value, reason) in enumerate(GARBAGE)}
    assert {at: said for at, said in rejected.items() if said[0] != "nobody_logs_out"} == expected
    assert [reason for reason, _ in rejected.values()].count("nobody_logs_out") == 1
    assert {reason for reason, _ in rejected.values()} <= set(REJECTIONS)
    assert (await deployment.reader.counters())["anonymous"] == 1
    assert not (await deployment.verify()).differences


async def test_keys_headers_and_values_beyond_what_a_message_holds_stop_nothing(deployment: Deployment) -> None:
    producer, name = await deployment.producer(), deployment.layout.name("events")
    fine = b'{"type":"event","device":"fine","evtName":"A"}'
    home = murmur2(b"fine") % deployment.layout.partitions
    poison: list[tuple[bytes | None, bytes, list[tuple[str, bytes | None]], str | None]] = [
        (b"k" * 600_000, fine, [], "too_large"),
        (b"k", fine, [("big", b"h" * 600_000)], "too_large"),
        (b"k", b"x" * 1_000_000, [], "too_large"),
        (None, fine, [("knownas-origin", None), ("trace", None)], None),
        (None, fine, [("knownas-origin", b"events:0:1:2:forged")], None),
    ]
    for key, value, headers, _ in poison:
        await producer.send_and_wait(name, value, key=key, headers=headers, partition=home)
    async with deployment.worker():
        await deployment.settled()
    rejected = await deployment.rejected()
    reasons = {offset: reason for (_, offset), (reason, _) in rejected.items()}
    assert reasons == {n: reason for n, (*_, reason) in enumerate(poison) if reason}
    assert len(rejected[str(home), 2][1] or b"") == 900_000
    assert (await deployment.reader.counters())["anonymous"] == 1
    assert not (await deployment.verify()).differences


async def test_a_person_with_more_identities_and_devices_than_a_message_holds_stops_nothing(
    deployment: Deployment,
) -> None:
    many = 700
    async with deployment.worker():
        producer = await deployment.producer()
        name = deployment.layout.name("events")
        for n in range(many):
            record = {"type": "login", "device": f"d-{n}", "identities": {"identity": "one", "email": f"e{n}@x.ie"}}
            value = str(record).replace("'", '"').encode()
            await producer.send(name, value, key=f"d-{n}".encode(), partition=n % 4)
        await producer.flush()
        await deployment.settled()
    person = await deployment.of_identity("identity", "one")
    assert len(person.identities) == len(person.devices) == 100
    assert person.identities_more == many + 1 - 100
    assert person.devices_more == many - 100
    assert (await deployment.of_identity("email", f"e{many - 1}@x.ie")).id == person.id
    assert not (await deployment.verify()).differences
