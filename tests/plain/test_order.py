"""The order of records between partitions is what the ledger's claims say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from knownas.nouns import EVENTS, UPDATES, Identity, LedgerRow, Position, murmur2
from knownas.plain import Contradiction, LogRecord, Logs, Told, find_order, run
from knownas.plain.order import Said
from knownas.records.control import Release, origin_of, write
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


P = NAMES.person(ANN, 0)
HASHED = ("email", NAMES.identity(ANN))


def _row(kind: Any, topic: str, offset: int, generation: int = 0) -> LedgerRow:
    return LedgerRow(
        kind=kind, position=Position(topic, 0, offset), index=0, ts=0, at=0, profile=P, reason="", identity=HASHED,
        generation=generation,
    )  # fmt: skip


def _release(offset: int) -> LogRecord:
    written = write(Release(ANN, P, "released", NOON), origin_of(0, offset, 0, NOON * 1000), 1, NAMES)
    return LogRecord(offset, NOON * 1000, written.key, written.value, written.headers)


LOGIN = login("d-1", email="ann@x.ie")
DELETE = {"type": "delete", "identities": {"email": "ann@x.ie"}}


def test_uses_stand_before_the_release_of_their_generation_and_the_next_claim_after_it() -> None:
    """Fed in another order the model would count the second call for somebody else."""
    called = event(None, identities={"email": "ann@x.ie"})
    logs: Logs = {EVENT: _log(LOGIN, LOGIN | {"n": 2}), UPDATE: [*_log(called, called), _release(2)]}
    rows = [_row("claimed", EVENTS, 0), _row("released", UPDATES, 2), _row("claimed", EVENTS, 1, 1)]
    said = {Position(EVENTS, 0, 1): Said("", (1,))}
    assert find_order(logs, rows, SETTING, said) == [EVENT, UPDATE, UPDATE, UPDATE, EVENT]


@pytest.mark.parametrize(
    ("said", "order"),
    [
        (Said("nobody_owns", (-1,)), [UPDATE, EVENT]),
        (Said("", ()), [EVENT, UPDATE]),
    ],
)
def test_who_only_looked_stands_before_the_claim_if_nobody_owned_it_and_after_it_if_somebody_did(
    said: Said, order: list[Any]
) -> None:
    logs: Logs = {EVENT: _log(LOGIN), UPDATE: _log(DELETE)}
    assert find_order(logs, [_row("claimed", EVENTS, 0)], SETTING, {Position(UPDATES, 0, 0): said}) == order


def test_a_suppression_stands_after_what_was_counted_and_before_what_was_turned_away() -> None:
    called = event(None, identities={"email": "ann@x.ie"})
    logs: Logs = {EVENT: _log(LOGIN, LOGIN | {"n": 2}), UPDATE: _log(DELETE | {"suppress": True}, called)}
    rows = [_row("claimed", EVENTS, 0), _row("suppressed", UPDATES, 0)]
    turned_away = {Position(EVENTS, 0, 1): Said("suppressed"), Position(UPDATES, 0, 1): Said("suppressed")}
    assert find_order(logs, rows, SETTING, turned_away) == [EVENT, UPDATE, UPDATE, EVENT]
    counted = {Position(UPDATES, 0, 1): Said("suppressed")}
    assert find_order(logs, rows, SETTING, counted) == [EVENT, EVENT, UPDATE, UPDATE]


def test_a_release_that_found_nothing_to_release_stands_before_the_claim() -> None:
    logs: Logs = {EVENT: _log(LOGIN), UPDATE: [_release(0)]}
    assert find_order(logs, [_row("claimed", EVENTS, 0)], SETTING) == [UPDATE, EVENT]


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
        "events/0@0 carries an identity that, says the ledger, updates/0@1 decided on before; "
        "updates/0@0 carries an identity that, says the ledger, events/0@1 decided on before"
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
    answer = run(logs, SETTING, messages={0: [Told(second, 0), Told(stranger, 1), Told(second, 2)]})
    assert (answer.unknown, answer.absent) == ([stranger], [first])
    assert list(answer.shards[0].profiles) == [NAMES.guest("d-2", 0)]
