"""However a history is cut into chunks, dealt to partitions, repeated or replayed: the same bytes.

Where an outcome hinges on which partition came first, other chunks are another order. So either everything lies in one
partition, or each record is done before the next one comes.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from knownas.identity.facts import KEPT
from knownas.nouns import EVENTS, Position
from knownas.plain import Setting
from tests.builders import setting
from tests.engines import Sent, number_all, place_of, time_of, world_of_bench
from tests.harness import Bench, Partition
from tests.laws.histories import DEVICES, SETTING, Act, Send, histories, told
from tests.plain.story import tell

KINDS, REGION = SETTING.kinds, SETTING.region
ONE_PARTITION = setting(1, 3, KINDS, REGION)
HOME: Partition = (EVENTS, 0)

of_producers = histories(operators=False)
"""What operators send goes to whom an identity belongs at that moment, and control records race the producers' own:
how large chunks are decides what comes first. What was recorded is compared with the model (see
`test_core_equals_model`)."""

often = settings(max_examples=150, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])


def results(bench: Bench) -> dict[str, bytes]:
    """Everything that came of a history, as bytes."""
    names = bench.setting.names
    found: dict[str, Any] = {f"owner of {names.identity(i)}": owner for i, owner in bench.owners.items()}
    for shelf in bench.shelves.values():
        found |= {f"facts of {device}": facts[-KEPT:] for device, facts in shelf.facts.items() if facts}
    for number, shard in enumerate(bench.shards):
        found |= {f"profile {name}": profile for name, profile in shard.profiles.items()}
        found |= {f"timeline of {name}": entries for name, entries in shard.timelines.items()}
        found |= {f"list {name}": sorted(texts.items()) for name, texts in shard.overflow.items()}
        index = shard.index
        codes = sorted((of, sorted(known.items())) for of, known in index.codes.items())
        found[f"index {number}"] = [sorted(index.state.items()), sorted(index.ids.items()), index.free, codes]
        found |= {f"plane {number} {name}": sorted(numbers) for name, numbers in index.planes.items() if numbers}
        found[f"counters {number}"] = sorted(item for item in shard.counters.items() if item[1])
    found |= {f"ledger row {row.position} {row.index}": row for row in bench.ledger}
    found |= {f"rejection of {one.position}": one for one in bench.rejected}
    for name, changes in bench.published.items():
        newest = changes[-1]
        found[f"published state of {name}"] = newest and [newest[field] for field in ("profile", "version", "type")]
    return {name: msgspec.msgpack.encode(value) for name, value in found.items()}


def filled(history: list[Act]) -> Bench:
    """A bench with all records of a history in one partition, none of them done."""
    bench = Bench(ONE_PARTITION)
    sends = [act for act in history if isinstance(act, Send)]
    for number, send in enumerate(sends, 1):
        bench.produce(HOME, send.value, time_of(number), b"k")
    return bench


@often
@given(history=of_producers, sizes=st.lists(st.integers(1, 40), min_size=2, max_size=3, unique=True))
def test_other_chunks_give_the_same_bytes(history: list[Act], sizes: list[int]) -> None:
    note(told(history))
    ends = []
    for size in sizes:
        bench = filled(history)
        bench.drain(size)
        ends.append(results(bench))
    assert all(end == ends[0] for end in ends)


@often
@given(history=of_producers, size=st.integers(1, 40))
def test_a_replay_from_the_start_into_an_empty_store_gives_the_same_bytes(history: list[Act], size: int) -> None:
    """The topics keep what they had, so every message of `resolved` comes twice, every ledger row and rejection too."""
    note(told(history))
    first = filled(history)
    first.drain(7)
    again = Bench(ONE_PARTITION)
    again.logs, again.resolved = first.logs, first.resolved
    again.told, again.ledger, again.rejected, again.published = (
        first.told, first.ledger, first.rejected, first.published,
    )  # fmt: skip
    before = results(first)
    again.drain(size)
    assert results(again) == before
    assert all(len(messages) % 2 == 0 for messages in again.resolved)


@often
@given(history=of_producers, size=st.integers(1, 40))
def test_a_replay_from_the_start_into_the_same_store_changes_nothing(history: list[Act], size: int) -> None:
    note(told(history))
    bench = filled(history)
    bench.drain(7)
    before = results(bench)
    for shelf in bench.shelves.values():
        shelf.position = 0
    for shard in bench.shards:
        shard.position = 0
    bench.drain(size)
    assert results(bench) == before


def one_by_one(sends: list[Send], dealt: Setting) -> str:
    """What is told of a history whose records are each done before the next comes."""
    bench = Bench(dealt)
    numbers: dict[Position, int] = {}
    for number, send in enumerate(sends, 1):
        partition = home_of(send, dealt)
        offset = bench.produce(partition, send.value, time_of(number), key_of(send))
        numbers[Position(*partition, offset)] = number
        bench.drain()
        number_all(numbers, bench)
    devices = [Sent({"device": device}) for device in DEVICES]
    return tell(world_of_bench(bench, numbers), devices)


def home_of(send: Send, dealt: Setting) -> Partition:
    """Where a producer puts a record that it can read."""
    return place_of(Sent(_read(send)), dealt)


def key_of(send: Send) -> bytes:
    """A key that says the same wherever the record is put: two records with one `id` are one only under one key."""
    record = _read(send) or {}
    return repr([record.get(field) for field in ("device", "identities", "profile")]).encode()


def _read(send: Send) -> dict[str, Any] | None:
    try:
        record = msgspec.json.decode(send.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


@often
@given(history=histories(), partitions=st.integers(2, 12), shards=st.integers(2, 12))
def test_other_numbers_of_partitions_and_shards_give_the_same_story(
    history: list[Act], partitions: int, shards: int
) -> None:
    """Positions are other ones, so records are compared by their number."""
    note(told(history))
    sends = [act for act in history if isinstance(act, Send)]
    few, many = setting(1, 1, KINDS, REGION), setting(partitions, shards, KINDS, REGION)
    assert one_by_one(sends, many) == one_by_one(sends, few)
