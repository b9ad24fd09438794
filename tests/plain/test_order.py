"""The order of records between partitions is what the ledger's claims say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from knownas.nouns import EVENTS, UPDATES, Identity, LedgerRow, Position, murmur2
from knownas.plain import Contradiction, LogRecord, Logs, find_order, run
from tests.builders import NAMES, NOON, event, login, logout, profile, setting

SETTING = setting(partitions=1, shards=1)
UPDATE, EVENT = (UPDATES, 0), (EVENTS, 0)


def _log(*records: dict[str, Any]) -> list[LogRecord]:
    return [LogRecord(n, (NOON + n) * 1000, None, msgspec.json.encode(record)) for n, record in enumerate(records)]


def _claimed(identity: Identity, topic: str, offset: int) -> LedgerRow:
    return LedgerRow(
        kind="claimed", position=Position(topic, 0, offset), index=0, ts=0, at=0, profile="p", reason="server",
        identity=(identity.kind, NAMES.identity(identity)),
    )  # fmt: skip


ANN, BOB = Identity("email", "ann@x.ie"), Identity("email", "bob@x.ie")


def test_without_claims_each_partition_is_taken_as_a_whole() -> None:
    logs: Logs = {UPDATE: _log(profile(None, email="ann@x.ie")), EVENT: _log(event("d-1"), event("d-1"))}
    assert find_order(logs, [], SETTING) == [EVENT, EVENT, UPDATE]


def test_the_claimer_comes_before_every_other_record_with_the_identity() -> None:
    logs: Logs = {
        EVENT: _log(event("d-1"), login("d-1", email="Ann@x.ie"), event("d-1")),
        UPDATE: _log(profile(None, email="bob@x.ie"), profile(None, email="ann@x.ie")),
    }
    assert find_order(logs, [_claimed(ANN, UPDATES, 1)], SETTING) == [EVENT, UPDATE, UPDATE, EVENT, EVENT]
    assert find_order(logs, [_claimed(ANN, EVENTS, 1)], SETTING) == [EVENT, EVENT, EVENT, UPDATE, UPDATE]


def test_a_race_ends_as_the_ledger_says() -> None:
    logged_in = _log(event("d-1"), login("d-1", email="ann@x.ie"))
    logs: Logs = {EVENT: logged_in, UPDATE: _log(profile(None, email="ann@x.ie"))}
    owner = NAMES.identity(ANN)
    for rows, winner in (
        ([_claimed(ANN, EVENTS, 1)], NAMES.guest("d-1", 0)),
        ([_claimed(ANN, UPDATES, 0)], NAMES.person(ANN, 0)),
    ):
        answer = run(logs, SETTING, find_order(logs, rows, SETTING))
        assert answer.decisions.owners[owner].profile == winner


def test_a_logout_and_a_rejected_record_carry_no_identity_that_counts() -> None:
    late = profile(None, email="ann@x.ie") | {"ts": 1e12}
    logs: Logs = {EVENT: _log(logout("d-1") | {"identities": {"email": "ann@x.ie"}}), UPDATE: [*_log(late)]}
    assert find_order(logs, [_claimed(ANN, UPDATES, 7)], SETTING) == [EVENT, UPDATE]


def test_records_that_wait_for_each_other_are_named() -> None:
    logs: Logs = {
        EVENT: _log(login("d-1", email="bob@x.ie"), login("d-1", email="ann@x.ie")),
        UPDATE: _log(profile(None, email="ann@x.ie"), profile(None, email="bob@x.ie")),
    }
    with pytest.raises(Contradiction) as caught:
        find_order(logs, [_claimed(ANN, EVENTS, 1), _claimed(BOB, UPDATES, 1)], SETTING)
    assert str(caught.value) == (
        "events/0@0 carries an identity that, says the ledger, updates/0@1 claimed before; "
        "updates/0@0 carries an identity that, says the ledger, events/0@1 claimed before"
    )


def test_a_copy_that_never_came_is_named() -> None:
    two = setting(partitions=2, shards=1)
    home = murmur2(b"d-1") % 2
    logs: Logs = {(EVENTS, 1 - home): _log(event("d-1"))}
    answer = run(logs, two)
    assert [(copy.origin, copy.partition) for copy in answer.decisions.missing()] == [((EVENTS, 1 - home, 0), home)]
    assert not answer.decisions.messages


def test_recorded_messages_that_the_model_did_not_decide_are_named_and_so_are_those_it_misses() -> None:
    logs: Logs = {EVENT: _log(event("d-1"), event("d-2"))}
    decided = run(logs, SETTING)
    first, second = decided.decisions.messages
    stranger = first._replace(offset=9)
    answer = run(logs, SETTING, messages={0: [second, stranger, second]})
    assert (answer.unknown, answer.absent) == ([stranger], [first])
    assert list(answer.shards[0].profiles) == [NAMES.guest("d-2", 0)]
