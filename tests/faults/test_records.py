"""Does everything happen in what streams while faults happen?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import get_args

import pytest

from knownas.nouns import LedgerKind
from tests.builders import setting
from tests.faults.records import Pause, Placed, shop, without_races
from tests.harness import Bench

PARTITIONS = 8
RECORDS = 3_000
AT_ONCE = 50

REASONS = {
    "unknown_type", "future_ts", "bad_device", "not_json", "nobody_owns", "duplicate", "unknown_profile", "suppressed",
    "not_identified", "different_owners", "deleted",
}  # fmt: skip


def made_of(records: Iterable[Placed | Pause]) -> Bench:
    """What the core makes of some records, everything done at each pause."""
    bench = Bench(setting(PARTITIONS, PARTITIONS))
    for record in records:
        if isinstance(record, Pause):
            bench.drain()
        else:
            bench.produce((record.topic, record.partition), record.value, record.at, record.key)
    bench.drain()
    return bench


def with_pauses(records: list[Placed]) -> Iterator[Placed | Pause]:
    """As if workers kept up."""
    for number, placed in enumerate(records):
        if number % AT_ONCE == 0:
            yield Pause()
        yield placed


def test_in_the_shop_everything_that_can_happen_happens() -> None:
    benches = [made_of(with_pauses(list(islice(shop(seed, PARTITIONS), RECORDS)))) for seed in range(3)]
    ledger = [row for bench in benches for row in bench.ledger]
    assert {row.kind for row in ledger} == set(get_args(LedgerKind))
    assert {row.reason for row in ledger if row.kind == "released"} == {"demerged", "deleted", "released"}
    assert {row.reason for row in ledger if row.kind == "deleted"} == {"delete", "orphan"}
    assert {one.reason for bench in benches for one in bench.rejected} >= REASONS
    profiles = [profile for bench in benches for profile in bench.profiles().values()]
    for what in ("subscriptions", "context", "channel", "tokens", "test", "demerged", "gone", "guests"):
        assert any(getattr(profile, what) for profile in profiles), what
    assert any(profile.sessions > 1 for profile in profiles)
    assert any(len(count.days) > 2 for profile in profiles for count in profile.events.values())


@pytest.mark.parametrize("seed", range(3))
def test_without_races_people_leave_and_come_back_too(seed: int) -> None:
    bench = made_of(islice(without_races(seed, PARTITIONS), RECORDS))
    assert {row.kind for row in bench.ledger} == set(get_args(LedgerKind))
    assert {one.reason for one in bench.rejected} >= {"duplicate", "suppressed", "nobody_owns", "nobody_logs_out"}
    again = [owner for owner in bench.owners.values() if owner.generation > 0 and owner.profile]
    assert len(again) > 10
